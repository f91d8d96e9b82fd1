"""Waste: what a read pays for and throws away.

A filter is applied to what was read: a Query or Scan pays for every item that its key condition reaches. How much of it
a filter keeps is known from a run; without one it is evaluated on a sample of the items that are read. (AWS:
Query.FilterExpression, bp-query-scan.)
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from workbench import syntax
from workbench.design import AccessPattern
from workbench.entities import EntityItems
from workbench.evidence import Evidence
from workbench.guards import satisfied
from workbench.load import asked_collections
from workbench.reach import certain_reach, collection_units, query_condition
from workbench.ring import UNMET, is_in
from workbench.thresholds import PAGE

SAMPLE = 400  # items of each entity that a filter is tried on


@dataclass(frozen=True)
class Discarded:
    """The share of what is read that a filter throws away, and what says so: a run or the design's items."""

    share: float
    basis: str


def discarded(evidence: Evidence, pattern: AccessPattern) -> Discarded | None:
    """What a pattern's filter throws away; None if it has none, or if that is not known.

    A filter on the TTL attribute alone is no waste: it is how expired items are left out.
    """
    node = evidence.node(pattern, pattern, "filter")
    if node is None or set(syntax.attributes(node)) == {evidence.design.table_for(pattern).ttl}:
        return None
    return _in_run(evidence, pattern) or _in_items(evidence, pattern, node)


def _in_run(evidence: Evidence, pattern: AccessPattern) -> Discarded | None:
    records = [r for r in evidence.run.records if r["pattern"] == pattern.name] if evidence.run else []
    read, returned = (sum(r[name] for r in records) for name in ("items_scanned", "items_returned"))
    return Discarded(1 - returned / read, f"{read:,} items read in the run") if read else None


def _in_items(evidence: Evidence, pattern: AccessPattern, node: syntax.Node) -> Discarded | None:
    values = constants(evidence, pattern, node)
    if values is None:
        return None
    kept = read = 0.0
    for entity, share in reached(evidence, pattern):
        places = np.linspace(0, len(entity) - 1, min(SAMPLE, len(entity))).astype(np.int64)
        items = entity.take(places)
        weight = len(entity) * share
        read += weight
        kept += weight * sum(satisfied(node, item, values) for item in items) / len(items)
    return Discarded(1 - kept / read, "estimated from the design's items") if read else None


def constants(evidence: Evidence, pattern: AccessPattern, node: syntax.Node) -> dict[str, object] | None:
    """What the `:values` of an expression stand for; None if one of them differs from request to request."""
    found: dict[str, object] = {"now": evidence.items.now if evidence.items is not None else 0}
    for name in syntax.values(node):
        domain = evidence.value(pattern, pattern, name)
        if domain is None and name == "now":
            continue
        if domain is None or domain.value is None or (domain.template and domain.template.fields):
            return None
        found[name] = domain.template.format({}) if domain.template else domain.value
    return found


def reached(evidence: Evidence, pattern: AccessPattern) -> Iterator[tuple[EntityItems, float]]:
    """The entities whose items a Query or Scan reads, each with the share of them that it reaches in a collection."""
    if evidence.items is None or evidence.costs is None:
        return
    table = evidence.design.table_for(pattern)
    keys = evidence.costs.keys(table, pattern.index)
    condition = query_condition(evidence.design, pattern) if pattern.operation == "Query" else None
    shares = certain_reach(keys, pattern, condition) if condition else {}
    asked = {entity.name for entity in evidence.design.addressed(pattern)}
    collections = np.unique(np.concatenate([np.zeros(0, np.int64), *(keys.of[n] for n in asked if n in keys.of)]))
    for entity in evidence.items.in_table(table.name):
        there = is_in(entity, table.indexes.get(pattern.index or "")) & (keys.of[entity.name] != UNMET)
        if condition is not None:
            there &= np.isin(keys.of[entity.name], collections)
        share = shares.get(entity.name, 1.0)
        if there.any() and share != 0:
            yield entity.select(np.flatnonzero(there)), 1.0 if share is None else share


def largest_read(evidence: Evidence, pattern: AccessPattern) -> float:
    """Read units of a Query of the largest item collection that its values can name."""
    if evidence.items is None or evidence.costs is None:
        return 0.0
    table = evidence.design.table_for(pattern)
    if sum(int(entity.sizes.sum()) for entity in evidence.items.in_table(table.name)) <= PAGE:
        return 0.0  # whatever it reads is less
    keys = evidence.costs.keys(table, pattern.index)
    _, _, asked = asked_collections(keys, pattern)
    units = collection_units(keys, pattern, query_condition(evidence.design, pattern))
    named = [units if numbers is None else units[numbers] for numbers in asked]  # None: any of them
    return max((float(each.max(initial=0.0)) for each in named), default=0.0)
