"""The review: every rule is asked, what the design accepts is set aside, and what it accepts in vain is reported.

Findings first, then fixes: `review` judges a design from itself, and better with a run of it and a simulation.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from workbench.design import Design
from workbench.evidence import Evidence
from workbench.findings import Finding, Place, Review, ordered
from workbench.items import Items, design_of
from workbench.rules import RULES
from workbench.sources import read_sources

if TYPE_CHECKING:
    from workbench.runs import Run
    from workbench.summaries import Simulation

Accepted = tuple[Place, str]  # where an acceptance stands, and the code


def review(design: "Design | Items", run: "Run | None" = None, simulation: "Simulation | None" = None) -> Review:
    """What is to be changed in a design, worst first, with evidence and fixes; `run` and `simulation` add evidence.

    Of items, their design is reviewed with them, which saves making them again. ValueError if run or simulation are
    of another design.
    """
    items = design if isinstance(design, Items) else None
    design = design_of(design)
    others = {"run": run and run.design.name, "simulation": simulation and simulation.design}
    for what, name in others.items():
        if name not in (None, design.name):
            raise ValueError(f"the {what} is of {name}, not of {design.name}: give the {what} of this design")
    evidence = Evidence(design, items, run, simulation)
    asked = [code for code in sorted(RULES) if _can_judge(evidence, RULES[code].needs)]
    found = [one for code in asked for one in RULES[code].check(evidence)]
    return _judged(evidence, found, asked)


def _can_judge(evidence: Evidence, need: str) -> bool:
    """Whether a rule has what it needs; those of files and policies are asked elsewhere."""
    return need == "design" or (need in ("run", "simulation") and getattr(evidence, need) is not None)


def _judged(evidence: Evidence, found: Iterable[Finding], asked: Iterable[str]) -> Review:
    """The review of findings: accepted ones apart, and acceptances that no longer occur."""
    accepts = dict(acceptances(evidence.design))
    kept: list[Finding] = []
    accepted: list[tuple[Finding, str]] = []
    met: set[Accepted] = set()
    for one in found:
        if key := _accepting(accepts, one):
            met.add(key)
            accepted.append((one, accepts[key]))
        else:
            kept.append(one)
    evidence.in_vain = [
        (*key, reason) for key, reason in accepts.items() if key not in met and (key[1] in asked or key[1] not in RULES)
    ]
    kept += RULES["DW001"].check(evidence)
    return Review(evidence.design.name, ordered(kept), tuple(accepted), tuple(evidence.notes), evidence.design.path)


def acceptances(design: Design) -> Iterator[tuple[Accepted, str]]:
    """Every acceptance of a design: where it stands and the code, and the reason."""
    parts: list[tuple[Place, Any]] = [((), design)]
    for table in design.tables.values():
        own = ("tables", table.name)
        parts += [(own, table), *(((*own, index.kind, index.name), index) for index in table.indexes.values())]
    parts += [(("entities", entity.name), entity) for entity in design.entities.values()]
    parts += [(("access_patterns", pattern.name), pattern) for pattern in design.access_patterns.values()]
    return (((place, code), reason) for place, part in parts for code, reason in part.accept.items())


def _accepting(accepts: Mapping[Accepted, str], one: Finding) -> Accepted | None:
    """The nearest acceptance of a finding: on its own part, or on one around it."""
    keys = ((one.place[:length], one.code) for length in range(len(one.place), -1, -1))
    return next((key for key in keys if key in accepts), None)


_ACCEPTED = re.compile(r"workbench: accept (DW[0-9]{3})\b[ :]*(.*)")


def review_files(*paths: str | Path) -> Review:
    """What in code and configuration belongs to a developer's machine: local endpoints, dummy credentials.

    Folders are searched; tests and local set-ups are left out. A line, or the one above it, accepts a finding with
    `workbench: accept DW611 reason` in a comment. FileNotFoundError for a path that is not there.

    >>> from pathlib import Path
    >>> from tempfile import TemporaryDirectory
    >>> with TemporaryDirectory() as folder:
    ...     _ = Path(folder, "app.py").write_text('boto3.client("dynamodb", endpoint_url="http://localhost:8000")')
    ...     [(one.code, one.severity) for one in review_files(folder)]
    [('DW611', 'error')]
    """
    sources = read_sources(paths)
    texts = {source.name: source.text.splitlines() for source in sources}
    kept: list[Finding] = []
    accepted: list[tuple[Finding, str]] = []
    for one in (found for rule in RULES.values() if rule.needs == "files" for found in rule.check(sources)):
        lines = texts[one.place[1]][max(0, one.line - 2) : one.line]
        reasons = [found[2] for line in lines if (found := _ACCEPTED.search(line)) and found[1] == one.code]
        if reasons:
            accepted.append((one, reasons[-1]))
        else:
            kept.append(one)
    notes = (f"{len(sources):,} files looked at; tests and local set-ups are left out",)
    return Review(", ".join(map(str, paths)), ordered(kept), tuple(accepted), notes)


def located(review: Review, design: Design) -> Review:
    """The review with the line of each finding in the design file."""
    from workbench.documents import read_document

    if not design.to_yaml():
        return review
    document = read_document(design.to_yaml(), design.path)

    def at(one: Finding) -> Finding:
        return replace(one, line=document.problem(one.place, "").line)

    accepted = tuple((at(one), reason) for one, reason in review.accepted)
    return replace(review, findings=tuple(map(at, review.findings)), accepted=accepted)
