"""A request as it was metered: its units by table and index, what came back, how long it took, and its error if any.

A read is charged for the pages that the service would have cut: engines cut theirs elsewhere, so `Reading` cuts the
items that were evaluated anew. Sizes are bytes, times seconds, units read or write units.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import accumulate
from typing import Any

from workbench import capacity
from workbench.capacity import Units
from workbench.design import AccessPattern
from workbench.entries import IndexSchema
from workbench.explain import Step
from workbench.reach import fetches as fetches_more
from workbench.schema import Index, Table

Page = tuple[tuple[int, ...], tuple[int, ...]]


@dataclass
class Metered:
    """One request as it went: units by table and index, what came back, how long it took, and the error code if any.

    `steps` say how the units came about; `capacity.explain` shows them. `replies` are the ConsumedCapacity of the
    engine's answers, by table; `indexes`, `projected`, `base_sizes` and `pages_as_cut` are what it takes to check them.
    """

    pages: int = 0
    scanned: int = 0
    returned: list[dict[str, Any]] = field(default_factory=list)
    count: int = 0
    reads: dict[str, Units] = field(default_factory=dict)
    writes: dict[str, Units] = field(default_factory=dict)
    replies: list[tuple[str, Mapping[str, Any]]] = field(default_factory=list, repr=False)
    indexes: Mapping[str, Sequence[IndexSchema]] = field(default_factory=dict, repr=False)
    projected: bool = False
    base_sizes: list[tuple[int, ...]] = field(default_factory=list, repr=False)
    seconds: float = 0.0
    repeats: int = 0  # of requests whose answer was lost
    error: str = ""
    message: str = ""
    refusal: dict[str, Any] = field(default_factory=dict, repr=False)
    steps: list[Step] = field(default_factory=list, repr=False)
    pages_as_cut: list[Step] = field(default_factory=list, repr=False)

    def charge(self, table: str, steps: Sequence[Step]) -> None:
        """Add the units of some steps, all reads or all writes, to the units of a table."""
        tables = self.reads if steps[0].is_read else self.writes
        tables[table] = tables.get(table, Units()) + capacity.units_of(steps)
        self.steps += (replace(step, table=table) for step in steps)

    def forget_units(self) -> None:
        """Drop the units of a write that was repeated: what it met may be what its first try left."""
        for part in (self.reads, self.writes, self.steps, self.replies):
            part.clear()

    @property
    def engine_units(self) -> float | None:
        """All units that the engine reported; None if it reported none."""
        return sum(part["CapacityUnits"] for _, part in self.replies) if self.replies else None


def index_schema(table: Table, index: Index) -> IndexSchema:
    """What capacity needs to know of an index."""
    return IndexSchema(index.name, index.kind, index.key_attributes, table.key_attributes, index.projection)


@dataclass
class Reading:
    """The pages of one Query or Scan: of each, the bytes of what it evaluated, and of the whole items behind it.

    Engines cut the pages of 1 MB elsewhere than the service, which ends a page with the item that crosses it. What was
    read is charged in the service's pages.
    """

    pattern: AccessPattern
    index: IndexSchema | None
    pages: list[Page] = field(default_factory=list)

    @property
    def is_partial(self) -> bool:
        """Whether it reads an index that does not have all attributes."""
        return self.index is not None and self.index.attributes is not None

    @property
    def fetches(self) -> bool:
        """Whether a local index gets attributes from its table."""
        return bool(self.index and self.index.kind == "lsi" and fetches_more(self.pattern, self.index.attributes))

    def as_the_service_cuts(self) -> list[Page]:
        """The same items in the service's pages; a page that is full is followed by another, be it empty."""
        sizes = [size for page, _ in self.pages for size in page]
        whole = tuple(size for _, page in self.pages for size in page)
        fetched = whole if self.fetches else ()
        cut = [tuple(page) for page in capacity.pages(sizes, limit=self.pattern.limit, fetched=fetched)]
        starts = [0, *accumulate(map(len, cut))]
        found = [(page, whole[start : start + len(page)]) for page, start in zip(cut, starts, strict=False)]
        return found + [((), ())] * (not self.pages[-1][0])

    def steps(self, pages: Iterable[Page]) -> list[Step]:
        """The steps of some pages."""
        return [
            step
            for sizes, whole in pages
            for step in capacity.query_steps(
                sizes, self.index, consistent=self.pattern.consistent, fetched=whole if self.fetches else ()
            )
        ]
