"""`workbench run` and `workbench regress` that are ended at random leave nothing behind, and the next one works.

`make bench` takes 40 of these kills; their seeds are printed when one fails.
"""

import os
import subprocess
import sys

import pytest

from benchmarks import kills
from workbench.folders import check_writable, write_whole

posix = pytest.mark.skipif(os.name != "posix", reason="signals of POSIX")


@posix
@pytest.mark.slow
@pytest.mark.parametrize("seed", [0, 3, 5])
def test_a_command_that_is_killed_leaves_no_process_and_no_half_report_and_the_next_one_works(seed):
    print(kills.killed(seed, {"run": 3.0, "regress": 8.0}))


def test_the_seeds_take_both_commands_and_all_signals_in_turn():
    chosen = {(list(kills.COMMANDS)[seed % 2], kills.SIGNALS[seed // 2 % 3]) for seed in range(6)}
    assert len(chosen) == 6


@posix
def test_a_process_or_an_engines_folder_that_is_left_would_be_noticed(tmp_path, monkeypatch):
    monkeypatch.setattr(kills, "END_SECONDS", 0.0)
    place = kills.Place(tmp_path)
    assert place.left() == []
    with subprocess.Popen([sys.executable, "-c", "input()"], env=place.environ, stdin=subprocess.PIPE) as process:
        (tmp_path / "tmp" / "workbench-engine-x").mkdir()
        left = place.left()
        process.kill()
    assert [f"process {process.pid}" in left[0], left[1].endswith("workbench-engine-x")] == [True, True]


@pytest.mark.parametrize(
    ("name", "whole", "half"),
    [
        ("calls.csv", "a,b\n1,2\n", "a,b\n1"),
        ("calls.csv", "a,b\n1,2\n", ""),
        ("results.json", '{"a": 1}', '{"a": '),
        ("junit.xml", "<a></a>", "<a>"),
        ("report.html", "<html></html>\n", "<html>"),
        ("history.jsonl", '{"a": 1}\n{}\n', '{"a": 1}\n{'),
    ],
)
def test_a_half_written_report_would_be_noticed(tmp_path, name, whole, half):
    place = kills.Place(tmp_path)
    (tmp_path / "out" / name).write_text(whole)
    assert list(place.half_written()) == []
    (tmp_path / "out" / name).write_text(half)
    assert len(list(place.half_written())) == 1


def test_a_file_is_written_whole_or_stays_as_it_was(tmp_path):
    path = tmp_path / "report"
    write_whole(path, "old")
    with pytest.raises(UnicodeEncodeError):
        write_whole(path, "new \ud800")
    assert path.read_text() == "old" and list(tmp_path.iterdir()) == [path]
    write_whole(path, "new")
    assert path.read_text() == "new" and list(tmp_path.iterdir()) == [path]


def test_asking_whether_a_file_can_be_written_leaves_nothing_and_changes_nothing(tmp_path):
    path = tmp_path / "report"
    check_writable(path)
    assert not path.exists()
    path.write_text("old")
    check_writable(path)
    assert path.read_text() == "old"
    with pytest.raises(OSError):
        check_writable(tmp_path / "nowhere" / "report")
    with pytest.raises(IsADirectoryError):
        check_writable(tmp_path)


@posix
def test_what_is_no_regular_file_is_written_as_it_is(tmp_path):
    write_whole(tmp_path.joinpath("/dev/null"), "text")
    assert list(tmp_path.iterdir()) == []
