"""Sizes of a million generated items: all at once from the columns, against weighing each item as a dictionary.

Both start from the same generated items and give the bytes of every one; the dictionaries are made beforehand and their
making does not count. That the two agree on every item is checked, not assumed.
"""

from collections.abc import Iterator
from functools import cached_property, partial
from typing import Any

import numpy as np

from benchmarks.items import as_columns, task_design
from benchmarks.ratios import Fact, Ratio, rate_facts, rates, ratio
from workbench.entities import EntityItems
from workbench.sizes import item_size

WEIGHED = 100_000  # dictionaries in one round: enough to tell their rate
BLOCK = 50_000


def measure(tasks: int = 1_000_000, rounds: int = 7) -> Iterator[Ratio | Fact]:
    """The ratio of the two ways and their rates, and on how many items they agree."""
    made, _ = as_columns(task_design(tasks))
    some = made.take(np.arange(min(WEIGHED, len(made))))
    columns, single = "sizes from columns", "item_size of each dictionary"
    found = rates({columns: partial(weigh, made), single: lambda: len([item_size(item) for item in some])}, rounds)
    yield ratio(found, columns, single, at_least=50)
    yield from rate_facts(found)
    wrong = disagreements(made)
    assert not wrong, f"{wrong:,} of {len(made):,} items have another size as a dictionary"
    yield Fact("items whose two sizes agree", f"{len(made):,} of {len(made):,}")


def weigh(made: EntityItems) -> int:
    """Weigh all items anew, as if nothing were known of their columns; returns how many there are."""
    forget(made)
    return len(made.sizes)


def forget(value: Any) -> None:
    """Drop what columns remember of their sizes, those inside others included."""
    if isinstance(value, dict | list | tuple):
        for part in value.values() if isinstance(value, dict) else value:
            forget(part)
    elif hasattr(value, "__dict__") and type(value).__module__.startswith("workbench."):
        for name in ("sizes", "value_sizes"):
            if isinstance(getattr(type(value), name, None), cached_property):
                value.__dict__.pop(name, None)
        forget(dict(vars(value)))


def disagreements(made: EntityItems) -> int:
    """How many items weigh something else as a dictionary."""
    wrong = 0
    for start in range(0, len(made), BLOCK):
        places = np.arange(start, min(start + BLOCK, len(made)))
        each = np.fromiter(map(item_size, made.take(places)), dtype=np.int64, count=len(places))
        wrong += int((each != made.sizes[places]).sum())
    return wrong
