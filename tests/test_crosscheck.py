"""The cross-check of capacity: more than a hundred operations on an engine, and the table in RESULTS.md.

The expected values are the engine's own answers, and where those are wrong, what its known mistakes predict. RESULTS.md
is written by `make bench`; here it is only compared with.
"""

from collections import Counter

import pytest

from benchmarks import __main__ as bench
from benchmarks import crosscheck
from workbench.engine import Engine
from workbench.engines import start_engine
from workbench.errata import ERRATA
from workbench.errors import EngineError


@pytest.fixture(scope="module")
def found(engine: Engine) -> list[crosscheck.Found]:
    return crosscheck.check(engine)


def test_there_are_more_than_a_hundred_cases_of_all_ten_operations_each_with_a_name_of_its_own():
    names = Counter(case.name for case in crosscheck.cases())
    assert len(names) > 100 and set(names.values()) == {1}
    assert len({case.operation for case in crosscheck.cases()}) == 10


def test_every_number_of_the_engine_is_right_or_predicted(found):
    assert [f"{one.case.name}: {one.verdict.difference}" for one in found if one.verdict.difference] == []


def test_only_refused_writes_are_not_reported(found):
    assert {one.case.name for one in found if one.metered.error} == {
        case.name for case in crosscheck.cases() if "refused" in case.name
    }


def test_every_case_was_metered(found):
    assert [one.case.name for one in found if not one.metered.steps] == []


@pytest.mark.parametrize("kind", [pytest.param(kind, marks=getattr(pytest.mark, kind)) for kind in ("java", "docker")])
def test_dynamodb_local_reports_what_is_right_or_predicted(kind):
    """And every known mistake of it is met: none is kept that cannot be seen any more."""
    try:
        started = start_engine(kind)
    except EngineError as error:
        pytest.skip(error.message)
    with started:
        found = crosscheck.check(started)
    assert [f"{one.case.name}: {one.verdict.difference}" for one in found if one.verdict.difference] == []
    assert {words for one in found for words in one.verdict.errata} == {one.words for one in ERRATA[kind]}


def test_every_known_mistake_of_the_engine_is_met(engine, found):
    assert {words for one in found for words in one.verdict.errata} == {one.words for one in ERRATA[engine.behaves_as]}


def test_results_md_says_what_the_engine_does(engine, found):
    table = column(bench.RESULTS.read_text(encoding="utf-8"), crosscheck.NAME, engine.name)
    assert crosscheck.NAME in bench.RESULTS.read_text(encoding="utf-8")
    if table is None:
        pytest.skip(f"RESULTS.md has no column for {engine.name}; make bench writes one for each engine at hand")
    assert table == crosscheck.cells(found)


def column(results: str, heading: str, name: str) -> dict[str, str] | None:
    """A column of a table in RESULTS.md by its first one; None if there is none of that name."""
    _, _, below = results.partition(f"## {heading}\n")
    lines = [line.strip("| ").split(" | ") for line in below.partition("\n## ")[0].splitlines() if line.startswith("|")]
    if not lines or name not in lines[0]:
        return None
    return {row[0]: row[lines[0].index(name)] for row in lines[2:]}
