"""The commands about money, access and change: what they print, where, and with which exit code."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from tests.designs import as_yaml
from tests.test_policies import SHOP
from workbench.cli import app
from workbench.documents import read_document
from workbench.prices import FILE


def run(*words: object):
    return CliRunner().invoke(app, [str(word) for word in words], prog_name="workbench")


@pytest.fixture
def shop(tmp_path: Path) -> Path:
    path = tmp_path / "shop.yaml"
    path.write_text(as_yaml({"name": "shop", **read_document(SHOP).data}), encoding="utf-8")
    return path


def test_cost_prints_patterns_modes_and_what_is_not_estimated(designs):
    done = run("cost", designs / "task_board.yaml")
    assert done.exit_code == 0
    assert done.stdout.startswith("task-board: $743.59 a month")
    assert "count-request            UpdateItem         328.50     44.2%" in done.stdout
    assert "whole month: $743.59 on demand" in done.stdout
    assert "not estimated: access pattern update-task-by-id: not served" in done.stdout
    assert "with 3 attempts a call $15.62" in done.stdout


def test_cost_says_where_a_given_curve_is_not_as_high_as_the_designs_peaks(designs):
    done = run("cost", designs / "task_board.yaml", "--curve", "1,2,3")
    assert done.exit_code == 0
    assert (
        "the curve of 3 numbers reaches 1.5 times its mean, where by the design's peaks reads 2.31 times and writes "
        "6.06 times: auto scaling and reservations are priced by the curve"
    ) in done.stdout


def test_a_curve_as_high_as_the_designs_peaks_is_taken_without_a_word(shop):
    done = run("cost", shop, "--curve", "1,1,1")
    assert done.exit_code == 0
    assert "the curve" not in done.stdout


def test_prices_prints_a_file_that_cost_takes(designs, tmp_path):
    path = tmp_path / "mine.toml"
    path.write_text(run("prices").stdout, encoding="utf-8")
    assert path.read_text(encoding="utf-8") == FILE.read_text(encoding="utf-8")
    assert run("cost", designs / "sessions_simple.yaml", "--prices", path).exit_code == 0


def test_a_price_file_that_cannot_be_right_is_one_line_and_exit_code_1(designs, tmp_path):
    path = tmp_path / "mine.toml"
    path.write_text(FILE.read_text(encoding="utf-8").replace("pitr_gb_month = 0.20", ""), encoding="utf-8")
    done = run("cost", designs / "sessions_simple.yaml", "--prices", path)
    assert (done.exit_code, done.stderr) == (1, f"workbench: {path}: any.pitr_gb_month is missing\n")


def test_old_prices_are_warned_of_on_stderr(designs, tmp_path):
    path = tmp_path / "mine.toml"
    path.write_text(FILE.read_text(encoding="utf-8").replace("2026-09-11\n", "2020-01-01\n", 1), encoding="utf-8")
    done = run("cost", designs / "sessions_simple.yaml", "--prices", path)
    assert done.exit_code == 0
    assert done.stderr.startswith("warning: prices of 2020-01-01 are") and str(path) in done.stderr


def test_policy_prints_json_alone_on_stdout(designs):
    done = run("policy", designs / "task_board.yaml")
    assert done.exit_code == 0
    assert json.loads(done.stdout)["Version"] == "2012-10-17"
    assert "placeholder" in done.stderr


def test_policy_with_something_not_granted_is_exit_code_1_and_says_so(shop):
    done = run("policy", shop, "--role", "shopper", "--region", "eu-west-1", "--account", "210987654321")
    assert done.exit_code == 1
    assert "arn:aws:dynamodb:eu-west-1:210987654321:table/Shop" in done.stdout
    assert "not granted: invoice: Invoice belongs to a customer" in done.stderr


def test_policy_shows_its_proof(shop):
    done = run("policy", shop, "--role", "job", "--proof")
    assert done.exit_code == 0
    assert done.stdout.startswith("role job of shop: the policy holds")
    assert "a key of another kind of item" in done.stdout


def test_an_unknown_role_names_the_known_ones(shop):
    done = run("policy", shop, "--role", "admin")
    assert (done.exit_code, done.stdout) == (1, "")
    assert done.stderr == "workbench: shop: no role 'admin': its roles are shopper, job\n"


def test_a_policy_file_is_reviewed(shop, tmp_path):
    path = tmp_path / "policy.json"
    statement = {"Effect": "Allow", "Action": "dynamodb:*", "Resource": "*"}
    path.write_text(json.dumps({"Version": "2012-10-17", "Statement": statement}))
    done = run("policy", shop, "--role", "shopper", "--check", path)
    assert done.exit_code == 1
    assert "DW622 error: statement 1: allows dynamodb:*" in done.stdout
    path.write_text(run("policy", shop, "--role", "shopper").stdout)
    assert run("policy", shop, "--role", "shopper", "--check", path).exit_code == 0
    missing = run("policy", shop, "--role", "shopper", "--check", tmp_path / "none.json")
    assert missing.exit_code == 1 and "none.json" in missing.stderr


def test_compare_prints_patterns_and_totals(designs):
    done = run("compare", designs / "task_board.yaml", designs / "sessions_simple.yaml")
    assert done.exit_code == 0
    assert done.stdout.startswith("the 4 access patterns that all have: task-board $185.60, sessions-simple $185.60")
    assert "only in task-board" in done.stdout and "highest requests/s" in done.stdout


def test_compare_takes_two_designs(designs):
    done = run("compare", designs / "task_board.yaml")
    assert done.exit_code == 2 and "two designs or more" in done.stderr


def test_diff_says_how_each_change_gets_into_production(designs):
    done = run("diff", designs / "sessions_simple.yaml", designs / "task_board.yaml")
    assert done.exit_code == 0
    assert "rewrite   entity Session: moves from table Sessions to ClaudeCodeLabDemo (15,068 items" in done.stdout
    same = run("diff", designs / "task_board.yaml", designs / "task_board.yaml")
    assert same.stdout == "task-board: nothing changes in production\n"
