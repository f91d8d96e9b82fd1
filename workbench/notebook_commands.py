"""`workbench demo` and `regress`: notebooks that run by themselves, and the gate that compares their results."""

import os
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from workbench.environment import ROOT, activation
from workbench.terminal import EngineKind, aligned, run_table, told

if TYPE_CHECKING:
    from workbench.gate_results import Outcome, Regression
    from workbench.regression import NotebookRun

QUICKSTART = ROOT / "notebooks" / "01_quickstart.ipynb"
TASK_BOARD = ROOT / "notebooks" / "designs" / "task_board.yaml"
MOVED_LINES = 100  # more than that, nobody reads on a terminal

app = typer.Typer()


@app.command()
def demo(
    design: Annotated[Path | None, typer.Argument(help="Your own design instead of the task board.")] = None,
    engine: EngineKind = "embedded",
    build: Annotated[Path, typer.Option(help="Where the results go.")] = Path("build"),
) -> None:
    """From a design file to a report with charts: runs the quickstart notebook and says what came out."""
    if not QUICKSTART.exists():
        typer.echo("workbench: the demo runs in a checkout of the project; here: workbench run DESIGN", err=True)
        raise typer.Exit(1)
    from workbench.designfile import load_design
    from workbench.engines import check_kind

    started = time.perf_counter()
    path = (design or TASK_BOARD).resolve()
    with told():
        load_design(path)
        check_kind(engine)
        notebook, report, charts = _run_quickstart(path, engine, build)
    _say_results(notebook.results, report, charts, time.perf_counter() - started)


def _run_quickstart(path: Path, engine: str, build: Path) -> "tuple[NotebookRun, Path, list[Path]]":
    from workbench.regression import run_notebook, save_charts, to_html

    typer.echo(f"{QUICKSTART.name} on {path.name}, into {build}/")
    parameters = {"design_file": str(path), "engine_kind": engine}
    notebook = run_notebook(QUICKSTART, build / "quickstart.ipynb", parameters, progress=True)
    charts = save_charts(notebook, build / "charts")
    report = to_html(notebook, build / "quickstart.html")
    return notebook, report, charts


def _say_results(results: dict[str, Any], report: Path, charts: list[Path], seconds: float) -> None:
    """The last lines of the demo: what was measured, where it lies, and what to type next."""
    import pandas as pd

    typer.echo(f"\nengine   {results['engine']}")
    typer.echo(f"items    {results['items']:,} generated, {results['loaded']:,} loaded")
    typer.echo(run_table(pd.DataFrame(results["patterns"])))
    for note in results["notes"]:
        typer.echo(f"note: {note}")
    for name, reason in results["unserved"].items():
        typer.echo(f"not served: {name}: {reason}")
    typer.echo(f"hottest  {results['hottest']}")
    typer.echo(f"report   {report}")
    typer.echo(f"charts   {', '.join(map(str, charts))}")
    setup = float(os.environ.get("WORKBENCH_SETUP_SECONDS", 0))
    typer.echo(f"time     {setup:.0f} s for packages, {seconds:.0f} s for the demo")
    typer.echo(f"next     {activation(Path(sys.prefix))} && workbench new my-table && workbench run my-table.yaml")


@app.command()
def regress(
    notebooks: Annotated[list[Path], typer.Argument(help="A folder of notebooks, or some of them.")],
    matrix: Annotated[Path | None, typer.Option(help="Sets of parameters; matrix.yaml beside them if there.")] = None,
    baseline: Annotated[Path | None, typer.Option(help="Accepted results; baselines/ beside them.")] = None,
    workers: Annotated[int, typer.Option("-n", "--workers", min=1, help="Notebooks at the same time.")] = 1,
    update: Annotated[bool, typer.Option("--update", help="Accept what is recorded as the new baseline.")] = False,
    last_failed: Annotated[bool, typer.Option("--last-failed", help="Only what did not pass the last time.")] = False,
    engine: EngineKind = "embedded",
    timeout: Annotated[float, typer.Option(min=0.1, help="Seconds for each cell.")] = 300,
    output: Annotated[Path, typer.Option(help="Where reports and executed notebooks go.")] = Path("build/regression"),
    reports: Annotated[bool, typer.Option(help="Write report.html, junit.xml and history.jsonl too.")] = True,
) -> None:
    """Run notebooks with every set of parameters and fail if a recorded result moved from its baseline."""
    from workbench.gates import regress as run_gate

    options: dict[str, Any] = {"update": update, "last_failed": last_failed, "engine": engine, "timeout": timeout}
    options |= {"matrix": matrix, "baselines": baseline, "output": output, "reports": reports, "workers": workers}
    with told():
        result = run_gate(*notebooks, **options, say=lambda one: typer.echo(_outcome_line(one)))
        _say_gate(result)
        typer.echo(f"{result.summary_line()}, {result.about['seconds']:g} s; {_written(output, reports)}")
    if not result.holds:
        raise typer.Exit(1)


def _outcome_line(outcome: "Outcome") -> str:
    """A case that just ended, and if it failed, why."""
    line = f"{outcome.status:<11} {outcome.case}  {outcome.seconds:.1f} s"
    return f"{line}\n  {outcome.error}" if outcome.error else line


def _say_gate(result: "Regression") -> None:
    """What moved as a table, and what else keeps the gate closed."""
    names = ("case", "metric", "baseline", "now", "change", "allowed")
    if moved := [(str(outcome.case), *change.cells) for outcome, change in result.moved]:
        typer.echo(f"\n{aligned(dict(zip(names, zip(*moved[:MOVED_LINES], strict=True), strict=True)))}\n")
    if len(moved) > MOVED_LINES:
        typer.echo(f"and {len(moved) - MOVED_LINES:,} more, in results.json\n")
    if new := [str(outcome.case) for outcome in result.outcomes if outcome.status == "no baseline"]:
        typer.echo(f"no baseline yet: {', '.join(new)}; look at the results, then accept them with --update")
    for stray in result.strays:
        typer.echo(f"stray: {stray}")


def _written(output: Path, reports: bool) -> str:
    return str(output / ("report.html" if reports else "results.json"))
