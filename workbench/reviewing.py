"""What `workbench review` does: review a design, files or both, against a baseline, in a format, with an exit code."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from workbench.errors import WorkbenchError
from workbench.finding_reports import FAIL_ON, FORMATS, read_baseline, to_json, to_junit
from workbench.findings import Review
from workbench.terminal import need_writable

if TYPE_CHECKING:
    from workbench.design import Design
    from workbench.runs import Run


def print_rules(code: str | None) -> None:
    """Print the page of one rule, or of all of them."""
    from workbench.rules import explain, rules_page

    typer.echo(explain(code) if code else rules_page(), nl=bool(code))


def print_review(
    design: Path | None,
    files: Sequence[Path] | None,
    fail_on: str,
    form: str,
    output: Path | None,
    baseline: Path | None,
    write_baseline: Path | None,
    engine: str | None,
) -> int:
    """Review, print, and say with which code to exit: 1 if a finding is as severe as `fail_on`."""
    if design is None and not files:
        raise typer.BadParameter("name a design, or files with --files PATH, or both")
    for word, allowed, option in ((fail_on, FAIL_ON, "--fail-on"), (form, FORMATS, "--format")):
        if word not in allowed:
            raise typer.BadParameter(f"{word!r}; allowed: {', '.join(allowed)}", param_hint=option)
    need_writable(output, "--output")
    need_writable(write_baseline, "--write-baseline")
    found = _review(design, files, engine)
    if write_baseline:
        write_baseline.write_text(to_json(found), encoding="utf-8")
        typer.echo(f"{write_baseline}: {len(found)} findings are known from now on", err=True)
    known = read_baseline(baseline) if baseline else []
    if known:
        new = found.without(known)
        told = f"{len(found) - len(new)} findings are known from {baseline}"
        found = replace(new, notes=(*new.notes, told))
    text = to_junit(found, fail_on) if form == "junit" else FORMATS[form](found)
    if output:
        output.write_text(text, encoding="utf-8")
    else:
        typer.echo(text, nl=False)
    return 0 if fail_on == "never" or write_baseline else int(bool(found.at_least(fail_on)))


def _review(design: Path | None, files: Sequence[Path] | None, engine: str | None) -> Review:
    from workbench.designfile import load_design
    from workbench.reviews import located, review, review_files

    if design is None:
        return review_files(*(files or ()))
    loaded = load_design(design)
    found = located(review(loaded, _run(loaded, engine) if engine else None), loaded)
    return found.beside(review_files(*files)) if files else found


def _run(design: "Design", engine: str) -> "Run":
    from workbench.engines import start_engine
    from workbench.runs import run_patterns

    with start_engine(engine) as started:
        run = run_patterns(design, started, strict=False, progress=False)
    if run.failures:
        raise WorkbenchError(f"the run did not go as the design expects: {run.failures[0]}; see: workbench run")
    return run
