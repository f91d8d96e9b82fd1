"""The brief: one page to hand to whoever, or whatever coding assistant, writes the application.

It holds what a design decides and code tends to lose: how keys are made, each access pattern as working code, and the
guardrails that follow from the design: which conditions must stay, why no Scan is to be added, which attribute expires.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from workbench import syntax
from workbench.design import AccessPattern, Design
from workbench.evidence import Evidence, Write
from workbench.finding_reports import cell
from workbench.findings import Review
from workbench.guards import compares, needs_item, needs_no_item
from workbench.items import design_of
from workbench.notation import PER
from workbench.results import SHOWN_BYTES, Result, article, number
from workbench.reviews import review
from workbench.schema import Table
from workbench.serving import unserved_reason
from workbench.snippets import Snippet, preamble, snippet

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True, repr=False)
class Brief(Result):
    """The page as Markdown, and the code of each served access pattern by name; `str()` is the page."""

    name: str
    markdown: str = field(repr=False)
    preamble: str = field(repr=False)
    snippets: dict[str, Snippet] = field(repr=False)

    def __str__(self) -> str:
        return self.markdown

    def _repr_markdown_(self) -> str:
        """The page; of a long one the beginning, up to a heading or a point of a list, and how to have all of it."""
        if len(self.markdown.encode()) < SHOWN_BYTES:
            return self.markdown
        first = self.markdown.encode()[: SHOWN_BYTES - 500].decode(errors="ignore")
        begun = first[: [found.start() for found in re.finditer(r"^(##|- )", first, re.MULTILINE)][-1]]
        return f"{begun}\n*This is the beginning of {len(self.markdown):,} characters: `print(brief)` shows all.*\n"

    def _repr_html_(self) -> None:  # type: ignore[override]
        return None  # notebooks show the Markdown

    def summary_line(self) -> str:
        return f"{self.name}: {len(self.snippets)} access patterns as code, {len(self.markdown.splitlines())} lines"

    @property
    def code(self) -> str:
        """All of the code as one module."""
        return "\n\n".join([self.preamble, *(one.code for one in self.snippets.values())])

    def to_frame(self) -> "pd.DataFrame":
        """A line per access pattern: its function, parameters and code."""
        import pandas as pd

        return pd.DataFrame(
            {"pattern": name, "function": one.function, "parameters": ", ".join(one.parameters), "code": one.code}
            for name, one in self.snippets.items()
        )


def brief(design: Design) -> Brief:
    """The page for whoever writes the application: tables, keys, each access pattern as boto3 code, guardrails.

    From the design alone: nothing is generated or run, and what no key serves is named with its reason.

    >>> from workbench.designfile import parse_design
    >>> tables, fields = "tables: {Carts: {partition_key: user_id}}", "fields: {user_id: {count: 100}}"
    >>> patterns = "access_patterns: {open: {operation: GetItem, rate: 5/s}}"
    >>> made = brief(parse_design(f"{{name: carts, {tables}, {fields}, entities: {{Cart: {{}}}}, {patterns}}}"))
    >>> str(made).splitlines()[0], list(made.snippets)
    ('# carts', ['open'])
    """
    design = design_of(design)
    snippets = {pattern.name: snippet(design, pattern) for pattern in design.served_patterns()}
    evidence = Evidence(design)
    parts = [
        f"# {cell(design.name)}\n" + (f"\n{cell(design.description)}\n" if design.description else ""),
        "## Tables\n\n" + "\n\n".join(_table(design, table) for table in design.tables.values()),
        "## Guardrails\n\n" + "\n".join(f"- {text}" for text in guardrails(evidence)),
        "## Access patterns\n\n"
        "Boto3, as it is to be written. Parameters are what keys and values are made of; numbers with a fraction are "
        f"Decimal.\n\n{_fenced(preamble(design))}\n\n" + "\n\n".join(map(_pattern, snippets.values())),
    ]
    if unserved := [pattern for pattern in design.access_patterns.values() if pattern.unserved is not None]:
        told = "\n".join(
            f"- **{cell(p.name)}**: {cell(unserved_reason(design, p))}. {cell(p.unserved)}." for p in unserved
        )
        parts.append(f"## Not served by any key\n\nDo not write these as a Scan.\n\n{told}")
    if risks := known_risks(review(evidence.items or design)):
        parts.append("## Known risks\n\n" + "\n".join(risks))
    return Brief(design.name, "\n\n".join(part.strip("\n") for part in parts) + "\n", preamble(design), snippets)


def _fenced(code: str) -> str:
    fence = "`" * max(3, 1 + max((len(run) for run in _ticks(code)), default=0))
    return f"{fence}python\n{code.rstrip()}\n{fence}"


def _ticks(text: str) -> Iterator[str]:
    return (run for run in "".join(c if c == "`" else " " for c in text).split())


def code(text: object) -> str:
    """Text as inline code, whatever backquotes it holds; on one line.

    >>> code("PK = :PK"), code("a`b")
    ('`PK = :PK`', '`` a`b ``')
    """
    line = " ".join(str(text).split())
    longest = max((len(run) for run in _ticks(line)), default=0)
    ticks = "`" * (longest + 1)
    return f"{ticks} {line} {ticks}" if longest else f"{ticks}{line}{ticks}"


def rate_words(rate: float) -> str:
    """A rate as people write it.

    >>> rate_words(20.0), rate_words(1 / 60), rate_words(500 / 86_400), rate_words(1_500)
    ('20/s', '1/min', '500/day', '1,500/s')
    """
    counts = {unit: round(rate * seconds, 3) for unit, seconds in PER.items()}
    large = [unit for unit, count in counts.items() if count >= 1] or ["day"]
    whole = [unit for unit in large if float(counts[unit]).is_integer()]
    unit = "s" if rate >= 1 else (whole or large)[0]
    return f"{number(counts[unit])}/{unit}"


# Tables


def _table(design: Design, table: Table) -> str:
    keys = [f"partition key {code(table.partition_key)}"]
    keys += [f"sort key {code(table.sort_key)}"] if table.sort_key else []
    keys += [f"TTL {code(table.ttl)}"] if table.ttl else []
    about = f" {cell(table.description)}" if table.description else ""
    lines = [f"**{cell(table.name)}**: {', '.join(keys)}.{about}"]
    for index in table.indexes.values():
        shown = ", ".join(map(code, index.key_attributes))
        projection = index.projection if isinstance(index.projection, str) else ", ".join(index.projection)
        kind = "global index" if index.kind == "gsi" else "local index"
        lines.append(f"- {kind} {code(index.name)}: {shown}; projects {code(projection)}")
    names = list(table.indexed_attributes)
    head = [f"| entity | {' | '.join(map(cell, names))} | other attributes |", "|" + "---|" * (len(names) + 2)]
    rows = [_entity(design, entity.name, names) for entity in design.entities_in(table.name)]
    return "\n".join(lines) + ("\n\n" + "\n".join(head + rows) if rows else "")


def _entity(design: Design, name: str, names: list[str]) -> str:
    domains = design.domains_of(name)
    keys = [_made(domains.get(attribute), attribute, domains) for attribute in names]
    others = ", ".join(code(other) for other in domains if other not in names)
    return f"| {cell(name)} | {' | '.join(keys)} | {others} |"


def _made(domain: Any, attribute: str, domains: Any) -> str:
    if domain is None:
        return "-" if domains else code(f"{{{attribute}}}")
    return code(domain.value if domain.value is not None else f"{{{attribute}}}").replace("|", "\\|")


def _pattern(one: Snippet) -> str:
    pattern = one.pattern
    rates = [rate_words(pattern.rate)] if pattern.rate else []
    rates += [f"{rate_words(pattern.peak)} at peak"] if pattern.peak else []
    about = f"{cell(pattern.description)}. " if pattern.description else ""
    load = f"{', '.join(rates)}." if rates else ""
    return f"### {cell(pattern.name)}\n\n{about}{load}\n\n{_fenced(one.code)}".replace("\n\n\n\n", "\n\n")


# Guardrails


def guardrails(evidence: Evidence) -> list[str]:
    """What must stay true of the code, in Markdown, as it follows from the design."""
    found = [
        *(_conditions(evidence)),
        *(_no_scan(evidence)),
        *(_expiry(evidence)),
        *(_derived_keys(evidence)),
        *(_tenants(evidence)),
    ]
    return [
        *found,
        "Keep `ReturnConsumedCapacity` in development and log it: a pattern that suddenly costs more has lost its key.",
        "No endpoint and no credentials in code: production takes both from its environment. No local endpoint, no "
        "`AWS_ENDPOINT_URL` in images or deployment files.",
    ]


def _conditions(evidence: Evidence) -> Iterator[str]:
    for write in evidence.writes:
        if write.part.condition and not write.pattern.expect.error:
            why = " and ".join(assured(evidence, write))
            yield f"{code(write.pattern.name)}: keep the condition {code(write.part.condition)}; it {why}."


_NO_ITEM = {  # what a condition that needs an item does where there is none, but for writes that would create one
    "ConditionCheck": "cancels the whole transaction where there is no",
    "Delete": "lets the caller know where there was no",
}


def assured(evidence: Evidence, write: Write) -> list[str]:
    """What a write's condition makes sure of, in words."""
    condition, name = evidence.node(write.pattern, write.part, "condition"), f" {write.entity.name}"
    found = []
    if needs_no_item(condition) and write.operation == "ConditionCheck":
        found.append(f"cancels the whole transaction if there is such an item of{name}")
    elif needs_no_item(condition):
        found.append(f"keeps a second{name} from overwriting the first")
    elif needs_item(condition):
        creates = f"keeps the write from creating {article(write.entity.name)} where there is none"
        found.append(_NO_ITEM[write.operation] + name if write.operation in _NO_ITEM else creates)
    if named := sorted(compares(condition)):
        step = "transaction" if write.operation == "ConditionCheck" else "step as the write"
        found.append(f"checks {' and '.join(named)} in the same {step}")
    return found or ["guards the write"]


def _no_scan(evidence: Evidence) -> Iterator[str]:
    for entity in evidence.design.entities.values():
        queries = [p for p in evidence.reads_of(entity.name) if p.operation == "Query"]
        if queries:
            keys = "; ".join(dict.fromkeys(f"{code(p.key_condition)}{_of_index(p)}" for p in queries))
            yield f"No Scan for {cell(entity.name)}: Query serves it by {keys}."
    for pattern in (p for p in evidence.served if p.operation == "Scan"):
        yield f"{code(pattern.name)} reads everything there is: do not call it in a request, and do not copy it."


def _of_index(pattern: AccessPattern) -> str:
    return f" of index {code(pattern.index)}" if pattern.index else ""


def _expiry(evidence: Evidence) -> Iterator[str]:
    for table in (t for t in evidence.design.tables.values() if t.ttl):
        name = syntax.written(str(table.ttl))
        yield (
            f"{code(table.ttl)} of {cell(table.name)} is TTL: a Number, epoch **seconds**, in every item that is to "
            f"expire, set by updates that may create one too. DynamoDB deletes within days, so reads keep "
            f"{code(f'{name} > :now')} and code compares it after a GetItem."
        )


def _derived_keys(evidence: Evidence) -> Iterator[str]:
    for entity in evidence.design.entities.values():
        table, domains = evidence.design.table_of(entity.name), evidence.design.domains_of(entity.name)
        for name in (n for n in table.indexed_attributes if n not in table.key_attributes):
            template = domains[name].template if name in domains else None
            held = [f for f in template.fields if f in (entity.attributes or {})] if template else []
            if template and held and name not in held:
                yield (
                    f"{code(name)} of {cell(entity.name)} is made of {' and '.join(map(code, held))}: an update of one "
                    f"sets {code(name)} too, as {code(template.text)}."
                )


def _tenants(evidence: Evidence) -> Iterator[str]:
    for name, role in evidence.design.roles.items():
        if role.tenant:
            yield f"For {cell(name)}, {code(role.tenant)} comes from the caller's identity, never from the request."


def known_risks(found: Review, least: str = "warning") -> list[str]:
    """The findings of a review from this severity on, as a Markdown list; notes are marked as such."""
    return [
        f"- **{one.code}**{' (note)' if one.severity == 'note' else ''} {cell(one.where)}: {cell(one.message)}. "
        f"To do: {cell(one.fix)}."
        for one in found.at_least(least)
    ]
