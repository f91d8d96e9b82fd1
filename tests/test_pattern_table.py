"""The access pattern table: five answers about a design, as data, Markdown and HTML."""

import pytest

import workbench as wb
from tests.designs import SHIPPED, as_yaml, design
from workbench.pattern_table import PatternTable, access_pattern_table


@pytest.fixture(scope="module")
def board() -> PatternTable:
    return access_pattern_table(wb.load_design(SHIPPED / "task_board.yaml"))


@pytest.fixture(scope="module")
def frame(board):
    return board.to_frame().set_index("pattern")


def test_there_is_a_line_for_every_access_pattern_in_file_order(frame):
    assert list(frame.index) == list(wb.load_design(SHIPPED / "task_board.yaml").access_patterns)


@pytest.mark.parametrize(
    ("pattern", "partition", "sort"),
    [
        ("create-task", "PK = PROJECT#{project_id}", "SK = TASK#{task_id}"),
        ("list-project-tasks", "PK = PROJECT#{project_id}", "begins_with(SK, TASK#)"),
        ("read-project", "PK = PROJECT#{project_id}", "SK = META"),
        ("list-open-tasks-by-scan", "every key", ""),
    ],
)
def test_the_keys_of_a_pattern_are_those_of_its_templates(frame, pattern, partition, sort):
    assert (frame.partition_key[pattern], frame.sort_key[pattern]) == (partition, sort)


def test_what_no_key_serves_says_why_and_what_would(frame):
    assert frame.served_by["update-task-by-id"] == ""
    assert "project_id is missing" in frame.why["update-task-by-id"]
    assert "a GSI with partition key task_id" in frame.why["update-task-by-id"]


def test_conditions_say_what_they_are_for_and_missing_ones_how_to_write_them(frame):
    assert frame.conditions["create-task"].startswith("attribute_not_exists(PK): keeps a second Task from overwriting")
    flights = access_pattern_table(wb.load_design(SHIPPED / "sessions_simple.yaml")).to_frame()
    assert "missing" not in " ".join(flights.conditions)
    put = {"tables": {"Notes": {"partition_key": "id"}}, "fields": {"id": {"count": 9}}, "entities": {"Note": {}},
           "access_patterns": {"add": {"operation": "PutItem", "rate": "1/s"}}}  # fmt: skip
    assert "missing" in access_pattern_table(design(as_yaml(put))).to_frame().conditions[0]


def test_units_are_those_that_are_expected_of_the_design(frame):
    expected = wb.expected_units(wb.load_design(SHIPPED / "task_board.yaml")).patterns.set_index("pattern")
    reads = [name for name in frame.index if frame.operation[name] != "Query" and frame.served_by[name]]
    assert frame.units_per_call[reads].tolist() == pytest.approx(expected.mean_units[reads].tolist())


def test_findings_stand_at_the_patterns_that_they_are_about(frame):
    assert frame.findings["record-webhook"] == "DW103, DW105"
    assert frame.findings["list-open-tasks-by-scan"] == "DW301"


def test_markdown_gives_five_answers(board):
    page = board.to_markdown()
    headings = [line for line in page.splitlines() if line.startswith("## ")]
    assert [heading[3:5] for heading in headings] == ["1.", "2.", "3.", "4.", "5."]
    rows = [line for line in page.splitlines() if line.startswith("| create-task |")]
    assert len(rows) == 4


def test_html_escapes_what_a_design_says():
    evil = {
        "tables": {"Notes": {"partition_key": "id"}},
        "fields": {"id": {"count": 9}},
        "entities": {"Note": {}},
        "access_patterns": {"<b>read</b>": {"operation": "GetItem", "description": "<script>", "rate": "1/s"}},
    }
    shown = access_pattern_table(design(as_yaml(evil)))
    assert "<script>" not in shown.to_html() and "<b>read" not in shown.to_html()
    assert "&lt;script&gt;" in shown.to_html()
    assert "<script>" not in shown.to_markdown().replace("\\<script>", "")


def test_it_says_itself_in_a_line(board):
    assert repr(board).startswith("<PatternTable task-board: 11 of 12 access patterns served by a key; 2 errors")
