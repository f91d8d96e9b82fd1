"""`workbench review`, `brief` and `patterns` as somebody types them: output, files, exit codes."""

import json
from pathlib import Path
from xml.etree import ElementTree

import pytest
from click.testing import Result
from typer.testing import CliRunner

from tests.designs import SHIPPED
from workbench.cli import app
from workbench.rules import RULES

BOARD = SHIPPED / "task_board.yaml"
LOCAL = 'client = boto3.client("dynamodb", endpoint_url="http://localhost:8000")\n'


def typed(*words: str | Path) -> Result:
    """What a command does, in this process."""
    done = CliRunner().invoke(app, [str(word) for word in words], prog_name="workbench")
    assert done.exception is None or isinstance(done.exception, SystemExit), "never a traceback"
    return done


def test_a_review_says_where_what_and_what_to_do():
    done = typed("review", BOARD)
    assert done.exit_code == 0
    assert f"{BOARD}:10: DW103 error: table ClaudeCodeLabDemo\n  at peak WEBHOOK#stripe takes" in done.output
    assert "accepted\n  DW301 access pattern list-open-tasks-by-scan: shown on purpose" in done.output


@pytest.mark.parametrize(
    ("design", "fail_on", "code"),
    [
        ("task_board", "error", 1),
        ("task_board", "never", 0),
        ("sessions_simple", "warning", 0),
        ("sessions_simple", "note", 1),
    ],
)
def test_the_exit_code_follows_the_severity_that_is_asked_for(design, fail_on, code):
    assert typed("review", SHIPPED / f"{design}.yaml", "--fail-on", fail_on).exit_code == code


def test_a_baseline_lets_pass_what_is_known(tmp_path):
    known = tmp_path / "known.json"
    assert typed("review", BOARD, "--fail-on", "error", "--write-baseline", known).exit_code == 0
    done = typed("review", BOARD, "--fail-on", "note", "--baseline", known)
    assert done.exit_code == 0
    assert f"7 findings are known from {known}" in done.output
    shorter = json.loads(known.read_text())
    shorter["findings"] = shorter["findings"][1:]
    known.write_text(json.dumps(shorter))
    assert typed("review", BOARD, "--fail-on", "error", "--baseline", known).exit_code == 1


def test_a_baseline_that_is_not_there_is_one_line_and_exit_code_1(tmp_path):
    done = typed("review", BOARD, "--baseline", tmp_path / "gone.json")
    assert done.exit_code == 1
    assert "no baseline there" in done.output
    assert "--write-baseline" in done.output


def test_formats_go_to_files(tmp_path):
    assert typed("review", BOARD, "--format", "sarif", "--output", tmp_path / "x.sarif").output == ""
    assert json.loads((tmp_path / "x.sarif").read_text())["version"] == "2.1.0"
    typed("review", BOARD, "--format", "junit", "--fail-on", "error", "--output", tmp_path / "x.xml")
    assert ElementTree.parse(tmp_path / "x.xml").getroot().attrib["failures"] == "2"
    assert typed("review", BOARD, "--format", "markdown").output.startswith("## Review of task-board: 2 errors")
    assert len(json.loads(typed("review", BOARD, "--format", "json").output)["findings"]) == 7


def test_a_rule_is_explained():
    done = typed("review", "--explain", "dw103")
    assert done.output.startswith("DW103 (error): So few partition keys that one of them runs hot")
    assert "Use instead\n  A partition key with many values" in done.output
    unknown = typed("review", "--explain", "DW1")
    assert unknown.exit_code == 1
    assert "DW1 is no rule" in unknown.output
    assert "XYZQ is no rule; all of them: workbench review --rules" in typed("review", "--explain", "XYZQ").output


def test_all_rules_are_the_page_of_the_documentation():
    page = typed("review", "--rules").output
    assert page == (Path(__file__).parent.parent / "docs" / "rules.md").read_text(encoding="utf-8")
    assert all(f"### {code} " in page for code in RULES)


def test_files_are_reviewed(tmp_path):
    (tmp_path / "db.py").write_text(LOCAL)
    done = typed("review", "--files", tmp_path, "--fail-on", "error")
    assert done.exit_code == 1
    assert f"{tmp_path / 'db.py'}:1" in done.output
    gone = typed("review", "--files", tmp_path / "gone")
    assert gone.exit_code == 1
    assert "no such file or folder" in gone.output


def test_a_design_and_the_files_written_for_it_are_one_review(tmp_path):
    (tmp_path / "db.py").write_text('boto3.client("dynamodb", endpoint_url="http://localhost:8000")')
    done = typed("review", BOARD, "--files", tmp_path)
    assert f"DW611 error: {tmp_path}/db.py:1" in done.output
    assert "DW103 error: table ClaudeCodeLabDemo" in done.output
    assert "1 files looked at" in done.output
    known = tmp_path / "known.json"
    typed("review", BOARD, "--write-baseline", known)
    assert typed("review", BOARD, "--baseline", known, "--fail-on", "error").exit_code == 0
    assert typed("review", BOARD, "--files", tmp_path, "--baseline", known, "--fail-on", "error").exit_code == 1
    suite = typed("review", BOARD, "--files", tmp_path, "--format", "junit").output
    assert 'name="DW611 ' in suite and 'name="DW613 ' in suite and 'name="DW101 ' in suite


@pytest.mark.parametrize(
    "words",
    [
        [],
        [BOARD, "--fail-on", "fatal"],
        [BOARD, "--format", "pdf"],
    ],
)
def test_wrong_usage_is_exit_code_2(words):
    assert typed("review", *words).exit_code == 2


FILTERED = """
name: board
tables: {Tasks: {partition_key: list_id, sort_key: task_id}}
fields: {list_id: {count: 20}, task_id: {per: list_id, count: 10..40}}
entities: {Task: {attributes: {state: {choice: {OPEN: 10%, DONE: 90%}}}}}
access_patterns:
  open:
    {operation: Query, key_condition: "list_id = :list_id", filter: "#state = :o", values: {o: OPEN}, rate: 20/s}
"""


@pytest.mark.engine
def test_a_run_adds_what_filters_discard(engine, tmp_path):
    design = tmp_path / "board.yaml"
    design.write_text(FILTERED)
    done = typed("review", design, "--run", "--engine", engine.endpoint_url)
    assert done.exit_code == 0
    assert "items read in the run" in done.output


def test_a_brief_is_a_page_with_code(tmp_path):
    page = typed("brief", BOARD).output
    assert page.startswith("# task-board\n")
    assert "def complete_task(project_id, task_id, ownerId):" in page
    assert typed("brief", BOARD, "--output", tmp_path / "brief.md").output == ""
    assert (tmp_path / "brief.md").read_text() == page


def test_the_access_pattern_table_is_markdown_or_html(tmp_path):
    assert typed("patterns", BOARD).output.startswith("# Access patterns of task-board\n\n## 1. Access patterns")
    assert typed("patterns", BOARD, "--format", "html").output.startswith(
        "<div class='mathjax_ignore tex2jax_ignore'><h3>Access patterns of task-board</h3>"
    )
    assert typed("patterns", BOARD, "--format", "pdf").exit_code == 2


def test_a_design_with_an_error_is_said_and_not_reviewed(tmp_path):
    (tmp_path / "x.yaml").write_text("name: x\n")
    for command in ("review", "brief", "patterns"):
        done = typed(command, tmp_path / "x.yaml")
        assert done.exit_code == 1
        assert "tables is missing" in done.output
