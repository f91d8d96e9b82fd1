"""Charts of a simulation: the numbers in their artists, their sentences and alt texts."""

from dataclasses import replace

import matplotlib
import numpy as np
import pytest
from matplotlib import pyplot

from tests.histories import atom, partitions, ring, simulation
from workbench import charts
from workbench.pictures import alt_text, png

matplotlib.use("Agg")
HOT = atom("WEBHOOK#stripe", position=0.3)


@pytest.fixture(autouse=True)
def closed():
    yield
    pyplot.close("all")


def values(ax):
    return np.asarray(ax.images[0].get_array().filled(np.nan))


# The heat map


def test_a_hot_key_is_the_brightest_row_and_is_named_there_and_in_the_title():
    ax = charts.heat(simulation(ring(hot=(HOT,), throttled=0.2)))
    shown = values(ax)
    assert shown.shape == (128, 60)
    assert np.nanargmax(shown[:, 0]) == int(0.3 * 128)
    assert np.nanmax(shown) == pytest.approx(0.6 * 6000 / 60, rel=0.001)  # its share of the units, a second
    assert next(text.get_text() for text in ax.texts if "stripe" in text.get_text()) == "WEBHOOK#stripe"
    assert "Hot key WEBHOOK#stripe" in ax.get_title(loc="left").replace("\n", " ")
    assert alt_text(ax).startswith("Heat map of Board. Hot key WEBHOOK#stripe: it is asked for up to 1,500 WU/s")
    assert alt_text(ax) == alt_text(ax.figure)


@pytest.mark.parametrize(("layer", "late"), [("offered", 1.0), ("consumed", 0.8), ("throttled", 0.2)])
def test_layers_show_their_part_of_what_was_asked_for(layer, late):
    shown = values(charts.heat(simulation(ring(hot=(HOT,), throttled=0.2)), layer=layer))
    assert np.nanmax(shown[:, -1]) == pytest.approx(late * 60, rel=0.001)
    assert np.isnan(shown[:, 0]).all() == (layer == "throttled")  # nothing is drawn where nothing is


def test_utilisation_is_that_of_the_partition_of_each_row():
    ax = charts.heat(simulation(ring(split_at=1800)), layer="utilisation")
    shown = values(ax)
    assert shown[:, 0] == pytest.approx(np.full(128, 100 / 4 / 1000))  # 100 units a second on four partitions
    assert shown[:, -1] == pytest.approx(np.full(128, 100 / 5 / 1000))
    assert ax.images[0].norm.vmax == 1


def test_boundaries_begin_where_partitions_were_born_and_dots_mark_splits():
    ax = charts.heat(simulation(ring(split_at=1200)))
    (lines,) = [c for c in ax.collections if c.get_label() == "_boundaries"]
    begins = {round(float(segment[0][1]), 4): float(segment[0][0]) for segment in lines.get_segments()}
    assert begins == {0.25: 0.0, 0.5: 0.0, 0.75: 0.0, 0.125: 20.0}
    (dots,) = [line for line in ax.lines if line.get_label() == "_splits"]
    assert (dots.get_xdata().tolist(), dots.get_ydata().tolist()) == ([20.0], [0.125])
    assert "dots splits" in ax.get_xlabel()


def test_the_table_or_index_that_throttles_most_is_shown_unless_one_is_named():
    sim = simulation(ring(), ring("byStatus", hot=(HOT,), throttled=0.3, reason="IndexWriteKeyRangeThroughputExceeded"))
    assert charts.heat(sim).get_title(loc="left").startswith("byStatus of Board.")
    assert charts.heat(sim, table="Board").get_title(loc="left").startswith("Board. Healthy")


def test_colours_rise_in_lightness_on_a_logarithmic_scale_of_three_decades():
    ax = charts.heat(simulation(ring(hot=(replace(HOT, share=0.99999),))))
    norm = ax.images[0].norm
    assert norm.vmax / norm.vmin == pytest.approx(1000)
    colours = ax.images[0].get_cmap()(np.linspace(0, 1, 50))[:, :3]
    lightness = colours @ [0.2126, 0.7152, 0.0722]
    assert (np.diff(lightness) > 0).all()


def test_a_scale_can_be_shared_so_that_maps_compare():
    axes = [charts.heat(simulation(ring(load=np.full(60, units))), highest=50.0) for units in (6000.0, 60.0)]
    assert [ax.images[0].norm.vmax for ax in axes] == [50.0, 50.0]


def test_of_very_many_boundaries_some_are_drawn_and_said_to_be_so():
    many = partitions(5000)
    wide = ring(load=np.full(3, 6000.0))
    flat = {"read": np.zeros((3, 5000)), "write": np.full((3, 5000), 1.2)}
    ax = charts.heat(
        simulation(replace(wide, partitions=many, consumed=flat, throttled={k: 0 * v for k, v in flat.items()}))
    )
    (lines,) = [c for c in ax.collections if c.get_label() == "_boundaries"]
    assert 250 <= len(lines.get_segments()) <= 300
    assert "light lines are some partition boundaries" in ax.get_xlabel()


def test_what_cannot_be_drawn_is_said():
    sim = simulation(ring())
    for options, words in (
        ({"layer": "heat"}, "layer='heat': one of offered, consumed, throttled, utilisation"),
        ({"by": "partition"}, "by='partition': either 'ring' or 'sort key'"),
        ({"by": "sort key"}, "Board has no heat by sort key: no busy collection of it can be split"),
        ({"table": "Bord"}, "there are Board"),
    ):
        with pytest.raises(ValueError, match=words):
            charts.heat(sim, **options)
    bare = simulation(replace(ring(), heat=None))
    with pytest.raises(ValueError, match="heat=False"):
        charts.heat(bare)


def test_nothing_at_all_is_drawn_without_complaint():
    ax = charts.heat(simulation(ring(load=np.zeros(60))))
    assert np.isnan(values(ax)).all()
    assert png(ax).startswith(b"\x89PNG")


def test_a_heat_map_goes_into_axes_that_are_given():
    _, axes = pyplot.subplots(1, 2)
    assert charts.heat(simulation(), ax=axes[1]) is axes[1]
    assert not axes[0].images


# Throttling and partitions


def test_throttled_requests_stand_on_those_served():
    ax = charts.throttling(simulation(ring(throttled=0.25)))
    assert [patch.get_text() for patch in ax.get_legend().get_texts()] == [
        "served",
        "TableWriteKeyRangeThroughputExceeded",
    ]
    served, away = (c.get_paths()[0].vertices[:, 1].max() for c in ax.collections[:2])
    assert (served, away) == pytest.approx((100, 100))
    title = ax.get_title(loc="left").replace("\n", " ")
    assert title == "12 % of requests are throttled, first after 30 min"
    assert len({patch.get_hatch() for patch in ax.get_legend().get_patches()}) == 2


def test_throttling_of_a_pattern_that_there_is_not_names_those_there_are():
    with pytest.raises(ValueError, match="no access pattern 'get' in this simulation; there are put"):
        charts.throttling(simulation(), pattern="get")
    assert "no request is throttled" in charts.throttling(simulation(), pattern="put").get_title(loc="left")


def test_partitions_step_up_with_each_split():
    ax = charts.partitions(simulation(ring(split_at=1200), ring("byStatus")))
    line = next(line for line in ax.lines if line.get_label() == "Board")
    assert line.get_xdata().tolist() == [0, 20, 60]
    assert line.get_ydata().tolist() == [4, 5, 5]
    title = ax.get_title(loc="left").replace("\n", " ")
    assert title == "Board: 4 partitions became 5, split for heat; byStatus of Board keeps its 4 partitions"
    assert len({line.get_linestyle() for line in ax.lines}) == 2
