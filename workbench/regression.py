"""Notebooks as regression tests: run one headless with parameters, take its recorded results, keep what it showed.

A notebook states its inputs in a cell tagged `parameters` and its results with `record(...)` in the last cell.
`run_notebook` executes it through papermill, more strictly than papermill does: an unknown parameter, a missing
`parameters` cell and a notebook without results are errors, and so is an exception in a widget's callback.
`to_html` and `save_charts` (from `reports`) turn the executed notebook into a report and pictures.

papermill and Jupyter load when a notebook is first run: they take seconds to import.
See https://papermill.readthedocs.io/ and https://nbclient.readthedocs.io/.
"""

import json
import sys
import time
from collections.abc import Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from decimal import Decimal
from numbers import Integral, Real
from pathlib import Path
from typing import TYPE_CHECKING, Any

from workbench import headless
from workbench.errors import NotebookError, WorkbenchError
from workbench.parameters import Parameter, misfit, stated_parameters
from workbench.reports import read_notebook, save_charts, to_html
from workbench.results import Result

if TYPE_CHECKING:
    import pandas as pd
    from nbformat import NotebookNode

__all__ = ["NotebookRun", "record", "run_notebook", "save_charts", "to_html"]

RESULT_MIME = "application/vnd.workbench.result+json"


# Results --------------------------------------------------------------------------------------------------------------


class Recorded(dict):
    """The results just recorded; already shown, so a cell that ends with them shows nothing twice."""

    def _ipython_display_(self) -> None:
        pass


def record(**results: Any) -> Recorded:
    """Record a notebook's results for `run_notebook`, and return them as plain JSON values.

    Numbers, strings, lists, dicts, arrays and DataFrames (as a list of their lines) may be recorded; NaN becomes None.

    >>> record(units=4.5, hot_keys=("PROJECT#1", "PROJECT#7"))
    {'units': 4.5, 'hot_keys': ['PROJECT#1', 'PROJECT#7']}
    """
    if not results:
        raise ValueError("record() needs at least one result: record(units=4.5, hottest='PROJECT#1')")
    plain = Recorded({name: plain_json(value, name) for name, value in results.items()})
    if "IPython" in sys.modules and sys.modules["IPython"].get_ipython() is not None:
        from IPython.display import display

        display({RESULT_MIME: dict(plain), "text/plain": _in_words(plain)}, raw=True)
    return plain


def _in_words(results: Mapping[str, Any]) -> str:
    lines = (f"{name} = {json.dumps(value, ensure_ascii=False)}" for name, value in results.items())
    return "\n".join(line if len(line) <= 120 else line[:117] + "..." for line in lines)


def plain_json(value: Any, where: str = "value") -> Any:
    """The value as JSON has it; TypeError or ValueError names the place of what JSON cannot hold.

    >>> plain_json({"share": float("nan"), "keys": {"b", "a"}})
    {'share': None, 'keys': ['a', 'b']}
    """
    if _is_missing(value):
        return None
    for fits, convert in _CONVERSIONS:
        if fits(value):
            return convert(value, where)
    raise TypeError(f"{where} is a {type(value).__name__}: record numbers, strings, lists, dicts, arrays or DataFrames")


def _is_missing(value: Any) -> bool:
    isnan = isinstance(value, Real | Decimal) and value != value
    return value is None or isnan or type(value).__name__ in ("NAType", "NaTType")


def _finite(value: Any, where: str) -> float:
    if abs(value) == float("inf"):
        raise ValueError(f"{where} is infinite, which JSON cannot hold: record None, or a word that says so")
    return float(value)


def _number(value: Decimal, where: str) -> int | float:
    return int(value) if value.is_finite() and value == value.to_integral_value() else _finite(value, where)


def _lines(frame: "pd.DataFrame", where: str) -> list[dict[str, Any]]:
    named = any(name is not None for name in frame.index.names)
    return plain_json((frame.reset_index() if named else frame).to_dict("records"), where)


def _sequence(values: Any, where: str) -> list[Any]:
    return [plain_json(value, f"{where}[{place}]") for place, value in enumerate(values)]


def _in_order(values: AbstractSet[Any]) -> list[Any]:
    try:
        return sorted(values)
    except TypeError:  # of several types
        return sorted(values, key=lambda value: (type(value).__name__, str(value)))


def _mapping(values: Mapping[Any, Any], where: str) -> dict[str, Any]:
    if len({*map(str, values)}) < len(values):
        raise ValueError(f"{where} has keys that are the same as text, and JSON has no others: rename one of them")
    return {str(name): plain_json(value, f"{where}[{name!r}]") for name, value in values.items()}


# Without importing numpy or pandas: their values are known by what they can do. The first that fits converts.
_CONVERSIONS = (
    (lambda v: isinstance(v, bool | str), lambda v, where: v),
    (lambda v: isinstance(v, Integral), lambda v, where: int(v)),
    (lambda v: isinstance(v, Decimal), _number),
    (lambda v: isinstance(v, Real), _finite),
    (lambda v: isinstance(v, Mapping), _mapping),
    (lambda v: isinstance(v, list | tuple), _sequence),
    (lambda v: isinstance(v, AbstractSet), lambda v, where: _sequence(_in_order(v), where)),
    (lambda v: hasattr(v, "columns") and hasattr(v, "to_dict"), _lines),  # a DataFrame
    (lambda v: hasattr(v, "to_dict"), lambda v, where: _mapping(v.to_dict(), where)),  # a Series
    (lambda v: hasattr(v, "to_frame"), lambda v, where: plain_json(v.to_frame(), where)),  # a result, an Index
    (lambda v: hasattr(v, "isoformat"), lambda v, where: v.isoformat()),
    (lambda v: hasattr(v, "tolist"), lambda v, where: plain_json(v.tolist(), where)),  # an array or numpy scalar
)


def recorded(notebook: "NotebookNode") -> dict[str, Any]:
    """What the cells of an executed notebook recorded; of two results of one name the later one."""
    outputs = [output for cell in notebook.cells for output in cell.get("outputs", ())]
    return {k: v for output in outputs for k, v in output.get("data", {}).get(RESULT_MIME, {}).items()}


# Running --------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, repr=False)
class NotebookRun(Result):
    """A notebook that ran to its end: what it recorded, where its executed copy lies, how long it took, and with what.

    `parameters` are those given and the notebook's own defaults of the others.
    """

    results: dict[str, Any]
    output: Path
    seconds: float
    parameters: dict[str, Any] = field(default_factory=dict)

    def summary_line(self) -> str:
        """The result in one line."""
        return f"{self.output.name}: {len(self.results)} results in {self.seconds:.1f} s"

    def to_frame(self) -> "pd.DataFrame":
        """A line per result: its name and its value."""
        import pandas as pd

        return pd.DataFrame({"result": list(self.results), "value": list(self.results.values())})


def run_notebook(
    path: str | Path,
    output: str | Path,
    parameters: Mapping[str, Any] | None = None,
    timeout: float = 300,
    progress: bool | None = None,
) -> NotebookRun:
    """Execute a notebook in its own folder, write the executed copy to `output`, and return what it recorded.

    `timeout` is in seconds for each cell. `progress` shows a bar over the cells; None shows it on a terminal only.
    NotebookError names the cell that failed; what had run until then stays in `output`.
    """
    source, target, given = Path(path).resolve(), Path(output).resolve(), dict(parameters or {})
    parameters = _checked_parameters(read_notebook(source), source, given)
    target.parent.mkdir(parents=True, exist_ok=True)
    began = time.perf_counter()
    executed = _execute(source, target, given, timeout, progress)
    results = recorded(executed)
    if not results:
        raise _last_started(source, target, "the last to run, and none recorded results: add wb.record(name=value)")
    return NotebookRun(results, target, time.perf_counter() - began, parameters)


def _checked_parameters(notebook: "NotebookNode", source: Path, given: Mapping[str, Any]) -> dict[str, Any]:
    """All parameters that the notebook will run with; NotebookError if it cannot be given these."""
    place, stated = _stated(notebook, source)
    at = f"{source.name}, cell {place}"
    if unknown := [name for name in given if name not in stated]:
        known = f"its parameters are {', '.join(stated)}" if stated else "its `parameters` cell assigns none"
        raise NotebookError(f"{at}: no parameter {', '.join(unknown)}; {known}", notebook=source, cell=place)
    if wrong := [words for name, value in given.items() if (words := misfit(stated[name], value))]:
        raise NotebookError(f"{at}: {'; '.join(wrong)}", notebook=source, cell=place)
    return {name: parameter.default for name, parameter in stated.items()} | dict(given)


def default_parameters(path: Path) -> dict[str, Any]:
    """What a notebook's parameters are unless given; NotebookError if it does not state them."""
    return {name: one.default for name, one in _stated(read_notebook(path), path)[1].items()}


def _stated(notebook: "NotebookNode", source: Path) -> tuple[int, dict[str, Parameter]]:
    """The number of the `parameters` cell, and the parameters by name."""
    places = [i for i, cell in enumerate(notebook.cells) if "parameters" in cell.metadata.get("tags", ())]
    if not places:
        raise NotebookError(f"{source.name} has no cell tagged `parameters`: {_TO_TAG}", notebook=source)
    try:
        found = stated_parameters(notebook.cells[places[0]].source)
    except SyntaxError as error:
        message = f"{source.name}, cell {places[0] + 1}: its `parameters` cell is not Python: {error}"
        raise NotebookError(message, notebook=source, cell=places[0] + 1) from None
    return places[0] + 1, {parameter.name: parameter for parameter in found}


_TO_TAG = "tag the cell that assigns what it can be given, or an empty one (JupyterLab: property inspector, Cell Tags)"


def _execute(
    source: Path, target: Path, given: dict[str, Any], timeout: float, progress: bool | None
) -> "NotebookNode":
    papermill = _papermill()
    from nbclient.exceptions import CellTimeoutError, DeadKernelError

    shown = sys.stderr.isatty() if progress is None else progress
    try:
        return papermill.execute_notebook(
            _verbatim(source),
            _verbatim(target),
            given,
            engine_name="headless",
            kernel_name="python3",
            language="python",
            progress_bar={"desc": source.name, "leave": False, "mininterval": 0.5} if shown else False,
            execution_timeout=timeout,
            start_timeout=120,  # seconds; a busy machine takes many times the usual one or two
            cwd=source.parent,
        )
    except papermill.PapermillExecutionError as failure:
        raise _first_failure(source, target, _reason(failure.ename, failure.evalue)) from None
    except CellTimeoutError:
        raise _last_started(source, target, f"no end within {timeout:g} s, so it was stopped") from None
    except DeadKernelError:
        raise _last_started(source, target, "its kernel died") from None


def _papermill() -> Any:
    try:
        import papermill
        from papermill.engines import papermill_engines
    except ModuleNotFoundError as missing:
        raise NotebookError(f'{missing.name} is not installed: pip install "dynamodb-workbench[lab]"') from None
    papermill_engines.register("headless", headless.HeadlessEngine)
    return papermill


def _verbatim(path: Path) -> str:
    """papermill fills in `{name}` in paths."""
    return str(path).replace("{", "{{").replace("}", "}}")


def _first_failure(source: Path, target: Path, reason: str) -> NotebookError:
    """The error for the first cell that shows one: a widget's callback fails its cell, but later cells still run."""
    for place, cell in enumerate(_own_cells(target)):
        for output in cell.get("outputs", ()):
            if output.output_type == "error" and (output.ename, output.evalue) not in _GOOD_EXITS:
                return _failed_cell(source, target, place, _reason(output.ename, output.evalue))
    return _last_started(source, target, reason)


_GOOD_EXITS = {("SystemExit", ""), ("SystemExit", "0")}


def _last_started(source: Path, target: Path, reason: str) -> NotebookError:
    started = [c.metadata.get("papermill", {}).get("start_time") for c in _own_cells(target)]
    return _failed_cell(source, target, max((i for i, time in enumerate(started) if time), default=0), reason)


def _failed_cell(source: Path, target: Path, place: int, reason: str) -> NotebookError:
    """The error for a cell of the executed notebook, which is counted as in the source."""
    cells = _own_cells(target)
    number = sum("injected-parameters" not in cell.metadata.get("tags", ()) for cell in cells[: place + 1])
    code = next(iter(cells[place].source.strip().splitlines()), "")
    message = f"{source.name}, cell {number} (`{code}`): {reason}\n  executed as far as that: {target}"
    return NotebookError(message, notebook=source, cell=number)


def _own_cells(executed: Path) -> list[Any]:
    """The executed cells without those that papermill adds to mark an error."""
    return [c for c in read_notebook(executed).cells if "papermill-error-cell-tag" not in c.metadata.get("tags", ())]


def _reason(ename: str, evalue: str) -> str:
    """Errors of the workbench are written to be read whole; others may go on for pages."""
    ours = {kind.__name__ for kind in WorkbenchError.__subclasses__()}
    lines = evalue.splitlines()
    kept = lines if ename in ours else [*lines[:10], *(["..."] if len(lines) > 10 else [])]
    return f"{ename}: " + "\n".join(kept)
