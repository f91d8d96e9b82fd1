"""The commands: from `workbench check` and `run` to `cost`, `policy`, `review`, `simulate` and `compare`.

Each is a few lines over a library call. An error of the workbench becomes its message and exit code 1; wrong usage is
2. Nothing heavy is imported before a command needs it, so that `workbench --help` answers at once.
"""

import json
import os
import re
import shlex
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from workbench import engine_commands, workshop_commands
from workbench.environment import ROOT, activation
from workbench.terminal import aligned, told

if TYPE_CHECKING:
    import pandas as pd

    from workbench.findings import Review
    from workbench.gate_results import Outcome, Regression
    from workbench.regression import NotebookRun
    from workbench.runs import Run
    from workbench.simulation import Simulation

QUICKSTART = ROOT / "notebooks" / "01_quickstart.ipynb"
TASK_BOARD = ROOT / "notebooks" / "designs" / "task_board.yaml"
MOVED_LINES = 100  # more than that, nobody reads on a terminal

app = typer.Typer(
    help="Model DynamoDB tables: access patterns, consumed capacity and hot partitions, before production.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=True,
)

app.add_typer(engine_commands.app, name="engine")
app.add_typer(workshop_commands.app)

DesignFile = Annotated[Path, typer.Argument(help="A design file (YAML).", metavar="DESIGN")]
EngineKind = Annotated[
    str, typer.Option("--engine", help="auto, docker, java, dynoxide, embedded, the URL of a running engine, or aws.")
]
PriceFile = Annotated[Path | None, typer.Option("--prices", help="A price file (TOML); see `workbench prices`.")]
Seed = Annotated[int, typer.Option(min=0, help="Fixes every random draw.")]


@app.command()
def check(design: DesignFile) -> None:
    """Check a design file: every error with file, line and column."""
    from workbench.designfile import load_design

    with told():
        typer.echo(f"{design}: {str(load_design(design))[1:-1]}: no errors")


@app.command()
def schema() -> None:
    """Print the JSON Schema of design files, for completion in editors."""
    from workbench.designfile import json_schema

    typer.echo(json.dumps(json_schema(), indent=2))


@app.command()
def new(
    name: Annotated[str, typer.Argument(help="The design's name; NAME.yaml is written, never over a file.")],
) -> None:
    """Start a design: a commented file that runs as it is."""
    if not Path(name).stem.strip("."):
        typer.echo("workbench: the design needs a name, as in: workbench new my-table", err=True)
        raise typer.Exit(2)
    path = Path(name if name.endswith((".yaml", ".yml")) else f"{name}.yaml")
    template = Path(__file__).with_name("templates").joinpath("design.yaml").read_text(encoding="utf-8")
    plain = re.fullmatch("[A-Za-z][A-Za-z0-9_-]*", path.stem) and path.stem.lower() not in ("true", "false", "null")
    stated = template.replace("name: my-design", f"name: {path.stem if plain else json.dumps(path.stem)}", 1)
    try:
        with path.open("x", encoding="utf-8") as file:
            file.write(stated.replace("my-design", path.stem))
    except FileExistsError:
        typer.echo(f"workbench: {path} exists already and is left as it is; choose another name", err=True)
        raise typer.Exit(1) from None
    except OSError as error:
        typer.echo(f"workbench: {path} cannot be written: {error.strerror}", err=True)
        raise typer.Exit(1) from None
    typer.echo(f"{path} written; try it: workbench run {shlex.quote(str(path))}")


@app.command()
def run(
    design: DesignFile,
    engine: EngineKind = "auto",
    calls: Annotated[int, typer.Option(min=1, help="Calls of each access pattern (of a Scan, a twentieth).")] = 20,
    seed: Seed = 7,
    sample: Annotated[int, typer.Option(min=1, help="Load about so many items of a larger design.")] = 45_000,
    prefix: Annotated[str | None, typer.Option(help="What table names on a running engine begin with.")] = None,
    keep: Annotated[bool, typer.Option("--keep", help="Leave the tables on a running engine.")] = False,
    output: Annotated[Path | None, typer.Option(help="Write one line per call to this CSV file.")] = None,
    allow_aws: Annotated[
        bool, typer.Option("--allow-aws", help="With --engine aws: the real service, for money.")
    ] = False,
    account: Annotated[str, typer.Option(help="With --engine aws: the account's id; else it is asked for.")] = "",
    profile: Annotated[str, typer.Option(help="With --engine aws: the profile with the credentials.")] = "",
    region: Annotated[str, typer.Option(help="With --engine aws: the region.")] = "",
) -> None:
    """Load a design into a local engine and run its access patterns: units, items and latency of each."""
    from workbench.designfile import load_design
    from workbench.engines import start_engine
    from workbench.folders import check_writable, write_whole
    from workbench.items import generate_items
    from workbench.runs import run_patterns

    with told():
        loaded = load_design(design)
        if output:
            check_writable(output)  # better known before the run
        items = generate_items(loaded, seed=seed)
        aws: dict[str, Any] = {"allow_aws": allow_aws, "account": account, "profile": profile, "region": region}
        with start_engine(engine, **aws) as started:
            typer.echo(started.choice)
            options: dict[str, Any] = {"calls": calls, "sample": sample, "prefix": prefix, "keep": keep}
            with _owned_engine_ends(started.owned):
                result = run_patterns(loaded, started, items, strict=False, progress=sys.stderr.isatty(), **options)
        _show_run(result)
        if output:
            write_whole(output, result.calls.to_csv(index=False))
    if result.failures:
        raise typer.Exit(1)


@contextmanager
def _owned_engine_ends(owned: bool) -> Iterator[None]:
    """An interrupted command stops the engine that it started, so that there is nothing to go on from."""
    try:
        yield
    except KeyboardInterrupt as interrupt:
        raise KeyboardInterrupt(str(interrupt).partition(", into")[0] if owned else str(interrupt)) from None


def _show_run(result: "Run") -> None:
    from workbench.runs import shown_arms

    typer.echo(_table(result.summary))
    if len(arms := shown_arms(result.arms)):
        typer.echo(f"\nUnits by table and index:\n{aligned(arms)}\n")
    for note in result.notes:
        typer.echo(f"note: {note}")
    for name, reason in result.unserved.items():
        typer.echo(f"not served: {name}: {reason}")
    for failure in result.failures:
        typer.echo(f"FAILED {failure}", err=True)


def _table(summary: "pd.DataFrame") -> str:
    """The summary for a terminal, with what its columns mean."""
    from workbench.runs import LEGEND, shown

    return f"{aligned(shown(summary))}\n{LEGEND}"


@app.command()
def capacity(design: DesignFile, seed: Seed = 7) -> None:
    """What each access pattern will consume, from the design alone: units per call and per second, no engine."""
    from workbench.designfile import load_design
    from workbench.expected import LEGEND, expected_units
    from workbench.items import generate_items

    with told():
        found = expected_units(generate_items(load_design(design), seed=seed))
        typer.echo(f"{found.summary_line()}\n\n{aligned(found.shown())}\n")
        typer.echo("\n".join([*found.notes(), LEGEND]))


@app.command()
def review(
    design: Annotated[Path | None, typer.Argument(help="A design file (YAML).", metavar="[DESIGN]")] = None,
    files: Annotated[
        list[Path] | None, typer.Option("--files", help="Review code and configuration, too or alone.")
    ] = None,
    fail_on: Annotated[
        str, typer.Option(help="Exit with 1 from this severity: error, warning, note, never.")
    ] = "never",
    form: Annotated[str, typer.Option("--format", help="text, markdown, json, sarif or junit.")] = "text",
    output: Annotated[Path | None, typer.Option(help="Write to this file instead of the terminal.")] = None,
    baseline: Annotated[Path | None, typer.Option(help="Leave out the findings of this file.")] = None,
    write_baseline: Annotated[Path | None, typer.Option(help="Write all findings to this file, as known.")] = None,
    with_run: Annotated[bool, typer.Option("--run", help="Run the design first, for what filters discard.")] = False,
    engine: EngineKind = "auto",
    explain: Annotated[str | None, typer.Option(help="Print what a rule does, as --explain DW101.")] = None,
    rules: Annotated[bool, typer.Option("--rules", help="Print all rules as Markdown.")] = False,
) -> None:
    """Judge a design: findings with evidence, and what to do; for CI as SARIF or JUnit, against a baseline."""
    from workbench.reviewing import print_review, print_rules

    with told():
        if explain or rules:
            print_rules(explain)
            return
        done = print_review(
            design, files, fail_on, form, output, baseline, write_baseline, engine if with_run else None
        )
    if done:
        raise typer.Exit(done)


@app.command()
def brief(
    design: DesignFile,
    output: Annotated[Path | None, typer.Option(help="Write the page to this file.")] = None,
) -> None:
    """A page for whoever writes the application: keys, each access pattern as code, what must stay."""
    from workbench.briefs import brief as make
    from workbench.designfile import load_design

    with told():
        _put(str(make(load_design(design))), output)


@app.command()
def patterns(
    design: DesignFile,
    form: Annotated[str, typer.Option("--format", help="markdown or html.")] = "markdown",
    output: Annotated[Path | None, typer.Option(help="Write the report to this file.")] = None,
) -> None:
    """The access pattern table: keys, what Query serves and why not, conditions, hot partitions and cost."""
    from workbench.designfile import load_design
    from workbench.pattern_table import access_pattern_table

    if form not in ("markdown", "html"):
        raise typer.BadParameter(f"{form!r}; allowed: markdown, html", param_hint="--format")
    with told():
        table = access_pattern_table(load_design(design))
        _put(table.to_html() + "\n" if form == "html" else table.to_markdown(), output)


def _put(text: str, output: Path | None) -> None:
    if output:
        from workbench.folders import write_whole

        write_whole(output, text)
    else:
        typer.echo(text, nl=False)


@app.command()
def cost(
    design: DesignFile,
    prices: PriceFile = None,
    free_tier: Annotated[bool, typer.Option("--free-tier", help="Take off what one account gets for nothing.")] = False,
    attempts: Annotated[int, typer.Option(min=1, help="How often each call is sent in a retry storm.")] = 3,
    usage: Annotated[
        list[str] | None,
        typer.Option(help="What the design cannot say, for a month: TABLE.backups=7; restores, exports, stream_reads."),
    ] = None,
    curve: Annotated[str | None, typer.Option(help="The load of a day, as 24 numbers: 1,1,2,...")] = None,
    seed: Seed = 7,
) -> None:
    """What a design costs in a month: by access pattern, storage and the rest; other capacity modes; a spike."""
    from workbench.costs import estimate_cost
    from workbench.designfile import load_design
    from workbench.items import generate_items
    from workbench.usage import read_numbers, read_usage

    with told():
        items = generate_items(load_design(design), seed=seed)
        stated: dict[str, Any] = {"usage": read_usage(usage or []), "curve": curve and read_numbers(curve, "--curve ")}
        found = estimate_cost(items, prices, free_tier=free_tier, now=int(time.time()), **stated)
        spike = found.spike(attempts=attempts)
    if found.warning:
        typer.echo(f"warning: {found.warning}", err=True)
    notes = [note for note in found.notes() if note != found.warning]
    typer.echo(f"{found.summary_line()}\n\n{aligned(found.shown())}\n")
    typer.echo("\n".join([*notes, f"an hour: {spike.summary_line().partition(': ')[2]}"]))


@app.command(name="prices")
def show_prices() -> None:
    """Print the price file, to be changed and given to `workbench cost --prices`."""
    from workbench.prices import FILE

    typer.echo(FILE.read_text(encoding="utf-8"), nl=False)


@app.command()
def policy(
    design: DesignFile,
    role: Annotated[str | None, typer.Option(help="A role of the design; its only one unless stated.")] = None,
    region: Annotated[str, typer.Option(help="The region in the ARNs.")] = "us-east-1",
    account: Annotated[str, typer.Option(help="The account in the ARNs.")] = "123456789012",
    proof: Annotated[bool, typer.Option("--proof", help="Show what it allows and denies instead.")] = False,
    check: Annotated[Path | None, typer.Option(help="Review this policy (JSON) for the role instead.")] = None,
) -> None:
    """The least that a role needs as an IAM policy, with its proof; exit code 1 if something cannot be granted."""
    from workbench.designfile import load_design
    from workbench.policies import iam_policy
    from workbench.policyreview import review_policy

    with told():
        loaded = load_design(design)
        if check:
            _say_review(review_policy(check, loaded, role))
        made = iam_policy(loaded, role, region=region, account=account)
    shown = made.proof.shown()
    typer.echo(f"{made.proof.summary_line()}\n\n{aligned(shown)}" if proof else made.to_json())
    for line in [*(f"not granted: {gap.pattern}: {gap.why}" for gap in made.gaps), *made.notes]:
        typer.echo(line, err=True)
    if made.gaps or not made.proof.holds:
        raise typer.Exit(1)


def _say_review(found: "Review") -> None:
    """Print findings, each with what to do, and leave: with 1 if one of them is an error."""
    typer.echo(found.summary_line())
    for one in found:
        typer.echo(f"{one}\n    {one.fix}")
    for note in found.notes:
        typer.echo(f"note: {note}")
    raise typer.Exit(1 if found.at_least("error") else 0)


@app.command()
def compare(
    designs: Annotated[list[Path], typer.Argument(help="Two design files or more.", metavar="DESIGN DESIGN")],
    engine: Annotated[str | None, typer.Option(help="Run both there for their latency: auto, embedded, a URL.")] = None,
    prices: PriceFile = None,
    seed: Seed = 7,
) -> None:
    """Designs side by side under one seed: requests, units and cost of each access pattern, and each as a whole."""
    from workbench.comparison import compare as compared
    from workbench.designfile import load_design
    from workbench.engines import start_engine

    if len(designs) < 2:
        typer.echo("workbench: compare takes two designs or more, as in: workbench compare old.yaml new.yaml", err=True)
        raise typer.Exit(2)
    with told(), start_engine(engine) if engine else nullcontext() as started:
        options: dict[str, Any] = {"prices": prices, "seed": seed, "engine": started}
        found = compared(*map(load_design, designs), progress=sys.stderr.isatty(), **options)
        typer.echo(f"{found.summary_line()}\n\n{aligned(found.shown())}\n\n{aligned(found.shown_totals())}")
        for note in found.notes():
            typer.echo(f"note: {note}")


@app.command()
def diff(
    old: Annotated[Path, typer.Argument(help="The design that is in production.", metavar="OLD")],
    new: Annotated[Path, typer.Argument(help="The design that it shall become.", metavar="NEW")],
) -> None:
    """What a change means in production: what is immutable, what must be filled or rewritten, what changes in place."""
    from workbench.designfile import load_design
    from workbench.migration import diff as changes

    with told():
        found = changes(load_design(old), load_design(new))
        typer.echo(found.summary_line())
        for change in found:
            effort = f" ({change.items:,} items, {change.write_units:,.0f} write units)" if change.items else ""
            typer.echo(f"{change.way:<9} {change.where}: {change.what}{effort}\n          {change.how}")


@app.command()
def keys(
    design: DesignFile,
    seed: Seed = 7,
    rate: Annotated[bool, typer.Option("--rate", help="At mean rates, not at the peak.")] = False,
) -> None:
    """How good the partition keys are: the highest rate that each table and index sustains, and by which key."""
    from workbench.designfile import load_design
    from workbench.keyreport import LEGEND, key_report

    with told():
        report = key_report(load_design(design), seed=seed, at="rate" if rate else "peak")
        typer.echo("\n".join(f"{one.name}: {one.verdict}.\n" for one in report))
        typer.echo(f"{aligned(report.shown())}\n\n{LEGEND}")


@app.command()
def simulate(
    design: DesignFile,
    duration: Annotated[str, typer.Option(help="What is simulated: 1h, 30min, 90s.")] = "1h",
    load: Annotated[str, typer.Option(help="constant, or diurnal, ramp, step, spike to the peak.")] = "ramp",
    table: Annotated[str | None, typer.Option(help="One table; all, unless given.")] = None,
    start: Annotated[str, typer.Option(help="cold: new tables; warm: ready for the peak.")] = "cold",
    seed: Seed = 7,
    png: Annotated[Path | None, typer.Option(help="Draw the heat map into this PNG file.")] = None,
) -> None:
    """The partitions through time, simulated: what is throttled, when, why, and by which key."""
    from workbench.designfile import load_design
    from workbench.diagnosis import diagnose
    from workbench.simulation import simulate as simulated

    with told():
        if png:
            png.touch()  # a place that cannot be written is better known before
        options: dict[str, Any] = {"table": table, "start": start, "seed": seed, "heat": png is not None}
        found = simulated(load_design(design), duration, load, progress=sys.stderr.isatty(), **options)
        typer.echo(f"{found.summary_line()}\n\n" + "\n".join(one.text for one in diagnose(found)))
        typer.echo(f"\n{aligned(_patterns(found))}\n\n{aligned(_partitions(found))}")
        typer.echo("\n" + "\n".join(_rests_on(found)))
        if png:
            from workbench.charts import heat
            from workbench.pictures import png as drawn

            png.write_bytes(drawn(heat(found)))
            typer.echo(f"\nheat map in {png}")


def _patterns(found: "Simulation") -> dict[str, list[Any]]:
    """What became of each access pattern's requests, for a terminal."""
    from workbench.spreads import percent

    told = found.summary()
    shares, reasons = told.throttled_share.items(), dict[str, list[str]]()
    for (name, reason), share in told.by_reason.items():
        reasons.setdefault(name, []).append(f"{percent(share)} {reason}")
    return {
        "access pattern": [name for name, _ in shares],
        "throttled": [percent(share) for _, share in shares],
        "reasons": [", ".join(reasons.get(name, [])) for name, _ in shares],
    }


def _partitions(found: "Simulation") -> dict[str, list[Any]]:
    """How the partitions of each table and index grew, for a terminal."""
    told = found.summary()
    splits = {name: ", ".join(f"{n} for {cause}" for cause, n in by.items()) for name, by in told.splits.items()}
    return {
        "table or index": list(told.partitions),
        "partitions at first": [first for first, _ in told.partitions.values()],
        "at the end": [last for _, last in told.partitions.values()],
        "splits": [splits[name] for name in told.partitions],
    }


def _rests_on(found: "Simulation") -> Iterator[str]:
    """What the model takes from elsewhere than AWS's documentation, each with its value."""
    for basis in dict.fromkeys(note.basis for note in found.notes):
        told = [note.text.partition(":")[0] for note in found.notes if note.basis == basis]
        yield f"{basis}, not documented by AWS: {', '.join(told)}"


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
    typer.echo(_table(pd.DataFrame(results["patterns"])))
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
