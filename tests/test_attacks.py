"""Whatever a design file holds, it is a design or a DesignError with a line and a fix, soon, and nothing of it is run.

500 mutations of the shipped files that seeds fix; `make bench` takes 10,000.
"""

import subprocess
import sys
import zlib
from pathlib import Path

import pytest

from benchmarks import attacks
from benchmarks.mutations import KINDS, mutation
from tests.conftest import ROOT
from workbench.designfile import parse_design
from workbench.errors import DesignError, Problem

BATCH = 50
LATER = [pytest.param(start, marks=pytest.mark.slow) for start in range(BATCH, 500, BATCH)]


@pytest.mark.parametrize("start", [0, *LATER])
def test_a_mutated_file_is_a_design_or_an_error_with_a_line_and_a_fix_within_its_time(start):
    found = [attacks.attacked(seed) for seed in range(start, start + BATCH)]
    assert [(one.seed, one.kind, one.wrong) for one in found if one.wrong] == []
    assert BATCH / 2 < sum(one.refused for one in found) < BATCH
    assert {one.kind for one in found} == set(KINDS)


@pytest.mark.slow
def test_a_mutation_that_is_a_design_goes_on_to_units_keys_and_review_or_says_why_not():
    designs = [seed for seed in range(100) if not attacks.attacked(seed).refused]
    assert [one.wrong for one in map(attacks.used, designs[:6]) if one.wrong] == []


def test_a_seed_gives_the_same_bytes_in_another_process():
    here = [zlib.crc32(mutation(seed).text) for seed in range(21)]
    program = (
        "import zlib; from benchmarks.mutations import mutation as m; print([zlib.crc32(m(s).text) for s in range(21)])"
    )
    there = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True)
    assert there.stdout == f"{here}\n" and len(set(here)) == 21


@pytest.mark.parametrize(
    "deed",
    [
        lambda path: subprocess.run([sys.executable, "-c", ""]),
        lambda path: path.write_text("x"),
        lambda path: exec("1"),
        lambda path: eval("1 + 1"),
        lambda path: path.unlink(missing_ok=True),
    ],
    ids=["a program", "a file written", "exec", "eval", "a file removed"],
)
def test_what_a_file_must_not_do_would_be_heard(deed, tmp_path):
    with attacks.overheard() as heard:
        Path(__file__).read_text(encoding="utf-8")  # reading is allowed
    assert heard == []
    with attacks.overheard() as heard:
        deed(tmp_path / "made")
    assert heard
    before = list(heard)
    deed(tmp_path / "made")
    assert heard == before, "the ear is closed"


@pytest.mark.parametrize(
    ("problem", "said"),
    [
        (Problem("d.yaml", 2, 1, "must be text"), ""),
        (Problem("d.yaml", 3, 1, "must be text"), "not in the file"),
        (Problem("d.yaml", 0, 1, "must be text"), "not in the file"),
        (Problem("d.yaml", 1, 0, "must be text"), "not in the file"),
        (Problem("d.yaml", 1, 1, "that is wrong"), "no fix"),
    ],
)
def test_an_error_without_a_place_in_the_file_or_without_a_fix_would_be_noticed(problem, said):
    assert attacks.misfit(problem, b"a: 1\nb: 2").startswith(said)
    assert bool(attacks.misfit(problem, b"a: 1\nb: 2")) == bool(said)


def test_a_message_is_text_for_a_terminal_however_long_and_whatever_stands_in_the_file():
    hidden = "\u202e" + "y" * 900  # turns the direction of what follows
    with pytest.raises(DesignError) as error:
        parse_design(f'name: x\ntables: {{T: {{partition_key: a, "{hidden}": 1}}}}\naccess_patterns: {{}}')
    said = error.value.problems[0].message
    assert said.startswith(r"unknown key '\u202eyyy") and "own notes go under x-..." in said
    assert len(said) < 900 and " ... " in said and said.isprintable()
