"""Inside the hottest collection: which of its sort keys each partition serves, and what it turned away."""

from dataclasses import replace

import numpy as np
import pytest

from tests.histories import atom, ring, simulation
from workbench import charts
from workbench.histories import PartitionHistory
from workbench.sortkeys import ROWS, collection_boundaries, collection_heat, hottest_collection

PLACE = 0.3


def cut_in_two(hot=None):
    """One partition for half an hour, then two that meet three quarters along a collection; the first is throttled."""
    hot = atom(position=PLACE, share=0.5) if hot is None else hot
    whole = [0.0, 0.0, PLACE]
    parts = PartitionHistory(
        np.array(whole), np.array([1.0, PLACE, 1.0]), np.array([0.0, 0.0, 0.75]), np.array([0.0, 0.75, 0.0]),
        np.array([0, 1800, 1800]), np.array([1800.0, np.inf, np.inf]), np.array([-1, 0, 0]),
        ("start", "heat", "heat"), ("", "", ""),
    )  # fmt: skip
    consumed, throttled = np.array([[600.0, 0, 0], [0, 300, 300]]), np.array([[200.0, 0, 0], [0, 100, 0]])
    made = replace(ring(load=[0.0, 0.0], hot=(hot,)), partitions=parts)
    zero = {"read": np.zeros((2, 3))}
    return replace(made, consumed={**zero, "write": consumed}, throttled={**zero, "write": throttled})


def test_rows_are_served_as_the_partition_that_holds_them():
    found = collection_heat(cut_in_two())
    assert found is not None
    assert found.collection == "HOT"
    throttled, offered = found.throttled["write"], found.offered("write")
    assert offered.shape == (ROWS, 2)
    assert offered.sum(axis=0) == pytest.approx([0.5 * 800, 0.5 * 700])  # its share of what is asked for
    assert throttled[:, 0] / offered[:, 0] == pytest.approx(np.full(ROWS, 0.25))
    assert throttled[: ROWS * 3 // 4, 1] / offered[: ROWS * 3 // 4, 1] == pytest.approx(0.25)
    assert throttled[ROWS * 3 // 4 :, 1] == pytest.approx(0)
    assert not found.offered("read").any()


def test_boundaries_inside_the_collection_begin_with_the_split():
    assert collection_boundaries(cut_in_two()) == {0.75: 1800}
    ax = charts.heat(simulation(cut_in_two()), by="sort key", layer="throttled")
    assert ax.get_ylabel() == "sort keys of HOT"
    (dots,) = [line for line in ax.lines if line.get_label() == "_splits"]
    assert (dots.get_xdata().tolist(), dots.get_ydata().tolist()) == ([30.0], [0.75])


def test_a_collection_that_cannot_be_split_has_no_map_of_its_own():
    pinned = cut_in_two(atom(splits=False, pinned_by="no sort key"))
    assert hottest_collection(pinned) is None
    assert collection_heat(pinned) is None
    assert collection_boundaries(pinned) == {}
    with pytest.raises(ValueError, match="no busy collection of it can be split"):
        charts.heat(simulation(pinned), by="sort key")
    with pytest.raises(ValueError, match="by sort key there are the other layers"):
        charts.heat(simulation(cut_in_two()), by="sort key", layer="utilisation")
