"""Baselines: what counts as moved, on both sides of every tolerance, and files that read like code."""

import json
import subprocess

import pytest
from hypothesis import given
from hypothesis import strategies as st

from workbench.baselines import (
    EXACT,
    Change,
    Tolerance,
    compare,
    metrics,
    read_baseline,
    shown,
    without_ignored,
    write_baseline,
)
from workbench.errors import NotebookError

json_values = st.recursive(
    st.none() | st.booleans() | st.integers(-(10**6), 10**6) | st.floats(-1e6, 1e6) | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text("abc", min_size=1, max_size=3), inner, max_size=3)
    ),
    max_leaves=8,
)
results = st.dictionaries(st.text("abc", min_size=1, max_size=3), json_values, max_size=4)


def test_a_table_with_a_naming_column_has_a_metric_a_cell_and_one_without_is_counted():
    named = [{"pattern": "list", "units": 4}, {"pattern": "put", "units": 1}]
    assert metrics({"t": named}) == {"t.list.units": 4, "t.put.units": 1}
    twice = [{"pattern": "list", "units": 4}, {"pattern": "list", "units": 1}]
    assert metrics({"t": twice})["t.1.units"] == 1


def test_two_results_of_one_name_are_refused():
    with pytest.raises(ValueError, match=r"two recorded results have the name a\.b: rename one of them"):
        metrics({"a": {"b": 1}, "a.b": 2})


def test_floats_lose_their_noise_and_whole_ones_are_whole():
    assert metrics({"a": 0.1 + 0.2, "b": 3.0, "c": True, "d": [0.1 + 0.2]}) == {"a": 0.3, "b": 3, "c": True, "d": [0.3]}
    assert type(metrics({"b": 3.0})["b"]) is int and type(metrics({"c": True})["c"]) is bool


@pytest.mark.parametrize(
    "tolerance, baseline, within, beyond",
    [
        (EXACT, 100, 100, 101),
        (EXACT, 100, 100, 99),  # a unit less is a change as well
        (EXACT, 1.5, 1.5 * (1 + 1e-10), 1.5 * (1 + 1e-8)),
        (EXACT, "a", "a", "b"),
        (EXACT, True, True, 1),
        (EXACT, None, None, 0),
        (EXACT, ["a", "b"], ["a", "b"], ["b", "a"]),
        (Tolerance(relative=0.02), 50, 51, 51.01),
        (Tolerance(relative=0.02), -50, -49, -48.9),
        (Tolerance(absolute=0.5), 0, 0.5, 0.51),
        (Tolerance(relative=0.1, absolute=3), 10, 13, 13.1),
        (Tolerance(absolute=1), [1, 2], [2, 1], [3, 2]),
        (Tolerance(absolute=9), "1", "1", "2"),
        (Tolerance(absolute=9), [1], [2], [1, 2]),
    ],
)
def test_a_value_moves_at_the_edge_of_its_tolerance_and_no_sooner(tolerance, baseline, within, beyond):
    assert tolerance.allows(baseline, within) and not tolerance.allows(baseline, beyond)
    assert Tolerance(ignored=True).allows(baseline, beyond)


def test_of_several_patterns_the_last_that_fits_counts_and_a_notebook_may_be_named():
    table = {"*": Tolerance(absolute=1), "race/x": EXACT}
    assert compare({"x": 1}, {"x": 2}, "other", table) == []
    assert [str(change) for change in compare({"x": 1}, {"x": 2}, "race", table)] == [
        "x: 1 -> 2 (+100 %, allowed: exact)"
    ]


def test_latencies_are_compared_only_if_a_tolerance_names_them():
    was, now = {"list.latency_ms_p50": 1.0}, {"list.latency_ms_p50": 9.0}
    assert compare(was, now, "n", {"units": EXACT}) == [] and without_ignored(now, "n", {}) == {}
    assert len(compare(was, now, "n", {"*latency*": Tolerance(relative=0.5)})) == 1


def test_a_change_says_what_was_what_is_by_how_much_and_what_is_allowed():
    was, now = {"cost": 100, "gone": 1, "same": 7}, {"cost": 103, "new": [2], "same": 7}
    assert [str(change) for change in compare(was, now, "n", {"cost": Tolerance(relative=0.02)})] == [
        "cost: 100 -> 103 (+3 %, allowed: ±2 %)",
        "gone: 1 in the baseline, and not recorded any more",
        "new: [2] is recorded, and the baseline has no such result",
    ]
    assert Change("x", 0, 5).by == "" and Change("x", 4, 3).by == "-25 %"


@given(results)
def test_nothing_moves_from_itself_and_a_file_keeps_everything(tmp_path_factory, recorded):
    try:
        found = metrics(recorded)
    except ValueError:
        return
    path = tmp_path_factory.mktemp("baselines") / "book.json"
    write_baseline(path, {"defaults": found})
    assert read_baseline(path) == {"defaults": found}
    assert compare(found, read_baseline(path)["defaults"], "book", {}) == []
    assert list(found) == sorted(found)


def test_a_file_has_one_metric_a_line_sorted_so_that_a_diff_shows_only_what_moved(tmp_path):
    one, two = tmp_path / "one.json", tmp_path / "two.json"
    cases = {"seed=8": {"b": 1, "a": [1, 2]}, "seed=7": {"a": 0.5, "ü": "x"}}
    write_baseline(one, cases)
    assert one.read_text(encoding="utf-8") == (
        '{\n  "seed=7": {\n    "a": 0.5,\n    "ü": "x"\n  },\n  "seed=8": {\n    "a": [1, 2],\n    "b": 1\n  }\n}\n'
    )
    write_baseline(two, {**cases, "seed=8": {"b": 2, "a": [1, 2]}})
    lines = subprocess.run(["diff", str(one), str(two)], capture_output=True, text=True).stdout.splitlines()
    assert lines == ["8c8", '<     "b": 1', "---", '>     "b": 2']


def test_a_baseline_without_cases_is_no_file(tmp_path):
    path = tmp_path / "book.json"
    write_baseline(path, {"defaults": {}})
    assert json.loads(path.read_text()) == {"defaults": {}}
    write_baseline(path, {})
    assert not path.exists() and read_baseline(path) == {}


@pytest.mark.parametrize("text, why", [('{\n "a": <<<<<<<\n}', ":2 is not JSON"), ("[1]", "is no baseline")])
def test_a_broken_baseline_is_named_with_its_line_and_the_way_out(tmp_path, text, why):
    path = tmp_path / "book.json"
    path.write_text(text)
    with pytest.raises(NotebookError) as error:
        read_baseline(path)
    assert why in str(error.value) and str(path) in str(error.value) and "--update" in str(error.value)


def test_what_is_not_compared_stands_in_no_baseline():
    assert without_ignored({"a": 1, "p50_ms": 2.5}, "n", {"*_ms": Tolerance(ignored=True)}) == {"a": 1}


def test_numbers_that_differ_look_different():
    assert shown(0.3333) != shown(0.33331) and shown(10_000_000) == "10,000,000"
