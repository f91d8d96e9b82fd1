"""Standings: how far each participant of a workshop is with each exercise, and the scoreboard of all of them.

A standing is kept in a file, `NAME.EXERCISE.json`, which every self-check and hint brings up to date. A
facilitator collects them into a folder, by whatever way, subfolders included. A file that is broken or none of ours is
named and left out; of two files for one participant and exercise the better one counts, and both are named.
"""

import hashlib
import json
import re
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from workbench.results import Result, html_table

if TYPE_CHECKING:
    import pandas as pd

FORMAT = "dynamodb-workbench exercise 1"
NAMES = ("scan", "today", "ttl", "webhook", "status", "policy")  # the exercises, in their order
MOST_BYTES = 100_000
MOST_LETTERS = 80  # of a name on the board


@dataclass(frozen=True)
class Standing:
    """How far a participant is with an exercise. Times are in epoch seconds; `solved_at` is 0 while it is unsolved.

    `attempts` counts checks, and `hints` the hints that were asked for, until it was solved; `wrong` is what the last
    check said, `measured` its numbers.
    """

    participant: str
    exercise: str
    attempts: int = 0
    hints: int = 0
    began_at: int = 0
    solved_at: int = 0
    wrong: tuple[str, ...] = ()
    measured: Mapping[str, float] = field(default_factory=dict)

    @property
    def solved(self) -> bool:
        """Whether a check has passed."""
        return self.solved_at > 0

    @property
    def minutes(self) -> float:
        """From the first check or hint to the check that passed; NaN while it is unsolved."""
        return (self.solved_at - self.began_at) / 60 if self.solved else float("nan")

    def checked(self, wrong: Sequence[str], measured: Mapping[str, float], now: int) -> "Standing":
        """After one more check; one that is solved stays so."""
        if self.solved:
            return self
        found = {"wrong": tuple(wrong), "measured": dict(measured), "solved_at": 0 if wrong else now}
        return replace(self, attempts=self.attempts + 1, began_at=self.began_at or now, **found)

    def hinted(self, most: int, now: int) -> "Standing":
        """After one more hint, of so many that there are."""
        return self if self.solved else replace(self, hints=min(self.hints + 1, most), began_at=self.began_at or now)


# The files ------------------------------------------------------------------------------------------------------------


def result_file(folder: str | Path, participant: str, exercise: str) -> Path:
    """The file with a participant's result; names that a file cannot have get a mark that tells them apart.

    >>> result_file("results", "ana", "scan").name, result_file("results", "Ana B.", "scan").name
    ('ana.scan.json', 'ana-b-07d3.scan.json')
    """
    plain = re.sub(r"[^a-z0-9]+", "-", participant.lower()).strip("-")[:40] or "participant"
    mark = "" if plain == participant else f"-{hashlib.sha256(participant.encode()).hexdigest()[:4]}"
    return Path(folder) / f"{plain}{mark}.{exercise}.json"


def read_standing(path: str | Path) -> Standing:
    """The standing in a result file; ValueError says why it is none."""
    try:
        with Path(path).open("rb") as file:
            found = json.loads(file.read(MOST_BYTES))
    except OSError as error:
        raise ValueError(f"cannot be read: {error.strerror}") from None
    except (ValueError, RecursionError):
        raise ValueError("not JSON, or cut off") from None
    if not isinstance(found, dict) or found.pop("format", None) != FORMAT:
        raise ValueError(f"no result of an exercise: its format is not {FORMAT!r}")
    found.pop("solved", None)  # for people who read the file; solved_at says it
    if problem := _problem(found):
        raise ValueError(problem)
    return Standing(**{**found, "wrong": tuple(found.get("wrong", ()))})


def _problem(found: Mapping[str, Any]) -> str:
    """What is wrong with the content of a result file; empty if nothing is."""
    known = {one.name for one in fields(Standing)}
    if unknown := sorted(found.keys() - known):
        return f"unknown entries {', '.join(unknown)}"
    if not all(isinstance(found.get(name), str) and found[name] for name in ("participant", "exercise")):
        return "participant or exercise is missing"
    if len(found["participant"]) > MOST_LETTERS or not found["participant"].isprintable():
        return f"participant is no name: {MOST_LETTERS} letters at most, all of them printable"
    if found["exercise"] not in NAMES:
        return f"exercise {found['exercise']!r} is none of {', '.join(NAMES)}"
    for name in ("attempts", "hints", "began_at", "solved_at"):
        if type(found.get(name, 0)) is not int or not 0 <= found.get(name, 0) < 2**53:
            return f"{name} is {found[name]!r}, which is no count"
    if 0 < found.get("solved_at", 0) < found.get("began_at", 0):
        return "it was solved before it was begun"
    wrong, measured = found.get("wrong", []), found.get("measured", {})
    if not isinstance(wrong, list) or not all(isinstance(one, str) for one in wrong):
        return "wrong is no list of texts"
    return "" if isinstance(measured, dict) else "measured is no mapping"


def standing_in(folder: str | Path, participant: str, exercise: str) -> Standing:
    """What is noted of a participant; nothing yet if there is no file. A broken one is kept beside, as `.broken`."""
    path = result_file(folder, participant, exercise)
    if not path.exists():
        return Standing(participant, exercise)
    try:
        return read_standing(path)
    except ValueError:
        path.replace(path.with_suffix(".json.broken"))
        return Standing(participant, exercise)


def write_standing(folder: str | Path, standing: Standing) -> Path:
    """Write a standing to its file, whole or not at all."""
    path = result_file(folder, standing.participant, standing.exercise)
    path.parent.mkdir(parents=True, exist_ok=True)
    content = {"format": FORMAT, "solved": standing.solved, **asdict(standing)}
    draft = path.with_suffix(".json.draft")
    draft.write_text(json.dumps(content, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
    draft.replace(path)
    return path


# The board ------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, repr=False)
class Scoreboard(Result):
    """Who solved what. `skipped` names each file that was left out, with the reason; `notes` what else to know."""

    standings: tuple[Standing, ...]
    skipped: tuple[tuple[str, str], ...] = ()
    notes: tuple[str, ...] = ()

    @property
    def participants(self) -> tuple[str, ...]:
        """Who solved most first; then by fewer hints, fewer attempts, name."""

        def rank(name: str) -> tuple[int, int, int, str]:
            mine = self.of(name).values()
            solved = sum(one.solved for one in mine)
            return -solved, sum(one.hints for one in mine), sum(one.attempts for one in mine), name

        return tuple(sorted({one.participant for one in self.standings}, key=rank))

    def of(self, participant: str) -> dict[str, Standing]:
        """A participant's standings by exercise."""
        return {one.exercise: one for one in self.standings if one.participant == participant}

    def solved_by(self, exercise: str) -> int:
        """How many participants solved an exercise."""
        return sum(one.solved for one in self.standings if one.exercise == exercise)

    def summary_line(self) -> str:
        people, solved = len(self.participants), sum(one.solved for one in self.standings)
        if not people:
            return f"no results yet{self._left_out()}"
        return f"{people} participant{'s' * (people != 1)}, {solved} of {people * len(NAMES)} solved{self._left_out()}"

    def _left_out(self) -> str:
        count = len(self.skipped)
        return f"; {count} file{'s' * (count != 1)} left out" if count else ""

    def to_frame(self) -> "pd.DataFrame":
        """A line per participant: exercises solved, hints, attempts, minutes, and the state of each exercise."""
        import pandas as pd

        columns = ["participant", "solved", "hints", "attempts", "minutes", *NAMES]
        return pd.DataFrame([self._line(name) for name in self.participants], columns=columns)

    def _line(self, name: str) -> dict[str, Any]:
        mine = self.of(name)
        totals = {what: sum(getattr(one, what) for one in mine.values()) for what in ("solved", "hints", "attempts")}
        minutes = sum(one.minutes for one in mine.values() if one.solved)
        return {"participant": name, **totals, "minutes": minutes, **{e: state(mine.get(e)) for e in NAMES}}

    def shown(self) -> "pd.DataFrame":
        return self.to_frame().drop(columns="attempts")

    def _html(self, rows: int) -> str:
        files, reasons = zip(*self.skipped, strict=True) if self.skipped else ((), ())
        left_out = html_table({"file": files, "why": reasons}, "left out", rows) if files else ""
        return html_table(self.shown(), self.summary_line(), rows) + left_out


def state(standing: Standing | None) -> str:
    """How far an exercise is, in a word or two."""
    if standing is None:
        return ""
    return f"solved ({standing.attempts})" if standing.solved else f"open ({standing.attempts})"


def scoreboard(folder: str | Path = "results") -> Scoreboard:
    """The results in a folder and the folders below it. FileNotFoundError if there is no such folder."""
    place = Path(folder)
    if not place.is_dir():
        raise FileNotFoundError(f"{folder} is no folder: collect the participants' files NAME.EXERCISE.json in one")
    best: dict[tuple[str, str], tuple[Standing, str]] = {}
    skipped, notes = [], []
    for path in _files(place):
        name = path.relative_to(place).as_posix()
        try:
            found = read_standing(path)
        except ValueError as error:
            skipped.append((name, str(error)))
            continue
        who = found.participant, found.exercise
        if who in best and best[who][0] != found:
            notes.append(f"{found.participant} has two results for {found.exercise}: {best[who][1]} and {name}")
        best[who] = max(best.get(who, (found, name)), (found, name), key=lambda one: _worth(one[0]))
    return Scoreboard(tuple(standing for standing, _ in best.values()), tuple(skipped), tuple(notes))


def _files(folder: Path) -> Iterator[Path]:
    """Every JSON file, and what was kept of broken ones, but for Jupyter's own."""
    for path in sorted([*folder.rglob("*.json"), *folder.rglob("*.json.broken")]):
        if not any(part.startswith(".") for part in path.relative_to(folder).parts):
            yield path


def _worth(standing: Standing) -> tuple[bool, int, int]:
    return standing.solved, -standing.hints, -standing.attempts


def now() -> int:
    """The present, in epoch seconds: when somebody solved an exercise."""
    return int(time.time())
