"""The access pattern table: five answers about a design in one report, for a review with people.

Which access patterns are there; which partition and sort key serves each; which operations a Query serves, which not,
and why; where a write needs a condition; where a partition may run hot and what costs. (AWS: bp-general-nosql-design,
bp-modeling-nosql.)
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from html import escape
from math import nan
from typing import TYPE_CHECKING

from workbench.briefs import assured, known_risks, rate_words
from workbench.design import AccessPattern, Design, key_template
from workbench.domains import Domain, value_domain
from workbench.evidence import Evidence, Write
from workbench.finding_reports import cell
from workbench.findings import Finding, Review, review_html
from workbench.items import Items, design_of
from workbench.reach import query_condition
from workbench.results import Result, fitting, html_table, number
from workbench.reviews import review
from workbench.schema import Table
from workbench.serving import unserved_reason

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True)
class PatternLine:
    """One access pattern: its keys, what serves it or why nothing does, its conditions, its load, its findings."""

    pattern: AccessPattern
    entities: tuple[str, ...]
    table: str
    partition_key: str
    sort_key: str
    served_by: str  # "" if no key serves it
    why: str
    conditions: tuple[str, ...]
    units_per_call: float
    units_per_s: float
    peak_units_per_s: float
    findings: tuple[str, ...]

    @property
    def unit(self) -> str:
        """RU or WU."""
        return "RU" if self.pattern.is_read else "WU"


@dataclass(frozen=True, repr=False)
class PatternTable(Result):
    """The five answers: a line per access pattern, and the review of the design."""

    name: str
    lines: tuple[PatternLine, ...]
    review: Review = field(repr=False)

    def summary_line(self) -> str:
        unserved = sum(not line.served_by for line in self.lines)
        served = f"{len(self.lines) - unserved} of {len(self.lines)} access patterns served by a key"
        return f"{self.name}: {served}; {self.review.summary_line().partition(': ')[2]}"

    def to_frame(self) -> "pd.DataFrame":
        """A line per access pattern."""
        import pandas as pd

        return pd.DataFrame(
            {
                "pattern": line.pattern.name,
                "operation": line.pattern.operation,
                "entity": ", ".join(line.entities),
                "table": line.table,
                "index": line.pattern.index or "",
                "partition_key": line.partition_key,
                "sort_key": line.sort_key,
                "served_by": line.served_by,
                "why": line.why,
                "conditions": "; ".join(line.conditions),
                "rate_per_s": line.pattern.rate,
                "peak_per_s": line.pattern.peak_rate,
                "units_per_call": line.units_per_call,
                "units_per_s": line.units_per_s,
                "peak_units_per_s": line.peak_units_per_s,
                "findings": ", ".join(line.findings),
            }
            for line in self.lines
        )

    def sections(self) -> "Iterator[tuple[str, list[dict[str, str]]]]":
        """The five answers, each a heading and rows of text by column."""
        yield "1. Access patterns", [_asked(line) for line in self.lines]
        yield "2. Keys", [_keyed(line) for line in self.lines]
        yield (
            "3. What Query serves",
            [_served(line) for line in self.lines if line.pattern.is_read or not line.served_by],
        )
        yield "4. Conditional writes", [row for line in self.lines for row in _guarded(line)]
        yield "5. Hot partitions and cost", [_loaded(line) for line in self.lines if line.served_by]

    def to_markdown(self) -> str:
        """The report as Markdown."""
        parts = [f"# Access patterns of {cell(self.name)}"]
        for heading, rows in self.sections():
            parts += [f"## {heading}", _markdown(rows) if rows else "None."]
        parts.append("\n".join(known_risks(self.review, "note")) or "Nothing was found.")
        return "\n\n".join(parts) + "\n"

    def to_html(self) -> str:
        """The report as HTML, without fixed colours, everything escaped; at most 50 KB, `to_markdown()` has all."""
        return fitting(self._html)

    def _html(self, rows: int) -> str:
        import pandas as pd

        parts = [html_table(pd.DataFrame(lines), heading, rows) for heading, lines in self.sections() if lines]
        title = f"<h3>Access patterns of {escape(self.name)}</h3>"
        return "".join([title, *parts, review_html(self.review, rows)])

    def _repr_html_(self) -> str:
        return self.to_html()


def _asked(line: PatternLine) -> dict[str, str]:
    pattern = line.pattern
    rate = rate_words(pattern.rate) if pattern.rate else ""
    peak = rate_words(pattern.peak) if pattern.peak else ""
    who = "user" if pattern.user_facing else "job"
    what = {"asks for": pattern.description or ", ".join(line.entities), "operation": pattern.operation}
    return {"access pattern": pattern.name, **what, "rate": rate, "peak": peak, "for": who}


def _keyed(line: PatternLine) -> dict[str, str]:
    where = f"{line.pattern.index} of {line.table}" if line.pattern.index else line.table
    return {"access pattern": line.pattern.name, "table": where, "PK": line.partition_key, "SK": line.sort_key}


def _served(line: PatternLine) -> dict[str, str]:
    return {"access pattern": line.pattern.name, "served by": line.served_by or "no key", "why": line.why}


def _guarded(line: PatternLine) -> list[dict[str, str]]:
    return [{"access pattern": line.pattern.name, "condition": text} for text in line.conditions]


def _loaded(line: PatternLine) -> dict[str, str]:
    numbers = (line.units_per_call, line.units_per_s, line.peak_units_per_s)
    shown = [f"{number(value)} {line.unit}" if value == value else "" for value in numbers]
    columns = dict(zip(("a call", "a second", "at peak"), shown, strict=True))
    return {"access pattern": line.pattern.name, **columns, "findings": ", ".join(line.findings)}


def _markdown(rows: Sequence[dict[str, str]]) -> str:
    head = [f"| {' | '.join(rows[0])} |", "|" + "---|" * len(rows[0])]
    return "\n".join([*head, *(f"| {' | '.join(map(cell, row.values()))} |" for row in rows)])


# Making it


def access_pattern_table(design: "Design | Items") -> PatternTable:
    """The access patterns, their keys, what Query serves and why not, needed conditions, hot partitions and cost.

    Units are those of a call, of a second, and of a second at the peak; rates are requests a second. A design's items
    are generated with the default seed; if they cannot be, units are missing and a note of the review says why.
    """
    items = design if isinstance(design, Items) else None
    evidence = Evidence(design_of(design), items)
    found = review(evidence.items or evidence.design)
    lines = [_line(evidence, pattern, found) for pattern in evidence.design.access_patterns.values()]
    return PatternTable(evidence.design.name, tuple(lines), found)


def _line(evidence: Evidence, pattern: AccessPattern, found: Review) -> PatternLine:
    design = evidence.design
    every = [*found.findings, *(one for one, _ in found.accepted)]
    mine = [one for one in every if one.place[:2] == ("access_patterns", pattern.name)]
    partition, sort = _keys(evidence, pattern)
    served, why = _serving(evidence, pattern)
    units = evidence.mean_units(pattern) if served and evidence.items is not None else nan
    return PatternLine(
        pattern,
        tuple(entity.name for entity in design.addressed(pattern)),
        design.table_for(pattern).name,
        partition,
        sort,
        served,
        why,
        tuple(_conditions(evidence, pattern, mine)),
        units,
        units * pattern.rate if pattern.rate else nan,
        units * pattern.peak_rate if pattern.peak_rate else nan,
        tuple(dict.fromkeys(one.code for one in [*mine, *_of_its_table(evidence, pattern, found)])),
    )


def _of_its_table(evidence: Evidence, pattern: AccessPattern, found: Review) -> list[Finding]:
    """The findings about keys and indexes that name the pattern as the one who asks most."""
    return [one for one in found.findings if one.evidence.get("pattern") == pattern.name]


def _keys(evidence: Evidence, pattern: AccessPattern) -> tuple[str, str]:
    """The partition and sort key that a pattern names, as templates; of a transaction, each member's."""
    design = evidence.design
    if pattern.operation == "Scan":
        return "every key", ""
    if pattern.operation == "Query" and pattern.unserved is None:
        return _query_keys(design, pattern)
    pairs = [_item_keys(design, entity.name) for entity in design.addressed(pattern)]
    partition, sort = (" / ".join(dict.fromkeys(filter(None, part))) for part in zip(*pairs, strict=True))
    return partition, sort


def _item_keys(design: Design, entity: str) -> tuple[str, str]:
    table: Table = design.table_of(entity)
    domains = design.domains_of(entity)
    texts = [_written(domains.get(name), name) for name in table.key_attributes]
    return texts[0], texts[1] if len(texts) > 1 else ""


def _written(domain: Domain | None, name: str) -> str:
    """How a key attribute is made: `PK = PROJECT#{project_id}`."""
    if domain is not None and domain.value is not None:
        return f"{name} = {domain.value}"
    template = key_template(domain, name) if domain is not None else None
    return f"{name} = {template.text if template else f'{{{name}}}'}"


def _query_keys(design: Design, pattern: AccessPattern) -> tuple[str, str]:
    condition = query_condition(design, pattern)
    partition = [f"{name} = {_value(design, pattern, name, value)}" for name, value in condition.partition]
    sort = []
    for term in condition.sort:
        values = [_value(design, pattern, term.attribute, value) for value in term.values]
        between = f"{term.attribute} BETWEEN {' AND '.join(values)}"
        shown = {"BETWEEN": between, "begins_with": f"begins_with({term.attribute}, {values[0]})"}
        sort.append(shown.get(term.operator, f"{term.attribute} {term.operator} {values[0]}"))
    return " and ".join(partition), " and ".join(sort)


def _value(design: Design, pattern: AccessPattern, attribute: str, name: str) -> str:
    if name in pattern.values:
        stated = value_domain(pattern.values[name])
        return str(stated.value) if stated.value is not None else f":{name}"
    domains = design.domains_of(design.addressed(pattern)[0].name)
    return _written(domains.get(name), name).partition(" = ")[2] if name in domains else f":{name}"


def _serving(evidence: Evidence, pattern: AccessPattern) -> tuple[str, str]:
    """What serves a pattern, and why; what does not, and why not."""
    if pattern.unserved is not None:
        return "", unserved_reason(evidence.design, pattern)
    if pattern.operation == "Query":
        where = f"Query of index {pattern.index}" if pattern.index else "Query"
        waste = f", then throws away what is not {pattern.filter}" if pattern.filter else ""
        return where, f"one item collection, {_range(evidence.design, pattern)}{waste}"
    if pattern.operation == "Scan":
        return "Scan", "no key: it reads and pays for everything, whatever its filter"
    return pattern.operation, "the whole primary key is known"


def _range(design: Design, pattern: AccessPattern) -> str:
    condition = query_condition(design, pattern)
    return "narrowed by the sort key" if condition.sort else "all of it"


def _conditions(evidence: Evidence, pattern: AccessPattern, found: Sequence[Finding]) -> Iterator[str]:
    """The conditions that the writes of a pattern have or need, in words."""
    for write in evidence.writes_by(pattern):
        if write.part.condition:
            yield f"{_of(write)}{write.part.condition}: {' and '.join(assured(evidence, write))}"
    for one in found:
        if one.code in ("DW310", "DW311", "DW312", "DW417"):
            yield f"missing: {one.message}. {one.fix}"


def _of(write: Write) -> str:
    return f"{write.entity.name}: " if write.pattern.actions else ""
