"""Probes: single requests on items of known size, to ask an engine what they cost.

Two tables, a plain one and one with three global and two local indexes; a case says which items are there, what is
asked, and what the access pattern says that the request is one of.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from workbench.descriptors import to_item
from workbench.design import AccessPattern
from workbench.sizes import item_size

DESIGN = """
name: crosscheck
tables:
  Things:
    partition_key: pk
    sort_key: sk
    gsi:
      keys: {partition_key: gk, sort_key: gs, projection: KEYS_ONLY}
      some: {partition_key: gi, projection: [title]}
      whole: {partition_key: gw, projection: ALL}
    lsi:
      local-keys: {sort_key: lk, projection: KEYS_ONLY}
      local-whole: {sort_key: lw, projection: ALL}
  Plain: {partition_key: pk, sort_key: sk}
fields:
  pk: {count: 1}
entities:
  Thing:
    table: Things
    key: {pk: "{pk}", sk: a, gk: a, gs: a, gi: a, gw: a, lk: a, lw: a}
  Plain: {table: Plain, key: {pk: "{pk}", sk: a}}
access_patterns:
  unused: {operation: Scan, table: Plain, rate: 1/s}
"""

Values = dict[str, Any]
Placed = tuple[str, Values]  # a table and an item of it


@dataclass(frozen=True)
class Case:
    """One operation: its name, the items that are there before, its parameters, and what the pattern says of it."""

    name: str
    operation: str
    parameters: dict[str, Any]
    there: tuple[Placed, ...] = ()
    keys: tuple[tuple[str, dict[str, Any]], ...] = ()
    says: Mapping[str, Any] = ()  # type: ignore[assignment]  # attributes of the access pattern

    @property
    def pattern(self) -> AccessPattern:
        """The access pattern that the request is one of."""
        return AccessPattern.model_construct(name=self.name, operation=self.operation, **dict(self.says))


def sized(size: int, pk: str = "p", sk: str = "a", **more: Any) -> Values:
    """An item of exactly so many bytes."""
    item = {"pk": pk, "sk": sk, **more, "padding": ""}
    return {**item, "padding": "x" * (size - item_size(item))}


def key_of(item: Values) -> dict[str, Any]:
    """An item's primary key, as DynamoDB JSON."""
    return to_item({name: item[name] for name in ("pk", "sk")})


def keyed(operation: str, name: str, table: str, item: Values, there: bool, **parameters: Any) -> Case:
    """A request for the item's key; `there` says whether the item is."""
    key, says = key_of(item), {}
    if "ProjectionExpression" in parameters:
        says["projection"] = parameters["ProjectionExpression"]
    if parameters.get("ConsistentRead"):
        says["consistent"] = True
    all_parameters = {"TableName": table, "Key": key, **parameters}
    return Case(name, operation, all_parameters, ((table, item),) if there else (), ((table, key),), says)


def said(parameters: Mapping[str, Any]) -> dict[str, Any]:
    """What a pattern says that has these parameters."""
    names = {
        "ConsistentRead": "consistent", "ProjectionExpression": "projection", "FilterExpression": "filter",
        "Select": "select", "IndexName": "index", "Limit": "limit",
    }  # fmt: skip
    return {ours: parameters[api] for api, ours in names.items() if api in parameters}


def of_several(
    operation: str, name: str, parameters: dict[str, Any], there: Sequence[Placed], asked: Sequence[Placed], **says: Any
) -> Case:
    keys = tuple((table, key_of(item)) for table, item in asked)
    return Case(name, operation, parameters, tuple(there), keys, says)


ALL_KEYS = {"gk": "a", "gs": "a", "gi": "a", "gw": "a", "lk": "a", "lw": "a"}


def in_all(size: int, **more: Any) -> Values:
    """An item of so many bytes that stands in all indexes."""
    return sized(size, **{**ALL_KEYS, **more})
