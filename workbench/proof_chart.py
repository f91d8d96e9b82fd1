"""The chart of proofs: which attacks each of several policies lets through.

A line for each kind of request, a column for each policy. What is decided as it must be is pale, with a tick; what is
not is vermilion, hatched, and says how many requests of how many.
"""

from collections.abc import Mapping
from typing import Any

from matplotlib.axes import Axes
from matplotlib.patches import Patch, Rectangle

from workbench.pictures import INK, PAPER, SMALL, VERMILION, WARNING_HATCH, finish, new_axes, wrapped
from workbench.proofs import Proof

PALE = "#cfe8f7"  # sky blue, lighter
HEADING = 18  # characters of a line over a column
Cell = tuple[int, int]  # requests decided as they must be, and all of them


def proofs(proofs: Mapping[str, Proof], *, ax: Axes | None = None) -> Axes:
    """For each policy, by name, and each kind of request: whether it is decided as it must be, or how many are not.

    ValueError without any proof.
    """
    if not proofs:
        raise ValueError('no proof to draw: give them by name, as {"as generated": policy.proof}')
    cells = {name: _cells(proof) for name, proof in proofs.items()}
    kinds = list(dict.fromkeys(kind for column in cells.values() for kind in column))
    ax = ax if ax is not None else new_axes(3.2 + 1.5 * len(proofs), 1.9 + 0.3 * len(kinds))
    for column, found in enumerate(cells.values()):
        for row, kind in enumerate(kinds):
            if kind in found:
                _draw(ax, column, row, found[kind], is_own=kind.startswith("its own"))
    ax.set_xlim(0, len(proofs))
    ax.set_ylim(len(kinds), 0)
    ax.set_yticks([row + 0.5 for row in range(len(kinds))], kinds)
    ax.set_xticks([column + 0.5 for column in range(len(proofs))], [wrapped(name, HEADING) for name in proofs])
    finish(ax, "proofs", _finding(proofs), x="policy", y="", alt=_in_words(proofs), legend=_legend(cells))
    ax.tick_params(length=0)
    return ax


def _cells(proof: Proof) -> dict[str, Cell]:
    found: dict[str, Cell] = {}
    for case in proof.cases:
        right, count = found.get(case.attack, (0, 0))
        found[case.attack] = (right + case.holds, count + 1)
    return found


def _draw(ax: Axes, column: int, row: int, cell: Cell, *, is_own: bool) -> None:
    right, count = cell
    wrong = right < count
    style: dict[str, Any] = {"facecolor": VERMILION, "hatch": WARNING_HATCH} if wrong else {"facecolor": PALE}
    ax.add_patch(Rectangle((column, row), 1, 1, edgecolor="white", linewidth=1.5, **style))
    verb = "denied" if is_own else "allowed"
    text = f"{count - right} of {count} {verb}" if wrong else "✓"
    bold: dict[str, Any] = {"fontweight": "bold", "bbox": PAPER} if wrong else {}
    ax.text(column + 0.5, row + 0.5, text, ha="center", va="center", fontsize=SMALL, color=INK, **bold)


def _legend(cells: Mapping[str, Mapping[str, Cell]]) -> list[Patch]:
    entries = [Patch(facecolor=PALE, label="as it must be")]
    if any(right < count for column in cells.values() for right, count in column.values()):
        entries.append(Patch(facecolor=VERMILION, edgecolor="white", hatch=WARNING_HATCH, label="not as it must be"))
    return entries


def _finding(proofs: Mapping[str, Proof]) -> str:
    broken = {name: proof for name, proof in proofs.items() if not proof.holds}
    if not broken:
        return "the policy holds" if len(proofs) == 1 else f"all {len(proofs)} policies hold"
    worst = max(broken, key=lambda name: len(broken[name].failures))
    holding = [name for name in proofs if name not in broken]
    first = f"{len(holding)} of {len(proofs)} policies hold{'s' * (len(holding) == 1)}"
    named = f" ({', '.join(holding)})" if holding else ""
    return f"{first}{named}; {worst} {_wrongs(broken[worst])}"


def _wrongs(proof: Proof) -> str:
    """What a policy decides as it must not, in words."""
    told = []
    for expected, verb, noun in ((False, "allows", "attacks"), (True, "denies", "requests of its own")):
        asked = [case for case in proof.cases if case.expected == expected]
        if wrong := sum(not case.holds for case in asked):
            told.append(f"{verb} {wrong:,} of {len(asked):,} {noun}")
    return " and ".join(told) or "is asked for nothing that it must allow"


def _in_words(proofs: Mapping[str, Proof]) -> str:
    each = [f"{name} {_wrongs(proof)}" for name, proof in proofs.items() if not proof.holds]
    return ". ".join([f"Table of requests by policy: {_finding(proofs)}", *each]) + "."
