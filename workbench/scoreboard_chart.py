"""The chart of a scoreboard: who solved which exercise, after how many checks."""

from typing import Any

from matplotlib.axes import Axes
from matplotlib.patches import Patch, Rectangle

from workbench.pictures import BLUE, FAINT, INK, PAPER, SMALL, WARNING_HATCH, YELLOW, finish, new_axes
from workbench.standings import NAMES, Scoreboard, Standing

ROWS = 30  # participants that are drawn, those with most solved first


def scoreboard(board: Scoreboard, *, ax: Axes | None = None) -> Axes:
    """A field for each participant and exercise: solved or open, with the number of checks and of hints."""
    people = board.participants[:ROWS]
    ax = ax or new_axes(8.5, 1.9 + 0.32 * max(1, len(people)))
    for row, person in enumerate(people):
        for column, exercise in enumerate(NAMES):
            if standing := board.of(person).get(exercise):
                _draw(ax, column, row, standing)
    ax.set_xlim(-0.5, len(NAMES) - 0.5)
    ax.set_ylim(max(1, len(people)) - 0.5, -0.5)
    ax.set_xticks(range(len(NAMES)), NAMES)
    ax.set_yticks(range(len(people)), people, parse_math=False)
    legend = [Patch(facecolor=BLUE, label="solved"), Patch(facecolor=YELLOW, hatch=WARNING_HATCH, label="open")]
    finish(ax, "scoreboard", finding(board), x="exercise (number of checks + hints)", y="", legend=legend)
    ax.tick_params(length=0)
    ax.spines[["left", "bottom"]].set_visible(False)
    return ax


def _draw(ax: Axes, column: int, row: int, standing: Standing) -> None:
    look: dict[str, Any] = {"facecolor": BLUE} if standing.solved else {"facecolor": YELLOW, "hatch": WARNING_HATCH}
    ax.add_patch(Rectangle((column - 0.46, row - 0.42), 0.92, 0.84, edgecolor=FAINT, linewidth=0.5, **look))
    text = f"{standing.attempts}" + (f" + {standing.hints}" if standing.hints else "")
    ax.text(column, row, text, ha="center", va="center", fontsize=SMALL, color=INK, bbox=PAPER)


def finding(board: Scoreboard) -> str:
    """What the chart shows, in a sentence."""
    people = len(board.participants)
    if not people:
        return "No results yet: nobody has checked an exercise under a name"
    solved = sum(one.solved for one in board.standings)
    hardest = min(NAMES, key=board.solved_by)
    told = f"{solved} of {people * len(NAMES)} exercises are solved"
    return f"{told}; {hardest} is the hardest: {board.solved_by(hardest)} of {people} solved it"
