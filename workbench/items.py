"""Sample items, generated from a design: the same for the same design, seed and clock, byte for byte.

An entity has one item for each combination of the identity fields in its primary key; everything else is drawn once
per item. Items stand as columns until somebody asks for dictionaries, so that a million of them take about a second
and their sizes are known to the byte without building one.

`now` is the clock in epoch seconds. Its default is fixed: no result depends on the day it is computed.
"""

from collections.abc import Mapping
from copy import copy
from dataclasses import dataclass, field, replace
from numbers import Integral
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from workbench import limits
from workbench.defaults import DEFAULT_NOW, DEFAULT_SEED
from workbench.design import Design
from workbench.entities import EntityItems
from workbench.origins import Source
from workbench.results import Result

if TYPE_CHECKING:
    import pandas as pd


def generate_items(
    design: Design,
    seed: int = DEFAULT_SEED,
    now: int = DEFAULT_NOW,
    *,
    rows: "Mapping[str, pd.DataFrame] | None" = None,
) -> "Items":
    """The design's items: `seed` fixes every draw, `now` (epoch seconds) the clock; `rows` gives data by name.

    Raises DesignError or ValueError if an item would pass 400 KB or rows lack a column.
    """
    design = design_of(design)
    for name, value in {"seed": seed, "now": now}.items():
        if isinstance(value, bool) or not isinstance(value, Integral):
            raise ValueError(f"{name}={value!r} must be a whole number{' of epoch seconds' if name == 'now' else ''}")
    source = Source(design, int(seed), int(now), dict(rows or {}))
    return Items(design, seed, now, {name: source.entity(name) for name in design.entities}, source)


def design_of(given: "Design | Items") -> Design:
    """A design, or that of items; ValueError for anything else, with what makes one of it."""
    if isinstance(given, Items):
        return given.design
    if not isinstance(given, Design):
        fix = f'wb.load_design("{given}")' if isinstance(given, str | Path) else 'wb.load_design("FILE.yaml")'
        raise ValueError(f"{given!r:.200} is no design: give {fix}, or its items")
    return given


def items_of(given: "Design | Items", seed: int = DEFAULT_SEED, now: int = DEFAULT_NOW) -> "Items":
    """The items of a design, generated unless they are given; ValueError for what is neither."""
    return given if isinstance(given, Items) else generate_items(given, seed=seed, now=now)


@dataclass(frozen=True, repr=False)
class Items(Result):
    """The items of a design, entity by entity; `len()` counts them all."""

    design: Design
    seed: int
    now: int
    entities: dict[str, EntityItems]
    source: "Source" = field(repr=False, compare=False)
    keys: dict[tuple[str, str | None], Any] = field(default_factory=dict, repr=False, compare=False)  # made by `ring`
    asked: dict[str, Any] | None = field(default=None, repr=False, compare=False)  # kept by `expected` if a dict

    def __len__(self) -> int:
        return sum(len(entity) for entity in self.entities.values())

    def summary_line(self) -> str:
        total = sum(int(entity.sizes.sum()) for entity in self.entities.values())
        return f"{self.design.name}: {len(self):,} items, {total / limits.MB:,.1f} MB, seed {self.seed}"

    def in_table(self, table: str) -> list[EntityItems]:
        """The items of a table, by entity."""
        return [entity for entity in self.entities.values() if entity.table.name == table]

    def under(self, design: Design) -> "Items":
        """The same items under a design that differs in nothing that items follow from: rates, capacity, popularity
        of access patterns. What was made of their keys is kept, and what is known of each pattern in `asked`."""
        source = copy(self.source)
        source.design = design
        return replace(self, design=design, source=source)

    def again(self, design: Design) -> "Items":
        """The items of a design that was changed, drawn with the same seed and clock from the same data."""
        source = Source(design, self.seed, self.now, self.source.frames)
        source._rows |= self.source._rows
        return Items(design, self.seed, self.now, {name: source.entity(name) for name in design.entities}, source)

    def new(self, entity: str, count: int, rng: np.random.Generator) -> EntityItems:
        """`count` items as an access pattern would create them: new keys, parents by write popularity."""
        return self.source.new(entity, self.entities[entity], count, rng)

    def to_frame(self) -> "pd.DataFrame":
        """One line per entity: items and bytes (mean, smallest, largest)."""
        import pandas as pd

        return pd.DataFrame(
            {
                "entity": e.name,
                "table": e.table.name,
                "items": len(e),
                "mean_bytes": float(e.sizes.mean()) if len(e) else 0.0,
                "smallest_bytes": int(e.sizes.min(initial=limits.ITEM_BYTES)),
                "largest_bytes": int(e.sizes.max(initial=0)),
            }
            for e in self.entities.values()
        )
