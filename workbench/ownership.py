"""Ownership: the partition keys of generated items, and whose each of them is.

What a policy must decide on a key follows from the item that has it: its tenant may ask for it, no other may. That
answer is made of the items themselves, their formats and ids included, and owes nothing to the policy.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np

from workbench.columns import ABSENT, Column
from workbench.defaults import DEFAULT_NOW, DEFAULT_SEED
from workbench.design import Design, Entity
from workbench.distributions import Amount
from workbench.domains import Domain
from workbench.entities import EntityItems
from workbench.errors import DesignError
from workbench.origins import Source
from workbench.schema import Table

VALUES, ITEMS = 24, 48  # of a field, and of an entity, that are looked at
PER_ENTITY = 6  # keys of one entity


@dataclass(frozen=True)
class OwnedKey:
    """The partition key of an item, attribute by attribute as text, and the tenant whose item it is."""

    entity: str
    owner: str
    key: tuple[str, ...]


class Ownership:
    """Some items of a design, by the tenant to which they belong."""

    def __init__(self, design: Design, tenant: str):
        self.design, self.tenant = _small(design), tenant
        self.source = Source(self.design, DEFAULT_SEED, DEFAULT_NOW, {})
        self._made: dict[str, EntityItems | None] = {}

    @property
    def tenants(self) -> list[str]:
        """Ids of tenants, where the design says how they are made."""
        if not self.source.is_identity(self.tenant):
            return []
        column = self.source.values(self.tenant).column
        return [str(value) for value in column.take(np.arange(len(column)))]

    def keys(self, table: Table, index: str | None) -> Iterator[OwnedKey]:
        """Keys of the items of a table or index, a few of each entity, of different tenants where there are some."""
        names = table.keys(index)[0]
        for entity in self.design.entities_in(table.name):
            items = self._items(entity)
            owners = None if items is None else self._owners(items)
            if items is None or owners is None or any(name not in items.columns for name in names):
                continue
            found: dict[str, OwnedKey] = {}
            for owner, item in zip(owners, items.take(np.arange(len(items))), strict=True):
                if owner is not ABSENT and all(name in item for name in names):
                    key = tuple(str(item[name]) for name in names)
                    found.setdefault(str(owner), OwnedKey(entity.name, str(owner), key))
            yield from list(found.values())[:PER_ENTITY]

    def _items(self, entity: Entity) -> EntityItems | None:
        """Items of an entity; none of rows, and none where they cannot be made."""
        if entity.name not in self._made:
            try:
                made = None if entity.rows else self.source.entity(entity.name)
            except (ValueError, DesignError):
                made = None
            if made is not None and len(made):
                made = made.select(np.unique(np.linspace(0, len(made) - 1, ITEMS).astype(np.int64)))
            self._made[entity.name] = made
        return self._made[entity.name]

    def _owners(self, items: EntityItems) -> list[Any] | None:
        """The tenant of each item; None for items that are no single tenant's, by what they are made of."""
        column: Column | None = None
        if self.tenant in items.places:
            places = items.places[self.tenant]
            column = self.source.values(self.tenant).column.select(np.maximum(places, 0))
        elif self.tenant in items.fields:
            column = items.fields[self.tenant]
        return None if column is None else column.take(np.arange(len(items)))


@lru_cache(maxsize=4)
def _capped(most: int) -> Amount:
    return Amount("fixed", most, most)


def _small(design: Design) -> Design:
    """The design with few values of each field and few items, made as those of the whole are."""
    fields = {name: _fewer(domain) for name, domain in design.fields.items()}
    few = {"items": _capped(ITEMS)}  # also where the design says no number, which keys need not
    entities = {
        name: entity if entity.rows else entity.model_copy(update=few) for name, entity in design.entities.items()
    }
    return design.model_copy(update={"fields": fields, "entities": entities})


def _fewer(domain: Domain) -> Domain:
    most = 3 if domain.per else VALUES
    return domain.model_copy(update={"count": _capped(most)}) if _is_more(domain.count, most) else domain


def _is_more(amount: Any, most: int) -> bool:
    return amount == "all" or (isinstance(amount, Amount) and amount.mean > most)
