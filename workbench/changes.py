"""Changes: what the writes of an access pattern do to each item, and the units of it on the table and in its indexes.

A write is charged by the item before and after it; an index by the entry before and after, in one of six ways: there
was none and is none, one is added, removed, left as it was, changed in place, or moved to another key. Here both are
worked out for all items of an entity at once, in columns; `capacity` does the same for one item.
(AWS: read-write-operations, GSI.ThroughputConsiderations, transaction-apis.)
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from workbench import capacity
from workbench.columns import Floats, Ints, Mask
from workbench.design import AccessPattern, Action
from workbench.distributions import Amount
from workbench.entities import EntityItems
from workbench.identity import key_fields, parents
from workbench.items import Items
from workbench.ring import entry_sizes, is_in, projected
from workbench.schema import Index
from workbench.targets import request_weights
from workbench.updates import created, unequal, updated

CHARGED_ERRORS = ("ConditionalCheckFailedException", "TransactionCanceledException")

_OPERATIONS = {
    **dict.fromkeys(("GetItem", "BatchGetItem", "TransactGetItems"), "Get"),
    **dict.fromkeys(("PutItem", "BatchWriteItem", "TransactWriteItems"), "Put"),
    "UpdateItem": "Update",
    "DeleteItem": "Delete",
}


@dataclass(frozen=True)
class Member:
    """One item's part in a request; `count` how many such items a request has."""

    operation: str
    entity: str
    part: AccessPattern | Action
    target: Any
    count: Amount | None = None

    @property
    def times(self) -> float:
        """How many such items a request has on average."""
        return self.count.mean if self.count else 1.0

    @property
    def is_new(self) -> bool:
        """Whether it is for items that do not exist yet, or not at all."""
        return self.target in ("new", "missing")


def members(items: Items, pattern: AccessPattern) -> Iterator[Member]:
    """The items that a request asks for: of a batch or transaction several, else one."""
    design = items.design
    for action in pattern.actions:
        yield Member(
            action.operation, design.action_entity(action), action, pattern.target_of(action), action.count
        )  # fmt: skip
    if not pattern.actions:
        name = design.addressed(pattern)[0].name
        yield Member(_OPERATIONS[pattern.operation], name, pattern, pattern.target_of(), pattern.count)


def member_weights(items: Items, pattern: AccessPattern, member: Member) -> Floats:
    """The share of requests that each existing item of a member's entity gets."""
    asked = pattern if member.part is pattern else pattern.model_copy(update={"target": member.part.target})
    return request_weights(items, asked, items.entities[member.entity])


# Before and after


@dataclass(frozen=True)
class Change:
    """Items before and after a write, one for each that it may be for; the masks say where there is one."""

    before: EntityItems
    after: EntityItems
    was: Mask
    now: Mask

    def unequal(self, names: Any) -> Mask:
        """For which of them one of these attributes is another after than before."""
        count, found = len(self.before), np.zeros(len(self.before), dtype=bool)
        for name in names:
            found |= unequal(self.before.columns.get(name), self.after.columns.get(name), count)
        return found


def change(items: Items, pattern: AccessPattern, member: Member, entity: EntityItems) -> Change:
    """What a member of a request does to each of the items, which are those that it asks for or those it creates."""
    everywhere, nowhere = np.ones(len(entity), dtype=bool), np.zeros(len(entity), dtype=bool)
    there = nowhere if member.is_new else everywhere
    if member.operation == "Update":
        after = (created if member.is_new else updated)(items, entity, pattern, member.part)
        return Change(entity, after, there, everywhere)
    if member.operation == "Delete":
        return Change(entity, entity, there, nowhere)
    if member.operation == "Put" and member.is_new:
        return _put(items, entity)
    return Change(entity, entity, there, everywhere if member.operation == "Put" else there)


def _put(items: Items, entity: EntityItems) -> Change:
    """Items that are put, over those that have their key already."""
    met, stored = stored_places(items, entity), items.entities[entity.name]
    before = stored.select(np.maximum(met, 0)) if (met >= 0).any() else entity
    return Change(before, entity, met >= 0, np.ones(len(entity), dtype=bool))


def stored_places(items: Items, entity: EntityItems) -> Ints:
    """The stored items that have the keys of drawn ones, -1 for none: only keys of finite domains meet any."""
    stored, source, design = items.entities[entity.name], items.source, items.design
    part, none = design.entities[entity.name], np.full(len(entity), -1, dtype=np.int64)
    leaves, used = source.leaves(part), key_fields(design, part)
    renewed = len(leaves) == 1 and design.fields[source.origin(leaves[0])].choice is None
    known = {*leaves, *(parent for leaf in leaves for parent in parents(design, leaf))}
    if entity is stored or part.rows or renewed or not known.issuperset(used) or not len(stored):
        return none
    lengths = [len(source.values(leaf)) for leaf in leaves]
    wanted, there = (_combined(each, leaves, lengths) for each in (entity, stored))
    order = np.argsort(there)
    places = order[np.minimum(np.searchsorted(there[order], wanted), len(there) - 1)]
    return np.where(there[places] == wanted, places, none)


def _combined(entity: EntityItems, leaves: list[str], lengths: list[int]) -> Ints:
    if not leaves:
        return np.zeros(len(entity), dtype=np.int64)
    return np.ravel_multi_index([entity.places[leaf] for leaf in leaves], lengths).astype(np.int64)


# Units


def is_charged(pattern: AccessPattern) -> bool:
    """Whether its requests consume anything: those that are refused do so only after a condition was checked."""
    return pattern.expect.error is None or (pattern.expect.error in CHARGED_ERRORS and not pattern.is_read)


def table_units(pattern: AccessPattern, member: Member, done: Change) -> Floats:
    """Units on the table of a request for each item; a failed condition costs the larger image too."""
    sizes: list[Any] = [np.where(done.was, done.before.sizes, 0), np.where(done.now, done.after.sizes, 0)]
    transactional = pattern.operation.startswith("Transact")
    if member.operation == "Get":
        return _array(capacity.read_units(sizes[0], consistent=pattern.consistent, transactional=transactional))
    if member.operation == "ConditionCheck" or (pattern.expect.error and member.operation != "Put"):
        sizes[1] = sizes[0]  # nothing would have been written, or it is not known what
    return _array(capacity.write_units(*sizes, transactional=transactional))


def entry_units(pattern: AccessPattern, member: Member, done: Change, index: Index) -> tuple[Floats, Floats]:
    """Units in an index of a request for each item, of the entry under the old key and of that under a new one.

    An entry that changes in place counts as the old one.
    """
    nothing = np.zeros(len(done.before))
    if member.operation in ("Get", "ConditionCheck") or pattern.expect.error:
        return nothing, nothing  # a condition that fails leaves the indexes alone
    was, now = done.was & is_in(done.before, index), done.now & is_in(done.after, index)
    old, new = (_units(entity, index) for entity in (done.before, done.after))
    moved, differs = nothing > 0, nothing > 0
    if (was & now).any():
        kept = projected(done.before.table, index)
        moved = done.unequal(index.key_attributes)
        differs = done.unequal(done.before.columns.keys() | done.after.columns.keys() if kept is None else kept)
    stays = was & now & ~moved
    removed = np.where(stays, np.maximum(old, new) * differs, old * was)
    return removed, np.where(stays, 0.0, new * now)


def _units(entity: EntityItems, index: Index) -> Floats:
    sizes: Any = entry_sizes(entity, index)
    return _array(capacity.write_units(None, sizes))


def _array(units: Any) -> Floats:
    return np.asarray(units, dtype=float)
