"""What the gate found, for build servers and people: JSON, JUnit XML, and one page of HTML.

`results.json` holds everything that was recorded and is written after each case. JUnit XML is what build servers show
(https://github.com/testmoapp/junitxml describes it): a suite for each notebook, a test for each case. The page needs no
network and runs no script: verdict, what moved, why a case failed, and the trend of the numbers over the last runs.
"""

import json
import re
from collections.abc import Iterable, Mapping
from html import escape
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING, Any
from xml.etree import ElementTree

from workbench.baselines import shown, tolerance_of
from workbench.defaults import DEFAULT_NOW
from workbench.folders import write_whole
from workbench.trends import Trend, add_to_history, numbers

if TYPE_CHECKING:
    from workbench.gate_results import Outcome, Regression

RESULTS, JUNIT, PAGE, HISTORY = "results.json", "junit.xml", "report.html", "history.jsonl"
TRENDS = 8  # pictures of a case
_NO_XML = re.compile(r"[^\t\n\r\x20-\uD7FF\uE000-\uFFFD\U00010000-\U0010FFFF]")


def write_reports(result: "Regression", folder: Path, reports: bool = True) -> None:
    """Write `results.json`, and with `reports` the page, JUnit XML, and this run into the history."""
    write_results(result, folder)
    if not reports:
        return
    cases = {str(outcome.case): outcome.metrics for outcome in result.outcomes if outcome.metrics}
    history = add_to_history(folder / HISTORY, result.about["at"], cases)
    write_whole(folder / JUNIT, to_junit(result))
    write_whole(folder / PAGE, to_html(result, history))


# JSON -----------------------------------------------------------------------------------------------------------------


def write_results(result: "Regression", folder: Path) -> None:
    """Write `results.json`."""
    folder.mkdir(parents=True, exist_ok=True)
    write_whole(folder / RESULTS, to_json(result))


def to_json(result: "Regression") -> str:
    """Everything that is known, as JSON."""
    data = {
        "summary": result.summary_line(),
        "holds": result.holds,
        "about": dict(result.about),
        "strays": list(result.strays),
        "cases": [_case_data(outcome) for outcome in result.outcomes],
    }
    return json.dumps(data, indent=1, ensure_ascii=False) + "\n"


def _case_data(outcome: "Outcome") -> dict[str, Any]:
    data: dict[str, Any] = {
        "notebook": outcome.case.suite,
        "case": outcome.case.name,
        "status": outcome.status,
        "seconds": round(outcome.seconds, 2),
        "given": dict(outcome.case.parameters),
        "parameters": dict(outcome.parameters),
        "seed": outcome.parameters.get("seed"),
        "clock": clock(outcome),
    }
    if outcome.metrics:
        data |= {"results": dict(outcome.results), "metrics": outcome.metrics}
    if outcome.error:
        data |= {"error": outcome.error, "cell": outcome.cell}
    if outcome.output:
        data["executed"] = str(outcome.output)
    return data | {"changes": [_change_data(change) for change in outcome.changes]}


def _change_data(change: Any) -> dict[str, Any]:
    names = ("metric", "kind", "baseline", "value")
    return {name: getattr(change, name) for name in names} | {"allowed": str(change.tolerance)}


def clock(outcome: "Outcome") -> int:
    """The time at which the items of a case were made, in epoch seconds: its parameter `now`, or the usual one."""
    stated = outcome.parameters.get("now")
    return stated if isinstance(stated, int) else DEFAULT_NOW


def read_results(folder: Path) -> dict[tuple[str, str], dict[str, Any]]:
    """The cases in a folder's `results.json` by notebook and case; none if there is no such file that can be read."""
    try:
        found = json.loads((folder / RESULTS).read_text(encoding="utf-8"))["cases"]
        return {(case["notebook"], case["case"]): case for case in found}
    except (OSError, ValueError, KeyError, TypeError):
        return {}


# JUnit ----------------------------------------------------------------------------------------------------------------


def to_junit(result: "Regression") -> str:
    """JUnit XML: a suite for each notebook with a test for each case, and one for baselines that belong to none."""
    root = ElementTree.Element("testsuites", name="workbench regress", time=f"{result.about['seconds']:.2f}")
    for name in dict.fromkeys(outcome.case.suite for outcome in result.outcomes):
        _junit_suite(root, name, [outcome for outcome in result.outcomes if outcome.case.suite == name], result)
    if result.strays:
        suite = ElementTree.SubElement(root, "testsuite", name="baselines", tests="1", failures="1", errors="0")
        case = ElementTree.SubElement(suite, "testcase", classname="baselines", name="no strays")
        ElementTree.SubElement(case, "failure", message="stray baselines").text = _xml("\n".join(result.strays))
    ElementTree.indent(root)
    return '<?xml version="1.0" encoding="UTF-8"?>\n' + ElementTree.tostring(root, encoding="unicode") + "\n"


def _junit_suite(root: Any, name: str, outcomes: "list[Outcome]", result: "Regression") -> None:
    suite = ElementTree.SubElement(root, "testsuite", name=_xml(name), timestamp=result.about["at"].removesuffix("Z"))
    kinds = [_junit_case(suite, outcome) for outcome in outcomes]
    counts = {"tests": len(kinds), **{f"{kind}s": kinds.count(kind) for kind in ("failure", "error")}}
    for attribute, number in {**counts, "skipped": kinds.count("skipped")}.items():
        suite.set(attribute, str(number))
    suite.set("time", f"{sum(outcome.seconds for outcome in outcomes):.2f}")


def _junit_case(suite: Any, outcome: "Outcome") -> str:
    """Add a case to its suite; says how it counts: failure (something moved), error (it did not run to its end), ..."""
    attributes = {"classname": outcome.case.suite, "name": outcome.case.name, "time": f"{outcome.seconds:.2f}"}
    case = ElementTree.SubElement(suite, "testcase", {name: _xml(text) for name, text in attributes.items()})
    properties = ElementTree.SubElement(case, "properties")
    for name, value in {**outcome.parameters, "clock": clock(outcome)}.items():
        ElementTree.SubElement(properties, "property", name=_xml(name), value=_xml(str(value)))
    if outcome.holds:
        return ""
    kind = "error" if outcome.error else "failure" if outcome.metrics else "skipped"
    found = ElementTree.SubElement(case, kind, message=_xml(outcome.reason.splitlines()[0]))
    found.text = _xml(outcome.reason)
    return kind


def _xml(text: str) -> str:
    """Text without the characters that XML cannot hold, not even escaped."""
    return _NO_XML.sub("\ufffd", text)


# HTML -----------------------------------------------------------------------------------------------------------------


def to_html(result: "Regression", history: Iterable[Mapping[str, Any]] = ()) -> str:
    """One page that needs nothing else: the verdict, a line for each case, and what moved, with trends."""
    runs = list(history)
    verdict = "Nothing moved" if result.holds else "The gate is closed"
    strays = f"<h2>Stray baselines</h2>{_listed(result.strays)}" if result.strays else ""
    details = "".join(_case_section(outcome, result, runs) for outcome in result.outcomes)
    head, summary = "ok" if result.holds else "off", escape(result.summary_line())
    return (
        f'<!doctype html>\n<html lang="en"><head><meta charset="utf-8"><title>{escape(verdict)}: regression</title>'
        '<meta name="viewport" content="width=device-width"><meta http-equiv="Content-Security-Policy" '
        f"content=\"default-src 'none'; img-src data:; style-src 'unsafe-inline'\"><style>{_STYLE}</style></head>"
        f'<body><h1 class="{head}">{escape(verdict)}</h1><p>{summary}</p>'
        f"{_about(result, len(runs))}{_overview(result)}{strays}<h2>Cases</h2>{details}</body></html>\n"
    )


def _about(result: "Regression", runs: int) -> str:
    about = result.about
    versions = ", ".join(f"{name} {version}" for name, version in about["versions"].items())
    seeds = sorted({str(o.parameters["seed"]) for o in result.outcomes if "seed" in o.parameters})
    clocks = sorted({str(clock(outcome)) for outcome in result.outcomes})
    facts = {
        "when": f"{about['at']}, {about['seconds']:g} s with {about['workers']} at a time",
        "engine": about["engine"],
        "seed": ", ".join(seeds) or "none stated",
        "clock": f"{', '.join(clocks)} (epoch seconds)",
        "versions": f"Python {about['python']}, {versions}",
        "machine": about["system"],
        "history": f"{runs} run{'s' * (runs != 1)} on record",
    }
    rows = "".join(f"<tr><th>{name}</th><td>{escape(str(text))}</td></tr>" for name, text in facts.items())
    return f'<table class="facts">{rows}</table>'


def _overview(result: "Regression") -> str:
    rows = [
        (f'<a href="#{_anchor(o)}">{escape(str(o.case))}</a>', _status(o), f"{o.seconds:.1f}", escape(_headline(o)))
        for o in result.outcomes
    ]
    return _table(("case", "status", "seconds", "what is wrong"), rows, numeric={2})


def _headline(outcome: "Outcome") -> str:
    if outcome.error:
        return outcome.error.splitlines()[0].removeprefix(f"{outcome.case}: ")
    if not outcome.changes:
        return outcome.reason.removeprefix(f"{outcome.case}: ")
    first, *others = outcome.changes
    return f"{first} and {len(others)} more" if others else str(first)


def _status(outcome: "Outcome") -> str:
    mark = "✓" if outcome.holds else "✗"
    return f'<span class="{"ok" if outcome.holds else "off"}">{mark} {escape(outcome.status)}</span>'


def _anchor(outcome: "Outcome") -> str:
    return re.sub(r"[^A-Za-z0-9_-]", "-", str(outcome.case))


def _case_section(outcome: "Outcome", result: "Regression", runs: list[Mapping[str, Any]]) -> str:
    stated = ", ".join(f"{name} = {shown(value)}" for name, value in outcome.parameters.items()) or "none given"
    parts = [
        f"<summary><b>{escape(str(outcome.case))}</b> {_status(outcome)}</summary>",
        f"<p>parameters: {escape(stated)}</p>",
        f"<pre>{escape(outcome.error)}</pre>" if outcome.error else "",
        _changes(outcome),
        _trends(outcome, result, runs),
        _results(outcome, result),
    ]
    return f'<details id="{_anchor(outcome)}"{"" if outcome.holds else " open"}>{"".join(parts)}</details>'


def _changes(outcome: "Outcome") -> str:
    rows = [map(escape, change.cells) for change in outcome.changes]
    heads = ("metric", "baseline", "now", "change", "allowed")
    return f"<h3>What moved</h3>{_table(heads, rows, numeric={1, 2, 3})}" if rows else ""


def _trends(outcome: "Outcome", result: "Regression", runs: list[Mapping[str, Any]]) -> str:
    rows = [(escape(t.metric), t.to_img(), escape(shown(t.values[-1]))) for t in trends(outcome, result, runs)]
    return f"<h3>Trend</h3>{_table(('metric', 'over the runs on record', 'now'), rows, numeric={2})}" if rows else ""


def trends(outcome: "Outcome", result: "Regression", runs: list[Mapping[str, Any]]) -> list[Trend]:
    """The trends worth a picture: of what moved now, of what ever moved, then of results by themselves."""
    found, stored = [], numbers(outcome.baseline)
    before = [run["cases"].get(str(outcome.case), {}) for run in runs]
    for metric, value in numbers(outcome.metrics).items():
        values = tuple(case[metric] for case in before if case.get(metric) is not None) or (value,)
        tolerance = tolerance_of(metric, outcome.case.suite, result.suite.tolerances)
        found.append(Trend(metric, values, stored.get(metric), tolerance))
    changed = {change.metric for change in outcome.changes}
    found.sort(key=lambda t: (t.metric not in changed, not t.moves, "." in t.metric))
    return [t for t in found if t.moves or "." not in t.metric][:TRENDS]


def _results(outcome: "Outcome", result: "Regression") -> str:
    rows = [
        (
            escape(name),
            escape(shown(value)),
            escape(str(tolerance_of(name, outcome.case.suite, result.suite.tolerances))),
        )
        for name, value in outcome.metrics.items()
    ]
    table = _table(("metric", "value", "allowed"), rows, numeric={1})
    return f"<details><summary>all {len(rows)} results</summary>{table}</details>" if rows else ""


def _table(heads: Iterable[str], rows: Iterable[Iterable[str]], numeric: set[int]) -> str:
    """A table of cells that are HTML already; some columns to the right."""
    body = "".join(_row("td", row, numeric) for row in rows)
    return f"<table><thead>{_row('th', heads, numeric)}</thead><tbody>{body}</tbody></table>"


def _row(kind: str, cells: Iterable[str], numeric: set[int]) -> str:
    classes = (' class="n"' if place in numeric else "" for place in count())
    return f"<tr>{''.join(f'<{kind}{c}>{cell}</{kind}>' for c, cell in zip(classes, cells, strict=False))}</tr>"


def _listed(lines: Iterable[str]) -> str:
    return f"<ul>{''.join(f'<li>{escape(line)}</li>' for line in lines)}</ul>"


_STYLE = (
    ":root{color-scheme:light dark;--line:#ccc;--ok:#00704f;--off:#b04000}"
    "@media(prefers-color-scheme:dark){:root{--line:#555;--ok:#3ec9a0;--off:#ff9a5c}}"
    "body{font:15px/1.45 system-ui,sans-serif;max-width:72rem;margin:2rem auto;padding:0 1rem}"
    "table{border-collapse:collapse;font-variant-numeric:tabular-nums;margin:.5rem 0 1rem}"
    "th,td{text-align:left;vertical-align:top;padding:.2rem .7rem .2rem 0;border-bottom:1px solid var(--line);"
    "overflow-wrap:break-word}.n{text-align:right;white-space:nowrap}.facts th{font-weight:normal;opacity:.75}"
    ".ok{color:var(--ok)}.off{color:var(--off)}td .ok,td .off{white-space:nowrap}"
    "details{border-top:1px solid var(--line);padding:.4rem 0}summary{cursor:pointer}"
    "details details{border:0;padding-left:0}pre{white-space:pre-wrap;overflow-wrap:anywhere}h3{margin:.6rem 0 0}"
)
