"""Comparison: designs side by side, access pattern by access pattern, under one seed and clock.

Simple tables or a single one, an index projected whole or keys only, ten shards or a hundred: prose has an opinion,
the numbers differ by pattern. Access patterns are matched by their names. For each there are requests, units, cost, and
with an engine latency; for each design what it stores and costs, its hottest key, the highest rate that its keys
sustain, and what the review finds. What only some designs have is shown, and left out of what is added up to compare.
A page that takes two requests in one design and one in another is compared as a whole: see `pages`.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from math import inf, isnan, nan
from pathlib import Path
from typing import TYPE_CHECKING, Any

from workbench.costs import Cost, estimate_cost, stored_bytes
from workbench.defaults import DEFAULT_NOW, DEFAULT_SEED
from workbench.design import AccessPattern, Design
from workbench.engine import Engine
from workbench.findings import SEVERITIES, Review
from workbench.items import Items, items_of
from workbench.keyreport import KeyReport, key_report
from workbench.limits import GB
from workbench.prices import Prices, load_prices
from workbench.requests import overrides
from workbench.results import Result, heading, html_notes, html_table, number, percent, usd
from workbench.reviews import review
from workbench.runs import Run, run_patterns
from workbench.spreads import rate_text

if TYPE_CHECKING:
    import pandas as pd

SAME = ("requests_per_call", "units_per_call", "units_per_s", "peak_units_per_s", "usd_per_month", "latency_ms_p50")


@dataclass(frozen=True)
class Side:
    """One design of a comparison, and all that is known of it."""

    label: str
    items: Items = field(repr=False)
    cost: Cost = field(repr=False)
    keys: KeyReport = field(repr=False)
    findings: Review = field(repr=False)
    run: Run | None = field(default=None, repr=False)
    pages: Mapping[str, Sequence[str]] = field(default_factory=dict, repr=False)

    @property
    def design(self) -> Design:
        """The design itself."""
        return self.items.design

    @cached_property
    def lines(self) -> dict[str, dict[str, Any]]:
        """For each access pattern, or page of several, its numbers; NaN where nothing can be said."""
        page_of = {part: page for page, parts in self.pages.items() for part in parts}
        grouped: dict[str, list[dict[str, Any]]] = {}
        for name, line in self._patterns().items():
            grouped.setdefault(page_of.get(name, name), []).append(line)
        return {name: _together(parts) for name, parts in grouped.items()}

    def _patterns(self) -> dict[str, dict[str, Any]]:
        costs = {row["pattern"]: row for row in self.cost.patterns.to_dict("records")}
        latency = {} if self.run is None else {r["pattern"]: r["latency_ms_p50"] for r in _records(self.run.summary)}
        return {
            line.pattern.name: {
                "operation": line.pattern.operation,
                "rate_per_s": nan if line.pattern.rate is None else line.pattern.rate,
                "requests_per_call": nan if line.note else _requests(self.items, line.pattern),
                "units_per_call": line.total.mean,
                "units_per_s": line.per_second(line.total.mean),
                "peak_units_per_s": line.per_second(line.total.mean, "peak"),
                "usd_per_month": costs[line.pattern.name]["usd_per_month"],
                "latency_ms_p50": latency.get(line.pattern.name, nan),
                "note": costs[line.pattern.name]["note"],
            }
            for line in self.cost.expected.lines
        }

    @property
    def load_per_s(self) -> float:
        """Calls a second of all access patterns at their peak: the load that the whole design has to serve."""
        return sum(pattern.peak_rate or 0.0 for pattern in self.design.served_patterns())

    @cached_property
    def totals(self) -> dict[str, Any]:
        """What holds for the design as a whole; it serves as much of its load as its tightest table or index does."""
        worst = self.keys.worst
        hot, bound = worst.hottest, worst.verdict.bound
        counts = {s: sum(f.severity == s for f in self.findings) for s in SEVERITIES}
        tables = self.design.tables.values()
        return {
            "tables": len(self.design.tables),
            "indexes": sum(len(table.indexes) for table in tables),
            "items": len(self.items),
            "stored_gb": sum(sum(stored_bytes(self.items, table).values()) for table in tables) / GB,
            "usd_per_month": self.cost.usd,
            "tightest": worst.name,
            "hottest_key": hot.key if hot else "",
            "hottest_share": hot.share if hot else 0.0,
            "load_requests_per_s": self.load_per_s,
            "highest_requests_per_s": self.load_per_s * bound.multiple if bound else inf,
            "limited_by": str(bound or ""),
            **{f"{severity}s": counts[severity] for severity in SEVERITIES},
        }


def _together(parts: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """The numbers of a page: those of its requests added up, for each time that the page is opened."""
    if len(parts) == 1:
        return parts[0]
    rate = max(part["rate_per_s"] for part in parts)
    per_call = {
        name: sum(part[name] * (part["rate_per_s"] / rate if rate else 1.0) for part in parts)
        for name in ("requests_per_call", "units_per_call")
    }
    added = {name: sum(part[name] for part in parts) for name in ("units_per_s", "peak_units_per_s", "usd_per_month")}
    return {
        "operation": ", ".join(part["operation"] for part in parts),
        "rate_per_s": rate,
        **per_call,
        **added,
        "latency_ms_p50": nan,  # medians cannot be added
        "note": "; ".join(part["note"] for part in parts if part["note"]),
    }


def _requests(items: Items, pattern: AccessPattern) -> float:
    """How many requests one call sends: with `for_each` one for each value, with segments one for each."""
    if pattern.operation not in ("Query", "Scan"):
        return 1.0
    (name, *_) = [entity.name for entity in items.design.addressed(pattern)] or [""]
    each = len(overrides(items, pattern, items.entities[name])) if name else 1
    return float(each * pattern.segments)


def _records(frame: "pd.DataFrame") -> list[dict[str, Any]]:
    return [{str(name): value for name, value in row.items()} for row in frame.to_dict("records")]


@dataclass(frozen=True, repr=False)
class Comparison(Result):
    """Designs side by side; the first is the one that the others are compared with."""

    sides: tuple[Side, ...]

    @cached_property
    def names(self) -> tuple[str, ...]:
        """The access patterns of all designs, those of the first first."""
        return tuple(dict.fromkeys(name for side in self.sides for name in side.lines))

    @cached_property
    def common(self) -> tuple[str, ...]:
        """The access patterns that every design has and whose cost is known in each."""
        return tuple(name for name in self.names if not any(isnan(self._cost(side, name)) for side in self.sides))

    @property
    def only(self) -> dict[str, tuple[str, ...]]:
        """For each design the access patterns that not all of the others have."""
        return {
            side.label: tuple(n for n in side.lines if any(n not in other.lines for other in self.sides))
            for side in self.sides
        }

    def _cost(self, side: Side, name: str) -> float:
        return side.lines[name]["usd_per_month"] if name in side.lines else nan

    def common_usd(self, side: Side) -> float:
        """US dollars a month of the requests of the access patterns that all have."""
        return sum(self._cost(side, name) for name in self.common)

    @property
    def is_equal(self) -> bool:
        """Whether the designs agree in every number of every access pattern, and as a whole."""
        first = self.sides[0]
        return all(_alike(first.lines, s.lines) and _alike(first.totals, s.totals) for s in self.sides[1:])

    def summary_line(self) -> str:
        count = len(self.common)
        if not count:
            return f"no access pattern in common: {', '.join(side.label for side in self.sides)}"
        costs = [f"{side.label} {usd(self.common_usd(side))}" for side in self.sides]
        return f"the {count} access pattern{'s' * (count != 1)} that all have: {', '.join(costs)} a month"

    def to_frame(self) -> "pd.DataFrame":
        """A line per access pattern and design: requests, units, US dollars a month, latency; `note` says why not."""
        import pandas as pd

        missing = {**dict.fromkeys(SAME, nan), "operation": "", "note": "not in this design"}
        columns = ["pattern", "design", "operation", *SAME, "note"]
        return pd.DataFrame(
            [
                {"pattern": name, "design": side.label, **side.lines.get(name, missing)}
                for name in self.names
                for side in self.sides
            ],
            columns=columns,
        )

    @property
    def totals(self) -> "pd.DataFrame":
        """A line per design: tables, items, storage, cost, hottest key, highest sustainable rate, findings."""
        import pandas as pd

        common = [self.common_usd(side) for side in self.sides]
        frame = pd.DataFrame([{"design": side.label, **side.totals} for side in self.sides])
        frame.insert(6, "usd_per_month_of_common_patterns", common)
        return frame

    def shown(self) -> dict[str, list[Any]]:
        """What people see: a line per access pattern, for each number that differs a column per design; the totals."""
        wide: dict[str, list[Any]] = {"access pattern": list(self.names)}
        for title, key in _TITLES.items():
            cells = {s.label: [s.lines.get(name, {}).get(key, nan) for name in self.names] for s in self.sides}
            if any(not isnan(value) for values in cells.values() for value in values):
                wide |= {f"{title}, {label}": values for label, values in cells.items()}
        wide["note"] = [self._note(name) for name in self.names]
        return {heading: cells for heading, cells in wide.items() if any(cell != "" for cell in cells)}

    def _note(self, name: str) -> str:
        here = [side.label for side in self.sides if name in side.lines]
        if len(here) < len(self.sides):
            return f"only in {', '.join(here)}"
        stated = [number(side.lines[name]["rate_per_s"]) or "none" for side in self.sides]
        notes = dict.fromkeys(note for side in self.sides if (note := side.lines[name]["note"]))
        return "; ".join([*notes, *([f"rates differ: {', '.join(stated)} a second"] if len(set(stated)) > 1 else [])])

    def shown_totals(self) -> dict[str, list[Any]]:
        """The totals with a line per number and a column per design."""
        rows = self.totals.set_index("design").T
        cells = {s.label: [_total(str(name), rows.at[name, s.label]) for name in rows.index] for s in self.sides}
        return {"": [heading(name) for name in rows.index], **cells}

    def _html(self, rows: int) -> str:
        columns = {name: _with_cents(name, cells) for name, cells in self.shown().items() if name != "note"}
        patterns = html_table(columns, self.summary_line(), rows)
        remarks = [f"{name}: {note}" for name in self.names if (note := self._note(name))]
        equal = "<div>The designs agree in every number.</div>" if self.is_equal else ""
        totals = html_table(self.shown_totals(), "each design as a whole", rows)
        return patterns + equal + html_notes(remarks, rows) + totals + html_notes(self.notes(), rows)

    def notes(self) -> list[str]:
        """Why numbers may not be comparable: other popularities are not looked at, samples loaded into the engine."""
        runs = [f"{side.label}: {note}" for side in self.sides if side.run for note in side.run.notes]
        loads = [side.load_per_s for side in self.sides]
        stated = ", ".join(f"{side.label} {rate_text(load)}" for side, load in zip(self.sides, loads, strict=True))
        said = f"the loads differ ({stated} requests/s), and each highest rate is of its own load"
        return [
            *([said] if len(set(loads)) > 1 else []),
            *runs,
            *(f"{side.label}: {note}" for side in self.sides for note in side.findings.notes),
        ]


def _with_cents(name: str, cells: list[Any]) -> list[Any]:
    """A column of dollars with their cents; any other as it is."""
    return [cell if cell != cell else usd(cell)[1:] for cell in cells] if name.startswith("USD") else cells


def _total(name: str, value: Any) -> Any:
    """A total as people read it: dollars with their cents, shares in percent."""
    if value != value:
        return value
    return usd(value) if name.startswith("usd") else percent(value) if name.endswith("share") else value


_TITLES = {
    "requests": "requests_per_call",
    "units": "units_per_call",
    "USD/month": "usd_per_month",
    "ms": "latency_ms_p50",
}


def _alike(one: Any, other: Any) -> bool:
    """Equal, NaN being equal to itself."""
    if isinstance(one, Mapping) and isinstance(other, Mapping):
        return one.keys() == other.keys() and all(_alike(value, other[name]) for name, value in one.items())
    return one == other or (one != one and other != other)


def compare(
    *designs: "Design | Items",
    labels: Sequence[str] | None = None,
    pages: Mapping[str, Sequence[str]] | None = None,
    seed: int = DEFAULT_SEED,
    now: int = DEFAULT_NOW,
    prices: "str | Path | Mapping[str, Any] | Prices | None" = None,
    engine: Engine | None = None,
    calls: int = 20,
    progress: bool = False,
) -> Comparison:
    """Two designs or more under one seed and clock; with `engine`, each is loaded and run there for its latency.

    `labels` name them where their own names would not do. `pages` says which access patterns do one job together, as
    `{"account-page": ["account-profile", "account-orders"]}`: one line with the sum of their requests, units and cost,
    beside a design that has an access pattern of that name. ValueError for fewer than two designs, labels that are not
    as many and all different, and pages of access patterns that no design has, or that have two pages.
    """
    if len(designs) < 2:
        raise ValueError(f"compare takes two designs or more, not {len(designs)}")
    made = [items_of(d, seed, now) for d in designs]
    named = list(labels) if labels is not None else _labels([items.design.name for items in made])
    if len(named) != len(made) or len(set(named)) < len(named):
        raise ValueError(f"labels={named}: one for each of the {len(made)} designs, all different")
    listed, parts = load_prices(prices), _checked_pages(pages or {}, [items.design for items in made])
    return Comparison(
        tuple(
            Side(
                label, items, estimate_cost(items, listed), key_report(items), review(items),
                engine and run_patterns(items.design, engine, items, calls=calls, strict=False, progress=progress),
                parts,
            )
            for label, items in zip(named, made, strict=True)
        )
    )  # fmt: skip


def _checked_pages(pages: Mapping[str, Sequence[str]], designs: Sequence[Design]) -> dict[str, tuple[str, ...]]:
    """The access patterns of each page; ValueError for one that no design has, and for one of two pages."""
    known = list(dict.fromkeys(name for design in designs for name in design.access_patterns))
    page_of: dict[str, str] = {}
    for page, parts in pages.items():
        for name in [parts] if isinstance(parts, str) else parts:
            if name not in known:
                raise ValueError(f"page {page}: no design has an access pattern {name!r}; there are {', '.join(known)}")
            if page_of.setdefault(name, page) != page:
                raise ValueError(f"access pattern {name} is of two pages, {page_of[name]} and {page}: of one at most")
    return {page: tuple(name for name, of in page_of.items() if of == page) for page in pages}


def _labels(names: Sequence[str]) -> list[str]:
    """The names, numbered where they are the same."""
    return [
        name if names.count(name) == 1 else f"{name} ({names[: i + 1].count(name)})" for i, name in enumerate(names)
    ]
