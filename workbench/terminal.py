"""How commands listen and speak: arguments that several share, errors as a line and an exit code, tables in columns."""

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    import pandas as pd

DesignFile = Annotated[Path, typer.Argument(help="A design file (YAML).", metavar="DESIGN")]
EngineKind = Annotated[
    str, typer.Option("--engine", help="auto, docker, java, dynoxide, embedded, the URL of a running engine, or aws.")
]
PriceFile = Annotated[Path | None, typer.Option("--prices", help="A price file (TOML); see `workbench prices`.")]
Seed = Annotated[int, typer.Option(min=0, help="Fixes every random draw.")]


@contextmanager
def told() -> Iterator[None]:
    """Errors of the workbench as their message and exit code 1; Ctrl-C as 130; what was noted on an end by signal."""
    from workbench.errors import WorkbenchError

    try:
        yield
    except BrokenPipeError:  # as in `workbench run | head`
        raise
    except (WorkbenchError, ValueError, OSError) as error:
        typer.echo(f"workbench: {error}" if not str(error).startswith("workbench") else str(error), err=True)
        raise typer.Exit(1) from None
    except KeyboardInterrupt as interrupt:
        typer.echo(f"\n{_note(interrupt) or str(interrupt) or 'interrupted'}", err=True)
        raise typer.Exit(130) from None
    except SystemExit as stop:
        if note := _note(stop):
            typer.echo(f"\n{note}", err=True)
        raise


def _note(stop: BaseException) -> str:
    return "\n".join(getattr(stop, "__notes__", ()))


def need_writable(path: Path | None, option: str) -> None:
    """WorkbenchError if an option names a file that cannot be written: it is better known before the work."""
    from workbench.errors import WorkbenchError
    from workbench.folders import check_writable

    try:
        if path:
            check_writable(path)
    except OSError as error:
        reason = (error.strerror or type(error).__name__).lower()
        raise WorkbenchError(
            f"{option} {path}: {reason}; name a file in a folder that is there and that you may write to"
        ) from None


def aligned(table: "Mapping[str, Iterable[Any]] | pd.DataFrame") -> str:
    """Columns by heading, for a terminal: numbers to the right."""
    from workbench.results import number

    columns = [(name, list(cells)) for name, cells in table.items()]
    texts = [[str(name), *map(number, cells)] for name, cells in columns]
    widths = [max(map(len, column)) for column in texts]
    aligned = [
        [f"{text:<{width}}" if all(isinstance(cell, str) for cell in cells) else f"{text:>{width}}" for text in column]
        for (_, cells), column, width in zip(columns, texts, widths, strict=True)
    ]
    return "\n".join("  ".join(line).rstrip() for line in zip(*aligned, strict=True))


def run_table(summary: "pd.DataFrame") -> str:
    """The summary of a run for a terminal, with what its columns mean."""
    from workbench.runs import LEGEND, shown

    return f"{aligned(shown(summary))}\n{LEGEND}"
