"""Notebooks run headless: what counts as a failure, what is recorded, and what the report shows.

Every notebook here is built by its test; expected values are the notebooks' own literals.
"""

import base64
import os
import re
import subprocess
import sys
from decimal import Decimal
from pathlib import Path

import nbformat
import numpy as np
import pandas as pd
import pytest
from bs4 import BeautifulSoup
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output

from workbench import regression
from workbench.errors import NotebookError
from workbench.regression import record, run_notebook
from workbench.reports import save_charts, to_html

PARAMETERS = new_code_cell("seed: int = 7  # any number\nname: str = 'board'", metadata={"tags": ["parameters"]})
IMPORT = new_code_cell("from workbench.regression import record")
PIXEL = base64.b64encode(
    base64.b64decode("iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==")
).decode()


def write(path: Path, *cells) -> Path:
    notebook = new_notebook(cells=[cell if isinstance(cell, dict) else new_code_cell(cell) for cell in cells])
    nbformat.write(notebook, path)
    return path


def run(tmp_path: Path, *cells, **options):
    source = write(tmp_path / "book.ipynb", *cells)
    return run_notebook(source, tmp_path / "out" / "book.ipynb", **{"progress": False, **options})


# record


def test_record_returns_plain_json_values_outside_a_notebook():
    results = record(
        units=np.float64(4.5),
        calls=np.int64(3),
        share=float("nan"),
        exact=Decimal("12"),
        ratio=Decimal("0.5"),
        keys=("a", "b"),
        shape=np.array([1, 2]),
        flag=np.bool_(True),
        per_key=pd.Series({"A": 1}),
        when=pd.Timestamp("2026-01-02"),
    )
    assert results == {
        "units": 4.5,
        "calls": 3,
        "share": None,
        "exact": 12,
        "ratio": 0.5,
        "keys": ["a", "b"],
        "shape": [1, 2],
        "flag": True,
        "per_key": {"A": 1},
        "when": "2026-01-02T00:00:00",
    }
    assert [type(results[name]) for name in ("units", "calls", "exact")] == [float, int, int]


def test_a_set_of_several_types_has_one_order():
    assert record(x={"b", 2, "a", 1, None})["x"] == [None, 1, 2, "a", "b"]


def test_record_makes_a_frame_a_list_of_its_lines_with_a_named_index_as_a_column():
    frame = pd.DataFrame({"units": [1.5, 2.0]}, index=pd.Index(["list", "create"], name="pattern"))
    assert record(summary=frame)["summary"] == [
        {"pattern": "list", "units": 1.5},
        {"pattern": "create", "units": 2.0},
    ]


@pytest.mark.parametrize(
    "value, message",
    [
        (object(), "x is a object: record numbers, strings, lists, dicts, arrays or DataFrames"),
        ([1, b"2"], "x[1] is a bytes: record numbers, strings, lists, dicts, arrays or DataFrames"),
        (
            {"a": float("inf")},
            "x['a'] is infinite, which JSON cannot hold: record None, or a word that says so",
        ),
        ({1: "a", "1": "b"}, "x has keys that are the same as text, and JSON has no others: rename one of them"),
    ],
)
def test_record_names_the_place_of_what_json_cannot_hold(value, message):
    with pytest.raises((TypeError, ValueError)) as error:
        record(x=value)
    assert str(error.value) == message


def test_record_without_results_is_refused():
    with pytest.raises(ValueError, match="record\\(\\) needs at least one result"):
        record()


# run_notebook


def test_a_notebook_gets_its_parameters_runs_in_its_folder_and_gives_its_results_once(tmp_path):
    (tmp_path / "design.yaml").write_text("name: here")
    run_ = run(
        tmp_path,
        PARAMETERS,
        IMPORT,
        "from pathlib import Path",
        "record(seed=seed, name=name, text=Path('design.yaml').read_text())",
        parameters={"seed": 11},
    )
    assert run_.results == {"seed": 11, "name": "board", "text": "name: here"}
    assert 0 < run_.seconds < 60
    assert repr(run_).startswith("<NotebookRun book.ipynb: 3 results in ")
    assert run_.to_frame()["result"].tolist() == ["seed", "name", "text"]
    last = nbformat.read(run_.output, as_version=4).cells[-1]
    assert len(last.outputs) == 1
    assert last.outputs[0].data["text/plain"].startswith("seed = 11\nname = ")


def test_the_kernel_is_this_interpreter_whatever_the_users_jupyter_says(tmp_path, monkeypatch):
    foreign = tmp_path / "jupyter" / "kernels" / "python3"
    foreign.mkdir(parents=True)
    (foreign / "kernel.json").write_text('{"argv": ["/bin/false"], "display_name": "x", "language": "python"}')
    startup = tmp_path / "ipython" / "profile_default" / "startup"
    startup.mkdir(parents=True)
    (startup / "00.py").write_text("raise SystemExit('the startup file of the user ran')")
    monkeypatch.setenv("JUPYTER_PATH", str(tmp_path / "jupyter"))
    monkeypatch.setenv("JUPYTER_RUNTIME_DIR", "/dev/null/nowhere")
    monkeypatch.setenv("IPYTHONDIR", str(tmp_path / "ipython"))
    monkeypatch.setenv("MPLBACKEND", "no-such-backend")
    run_ = run(tmp_path, PARAMETERS, IMPORT, "import sys", "record(python=sys.executable)")
    assert run_.results == {"python": sys.executable}


def test_what_a_widget_shows_is_an_output_of_its_cell(tmp_path):
    run_ = run(
        tmp_path,
        PARAMETERS,
        IMPORT,
        "import ipywidgets\nslider = ipywidgets.IntSlider(3)",
        "show = ipywidgets.interactive_output(lambda n: print('units', n * 2), {'n': slider})",
        "with ipywidgets.Output():\n    print('inside')",
        "record(done=True)",
    )
    outputs = [output for cell in nbformat.read(run_.output, as_version=4).cells for output in cell.get("outputs", ())]
    assert [output.text for output in outputs if output.output_type == "stream"] == ["units 6\n", "inside\n"]


def test_a_widget_callback_that_raises_fails_the_run(tmp_path):
    with pytest.raises(NotebookError) as error:
        run(
            tmp_path,
            PARAMETERS,
            IMPORT,
            "import ipywidgets\nslider = ipywidgets.IntSlider(3)",
            "show = ipywidgets.interactive_output(lambda n: 1 / n, {'n': slider})",
            "slider.value = 0",
            "record(done=True)",
        )
    assert "book.ipynb, cell 5 (`slider.value = 0`): ZeroDivisionError: division by zero" in str(error.value)


def test_an_error_names_notebook_cell_line_and_cause_and_keeps_what_ran(tmp_path):
    with pytest.raises(NotebookError) as error:
        run(
            tmp_path,
            new_markdown_cell("# A question"),
            PARAMETERS,
            "print('before')",
            "# first line\nraise KeyError('no such table')",
            "print('after')",
            parameters={"seed": 8},
        )
    output = tmp_path / "out" / "book.ipynb"
    assert str(error.value) == (
        "book.ipynb, cell 4 (`# first line`): KeyError: 'no such table'\n" + f"  executed as far as that: {output}"
    )
    assert (error.value.cell, error.value.notebook) == (4, str(tmp_path / "book.ipynb"))
    texts = [o.text for c in nbformat.read(output, as_version=4).cells for o in c.get("outputs", ()) if "text" in o]
    assert texts == ["before\n"]


def test_a_message_of_the_workbench_is_shown_whole_and_another_one_is_cut():
    message = "\n".join(f"board.yaml:{line}:1: unknown key" for line in range(30))
    assert regression._reason("DesignError", message) == f"DesignError: {message}"
    assert regression._reason("ValueError", message).splitlines()[-1] == "..."


def test_a_cell_that_does_not_end_is_stopped_and_named(tmp_path):
    with pytest.raises(NotebookError, match=r"cell 2 \(`import time`\): no end within 1 s, so it was stopped"):
        run(tmp_path, PARAMETERS, "import time\ntime.sleep(60)", timeout=1)


def test_a_kernel_that_dies_is_an_error_of_its_cell(tmp_path):
    with pytest.raises(NotebookError, match=r"cell 2 \(`import os`\): its kernel died"):
        run(tmp_path, PARAMETERS, "import os\nos._exit(3)")


def test_a_notebook_without_results_is_an_error(tmp_path):
    with pytest.raises(NotebookError) as error:
        run(tmp_path, PARAMETERS, "1 + 1")
    assert error.value.cell == 2 and str(error.value).startswith(
        "book.ipynb, cell 2 (`1 + 1`): the last to run, and none recorded results: add wb.record(name=value)\n"
    )


def test_an_early_exit_before_any_result_names_its_cell(tmp_path):
    with pytest.raises(NotebookError, match=r"cell 2 \(`exit = 0`\): the last to run, and none recorded"):
        run(tmp_path, PARAMETERS, "exit = 0\nimport sys\nsys.exit(0)", "from workbench import record\nrecord(a=1)")


@pytest.mark.parametrize(
    "cells, parameters, message",
    [
        (
            ["1"],
            {},
            "book.ipynb has no cell tagged `parameters`: tag the cell that assigns what it can be given, or an empty "
            "one (JupyterLab: property inspector, Cell Tags)",
        ),
        (
            [PARAMETERS],
            {"sed": 1},
            "book.ipynb, cell 1: no parameter sed; its parameters are seed, name",
        ),
    ],
)
def test_parameters_that_do_not_fit_are_refused_before_anything_runs(tmp_path, cells, parameters, message):
    with pytest.raises(NotebookError) as error:
        run(tmp_path, *cells, parameters=parameters)
    assert str(error.value) == message
    assert not (tmp_path / "out").exists()


def test_a_file_that_is_no_notebook_is_an_error(tmp_path):
    (tmp_path / "book.ipynb").write_text("name: board")
    with pytest.raises(NotebookError, match=r"^book\.ipynb is not a notebook: "):
        run_notebook(tmp_path / "book.ipynb", tmp_path / "out.ipynb")
    with pytest.raises(NotebookError, match=r"^no notebook at .*missing\.ipynb$"):
        run_notebook(tmp_path / "missing.ipynb", tmp_path / "out.ipynb")


def test_braces_in_a_path_are_part_of_the_path(tmp_path):
    folder = tmp_path / "{seed}"
    folder.mkdir()
    run_ = run_notebook(
        write(folder / "book.ipynb", PARAMETERS, IMPORT, "record(seed=seed)"),
        folder / "out.ipynb",
        {"seed": 3},
        progress=False,
    )
    assert run_.output == folder / "out.ipynb"
    assert run_.output.exists()


TASK = "import asyncio\nasync def fail():\n    await asyncio.sleep(0.05)\n    raise ValueError('in a task')\n"
LOST = {
    "a thread": ("from threading import Thread\none = Thread(target=lambda: 1 / 0)\none.start()\none.join()", 2),
    "a task": (f"{TASK}_ = asyncio.get_running_loop().create_task(fail())\nawait asyncio.sleep(0.3)\ndel _", 2),
    "a task that fails during a later cell": (f"{TASK}task = asyncio.get_running_loop().create_task(fail())", 3),
}


@pytest.mark.notebooks
@pytest.mark.parametrize(("code", "cell"), LOST.values(), ids=LOST)
def test_what_is_raised_where_no_cell_would_show_it_fails_a_cell(tmp_path, code, cell):
    source = write(
        tmp_path / "book.ipynb", PARAMETERS, code, "import asyncio\nawait asyncio.sleep(0.3)\ntask = None", "1"
    )
    with pytest.raises(NotebookError, match=r"ZeroDivisionError|ValueError: in a task") as error:
        run_notebook(source, tmp_path / "out.ipynb", progress=False)
    assert error.value.cell == cell


def test_importing_the_module_loads_neither_papermill_nor_jupyter():
    code = (
        "import sys, workbench.regression, workbench.headless as r\n"
        "heavy = {'papermill', 'nbclient', 'nbconvert', 'nbformat', 'pandas', 'numpy'} & set(sys.modules)\n"
        "assert not heavy, heavy\n"
        "engine = r.HeadlessEngine\n"
        "assert engine is r.HeadlessEngine and 'papermill' in sys.modules\n"
        "from papermill.engines import papermill_engines\n"
        "assert papermill_engines.get_engine('headless') is engine"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


@pytest.mark.skipif(os.name != "posix", reason="signals as on Unix")
@pytest.mark.parametrize("signal", ["SIGINT", "SIGTERM"])
def test_a_signal_stops_the_cell_in_order_and_leaves_no_kernel(tmp_path, signal):
    source = write(
        tmp_path / "book.ipynb",
        PARAMETERS,
        "import os, time\nfrom pathlib import Path\nPath('pid').write_text(str(os.getpid()))",
        "try:\n    Path('started').touch()\n    time.sleep(60)\nfinally:\n    Path('stopped').touch()",
    )
    code = (
        "import os, signal, threading, time\nfrom pathlib import Path\nfrom workbench.regression import run_notebook\n"
        "from workbench.__main__ import _leave_in_order\n_leave_in_order()\n"
        "def interrupt():\n"
        "    while not Path('started').exists(): time.sleep(0.05)\n"
        f"    time.sleep(0.3); os.kill(os.getpid(), signal.{signal})\n"
        "threading.Thread(target=interrupt, daemon=True).start()\n"
        f"run_notebook({str(source)!r}, 'out.ipynb', progress=False)"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, timeout=60)
    assert done.returncode == {"SIGINT": -2, "SIGTERM": 143}[signal]
    assert (tmp_path / "stopped").exists(), "the cell's `finally` ran"
    with pytest.raises(ProcessLookupError):
        os.kill(int((tmp_path / "pid").read_text()), 0)


# Reports


def executed_notebook():
    chart = new_output(
        "display_data",
        {"image/png": PIXEL, "text/plain": "<Figure>"},
        metadata={"image/png": {"alt": 'Key "A" takes 100 % of the writes'}},
    )
    named = new_output("display_data", {"image/png": PIXEL}, metadata={"workbench": {"chart": "item_spread"}})
    bare = new_output("display_data", {"image/png": PIXEL})
    widget = {"application/vnd.jupyter.widget-view+json": {"model_id": "1"}, "text/plain": "HBox(children=())"}
    remote = "<table><tr><td>units</td></tr></table><script src='https://cdn.example/x.js'></script>"
    outputs = [
        [new_output("stream", name="stderr", text="loading:  0%\rloading: 100%\n")],
        [chart, bare],
        [named, named],
        [new_output("display_data", widget)],
        [new_output("display_data", {"text/html": remote})],
        [new_output("display_data", {regression.RESULT_MIME: {"units": 4.5}, "text/plain": "units = 4.5"})],
    ]
    cells = [new_code_cell(f"secret_code({n})", outputs=o) for n, o in enumerate(outputs)]
    text = new_markdown_cell(
        "# Which key runs hot?\n\n![far](https://example.org/far.png) [AWS](https://aws.amazon.com)"
    )
    return new_notebook(cells=[text, PARAMETERS, *cells])


def test_a_report_is_one_file_that_fetches_nothing_and_keeps_alt_text(tmp_path):
    page = to_html(executed_notebook(), tmp_path / "report" / "book.html").read_text()
    assert "<title>Which key runs hot?</title>" in page
    assert BeautifulSoup(page, "html.parser").img["alt"] == 'Key "A" takes 100 % of the writes'
    assert page.count("<img ") == 4
    assert all(src.startswith("data:image/png;base64,") for src in re.findall(r'src="([^"]*)"', page))
    assert not re.search(r"<(script|link|iframe)\b|@import|url\(", page)
    assert set(re.findall(r"https?://[^\s\"'<\]]+", page)) == {"https://aws.amazon.com"}, (
        "only what a reader may follow"
    )
    assert "[picture not in this file: far]" in page
    assert "default-src 'none'" in page
    assert "prefers-color-scheme: dark" in page


def test_a_report_shows_parameters_and_outputs_but_neither_code_nor_widgets_nor_stale_progress(tmp_path):
    page = to_html(executed_notebook(), tmp_path / "book.html").read_text()
    assert "seed: int = 7" in page
    assert "units = 4.5" in page
    assert "<td>units</td>" in page
    assert "loading: 100%" in page
    assert "loading:  0%" not in page
    assert "secret_code" not in page
    assert "HBox" not in page


def test_charts_are_named_by_their_metadata_their_alt_text_or_their_cell(tmp_path):
    paths = save_charts(executed_notebook(), tmp_path / "charts")
    assert [path.name for path in paths] == [
        "key-a-takes-100-of-the.png",
        "cell-04.png",
        "item_spread.png",
        "item_spread-2.png",
    ]
    assert all(path.read_bytes().startswith(b"\x89PNG") for path in paths)
