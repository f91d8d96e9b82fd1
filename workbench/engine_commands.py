"""`workbench engine start|status|stop|logs|install`: an engine that outlives the notebook."""

import shutil
import time
from typing import Annotated

import typer

from workbench.terminal import aligned, told

app = typer.Typer(help="An engine that outlives the notebook, used by every notebook after it.", no_args_is_help=True)


@app.command()
def start(
    kind: Annotated[str, typer.Argument(help="auto, docker, java, dynoxide or embedded.")] = "auto",
    port: Annotated[int | None, typer.Option(help="The port to listen on, instead of a free one.")] = None,
    persist: Annotated[str, typer.Option(help="Keep the data under this name, for the next start.")] = "",
) -> None:
    """Start an engine that stays; notebooks and `workbench run` then use it."""
    from workbench.engines import keep_engine

    with told():
        noted = keep_engine(kind, port=port, persist=persist, progress=lambda line: typer.echo(line, err=True))
        typer.echo(f"{noted.kind} engine ({noted.version}) at {noted.endpoint_url}")
        typer.echo("notebooks and `workbench run` use it from now on; `workbench engine stop` ends it")


@app.command()
def status() -> None:
    """What runs: kind, version, endpoint, tables, items, and whose they are."""
    from workbench.inventory import inventory
    from workbench.residents import NONE, WAIT_OR_STOP, adopt, resident
    from workbench.starting import Options

    with told():
        noted = resident()
        if not noted:
            typer.echo(f"{NONE}; `workbench engine start` starts one")
            raise typer.Exit(1)
        if noted.starting:
            typer.echo(f"{noted.description} is not there yet; {WAIT_OR_STOP}")
            raise typer.Exit(1)
        engine = adopt(Options())
        kept = f", keeps its data as {noted.persist!r}" if noted.persist else ""
        since = time.strftime("%Y-%m-%d %H:%M", time.localtime(noted.started))
        typer.echo(f"{noted.kind} engine ({noted.version}) at {noted.endpoint_url}")
        typer.echo(f"started by {noted.user} on {since}{kept}")
        found = inventory(engine)
        typer.echo(aligned(found.to_frame()) if found.tables else "no tables")


@app.command()
def stop() -> None:
    """End the engine; data that it keeps under a name stays."""
    from workbench.residents import stop

    with told():
        noted = stop()
        where = "that was being started" if noted.starting else f"at {noted.endpoint_url}"
        typer.echo(f"stopped the {noted.kind} engine {where}")


@app.command()
def logs(lines: Annotated[int, typer.Option(min=1, help="How many of the last lines.")] = 100) -> None:
    """The last lines of the engine's log, also after it ended by itself."""
    from workbench.errors import EngineError
    from workbench.residents import NONE, resident

    with told():
        noted = resident()
        if not noted:
            raise EngineError(NONE)
        if noted.starting:
            raise EngineError(f"{noted.description} has no log yet")
        typer.echo(noted.server().log_tail(lines))


@app.command()
def install(
    source: Annotated[str, typer.Option(help="maven or archive; else Maven where mvn is on the path.")] = "",
    force: Annotated[bool, typer.Option("--force", help="Install it anew, also if it is there.")] = False,
) -> None:
    """Install DynamoDB Local for Java, once, into the user's cache: verified by Maven, or the archive by SHA-256."""
    from workbench.installing import install
    from workbench.java import find_java

    with told():
        archive = source == "archive" or not (source or shutil.which("mvn"))  # which shows a bar
        found = install(source, force=force, progress=None if archive else lambda line: typer.echo(line, err=True))
        typer.echo(f"DynamoDB Local {found.version} is in {found.home}".replace("  ", " "))
        java = find_java()
        typer.echo(f"Java {java.version} ({java.origin}) runs it: workbench engine start java")
