"""Findings for other programs and for people: SARIF for code scanning, JUnit for CI, JSON, text and Markdown.

SARIF 2.1.0 is what GitHub's and GitLab's code scanning read: a finding stands at its line in the design file, and what
the design accepts is suppressed with its reason. In JUnit each rule is a test: it fails where it found something.
(https://docs.oasis-open.org/sarif/sarif/v2.1.0/, https://github.com/testmoapp/junitxml)
"""

import json
import re
from collections.abc import Callable, Mapping, Sequence
from hashlib import sha256
from pathlib import Path
from typing import Any
from urllib.parse import quote
from xml.etree import ElementTree

import workbench
from workbench.errors import WorkbenchError
from workbench.findings import SEVERITIES, Finding, Review
from workbench.rules import RULES, Rule

SCHEMA = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"
_LEVELS = {"error": "error", "warning": "warning", "note": "note"}
_NO_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


# SARIF


def to_sarif(review: Review) -> str:
    """The review as a SARIF 2.1.0 log, accepted findings suppressed; lines are there if it is `located`."""
    codes = sorted(RULES)
    results = [_result(review, found, codes, "") for found in review.findings]
    results += [_result(review, found, codes, reason) for found, reason in review.accepted]
    driver = {
        "name": "dynamodb-workbench",
        "version": workbench.__version__,
        "informationUri": "https://pypi.org/project/dynamodb-workbench/",
        "rules": [_sarif_rule(RULES[code]) for code in codes],
    }
    run = {"tool": {"driver": driver}, "columnKind": "unicodeCodePoints", "results": results}
    return json.dumps({"$schema": SCHEMA, "version": "2.1.0", "runs": [run]}, indent=2) + "\n"


def _sarif_rule(found: Rule) -> dict[str, Any]:
    sections = found.sections
    return {
        "id": found.code,
        "name": "".join(word.capitalize() for word in found.check.__name__.split("_")),
        "shortDescription": {"text": f"{found.title}."},
        "fullDescription": {"text": _flowing(sections["What it does"])},
        "help": {"text": "\n\n".join(f"{name}: {text}" for name, text in sections.items())},
        "defaultConfiguration": {"level": _LEVELS[found.severity]},
    }


def _flowing(text: str) -> str:
    return " ".join(text.split())


def _result(review: Review, found: Finding, codes: Sequence[str], reason: str) -> dict[str, Any]:
    result: dict[str, Any] = {
        "ruleId": found.code,
        "ruleIndex": codes.index(found.code),
        "level": _LEVELS[found.severity],
        "message": {"text": f"{found.where}: {found.message}. To do: {found.fix}"},
        "locations": [_location(review, found)],
        "partialFingerprints": {"codeAndPlace/v1": sha256("\n".join(found.key).encode()).hexdigest()},
        "properties": {"evidence": found.to_dict()["evidence"]},
    }
    if reason:
        result["suppressions"] = [{"kind": "inSource", "justification": reason}]
    return result


def _location(review: Review, found: Finding) -> dict[str, Any]:
    logical = {"logicalLocations": [{"fullyQualifiedName": "/".join(map(str, found.place)) or review.name}]}
    path = found.place[1] if found.place[:1] == ("files",) else review.path
    if not path:
        return logical
    artifact = {"artifactLocation": {"uri": _uri(Path(path))}}
    return {**logical, "physicalLocation": {**artifact, "region": {"startLine": max(found.line, 1)}}}


def _uri(path: Path) -> str:
    """A path as SARIF has it: relative to where the command runs, if it lies below."""
    if path.is_absolute():
        if not path.is_relative_to(Path.cwd()):
            return path.as_uri()
        path = path.relative_to(Path.cwd())
    return quote(path.as_posix())


# JUnit


def to_junit(review: Review, fail_on: str = "warning") -> str:
    """The review as JUnit XML: a test per rule, failed by findings of `fail_on` and above, skipped if all is accepted.

    Milder findings are the test's output. An error fails its test also where `fail_on` is "never", which is about exit
    codes. ValueError for a severity that is none.
    """
    failing = {id(found) for found in review.at_least("error" if fail_on == "never" else fail_on)}
    used = {found.code for found in [*review.findings, *(found for found, _ in review.accepted)]}
    of_files = {found.place[:1] == ("files",) for found in review.findings}
    needs = {"files"} if True in of_files else set[str]()
    needs |= {"design"} if review.path or of_files != {True} else set()
    codes = [c for c, r in sorted(RULES.items()) if c in used or r.needs in needs]
    suite = ElementTree.Element("testsuite", name=_xml(f"workbench review {review.name}"))
    kinds = [_junit_case(suite, review, code, failing) for code in codes]
    suite.set("tests", str(len(codes)))
    for name in ("failures", "errors", "skipped"):
        suite.set(name, str(kinds.count(name)))
    ElementTree.indent(suite)
    return '<?xml version="1.0" encoding="UTF-8"?>\n' + ElementTree.tostring(suite, encoding="unicode") + "\n"


def _junit_case(suite: ElementTree.Element, review: Review, code: str, failing: set[int]) -> str:
    """Add a rule's test to a suite; says whether it counts as failures, skipped or nothing."""
    case = ElementTree.SubElement(
        suite, "testcase", classname=_xml(review.name), name=_xml(f"{code} {RULES[code].title}")
    )
    found = [one for one in review.findings if one.code == code]
    bad = [one for one in found if id(one) in failing]
    accepted = [reason for one, reason in review.accepted if one.code == code]
    if bad:
        failure = ElementTree.SubElement(case, "failure", type=bad[0].severity, message=_xml(_line(bad[0])))
        failure.text = _xml("\n".join(f"{_line(one)}\n  to do: {one.fix}" for one in bad))
        return "failures"
    if found:
        ElementTree.SubElement(case, "system-out").text = _xml("\n".join(map(_line, found)))
    elif accepted:
        ElementTree.SubElement(case, "skipped", message=_xml(f"accepted: {'; '.join(accepted)}"))
        return "skipped"
    return ""


def _line(found: Finding) -> str:
    return f"{found.where}: {found.message}"


def _xml(text: str) -> str:
    """Text without the characters that XML cannot hold, not even escaped."""
    return _NO_XML.sub("\ufffd", text)


# Baselines


def to_json(review: Review) -> str:
    """The findings as JSON, which is also a baseline: what is in it is known."""
    return json.dumps({"name": review.name, "findings": [one.to_dict() for one in review.findings]}, indent=2) + "\n"


def read_baseline(path: str | Path) -> list[Mapping[str, Any]]:
    """The findings in a baseline file; WorkbenchError says what is wrong with it and how to make one."""
    fix = "make one with: workbench review DESIGN --write-baseline FILE"
    try:
        found = json.loads(Path(path).read_text(encoding="utf-8"))["findings"]
        if all({"code", "where"} <= one.keys() and one.get("severity", "error") in SEVERITIES for one in found):
            return found
    except OSError as error:
        raise WorkbenchError(f"{path}: no baseline there ({error.strerror}); {fix}") from None
    except (ValueError, KeyError, TypeError, AttributeError):
        pass
    raise WorkbenchError(
        f"{path} is no baseline: a JSON object with findings, each with code, where and severity; {fix}"
    )


# For people


def to_text(review: Review) -> str:
    """The review for a terminal: each finding with its line, and what to do."""
    lines = [review.summary_line()]
    for one in review.findings:
        place = f"{review.path}:{one.line}: " if review.path and one.line else ""
        lines += ["", f"{place}{one.code} {one.severity}: {one.where}", f"  {one.message}", f"  to do: {one.fix}"]
    if review.accepted:
        lines += ["", "accepted"]
        lines += [f"  {one.code} {one.where}: {reason}" for one, reason in review.accepted]
    if review.notes:
        lines += ["", *review.notes]
    return "\n".join(lines) + "\n"


def to_markdown(review: Review) -> str:
    """The review as Markdown, for a pull request."""
    head = ["| | where | finding | what to do |", "|---|---|---|---|"]
    rows = [
        f"| **{one.severity}** {one.code} | {cell(one.where)} | {cell(one.message)} | {cell(one.fix)} |"
        for one in review.findings
    ]
    accepted = [f"- {one.code} {cell(one.where)}: {cell(reason)}" for one, reason in review.accepted]
    parts = [f"## Review of {cell(review.summary_line())}", "\n".join(head + rows) if rows else "No findings."]
    parts += ["### Accepted\n\n" + "\n".join(accepted)] if accepted else []
    return "\n\n".join([*parts, *map(cell, review.notes)]) + "\n"


_MARKDOWN = re.compile(r"[\\`*\[\]<|]|(?<!\w)_|_(?!\w)|~(?=~)")


def cell(text: object) -> str:
    r"""Text in a cell of a Markdown table: on one line, its marks escaped, so that it is shown as it is.

    >>> cell("a|b <i>\n#x user_id _y_")
    'a\\|b \\<i> #x user_id \\_y\\_'
    """
    return _MARKDOWN.sub(r"\\\g<0>", " ".join(str(text).split()))


FORMATS: dict[str, Callable[[Review], str]] = {
    "text": to_text,
    "markdown": to_markdown,
    "json": to_json,
    "sarif": to_sarif,
    "junit": to_junit,
}
FAIL_ON = (*SEVERITIES, "never")
