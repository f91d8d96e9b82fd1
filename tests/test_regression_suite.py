"""The suite that ships: what it covers, and that each of its notebooks fails for the mistake that it is there for.

The mistakes are edits of a shipped design that a reviewer could overlook. What must be said about each follows from
DynamoDB's rules, which the notebooks cite.
"""

import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.conftest import DESIGNS, ROOT
from workbench.errors import NotebookError
from workbench.gates import check
from workbench.matrices import Case, find_suite
from workbench.parameters import stated_parameters
from workbench.workers import Pool

SUITE = ROOT / "notebooks" / "regression"
BOARD, SIMPLE = "task_board.yaml", "sessions_simple.yaml"
BOARD_TABLE = "{partition_key: PK, sort_key: SK, ttl: expiresAt}"
WITH_INDEX = (
    "{partition_key: PK, sort_key: SK, ttl: expiresAt, gsi: {byStatus: {partition_key: status, sort_key: createdAt}}}"
)
ANY_PUT = "    condition: attribute_not_exists(PK) AND attribute_not_exists(SK)\n    rate: 30/s"
BY_DAY = [
    ("WebhookEvents: {partition_key: event_id}", "WebhookEvents: {partition_key: day, sort_key: event_id}"),
    (
        "  event_id: {count: 3_000, type: ulid}",
        "  day: {count: 30, popularity: latest}\n  event_id: {per: day, count: 100}",
    ),
]
CREATE_TASK = ("entity: Task, condition: attribute_not_exists(PK), rate", "entity: Task, rate")
MISTAKES = {
    "an index with all attributes": (
        "capacity", "design_file", BOARD, [(BOARD_TABLE, WITH_INDEX)],
        r"peak_units_per_s\.write: 2,048 -> [0-9,]+ \(\+.* %, allowed: exact\)",
    ),
    "no condition": (
        "conditional_writes", "design_file", BOARD, [(ANY_PUT, "    rate: 30/s")],
        "written a second time: does the pattern have its condition?",
    ),
    "an index that nobody pays for": (
        "cost_ceiling", "design_file", BOARD, [(BOARD_TABLE, WITH_INDEX)],
        r"[0-9.]+ USD a month, over the ceiling of 800\.00",
    ),
    "webhooks keyed by day": (
        "hot_partition", "design_file", SIMPLE, BY_DAY,
        r"1,000 WU/s|one partition serves 1,000",
    ),
    "a write without a guard": (
        "review_baseline", "design_file", BOARD,
        [CREATE_TASK],
        r"findings\.DW310 warning: access pattern create-task: 1 is recorded, and the baseline has no such result",
    ),
    "keyed by day on one side": (
        "simple_or_single", "simple_file", SIMPLE, BY_DAY,
        r"totals\.sessions-simple\.limited_by: the quota of 40,000 WU/s \(adjustable\) -> 1,000 WU/s of one partition",
    ),
    "no expiry check": (
        "ttl", "design_file", BOARD, [("    filter: expiresAt > :now\n", "")],
        "expired items were returned: list-sessions has no guard on expiresAt",
    ),
}  # fmt: skip


@pytest.fixture(scope="module")
def pool() -> Iterator[Pool]:
    with Pool(1, {"WORKBENCH_ENGINE": "embedded"}) as made:
        yield made


def shipped_case(notebook: str, name: str, design: str) -> Case:
    cases = [case for case in find_suite([SUITE / f"{notebook}.ipynb"]).cases]
    return next(case for case in cases if Path(str(case.parameters.get(name, design))).name == design)


@pytest.mark.notebooks
@pytest.mark.parametrize("mistake", MISTAKES)
def test_a_notebook_fails_for_the_mistake_that_it_is_there_for(mistake: str, tmp_path: Path, pool: Pool):
    notebook, name, design, edits, reason = MISTAKES[mistake]
    text = (DESIGNS / design).read_text(encoding="utf-8")
    for old, new in edits:
        assert text.count(old) == 1, f"{old!r} stands in {design} once"
        text = text.replace(old, new)
    edited = tmp_path / design
    edited.write_text(text, encoding="utf-8")
    with pytest.raises(NotebookError) as error:
        check(shipped_case(notebook, name, design), tmp_path, parameters={name: str(edited)}, pool=pool)
    assert re.search(reason, str(error.value)), str(error.value)


def test_every_notebook_of_the_suite_has_a_mistake_that_it_catches():
    assert {mistake[0] for mistake in MISTAKES.values()} == {book.stem for book in SUITE.glob("*.ipynb")}


def test_every_case_of_the_suite_has_a_baseline_and_no_other_is_there():
    suite = find_suite([SUITE])
    stored = {path.stem: set(json.loads(path.read_text())) for path in suite.baselines.glob("*.json")}
    assert stored == {name: {c.name for c in suite.cases if c.suite == name} for name in {c.suite for c in suite.cases}}


def test_the_capacity_of_every_shipped_design_is_held():
    covered = {
        Path(case.parameters["design_file"]).name for case in find_suite([SUITE]).cases if case.suite == "capacity"
    }
    missing = {path.name for path in DESIGNS.glob("*.yaml")} - covered
    assert not missing, (
        "put it into notebooks/regression/matrix.yaml, and: workbench regress notebooks/regression --update"
    )


def test_every_parameter_states_its_type_its_default_and_what_it_means():
    for path in SUITE.glob("*.ipynb"):
        code = next(c for c in json.loads(path.read_text())["cells"] if "parameters" in c["metadata"].get("tags", []))
        parameters = stated_parameters("".join(code["source"]))
        assert parameters and all(p.type in ("str", "int", "float", "bool") and p.help for p in parameters), path.name
