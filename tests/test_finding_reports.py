"""Findings for other programs: SARIF by its published schema, JUnit, Markdown that shows text as it is."""

import json
from pathlib import Path
from xml.etree import ElementTree

import pytest
from jsonschema import Draft4Validator

import workbench as wb
from tests.designs import SHIPPED
from workbench.errors import WorkbenchError
from workbench.finding_reports import (
    cell,
    read_baseline,
    to_json,
    to_junit,
    to_markdown,
    to_sarif,
    to_text,
)
from workbench.findings import Finding, Review
from workbench.reviews import located, review, review_files
from workbench.rules import RULES

# The OASIS schema for SARIF 2.1.0, as the MIT-licensed package @microsoft/jest-sarif 1.0.0-beta.0 holds it.
SCHEMA = json.loads((Path(__file__).parent / "data" / "sarif-2.1.0.json").read_text(encoding="utf-8"))
EVIL = 'a|b <script> `x` \x00\x0b ]]> & "q"\nnext'


def problems(sarif: str) -> list[str]:
    return [error.message for error in Draft4Validator(SCHEMA).iter_errors(json.loads(sarif))]


@pytest.fixture(scope="module")
def board() -> Review:
    design = wb.load_design(SHIPPED / "task_board.yaml")
    return located(review(design), design)


@pytest.fixture
def evil() -> Review:
    one = Finding("DW301", "error", EVIL, EVIL, {EVIL: EVIL}, EVIL, ("access_patterns", EVIL), 3)
    return Review(EVIL, (one,), ((one, EVIL),), (EVIL,), "a b#c.yaml")


@pytest.mark.parametrize("path", sorted(SHIPPED.glob("*.yaml")), ids=lambda path: path.stem)
def test_sarif_of_a_shipped_design_is_valid_by_the_published_schema(path):
    design = wb.load_design(path)
    assert problems(to_sarif(located(review(design), design))) == []


def test_the_schema_finds_what_is_wrong(board):
    broken = json.loads(to_sarif(board))
    broken["runs"][0]["results"][0]["level"] = "fatal"
    assert problems(json.dumps(broken))


def test_sarif_holds_every_rule_and_every_finding_with_its_line(board):
    (run,) = json.loads(to_sarif(board))["runs"]
    rules = run["tool"]["driver"]["rules"]
    assert [rule["id"] for rule in rules] == sorted(RULES)
    assert len(run["results"]) == len(board) + len(board.accepted)
    for result, one in zip(run["results"], board, strict=False):
        place = result["locations"][0]["physicalLocation"]
        assert rules[result["ruleIndex"]]["id"] == result["ruleId"] == one.code
        assert place["artifactLocation"]["uri"].endswith("notebooks/designs/task_board.yaml")
        assert place["region"]["startLine"] == one.line > 1


def test_sarif_suppresses_what_is_accepted_with_its_reason(board):
    (run,) = json.loads(to_sarif(board))["runs"]
    suppressed = [result for result in run["results"] if "suppressions" in result]
    (suppression,) = suppressed[0]["suppressions"]
    assert [result["ruleId"] for result in suppressed] == ["DW301"]
    assert suppression == {"kind": "inSource", "justification": "shown on purpose as the mistake to avoid"}


def test_sarif_of_files_names_file_and_line(tmp_path):
    (tmp_path / "db.py").write_text('\nclient("dynamodb", endpoint_url="http://localhost:8000")\n')
    found = to_sarif(review_files(tmp_path))
    (result,) = json.loads(found)["runs"][0]["results"]
    place = result["locations"][0]["physicalLocation"]
    assert problems(found) == []
    assert place["artifactLocation"]["uri"] == (tmp_path / "db.py").as_uri()
    assert place["region"] == {"startLine": 2}


def test_sarif_of_a_design_without_a_file_is_valid():
    assert problems(to_sarif(Review("x", (Finding("DW301", "note", "design", "m", {}, "f"),)))) == []


def test_a_path_with_spaces_is_a_uri(evil):
    assert problems(to_sarif(evil)) == []
    result = json.loads(to_sarif(evil))["runs"][0]["results"][0]
    assert result["locations"][0]["physicalLocation"]["artifactLocation"]["uri"] == "a%20b%23c.yaml"


# JUnit


def test_junit_has_a_test_for_each_rule_and_counts_them(board):
    suite = ElementTree.fromstring(to_junit(board, "error"))
    cases = suite.findall("testcase")
    assert len(cases) == int(suite.attrib["tests"]) == len({case.attrib["name"] for case in cases})
    assert len(suite.findall("testcase/failure")) == int(suite.attrib["failures"]) == 2
    assert len(suite.findall("testcase/skipped")) == int(suite.attrib["skipped"]) == 1


@pytest.mark.parametrize(("fail_on", "failures"), [("error", 2), ("warning", 3), ("note", 7), ("never", 2)])
def test_junit_fails_from_the_severity_that_is_asked_for_and_always_for_errors(board, fail_on, failures):
    assert len(ElementTree.fromstring(to_junit(board, fail_on)).findall("testcase/failure")) == failures


def test_junit_holds_what_xml_cannot(evil):
    (failure,) = ElementTree.fromstring(to_junit(evil)).findall("testcase/failure")
    assert "<script>" in str(failure.text)


# Text, Markdown, JSON


def test_text_names_file_line_and_what_to_do(board):
    text = to_text(board)
    assert "task_board.yaml:10: DW103 error: table ClaudeCodeLabDemo" in text
    assert text.count("to do: ") == len(board)


def test_markdown_shows_text_as_it_is(evil):
    page = to_markdown(evil)
    rows = [line for line in page.splitlines() if line.startswith("| **error**")]
    assert len(rows) == 1
    assert "<script>" not in page.replace("\\<script>", "")
    assert cell("a | b") == "a \\| b"


def test_a_baseline_is_read_back(board, tmp_path):
    (tmp_path / "known.json").write_text(to_json(board))
    assert len(board.without(read_baseline(tmp_path / "known.json"))) == 0


@pytest.mark.parametrize("text", ["", "[]", '{"findings": [{"code": "DW101"}]}', '{"findings": 3}'])
def test_a_file_that_is_no_baseline_is_an_error_that_says_how_to_make_one(text, tmp_path):
    (tmp_path / "known.json").write_text(text)
    with pytest.raises(WorkbenchError, match=r"is no baseline.*--write-baseline"):
        read_baseline(tmp_path / "known.json")
