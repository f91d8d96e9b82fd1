"""`workbench cost`, `policy`, `compare`, `diff`, `keys`, `simulate`: what a design comes to in production."""

import sys
import time
from collections.abc import Iterator
from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from workbench.terminal import DesignFile, PriceFile, Seed, aligned, need_writable, told

if TYPE_CHECKING:
    from workbench.findings import Review
    from workbench.summaries import Simulation


app = typer.Typer()


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
    curve: Annotated[str | None, typer.Option(help="The load of a day: 1 to 1,440 numbers, as 24: 1,1,2,...")] = None,
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
    load: Annotated[
        str, typer.Option(help="ramp from nothing to the peak; step, at once; constant, diurnal, spike.")
    ] = "ramp",
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
        need_writable(png, "--png")
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
    from workbench.results import percent

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
