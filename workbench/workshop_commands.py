"""`workbench workshop` and `workbench scoreboard`: what a facilitator types before and after a workshop."""

from pathlib import Path
from typing import Annotated

import typer

from workbench.terminal import aligned, need_writable, told

app = typer.Typer()


@app.command()
def scoreboard(
    folder: Annotated[Path, typer.Argument(help="The folder with the result files of a workshop.")],
    png: Annotated[Path | None, typer.Option(help="Draw the scoreboard into this PNG file.")] = None,
) -> None:
    """Who solved which exercise of the workshop, from the result files in a folder and below it."""
    from workbench.standings import scoreboard as collected

    with told():
        need_writable(png, "--png")
        board = collected(folder)
        shown = board.to_frame().round({"minutes": 1})
        typer.echo(f"{board.summary_line()}\n" + (f"\n{aligned(shown)}" if len(shown) else ""))
        for line in [
            *(f"left out: {file}: {why}" for file, why in board.skipped),
            *(f"note: {n}" for n in board.notes),
        ]:
            typer.echo(line, err=True)
        if png:
            from workbench.charts import scoreboard as drawn
            from workbench.pictures import png as picture

            png.write_bytes(picture(drawn(board)))


@app.command()
def workshop(
    participants: Annotated[int, typer.Argument(min=1, help="How many Labs this host is to serve.")],
    host: Annotated[str, typer.Option(help="The address of this host in what you hand out.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(help="The port of the first Lab.")] = 8901,
) -> None:
    """Prepare a workshop on one host: a compose file with a Lab for each participant, and the addresses to hand out."""
    from workbench.workshop import COMMAND, seats

    with told():
        made = seats(participants, first_port=port, host=host)
        path = made.write(Path())
        typer.echo(f"{aligned(made.shown())}\n\n{path} written. Start:\n  docker compose build")
        bind = "" if host == "127.0.0.1" else f"BIND={host} "
        typer.echo(f"  {bind}{COMMAND} up -d --wait\nStop, with all that participants wrote:\n  {COMMAND} down -v")
