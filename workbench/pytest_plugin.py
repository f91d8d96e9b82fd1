"""`pytest --workbench-regress FOLDER`: every notebook with every set of parameters is a test.

pytest finds this module by itself once the workbench is installed. Without the option it does nothing. It collects the
notebooks of folders that have a `matrix.yaml` or a `baselines/` beside them, and runs them as `workbench regress` does.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from workbench.errors import WorkbenchError

if TYPE_CHECKING:  # every run of pytest imports this module: the rest loads when it is asked for
    from workbench.matrices import Case
    from workbench.workers import Pool

POOL: "pytest.StashKey[Pool]" = pytest.StashKey()


def pytest_addoption(parser: pytest.Parser) -> None:
    """The options of a regression run."""
    group = parser.getgroup("workbench")
    group.addoption("--workbench-regress", action="store_true", help="run notebooks and hold them against baselines")
    group.addoption("--workbench-engine", default="embedded", help="what start_engine() takes in the notebooks")


def pytest_collect_file(file_path: Path, parent: pytest.Collector) -> "pytest.Collector | None":
    """A notebook of a suite, if regression runs are asked for."""
    if not parent.config.getoption("--workbench-regress") or file_path.suffix != ".ipynb":
        return None
    from workbench.matrices import BASELINES, MATRIX

    is_suite = (file_path.parent / MATRIX).exists() or (file_path.parent / BASELINES).is_dir()
    return NotebookFile.from_parent(parent, path=file_path) if is_suite else None


def pytest_unconfigure(config: pytest.Config) -> None:
    """End the process that ran the notebooks."""
    if pool := config.stash.get(POOL, None):
        pool.end()


class NotebookFile(pytest.File):
    """A notebook, which has a test for each set of its parameters."""

    def collect(self) -> Iterator["NotebookCase"]:
        from workbench.matrices import find_suite

        try:
            cases = find_suite([self.path]).cases
        except WorkbenchError as error:
            raise self.CollectError(str(error)) from None
        for case in cases:
            yield NotebookCase.from_parent(self, name=case.name, case=case)


class NotebookCase(pytest.Item):
    """A notebook with one set of parameters."""

    def __init__(self, case: "Case", **options: object):
        super().__init__(**options)  # type: ignore[arg-type]
        self.case = case

    def runtest(self) -> None:
        from workbench.gates import OUTPUT, check
        from workbench.workers import Pool

        engine = str(self.config.getoption("--workbench-engine"))
        if POOL not in self.config.stash:
            self.config.stash[POOL] = Pool(1, {"WORKBENCH_ENGINE": engine})
        check(self.case, self.config.rootpath / OUTPUT, engine=engine, pool=self.config.stash[POOL])

    def repr_failure(self, excinfo: pytest.ExceptionInfo[BaseException], style: object = None) -> str:
        if isinstance(excinfo.value, WorkbenchError):
            return str(excinfo.value)
        return str(super().repr_failure(excinfo))

    def reportinfo(self) -> tuple[Path, None, str]:
        return self.path, None, str(self.case)
