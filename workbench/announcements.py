"""What a run will consume on an engine that charges for it: said before the first table is created."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from workbench.capacity import Units, write_cost
from workbench.expected import expected_units
from workbench.items import Items
from workbench.metered import index_schema
from workbench.results import Result, number
from workbench.sampling import Plan
from workbench.tables import RunTables

if TYPE_CHECKING:
    import pandas as pd

BLOCK = 2_500
EXTRA = "The workbench looks at items before and after writes, which costs reads beyond these."


@dataclass(frozen=True, repr=False)
class Announcement(Result):
    """A line for loading each table and for each access pattern: how often, and the units of all its calls."""

    engine: str
    lines: tuple[dict[str, Any], ...]

    def units(self, kind: str) -> float:
        """All read or all write units."""
        return sum(line[f"{kind}_units"] for line in self.lines)

    def summary_line(self) -> str:
        tables = ", ".join(line["table"] for line in self.lines if line["table"])
        reads, writes = number(self.units("read")), number(self.units("write"))
        return f"on {self.engine} the tables {tables} are created, and deleted at the end: {reads} RU, {writes} WU"

    def to_frame(self) -> "pd.DataFrame":
        import pandas as pd

        return pd.DataFrame(list(self.lines), columns=["work", "table", "times", "read_units", "write_units"])


def announced(items: Items, plan: Plan, tables: RunTables) -> Announcement:
    """The units of loading what the plan loads, exactly, and of its calls, as they are expected."""
    loads = [_load(items, plan, tables, table) for table in items.design.tables]
    return Announcement(tables.engine.name, (*loads, *_calls(items, plan)))


def _load(items: Items, plan: Plan, tables: RunTables, table: str) -> dict[str, Any]:
    found = items.design.tables[table]
    schemas = [index_schema(found, index) for index in found.indexes.values()]
    units, count = Units(), 0
    for entity in items.in_table(table):
        places = plan.places[entity.name]
        count += len(places)
        for start in range(0, len(places), BLOCK):
            units = sum((write_cost(None, item, schemas) for item in entity.take(places[start : start + BLOCK])), units)
    return {"work": "load", "table": tables.name(table), "times": count, "read_units": 0.0, "write_units": units.total}


def _calls(items: Items, plan: Plan) -> Iterator[dict[str, Any]]:
    for line in expected_units(items).lines:
        calls = len(plan.calls.get(line.pattern.name, ()))
        if not calls:
            continue
        units = calls * (line.total.mean if line.total.mean == line.total.mean else 0.0)  # NaN: nothing can be said
        split = {f"{kind}_units": units if line.kind == kind else 0.0 for kind in ("read", "write")}
        yield {"work": line.pattern.name, "table": "", "times": calls, **split}
