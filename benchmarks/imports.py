"""What starting costs, in fresh processes: the package alone, and a design loaded and checked, against `import pandas`.

A process is measured as a user waits for it, with the interpreter's own start. pandas is the yardstick because every
notebook pays for it anyway.
"""

import subprocess
import sys
from collections.abc import Callable, Iterator
from statistics import median

from benchmarks.items import ROOT, TASK_BOARD
from benchmarks.ratios import Fact, Ratio, rates, ratio

PANDAS = "import pandas"
PACKAGE = "import workbench"
CHECK = "load and check task_board.yaml"
PROGRAMS = {
    PANDAS: "import pandas",
    PACKAGE: "import workbench",
    CHECK: f"import workbench as wb; wb.load_design({str(TASK_BOARD)!r})",
}


def measure(rounds: int = 15) -> Iterator[Ratio | Fact]:
    """The time of each program as a ratio to that of `import pandas`."""
    found = rates({name: _process(program) for name, program in PROGRAMS.items()}, rounds)
    # rates are processes per second: the time of one to the other is the other way round
    for name, most in ((PACKAGE, 0.25), (CHECK, 1.5)):
        yield Ratio(f"{name} : {PANDAS}, time", ratio(found, PANDAS, name).values, at_most=most)
    for name, values in found.items():
        yield Fact(f"{name}, a fresh process", f"{1000 / median(values):,.0f} ms")


def _process(program: str) -> Callable[[], int]:
    def run() -> int:
        subprocess.run([sys.executable, "-c", program], cwd=ROOT, check=True)
        return 1

    return run
