"""Cases: which notebooks run, and with which parameters.

A folder of notebooks is a suite. A notebook runs once as it is, unless the suite's `matrix.yaml` names sets of
parameters for it; a list stands for each of its values, and several lists for all of their combinations:

```yaml
tolerances:                                   # everything else is exact, but `*latency*`, which is ignored
  engine: ignored
  hot_partition/throttled_share: {absolute: 0.005}
notebooks:
  capacity:
    design_file: [../designs/task_board.yaml, ../designs/flights.yaml]
    seed: [7, 8]                              # four cases
  cost_ceiling:
    - {design_file: ../designs/task_board.yaml, ceiling_usd: 800}
    - {design_file: ../designs/flights.yaml, ceiling_usd: 8_000}
```
"""

import itertools
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import Any

from workbench.baselines import Tolerance
from workbench.documents import NAME, Document, Location, read_document
from workbench.errors import DesignError, NotebookError, Problem

MATRIX, BASELINES = "matrix.yaml", "baselines"
DEFAULTS = "defaults"
TOLERANCE_FORM = "`ignored`, or {relative: 0.02} or {absolute: 0.5} or both"


@dataclass(frozen=True)
class Case:
    """A notebook and one set of parameters for it. As text it is `notebook[name=value, ...]`."""

    notebook: Path
    parameters: Mapping[str, Any] = field(default_factory=dict)

    @property
    def name(self) -> str:
        """The parameters in a line, in their order; a file's name stands for its path."""
        return ", ".join(f"{name}={_short(value)}" for name, value in self.parameters.items()) or DEFAULTS

    @property
    def suite(self) -> str:
        """The notebook's name without its ending: what its baseline is called."""
        return self.notebook.stem

    @property
    def key(self) -> tuple[str, str]:
        """What tells it from other cases of its suite."""
        return self.suite, self.name

    def __str__(self) -> str:
        return f"{self.suite}[{self.name}]" if self.parameters else self.suite


def _short(value: Any) -> str:
    text = value if isinstance(value, str) else repr(value)
    return text.rpartition("/")[2] if isinstance(value, str) else text


@dataclass(frozen=True)
class Suite:
    """The cases of a folder in order, the tolerances of their results, and where their baselines lie."""

    cases: tuple[Case, ...]
    tolerances: Mapping[str, Tolerance]
    baselines: Path
    whole: bool = True  # all notebooks of its folder: a baseline without a notebook is then a stray

    def baseline(self, case: Case) -> Path:
        """The baseline file of a case's notebook."""
        return self.baselines / f"{case.suite}.json"


def find_suite(
    paths: Sequence[str | Path], matrix: str | Path | None = None, baselines: str | Path | None = None
) -> Suite:
    """The suite in a folder, or of some notebooks of a folder.

    `matrix` and `baselines` are `matrix.yaml` and `baselines/` beside the notebooks unless named. NotebookError for
    paths without notebooks, DesignError with file and line for a matrix that cannot be right.
    """
    notebooks = list(dict.fromkeys(book for path in paths for book in _notebooks(Path(path))))
    repeated = {book.stem for book in notebooks if sum(other.stem == book.stem for other in notebooks) > 1}
    if repeated:
        raise NotebookError(f"two notebooks are called {', '.join(sorted(repeated))}, and share one baseline: name one")
    folder = notebooks[0].parent
    beside = folder / MATRIX
    place = Path(matrix) if matrix is not None else beside if beside.exists() else None
    whole = any(Path(path).is_dir() for path in paths)
    tolerances, sets = read_matrix(place, notebooks, whole) if place else ({}, {})
    cases = [Case(book, given) for book in notebooks for given in sets.get(book.stem, [{}])]
    return Suite(tuple(cases), tolerances, Path(baselines) if baselines else folder / BASELINES, whole)


def _notebooks(path: Path) -> list[Path]:
    if path.is_file() and path.suffix == ".ipynb":
        return [path.resolve()]
    if not path.is_dir():
        raise NotebookError(f"{path} is neither a notebook nor a folder of notebooks", notebook=path)
    if found := sorted(book.resolve() for book in path.glob("*.ipynb")):
        return found
    raise NotebookError(f"there is no notebook (*.ipynb) in {path}", notebook=path)


# The matrix -----------------------------------------------------------------------------------------------------------


def read_matrix(
    path: Path, notebooks: Iterable[Path], whole: bool = True
) -> tuple[dict[str, Tolerance], dict[str, list[dict[str, Any]]]]:
    """The tolerances by pattern and the sets of parameters by notebook; DesignError names line and column."""
    try:
        document = read_document(path.read_bytes(), str(path))
    except OSError as error:
        raise NotebookError(f"{path} cannot be read: {error.strerror}", notebook=path) from None
    data = document.data or {}
    names = [book.stem for book in notebooks]
    problems = list(document.problems) + [
        document.problem(location, message) for location, message in _matrix_problems(data, names, whole)
    ]
    problems += _repeated(document, data) if not problems else []
    if problems:
        raise DesignError(problems)
    tolerances = {pattern: _tolerance(value) for pattern, value in (data.get("tolerances") or {}).items()}
    return tolerances, {name: list(_sets(value)) for name, value in (data.get("notebooks") or {}).items()}


def _matrix_problems(data: Any, names: Sequence[str], whole: bool) -> Iterator[tuple[Location, str]]:
    from workbench.references import nearest

    if not isinstance(data, dict):
        yield (), "a matrix has two parts: tolerances and notebooks"
        return
    for part in data:
        if part not in ("tolerances", "notebooks"):
            yield (part, NAME), f"{part!r} is unknown; a matrix has two parts: tolerances and notebooks"
        elif not isinstance(data[part] or {}, dict):
            yield (part,), f"{part} hold names with values, as in {_EXAMPLES[part]}"
    for pattern, value in _mapping(data.get("tolerances")).items():
        if problem := _tolerance_problem(value):
            yield ("tolerances", pattern), problem
    for name, value in _mapping(data.get("notebooks")).items():
        if whole and name not in names:
            yield ("notebooks", name, NAME), f"there is no notebook {name}.ipynb{nearest(str(name), names)}"
        if value == [] or any([] in one.values() for one in _listed(value) if isinstance(one, dict)):
            yield ("notebooks", name), f"{name} would not run: an empty list stands for no value at all"
        if not all(isinstance(one, dict) for one in _listed(value)):
            yield (
                ("notebooks", name),
                f"parameters are a mapping, or a list of mappings, as in {_EXAMPLES['notebooks']}",
            )


_EXAMPLES = {"tolerances": '"*_ms": ignored', "notebooks": "capacity: {seed: [7, 8]}"}


def _mapping(value: Any) -> dict[Any, Any]:
    return value if isinstance(value, dict) else {}


def _listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [{} if value is None else value]


def _tolerance_problem(value: Any) -> str:
    if value == "ignored":
        return ""
    if not isinstance(value, dict) or not value or set(value) - {"relative", "absolute"}:
        return f"{value!r} is no tolerance: it is {TOLERANCE_FORM}"
    wrong = [v for v in value.values() if not isinstance(v, int | Decimal) or isinstance(v, bool) or v < 0]
    return f"{wrong[0]} is no tolerance: it is a number from 0 on; 0.02 is 2 %" if wrong else ""


def _tolerance(value: Any) -> Tolerance:
    if value == "ignored":
        return Tolerance(ignored=True)
    return Tolerance(float(value.get("relative", 0)), float(value.get("absolute", 0)))


def _sets(value: Any) -> Iterator[dict[str, Any]]:
    for one in _listed(value):
        names = list(one)
        for values in itertools.product(*(_listed(one[name]) for name in names)):
            yield dict(zip(names, map(_plain, values), strict=True))


def _plain(value: Any) -> Any:
    if isinstance(value, Decimal):
        return float(value)
    if isinstance(value, list):
        return [_plain(one) for one in value]
    return {name: _plain(one) for name, one in value.items()} if isinstance(value, dict) else value


def _repeated(document: Document, data: Mapping[str, Any]) -> list[Problem]:
    """Cases that could not be told apart: the same parameters twice, or files of one name."""
    found = []
    for name, value in _mapping(data.get("notebooks")).items():
        names = [Case(Path(f"{name}.ipynb"), given).name for given in _sets(value)]
        if twice := sorted({one for one in names if names.count(one) > 1}):
            message = f"two cases are called {twice[0]}; parameters, and the names of files in them, must differ"
            found.append(document.problem(("notebooks", name), message))
    return found
