"""Notebooks 02 to 06: what each of them found, against AWS's documentation and closed forms.

Their results depend on nothing but their parameters; a race is forced to happen, so that it happens every time.
"""

import json
import math
import re
from pathlib import Path

import pytest

from tests.conftest import DESIGNS, ROOT
from workbench.designfile import load_design
from workbench.engine import Engine
from workbench.engines import start_engine
from workbench.errors import EngineError, RequestError
from workbench.expressions import parse_condition
from workbench.items import Items, generate_items
from workbench.key_conditions import check_key_condition
from workbench.regression import NotebookRun, run_notebook, save_charts, to_html
from workbench.trials import trial

NOTEBOOKS = ROOT / "notebooks"


def cells(name: str) -> list[str]:
    book = json.loads((NOTEBOOKS / f"{name}.ipynb").read_text(encoding="utf-8"))
    return ["".join(cell["source"]) for cell in book["cells"] if cell["cell_type"] == "code"]


@pytest.fixture(scope="module")
def items():
    return generate_items(load_design(DESIGNS / "task_board.yaml"))


def run(name: str, folder: Path, chart: str, **parameters: object) -> NotebookRun:
    """The notebook's run on the embedded engine; it has the one chart, whose alt text states its finding."""
    done = run_notebook(NOTEBOOKS / f"{name}.ipynb", folder / "out.ipynb", {"engine_kind": "embedded", **parameters})
    assert [path.stem for path in save_charts(done, folder)] == [chart]
    page = to_html(done, folder / "out.html").read_text(encoding="utf-8")
    assert page.count("<img") == len(re.findall(r'<img[^>]* alt="[^"]{40,}"', page)) == 1
    assert not re.search(r"(src|href)=[\"']https?://", page), "the report needs no network"
    return done


# 02


def wanted() -> list[str]:
    (cell,) = (cell for cell in cells("02_access_patterns") if cell.startswith("wanted = "))
    return cell.partition('"""')[2].partition('"""')[0].splitlines()


def served_by(engine: Engine, items: Items, conditions: list[str]) -> list[str]:
    """The key conditions that an engine takes for a Query."""
    found = []
    with trial(items, engine, "list-project-tasks", calls=1) as one:
        for condition in conditions:
            values = {f":{name}": {"S": "x"} for name in re.findall(r":(\w+)", condition)}
            names = {"ExpressionAttributeNames": {"#status": "status"}} if "#status" in condition else {}
            try:
                one.query(condition, values, **names)
            except RequestError as error:
                assert error.code == "ValidationException"
            else:
                found.append(condition)
    return found


def said_to_be_served() -> list[str]:
    return [text for text in wanted() if not check_key_condition(parse_condition(text), "PK", "SK", "the table")]


@pytest.mark.engine
def test_what_the_notebook_says_a_query_serves_is_served(engine, items):
    assert served_by(engine, items, said_to_be_served()) == said_to_be_served()


@pytest.mark.java
def test_what_the_notebook_says_a_query_does_not_serve_dynamodb_local_refuses(items):
    try:
        local = start_engine("java")
    except EngineError as missing:
        pytest.skip(missing.message)
    with local:
        assert served_by(local, items, wanted()) == said_to_be_served()


@pytest.mark.notebooks
def test_a_filter_pays_for_what_it_throws_away_and_a_scan_for_the_whole_table(tmp_path, items):
    found = run("02_access_patterns", tmp_path, "capacity").results
    query, scan = found["patterns"]
    assert query["items_returned"] < query["items_scanned"] and scan["items_scanned"] >= len(items)
    # AWS, read-write-operations: the bytes read, in steps of 4 KB, half if eventually consistent, page by page
    whole = sum(int(entity.sizes.sum()) for entity in items.entities.values()) / 4096 / 2
    assert whole <= scan["read_units"] <= 1.01 * whole + 12
    # AWS's price list, us-east-1: 0.125 USD for a million read request units; 40 calls a second, 730 hours
    assert found["usd_a_month"]["list-open-tasks"] == pytest.approx(query["read_units"] * 40 * 3600 * 730 * 0.125e-6)
    assert list(found["unserved"]) == ["update-task-by-id"] and sum(found["served"].values()) == 3


# 03


@pytest.mark.notebooks
def test_a_query_reads_one_collection_and_is_rounded_once(tmp_path, items):
    found = run("03_item_collections", tmp_path, "collections").results
    query = found["query"]
    # AWS, read-write-operations: Query adds the sizes and rounds once, GetItem rounds each item
    assert query["read_units"] == math.ceil(query["bytes"] / 4096) / 2 and query["one_by_one"] == query["items"] / 2
    owned = len(items.entities["Project"]) + len(items.entities["Task"])
    assert found["index"]["entries"] == owned and found["index"]["absent"] == len(items) - owned
    keys = {item["PK"] for e in items.entities.values() for item in e.take(range(len(e)))}
    assert found["collections"] == len(keys) and found["small"] == 8


# 04


@pytest.mark.notebooks
@pytest.mark.parametrize("rounds", [1, 20])
def test_without_a_condition_updates_are_lost_and_webhooks_doubled_and_with_one_neither(tmp_path, rounds):
    found = run("04_conditional_writes", tmp_path, "lost_updates", rounds=rounds).results
    assert found["ways"] == {
        "read, change, write": {"confirmed": 2 * rounds, "refused": 0, "stored": rounds},
        "the same, if the version is the one read": {"confirmed": 2 * rounds, "refused": rounds, "stored": 2 * rounds},
        "ADD, in one step": {"confirmed": 2 * rounds, "refused": 0, "stored": 2 * rounds},
    }
    assert found["webhook_without_condition"] == [2] * rounds and found["webhook"] == [1] * rounds
    assert found["webhooks_stored"] == rounds


# 05


@pytest.mark.notebooks
@pytest.mark.parametrize("deleted_after", [0, 2])
def test_expired_items_are_returned_until_they_are_deleted_unless_the_read_is_guarded(tmp_path, deleted_after):
    found = run("05_ttl", tmp_path, "clock", deleted_after=deleted_after).results
    # AWS, time-to-live-ttl-before-you-start and ttl-expired-items
    assert found["verdicts"] == {
        "in seven days": "live",
        "yesterday": "expired",
        "yesterday, in milliseconds": "never",
        "yesterday, as a String": "never",
        "yesterday, as ISO 8601": "never",
        "six years ago": "never",
        "no attribute": "never",
    }
    clock = found["clock"]
    assert {day["of_these_expired_guarded"] for day in clock} == {0}
    assert all(day["returned"] == day["returned_guarded"] + day["of_these_expired"] for day in clock)
    assert max(day["of_these_expired"] for day in clock) > 0, "even a service that deletes once a day is late"
    assert clock[8]["returned_guarded"] == 0, "sessions last seven days, and none was opened since"
    assert clock[9]["returned"] == 0 if deleted_after == 0 else clock[8]["returned"] > 0
    assert found["get_item"] == {"returned": True, "let_in": False, "written": False}


# 06


@pytest.mark.notebooks
@pytest.mark.parametrize("rate", [2_500, 900])
def test_a_limit_is_exact_and_a_counter_takes_a_thousand_writes_a_second_and_shard(tmp_path, rate):
    found = run("06_rate_limits", tmp_path, "shards", rate=rate, limit=30).results
    assert found["passed"] == found["stored"] == 30
    # AWS, bp-partition-key-design: a partition serves 1,000 write units a second
    assert found["throttled_one_item"] == pytest.approx(max(0, 1 - 1000 / rate), abs=0.001)
    assert found["shards"] == math.ceil(rate / 500)
    for line in found["table"]:
        assert line["ru_per_total"] == line["shards"] * 0.5, "a small item, eventually consistent"
        assert line["throttled_at_best"] == pytest.approx(max(0, 1 - 1000 * line["shards"] / rate))
        assert line["throttled_simulated"] >= line["throttled_at_best"] - 0.001
    enough = next(line for line in found["table"] if line["shards"] == found["shards"])
    assert enough["throttled_simulated"] < 0.001
    assert sum(found["parts"]) == 200 and len(found["parts"]) == found["shards"]
    assert found["expires"] == 1_767_225_600 + 60 + 3600, "a Number of seconds"
