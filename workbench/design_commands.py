"""`workbench check`, `new`, `run`, `capacity`, `review`, `patterns`: a design, by itself and against an engine."""

import json
import re
import shlex
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from textwrap import indent
from typing import TYPE_CHECKING, Annotated, Any

import typer

from workbench.terminal import DesignFile, EngineKind, Seed, aligned, need_writable, run_table, told

if TYPE_CHECKING:
    from workbench.runs import Run


app = typer.Typer()


@app.command()
def check(
    designs: Annotated[list[Path], typer.Argument(help="Design files (YAML), one or more.", metavar="DESIGN")],
) -> None:
    """Check design files: every error with file, line and column. Of several, every one is looked at."""
    with told():
        if len(designs) == 1:
            typer.echo(_checked(designs[0]))
            return
        failed = [design for design in dict.fromkeys(designs) if not _passes(design)]
    if failed:
        typer.echo(f"workbench: {len(failed)} of {len({*designs})} designs have errors", err=True)
        raise typer.Exit(1)


def _passes(design: Path) -> bool:
    """Whether a design has no errors; they are shown below its name."""
    from workbench.errors import WorkbenchError

    try:
        line = _checked(design)
    except (WorkbenchError, ValueError, OSError) as error:
        typer.echo(f"{design}:\n{indent(str(error), '  ')}", err=True)
        return False
    typer.echo(line)
    return True


def _checked(design: Path) -> str:
    """A line on a design without errors. DesignError else."""
    from workbench.designfile import load_design

    return f"{design}: {str(load_design(design))[1:-1]}: no errors"


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
    from workbench.folders import write_whole
    from workbench.items import generate_items
    from workbench.runs import run_patterns

    with told():
        loaded = load_design(design)
        need_writable(output, "--output")
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
    from workbench.runs import shown_by_index

    typer.echo(run_table(result.summary))
    if len(units := shown_by_index(result.by_index)):
        typer.echo(f"\nUnits by table and index:\n{aligned(units)}\n")
    for note in result.notes:
        typer.echo(f"note: {note}")
    for name, reason in result.unserved.items():
        typer.echo(f"not served: {name}: {reason}")
    for failure in result.failures:
        typer.echo(f"FAILED {failure}", err=True)


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
        need_writable(output, "--output")
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
        need_writable(output, "--output")
        table = access_pattern_table(load_design(design))
        _put(table.to_html() + "\n" if form == "html" else table.to_markdown(), output)


def _put(text: str, output: Path | None) -> None:
    if output:
        from workbench.folders import write_whole

        write_whole(output, text)
    else:
        typer.echo(text, nl=False)
