"""What the gate costs: `workbench regress -n 1` on ten trivial notebooks, against papermill alone on the same ten.

Both sides are fresh processes and include the import of papermill; reports are off. A notebook that does nothing shows
the overhead best: nearly all of its time is the start and the end of a kernel, on both sides.
"""

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from statistics import median

from benchmarks.items import ROOT
from benchmarks.ratios import Fact, Ratio, rates, ratio

NOTEBOOKS = 10
GATE, PAPERMILL = "workbench regress -n 1", "papermill alone"
CODE = (
    ("seed: int = 7  # fixes every random draw", ["parameters"]),
    ("from workbench.regression import record", []),
    ("record(units=2 * seed)", ["results"]),
)
ALONE = """
import sys
from pathlib import Path
import papermill
for book in sorted(Path(sys.argv[1]).glob("*.ipynb")):
    papermill.execute_notebook(book, Path(sys.argv[2], book.name), progress_bar=False, kernel_name="python3")
"""


def measure(rounds: int = 3, notebooks: int = NOTEBOOKS) -> Iterator[Ratio | Fact]:
    """The time of the gate as a ratio to that of papermill alone."""
    with tempfile.TemporaryDirectory() as folder:
        suite, output = Path(folder, "suite"), Path(folder, "output")
        write_suite(suite, notebooks)
        output.mkdir()
        found = rates({PAPERMILL: papermill_alone(suite, output), GATE: gate(suite, output)}, rounds)
    # rates are notebooks per second: the time of one to the other is the other way round
    name = f"{GATE} : {PAPERMILL}, time for {notebooks} trivial notebooks"
    yield Ratio(name, ratio(found, PAPERMILL, GATE).values, at_most=1.3)
    for name, values in found.items():
        yield Fact(f"{name}, a trivial notebook", f"{1 / median(values):.2f} s")


def write_suite(folder: Path, notebooks: int) -> None:
    """Trivial notebooks with their baselines."""
    (folder / "baselines").mkdir(parents=True)
    for number in range(notebooks):
        (folder / f"trivial_{number}.ipynb").write_text(json.dumps(trivial()))
        (folder / "baselines" / f"trivial_{number}.json").write_text('{"defaults": {"units": 14}}')


def trivial() -> dict:
    """A notebook with a parameter, which it doubles and records."""
    cells = [
        {
            "cell_type": "code",
            "id": f"{i}",
            "metadata": {"tags": tags},
            "source": code,
            "outputs": [],
            "execution_count": None,
        }
        for i, (code, tags) in enumerate(CODE)
    ]
    kernel = {"name": "python3", "display_name": "Python 3", "language": "python"}
    return {"cells": cells, "metadata": {"kernelspec": kernel}, "nbformat": 4, "nbformat_minor": 5}


def papermill_alone(suite: Path, output: Path) -> Callable[[], int]:
    """Execute the notebooks one after the other in one process."""
    return _process(suite, [sys.executable, "-W", "ignore", "-c", ALONE, str(suite), str(output)])


def gate(suite: Path, output: Path) -> Callable[[], int]:
    """Run the gate on the notebooks; it must find that nothing moved."""
    words = ["regress", str(suite), "-n", "1", "--no-reports", "--output", str(output)]
    return _process(suite, [sys.executable, "-m", "workbench", *words])


def _process(suite: Path, command: list[str]) -> Callable[[], int]:
    def run() -> int:
        subprocess.run(command, cwd=ROOT, check=True, capture_output=True, env=dict(os.environ))
        return len(list(suite.glob("*.ipynb")))

    return run
