"""The command `workbench`: what it is, and its groups of commands in the order in which help shows them.

Each command is a few lines over a library call. An error of the workbench becomes its message and exit code 1; wrong
usage is 2. Nothing heavy is imported before a command needs it, so that `workbench --help` answers at once.
"""

import typer

from workbench import design_commands, engine_commands, notebook_commands, production_commands, workshop_commands

app = typer.Typer(
    help="Model DynamoDB tables: access patterns, consumed capacity and hot partitions, before production.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=True,
)
app.add_typer(design_commands.app)
app.add_typer(production_commands.app)
app.add_typer(notebook_commands.app)
app.add_typer(engine_commands.app, name="engine")
app.add_typer(workshop_commands.app)
