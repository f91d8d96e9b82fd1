"""Findings: what a review says about a design, with the evidence, and which of it is accepted.

A finding has a stable code, a severity (error, warning, note), the part of the design that it is about, a message that
holds the numbers, the same numbers as evidence for programs, and a fix. A finding that is meant to be is accepted in
the design file, with a reason, on the part that it is about or on one around it; or it stands in a baseline, so that a
check fails only on what is new.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from html import escape
from typing import TYPE_CHECKING, Any, Literal, overload

from workbench.results import SHOWN_ROWS, Result, cut, fitting, heading, html_notes, number, one_line

if TYPE_CHECKING:
    import pandas as pd

Severity = Literal["error", "warning", "note"]
SEVERITIES: tuple[Severity, ...] = ("error", "warning", "note")
Place = tuple[Any, ...]
_PARTS = {
    "tables": "table",
    "fields": "field",
    "rows": "rows",
    "entities": "entity",
    "access_patterns": "access pattern",
    "roles": "role",
}


@dataclass(frozen=True)
class Finding:
    """One thing to look at. `evidence` holds the numbers, units in their names; `place` is its path in the design."""

    code: str
    severity: Severity
    where: str
    message: str
    evidence: Mapping[str, Any]
    fix: str
    place: Place = field(default=(), repr=False)
    line: int = field(default=0, repr=False)

    def __str__(self) -> str:
        return f"{self.code} {self.severity}: {self.where}: {self.message}"

    def _repr_html_(self) -> str:
        return fitting(lambda rows: findings_html([self]))

    @property
    def key(self) -> tuple[str, str]:
        """What stays the same while numbers move: code and place."""
        return self.code, self.where

    def to_dict(self) -> dict[str, Any]:
        """It as plain data, for JSON."""
        names = ("code", "severity", "where", "message", "evidence", "fix")
        return {name: plain(getattr(self, name)) for name in names}


def plain(value: Any) -> Any:
    """A value as JSON holds it; numbers from numpy become Python's."""
    if isinstance(value, Mapping):
        return {str(name): plain(inner) for name, inner in value.items()}
    if isinstance(value, list | tuple):
        return [plain(inner) for inner in value]
    if isinstance(value, str | bool | int) or value is None:
        return value
    found = float(value)
    return int(found) if found.is_integer() else float(f"{found:.4g}")


def where(place: Place) -> str:
    """The part of a design in words.

    >>> where(("tables", "Orders", "gsi", "byStatus")), where(("access_patterns", "list-orders", "filter")), where(())
    ('index byStatus of table Orders', 'access pattern list-orders', 'design')
    """
    if len(place) >= 4 and place[0] == "tables" and place[2] in ("gsi", "lsi"):
        return f"index {place[3]} of table {place[1]}"
    return f"{_PARTS.get(place[0], place[0])} {place[1]}" if len(place) > 1 else "design"


@dataclass(frozen=True, repr=False)
class Review(Result, Sequence[Finding]):
    """The findings of a design, worst first; a sequence of them.

    `accepted` are those that the design accepts, each with its reason; `notes` say what could not be judged and why.
    """

    name: str
    findings: tuple[Finding, ...]
    accepted: tuple[tuple[Finding, str], ...] = ()
    notes: tuple[str, ...] = ()
    path: str = ""

    @overload
    def __getitem__(self, place: int) -> Finding: ...
    @overload
    def __getitem__(self, place: slice) -> tuple[Finding, ...]: ...
    def __getitem__(self, place: int | slice) -> Finding | tuple[Finding, ...]:
        return self.findings[place]

    def __len__(self) -> int:
        return len(self.findings)

    def __iter__(self) -> Iterator[Finding]:
        return iter(self.findings)

    def at_least(self, severity: str) -> tuple[Finding, ...]:
        """The findings of a severity and above; ValueError for a word that is none."""
        if severity not in SEVERITIES:
            raise ValueError(f"{severity!r} is no severity: {', '.join(SEVERITIES)}")
        return tuple(f for f in self.findings if SEVERITIES.index(f.severity) <= SEVERITIES.index(severity))

    def without(self, known: Iterable[Mapping[str, Any]]) -> "Review":
        """What is not in a baseline: findings by code and place, as many of each as it lists, and none more severe."""
        left: dict[tuple[str, str], list[int]] = {}
        for one in known:
            severity = one.get("severity", "error")  # of a file that does not say, everything is known
            left.setdefault((one["code"], one["where"]), []).append(SEVERITIES.index(severity))
        new = []
        for found in self.findings:
            allowed = [rank for rank in left.get(found.key, ()) if rank <= SEVERITIES.index(found.severity)]
            if allowed:
                left[found.key].remove(max(allowed))
            else:
                new.append(found)
        return replace(self, findings=tuple(new))

    def beside(self, other: "Review") -> "Review":
        """This review and another as one, worst first: a design's and that of the files written for it."""
        findings = ordered([*self.findings, *other.findings])
        accepted, notes = (*self.accepted, *other.accepted), (*self.notes, *other.notes)
        return replace(self, findings=findings, accepted=accepted, notes=notes)

    def summary_line(self) -> str:
        count = Counter(found.severity for found in self.findings)
        counts = [f"{count[s]} {s}{'s' * (count[s] != 1)}" for s in SEVERITIES if count[s]]
        accepted = f", {len(self.accepted)} accepted" if self.accepted else ""
        return f"{self.name}: {', '.join(counts) or 'no findings'}{accepted}"

    def to_frame(self) -> "pd.DataFrame":
        """A line per finding, accepted ones last with their reason."""
        import pandas as pd

        lines = [(found, "") for found in self.findings] + list(self.accepted)
        rows = [{**found.to_dict(), "evidence": dict(found.evidence), "accepted": why} for found, why in lines]
        columns = ["code", "severity", "where", "message", "evidence", "fix", "accepted"]
        return pd.DataFrame(rows, columns=columns)

    def _repr_html_(self) -> str:
        return fitting(lambda rows: review_html(self, rows))


_CELL = "text-align:left;vertical-align:top;padding:4px 10px"
_TABLE = (
    "border-collapse:collapse;color:var(--jp-ui-font-color1,inherit);background:var(--jp-layout-color1,transparent)"
)
_MARKS = {"error": "✖", "warning": "▲", "note": "●"}


def review_html(review: Review, rows: int = SHOWN_ROWS[0]) -> str:
    """A table of findings for a notebook, the worst first: what and where, the evidence folded, the fix; escaped."""
    left = len(review.findings) - rows
    more = f"<div>{left:,} more</div>" if left > 0 else ""
    accepted = html_notes(
        [f"{found.code} {found.where}: {found.message} ({why})" for found, why in review.accepted],
        rows,
        f"{len(review.accepted)} accepted, with their reasons",
    )
    body = f"<b>{escape(one_line(review.summary_line()))}</b>{findings_html(review.findings[:rows])}{more}"
    return f"<div>{body}{accepted}{html_notes(review.notes, rows)}</div>"


def findings_html(found: Sequence[Finding]) -> str:
    """The table of these findings."""
    head = "".join(f"<th style='{_CELL}'>{name}</th>" for name in ("severity", "where", "finding", "what to do"))
    body = "".join(map(_row, found))
    return f"<table style='{_TABLE}'><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>" if body else ""


def _row(found: Finding) -> str:
    items = "".join(
        f"<li>{escape(heading(k))}: {escape(cut(shown(value)))}</li>" for k, value in found.evidence.items()
    )
    evidence = f"<details><summary>evidence</summary><ul style='margin:0'>{items}</ul></details>" if items else ""
    severity = f"{_MARKS[found.severity]} {escape(found.severity)}"
    mark = f"<b style='white-space:nowrap'>{severity}</b><br><code>{escape(found.code)}</code>"
    cells = (mark, escape(found.where), escape(found.message) + evidence, escape(found.fix))
    return "<tr>" + "".join(f"<td style='{_CELL}'>{cell}</td>" for cell in cells) + "</tr>"


def shown(value: Any) -> str:
    """A piece of evidence as people read it.

    >>> shown(1234.5), shown(["a", "b"]), shown(0.25)
    ('1,234.5', 'a, b', '0.25')
    """
    return ", ".join(map(shown, value)) if isinstance(value, list | tuple) else number(value)


def ordered(found: Iterable[Finding]) -> tuple[Finding, ...]:
    """Worst first, then by code, then as the rules gave them."""
    return tuple(sorted(found, key=lambda one: (SEVERITIES.index(one.severity), one.code)))
