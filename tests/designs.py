"""Designs for the tests: a small board to change, designs as data, and what a wrong one says."""

import json
from collections.abc import Mapping
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from workbench.design import Design
from workbench.designfile import parse_design
from workbench.documents import read_document
from workbench.errors import DesignError
from workbench.items import Items, generate_items

SHIPPED = Path(__file__).parent.parent / "notebooks" / "designs"
SHIPPED_DESIGNS = sorted(path.stem for path in SHIPPED.glob("*.yaml"))

BOARD = """\
name: board
tables:
  Board: {partition_key: PK, sort_key: SK}
fields:
  project: {count: 20, format: "p-{:03}"}
  task: {per: project, count: 1..9}
  user: {count: 50, format: "u-{}", popularity: {read: zipf(1.1), write: uniform}}
entities:
  Project:
    key: {PK: "PROJECT#{project}", SK: META}
    attributes: {title: text(10)}
  Task:
    key: {PK: "PROJECT#{project}", SK: "TASK#{task}"}
    attributes:
      state: {choice: {OPEN: 70%, DONE: 30%}, new: OPEN}
      owner: "{user}"
      createdAt: timestamp(-30d..now)
access_patterns:
  create-task: {operation: PutItem, entity: Task, condition: attribute_not_exists(PK), rate: 2/s}
  list-tasks:
    operation: Query
    entity: Task
    key_condition: PK = :PK AND begins_with(SK, :tasks)
    values: {tasks: "TASK#"}
    rate: 10/s
"""


def design(text: str) -> Design:
    """The design in `text`; of one without name, tables or patterns the usual ones are added."""
    stated = read_document(text).data
    tables = stated.get("tables", {"Tab": {"partition_key": "PK", "sort_key": "SK"}})
    patterns = {"read": {"operation": "Scan", "table": next(iter(tables))}}
    return parse_design(as_yaml({"name": "t", "tables": tables, "access_patterns": patterns, **stated}))


def items(text: str, **options: Any) -> Items:
    """The items of a design that `design` reads."""
    return generate_items(design(text), **options)


def rows(made: Items, entity: str) -> list[dict[str, Any]]:
    """All items of an entity as dictionaries."""
    return made.entities[entity].take(range(len(made.entities[entity])))


def problems(text: str) -> list[str]:
    """What is said of a wrong design: `line:column: message`."""
    with pytest.raises(DesignError) as error:
        parse_design(text, "board.yaml")
    return [str(problem).removeprefix("board.yaml:") for problem in error.value.problems]


def changed(old: str, new: str, text: str = BOARD) -> str:
    """A design with one place changed."""
    assert text.count(old) >= 1, old
    return text.replace(old, new, 1)


def merged(base: Any, change: Any) -> Any:
    """`base` with the members of `change` put in, mapping by mapping."""
    if not (isinstance(base, dict) and isinstance(change, dict)):
        return change
    return {**base, **{name: merged(base.get(name), value) for name, value in change.items()}}


def as_yaml(data: Any) -> str:
    """Plain data as YAML that reads back as the same."""
    if isinstance(data, Mapping):
        return "{" + ", ".join(f"{as_yaml(name)}: {as_yaml(value)}" for name, value in data.items()) + "}"
    if isinstance(data, list | tuple):
        return "[" + ", ".join(map(as_yaml, data)) + "]"
    return str(data) if isinstance(data, int | Decimal) and not isinstance(data, bool) else json.dumps(data)


def plain(data: Any) -> Any:
    """Data as JSON has it."""
    if isinstance(data, Mapping):
        return {str(name): plain(value) for name, value in data.items()}
    if isinstance(data, list):
        return [plain(value) for value in data]
    return float(data) if isinstance(data, Decimal) else data
