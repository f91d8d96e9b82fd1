"""Trends: a history that survives damage and does not grow, and pictures whose words say what they show."""

from xml.etree import ElementTree

import pytest

from workbench.baselines import EXACT, Tolerance
from workbench.trends import HEIGHT, KEPT, WIDTH, Trend, add_to_history, read_history


def test_the_history_keeps_the_last_runs_and_only_numbers(tmp_path):
    path = tmp_path / "history.jsonl"
    for run in range(KEPT + 3):
        runs = add_to_history(path, f"run {run}", {"a": {"n": run, "on": True, "word": "x", "share": 0.5}})
    assert runs == read_history(path) and len(runs) == KEPT
    assert runs[0]["at"] == "run 3" and runs[-1]["cases"] == {"a": {"n": KEPT + 2, "share": 0.5}}


def test_a_line_that_cannot_be_read_costs_only_itself(tmp_path):
    path = tmp_path / "history.jsonl"
    add_to_history(path, "one", {"a": {"n": 1}})
    with path.open("a") as file:
        file.write('{"at": "cut off\n[1]\n{"at": "no cases"}\n')
    assert [run["at"] for run in add_to_history(path, "two", {})] == ["one", "two"]


@pytest.mark.parametrize(
    "values, baseline, tolerance, sentence",
    [
        ((4, 4), 4, EXACT, "units: always 4, in 2 runs; baseline 4, as allowed"),
        ((4, 8), 4, EXACT, "units: between 4 and 8, now 8, in 2 runs; baseline 4, more than allowed away (exact)"),
        ((4, 5), 4, Tolerance(absolute=1), "units: between 4 and 5, now 5, in 2 runs; baseline 4, as allowed"),
        ((4,), None, EXACT, "units: always 4, in 1 run; no baseline"),
        ((4,), 3, Tolerance(ignored=True), "units: always 4, in 1 run; baseline 3, not compared"),
    ],
)
def test_a_trend_says_in_words_what_its_picture_shows_within_its_frame(values, baseline, tolerance, sentence):
    trend = Trend("units", values, baseline, tolerance)
    assert trend.sentence == sentence and f'alt="{sentence}"' in trend.to_img()
    picture = ElementTree.fromstring(trend.to_svg())
    [line] = picture.findall("{*}polyline")
    places = [tuple(map(float, place.split(","))) for place in line.get("points", "").split()]
    assert len(places) == len(values) and all(0 <= x <= WIDTH and 0 <= y <= HEIGHT for x, y in places)
    assert bool(picture.findall("{*}path")) == trend.is_off, "a cross marks what is off"
