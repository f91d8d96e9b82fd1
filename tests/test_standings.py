"""Result files and the scoreboard: nothing is lost, and what cannot be read is named."""

import json
import math

import pytest

from workbench import charts
from workbench.pictures import alt_text
from workbench.standings import (
    FORMAT,
    NAMES,
    Scoreboard,
    Standing,
    read_standing,
    result_file,
    scoreboard,
    standing_in,
    write_standing,
)


@pytest.fixture
def folder(tmp_path):
    """Ana solved two, one with a hint; Ben tried one; a broken file, a foreign one, one of an exercise that is none."""
    write_standing(tmp_path, Standing("Ana", "scan", 2, 0, 1_000, 1_300))
    write_standing(tmp_path / "from" / "ana", Standing("Ana", "ttl", 1, 1, 1_300, 1_360))
    write_standing(tmp_path, Standing("Ben", "scan", 4, 3, 1_000, 0, ("it reads everything",), {"items_read": 9.5}))
    (tmp_path / "cut.json").write_text('{"format": "dynamo')
    (tmp_path / "deep.json").write_text("[" * 50_000)
    (tmp_path / "other.json").write_text('{"cells": []}')
    (tmp_path / "strange.json").write_text(json.dumps({"format": FORMAT, "participant": "C", "exercise": "x"}))
    (tmp_path / ".ipynb_checkpoints").mkdir()
    (tmp_path / ".ipynb_checkpoints" / "ana.scan.json").write_text("{}")
    return tmp_path


def test_a_standing_comes_back_as_it_was_written(tmp_path):
    standing = Standing("Ana", "scan", 2, 1, 1_000, 0, ("a", "b"), {"throttled_share": 0.25})
    assert read_standing(write_standing(tmp_path, standing)) == standing
    assert [path.name for path in tmp_path.iterdir()] == [result_file(tmp_path, "Ana", "scan").name]


def test_time_runs_from_the_first_check_to_the_one_that_passed():
    standing = Standing("Ana", "scan").hinted(3, 1_000).checked(["wrong"], {}, 1_060).checked([], {}, 1_300)
    assert (standing.solved, standing.minutes, standing.attempts, standing.hints) == (True, 5.0, 2, 1)
    assert standing.checked(["wrong"], {}, 2_000) == standing == standing.hinted(3, 2_000)
    assert math.isnan(Standing("Ana", "scan", 1).minutes)


@pytest.mark.parametrize("one, other", [("Ana B", "ana-b"), ("李", "王"), ("a" * 50, "a" * 51)])
def test_different_names_have_different_files_in_one_folder(one, other):
    first, second = result_file("results", one, "scan"), result_file("results", other, "scan")
    assert first != second and first.parent == second.parent and not first.name.startswith(("-", "."))


def test_a_name_cannot_lead_out_of_the_folder(tmp_path):
    assert result_file(tmp_path, "../../etc/x", "scan").parent == tmp_path


def test_the_board_has_a_line_per_participant_with_most_solved_first(folder):
    board = scoreboard(folder)
    frame = board.to_frame()
    assert list(frame.participant) == ["Ana", "Ben"] and list(frame.solved) == [2, 0]
    assert list(frame.hints) == [1, 3] and list(frame.attempts) == [3, 4]
    assert frame.minutes[0] == (300 + 60) / 60
    assert list(frame.scan) == ["solved (2)", "open (4)"] and list(frame.policy) == ["", ""]
    assert board.summary_line() == "2 participants, 2 of 12 solved; 4 files left out"


def test_what_is_broken_or_foreign_is_named_with_the_reason_and_left_as_it_is(folder):
    assert dict(scoreboard(folder).skipped) == {
        "cut.json": "not JSON, or cut off",
        "deep.json": "not JSON, or cut off",
        "other.json": f"no result of an exercise: its format is not {FORMAT!r}",
        "strange.json": f"exercise 'x' is none of {', '.join(NAMES)}",
    }
    assert (folder / "cut.json").read_text() == '{"format": "dynamo'


@pytest.mark.parametrize(
    ("entry", "said"),
    [
        ({"attempts": -1}, "attempts is -1"),
        ({"hints": "many"}, "hints is 'many'"),
        ({"solved_at": True}, "solved_at is True"),
        ({"participant": ""}, "participant or exercise is missing"),
        ({"wrong": "all"}, "wrong is no list"),
        ({"measured": 3}, "measured is no mapping"),
        ({"attempts": 10**30}, "attempts is 1000"),
        ({"participant": "A\x1b[31m"}, "participant is no name"),
        ({"participant": "A" * 81}, "participant is no name"),
        ({"began_at": 9, "solved_at": 8}, "solved before"),
        ({"score": 99}, "unknown entries score"),
    ],
)
def test_a_file_whose_entries_cannot_be_is_none(tmp_path, entry, said):
    path = tmp_path / "x.json"
    path.write_text(json.dumps({"format": FORMAT, "participant": "A", "exercise": "scan", **entry}))
    with pytest.raises(ValueError, match=said):
        read_standing(path)


def test_of_two_files_for_one_exercise_the_better_counts_and_both_are_named(folder):
    write_standing(folder / "second", Standing("Ana", "scan", 9, 0, 1_000, 0))
    board = scoreboard(folder)
    assert board.of("Ana")["scan"].solved
    assert len(board.notes) == 1 and "Ana has two results for scan: " in board.notes[0] and "second/" in board.notes[0]


def test_a_broken_file_of_ones_own_is_kept_beside_and_named(tmp_path):
    path = result_file(tmp_path, "ana", "scan")
    path.write_text("{")
    write_standing(tmp_path, standing_in(tmp_path, "ana", "scan").checked([], {}, 5))
    assert path.with_suffix(".json.broken").read_text() == "{"
    board = scoreboard(tmp_path)
    assert board.of("ana")["scan"].solved and board.skipped == (("ana.scan.json.broken", "not JSON, or cut off"),)


def test_a_folder_without_results_says_so_and_one_that_is_none_what_to_do(tmp_path):
    assert scoreboard(tmp_path).summary_line() == "no results yet" and len(scoreboard(tmp_path).to_frame()) == 0
    with pytest.raises(FileNotFoundError, match="no folder: collect"):
        scoreboard(tmp_path / "none")


def test_what_a_participant_is_called_is_escaped(tmp_path):
    write_standing(tmp_path, Standing("<script>x</script>", "scan", 1))
    assert "<script" not in scoreboard(tmp_path)._repr_html_()


def test_the_chart_says_who_solved_what_and_which_is_hardest(folder):
    drawn = charts.scoreboard(scoreboard(folder))
    assert "2 of 12 exercises are solved; today is the hardest: 0 of 2 solved it" in alt_text(drawn)
    assert [label.get_text() for label in drawn.get_yticklabels()] == ["Ana", "Ben"]
    assert sorted(text.get_text() for text in drawn.texts) == ["1 + 1", "2", "4 + 3"]
    assert "No results yet" in alt_text(charts.scoreboard(Scoreboard(())))
