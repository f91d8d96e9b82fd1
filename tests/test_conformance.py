"""Every engine at hand does what the workbench relies on; what it is known not to do, it still does not do."""

from collections import Counter

import pytest

from tests.behaviours import cases
from tests.conformance import SKIPS, run
from workbench.engine import FACTS
from workbench.engines import KINDS, start_engine
from workbench.errors import EngineError

CASES = cases()


@pytest.mark.parametrize(
    "kind",
    [
        "embedded",
        pytest.param("dynoxide", marks=pytest.mark.slow),
        pytest.param("java", marks=pytest.mark.java),
        pytest.param("docker", marks=pytest.mark.docker),
    ],
)
def test_an_engine_does_what_the_workbench_relies_on(kind):
    try:
        engine = start_engine(kind)
    except EngineError as missing:
        pytest.skip(missing.message)
    with engine:
        assert [f"{o.case.name}: {o.fault}" for o in run(engine, CASES) if o.fault] == []


def test_there_are_enough_behaviours_in_every_area_each_with_a_name_and_a_page_of_its_own():
    assert len(CASES) >= 150 and len({case.name for case in CASES}) == len(CASES)
    assert min(Counter(case.area for case in CASES).values()) >= 4
    assert all(case.source.startswith("https://docs.aws.amazon.com/amazondynamodb/latest/") for case in CASES)


def test_what_is_skipped_is_a_behaviour_of_an_engine_that_exists():
    assert SKIPS.keys() <= KINDS.keys() <= FACTS.keys()
    names = {case.name for case in CASES}
    assert all(skipped.keys() <= names for skipped in SKIPS.values())
