"""Exercises: designs with a planted fault, and self-checks that say what is still wrong without giving the answer.

    check = wb.check_exercise("today", answer, participant="Ana")

An answer is a design: as YAML text, a file, or a `Design`; that of `policy` is an IAM policy. First it is asked what
must stay, since an exercise is not solved by taking away the question: the access patterns with their rates, the items
and their attributes. Then the judges try it on an engine. Each check is noted in the participant's result file.
"""

import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import nullcontext
from dataclasses import dataclass, field
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING, Any

from workbench.defaults import DEFAULT_SEED
from workbench.design import AccessPattern, Design, Entity
from workbench.designfile import load_design, parse_design
from workbench.engine import Engine
from workbench.engines import start_engine
from workbench.errors import DesignError, RequestError
from workbench.items import Items, generate_items
from workbench.judges import (
    Deliveries,
    Evidence,
    Expiry,
    Judge,
    Listing,
    asks_too_often,
    has,
    holds_at_peak,
    is_younger,
    leaks,
)
from workbench.results import Result, number
from workbench.standings import MOST_LETTERS, NAMES, now, standing_in, write_standing
from workbench.trials import held

if TYPE_CHECKING:
    import pandas as pd

TEMPLATES = Path(__file__).with_name("templates") / "workshop"
WEEK = 7 * 86_400  # seconds
Answer = str | Path | Design | Mapping[str, Any]
NAMELESS = "not recorded: give your name in the notebook's first code cell, and the scoreboard will know you"


@dataclass(frozen=True)
class Exercise:
    """An exercise: its judges, its hints from the first to the plainest, and the attributes that may change."""

    name: str
    judges: tuple[Judge, ...]
    hints: tuple[str, ...]
    free: tuple[str, ...] = ()

    @property
    def text(self) -> str:
        """The design with the fault, as YAML; of `policy`, the design that the policy is for."""
        return (TEMPLATES / f"{self.name}.yaml").read_text(encoding="utf-8")

    @property
    def design(self) -> Design:
        """The design with the fault."""
        return parse_design(self.text, self.name)


EXERCISES = {
    one.name: one
    for one in (
        Exercise(
            "scan",
            (Listing("list-orders", "Order", by="customer_id", shows=("status", "total")),),
            (
                "Run the pattern once: workbench capacity says what a call costs. What is it that is paid for?",
                "A Query reads one item collection. Which collection would hold a customer's orders and nothing else?",
                "Orders are found by order_id alone. A second way to find the same items has a name in DynamoDB.",
            ),
        ),
        Exercise(
            "today",
            (holds_at_peak, Listing("list-day", "CheckIn", by="on_day", shows=("gate", "ticket"))),
            (
                "All gates write at the same moment. What do the partition keys of those writes have in common?",
                "One partition serves 1,000 write units a second. Into how many keys must a day's writes fall?",
                "What else does a check-in know about itself, or could be given? And list-day must then ask for_each.",
            ),
        ),
        Exercise(
            "ttl",
            (
                Expiry("Session", "began_at", WEEK),
                Listing("list-sessions", "Session", by="user_id", keep=is_younger(WEEK, "began_at"), shows=("device",)),
            ),
            (
                "Look at an item: wb.generate_items(design).entities['Session'].take([0]). Which day is expires_at?",
                "What does the service count in when it compares the TTL attribute with the present?",
                "docs/design-file.md lists the types of times. Two of them are numbers.",
            ),
            free=("expires_at",),
        ),
        Exercise(
            "webhook",
            (Deliveries("record-event", {"status": "BOOKED"}, stores=("status", "payload")),),
            (
                "A PutItem does not ask what is there: it replaces the whole item. What was lost with it?",
                "A write can be told to happen only if something holds for the item that is there already.",
                "What is true of an item that is not there yet, and of no other? Look for functions of conditions.",
            ),
        ),
        Exercise(
            "status",
            (
                holds_at_peak,
                Listing(
                    "list-open",
                    "Job",
                    keep=has("status", "OPEN"),
                    shows=("input",),
                    writes=("create-job", "finish-job"),
                    becomes={"status": "DONE"},
                ),
            ),
            (
                "A global index has partitions of its own. Which of its keys does every new job go to?",
                "Who reads the finished jobs by status? An item without an index's key attribute is not in the index.",
                "How many keys would 1,500 writes a second need? list-open must ask all of them, and finish-job move "
                "or remove what it finishes.",
            ),
        ),
        Exercise(
            "policy",
            (),
            (
                "The caller is t1. Which other tenants' keys begin with TENANT#t1?",
                "ForAllValues is true where there is no value at all. Which actions have no partition key to look at?",
                "Who can make sure that there is a key? Which operator takes a text as it is, without wildcards?",
            ),
        ),
    )
}
assert tuple(EXERCISES) == NAMES


@dataclass(frozen=True, repr=False)
class Check(Result):
    """What a self-check found: what is still wrong, nothing if it is solved, and what was measured.

    `measured` has the unit in each name; `note` says where the result is recorded.
    """

    exercise: str
    wrong: tuple[str, ...]
    measured: dict[str, float] = field(default_factory=dict)
    note: str = ""

    @property
    def solved(self) -> bool:
        """Whether nothing is wrong any more."""
        return not self.wrong

    def summary_line(self) -> str:
        if self.solved:
            return f"{self.exercise}: solved"
        return f"{self.exercise}: {len(self.wrong)} thing{'s' * (len(self.wrong) > 1)} still wrong"

    def to_frame(self) -> "pd.DataFrame":
        """A line per thing that is wrong."""
        import pandas as pd

        return pd.DataFrame({"still wrong": list(self.wrong)})

    def __str__(self) -> str:
        return "\n".join([self.summary_line(), *(f"- {one}" for one in self.wrong), *self._told()])

    def _html(self, rows: int) -> str:
        listed = "".join(f"<li style='white-space:pre-wrap'>{escape(one)}</li>" for one in self.wrong)
        told = "".join(f"<div>{escape(one)}</div>" for one in self._told())
        mark = "✔" if self.solved else "✖"
        return f"<div><b>{mark} {escape(self.summary_line())}</b><ul>{listed}</ul>{told}</div>"

    def _told(self) -> list[str]:
        numbers = ", ".join(f"{name.replace('_', ' ')}: {number(value)}" for name, value in self.measured.items())
        return [line for line in (f"measured: {numbers}" if numbers else "", self.note) if line]


def check_exercise(
    name: str,
    answer: Answer,
    *,
    participant: str = "",
    results: str | Path = "results",
    engine: str | Engine = "auto",
    seed: int = DEFAULT_SEED,
) -> Check:
    """Try an answer, and note the attempt in the folder `results` under the participant's name.

    Without a name (WORKBENCH_PARTICIPANT stands in for it) nothing is noted. `engine` is a kind, a URL or an engine
    that runs. ValueError for another exercise; EngineError if the engine fails. An answer that cannot be read, or that
    the engine refuses, is one that is wrong.
    """
    exercise = exercise_named(name)
    measured: dict[str, float] = {}
    wrong = tuple(_wrong(exercise, answer, engine, seed, measured))
    who, note = _who(participant), NAMELESS
    if who:
        standing = standing_in(results, who, name).checked(wrong, measured, now())
        note = f"recorded in {write_standing(results, standing)}, after {_times(standing.attempts, 'check')}"
    return Check(name, wrong, measured, note)


def hint(name: str, *, participant: str = "", results: str | Path = "results") -> str:
    """The next hint of an exercise for a participant, who has one more then; without a name always the first."""
    exercise, who = exercise_named(name), _who(participant)
    if not who:
        return f"{exercise.hints[0]} ({NAMELESS})"
    standing = standing_in(results, who, name).hinted(len(exercise.hints), now())
    write_standing(results, standing)
    number_ = max(standing.hints, 1)
    return f"Hint {number_} of {len(exercise.hints)}: {exercise.hints[number_ - 1]}"


def exercise_named(name: str) -> Exercise:
    """The exercise of a name; ValueError if there is none."""
    if name not in EXERCISES:
        raise ValueError(f"there is no exercise {name!r}; there are {', '.join(EXERCISES)}")
    return EXERCISES[name]


def _who(participant: str) -> str:
    """A name that a result file and a board can have."""
    given = participant or os.environ.get("WORKBENCH_PARTICIPANT", "")
    shown = "".join(letter if letter.isprintable() else " " for letter in str(given))
    return " ".join(shown.split())[:MOST_LETTERS]


def _times(count: int, what: str) -> str:
    return f"{count} {what}{'s' * (count != 1)}"


# Trying an answer -----------------------------------------------------------------------------------------------------


def _wrong(
    exercise: Exercise, answer: Answer, engine: str | Engine, seed: int, measured: dict[str, float]
) -> Iterator[str]:
    """What is wrong with an answer, as far as it can be tried."""
    if exercise.name == "policy":
        yield from leaks(exercise.design, answer, measured)
        return
    try:
        items = generate_items(_design(answer), seed=seed)
    except DesignError as error:
        yield from map(str, error.problems)
        return
    except ValueError as error:
        yield str(error)
        return
    gone = [*what_is_gone(exercise, items, seed), *asks_too_often(items)]
    yield from gone or _judged(exercise, items, engine, measured)


def _design(answer: Answer) -> Design:
    if isinstance(answer, Design):
        return answer
    if isinstance(answer, Path):
        return load_design(answer)
    if isinstance(answer, str):
        return parse_design(answer, "answer")
    raise ValueError(f"the answer is a {type(answer).__name__}: give the design as text, as a Path, or a Design")


def _judged(exercise: Exercise, items: Items, engine: str | Engine, measured: dict[str, float]) -> Iterator[str]:
    """What the judges say, one after the other, on one engine."""
    started = start_engine(engine) if isinstance(engine, str) else nullcontext(engine)
    with started as running, held(items, running) as tables:
        evidence = Evidence(items, tables, measured)
        for judge in exercise.judges:
            try:
                yield from judge(evidence)
            except RequestError as error:
                yield f"the engine refuses a request of this design: {error}"


# What must stay -------------------------------------------------------------------------------------------------------


def what_is_gone(exercise: Exercise, items: Items, seed: int = DEFAULT_SEED) -> Iterator[str]:
    """What the exercise had and the answer has not: an exercise is solved for the load and the items that it has."""
    start = exercise.design
    for name, field_ in start.fields.items():
        if items.design.fields.get(name) != field_:
            yield f"field {name} is not what it was: its values are the application's, not the design's to choose"
    for entity in start.entities.values():
        yield from _gone_of_entity(exercise, entity, items, seed)
    for pattern in start.access_patterns.values():
        yield from _gone_of_pattern(start, pattern, items.design)


def _gone_of_entity(exercise: Exercise, entity: Entity, items: Items, seed: int) -> Iterator[str]:
    now_ = items.design.entities.get(entity.name)
    if now_ is None:
        yield f"entity {entity.name} is gone: its items are still to be kept"
        return
    domains = items.design.domains_of(entity.name)  # those of keys too: an attribute may have become one
    changed = [name for name, domain in (entity.attributes or {}).items() if domains.get(name) != domain]
    if changed := [name for name in changed if name not in exercise.free]:
        yield f"entity {entity.name}: attribute {', '.join(changed)} is not what it was, and the application needs it"
    if (now_.size, now_.rows) != (entity.size, entity.rows):
        yield f"entity {entity.name}: its size is not what it was: its content is the application's"
    before, after = (
        len(generate_items(exercise.design, seed=seed).entities[entity.name]),
        len(items.entities[entity.name]),
    )
    if after < 0.98 * before:
        yield f"there are {after:,} items of {entity.name}, and {before:,} in the exercise: all are still to be kept"


def _gone_of_pattern(start: Design, was: AccessPattern, design: Design) -> Iterator[str]:
    name, found = was.name, design.access_patterns.get(was.name)
    if found is None:
        yield f"access pattern {name} is gone: the application still asks for it"
        return
    for stays, words in _STAYS:
        before, after = stays(start, was), stays(design, found)
        if before != after:
            yield f"{name}: {words} {_shown(after)} now, {_shown(before)} in the exercise: that is not yours to change"


def _shown(value: Any) -> str:
    return ", ".join(map(str, value)) if isinstance(value, list | tuple) else number(value)


def _target(design: Design, pattern: AccessPattern) -> str:
    actions = pattern.actions or (None,)
    return "/".join(dict.fromkeys(str(pattern.target_of(action)) for action in actions))


def _entities(design: Design, pattern: AccessPattern) -> list[str]:
    named = [design.action_entity(action) for action in pattern.actions]
    return sorted(set(named or (entity.name for entity in design.addressed(pattern))))


# What of an access pattern belongs to the application, whatever the design.
_STAYS: tuple[tuple[Callable[[Design, AccessPattern], Any], str], ...] = (
    (lambda design, one: one.rate or 0, "its rate per second is"),
    (lambda design, one: one.peak_rate or 0, "its peak per second is"),
    (lambda design, one: "a read" if one.is_read else "a write", "it is"),
    (_entities, "it is about"),
    (_target, "the items that it is about are"),
    (lambda design, one: "yes" if one.user_facing else "no", "a user waits for it:"),
    (lambda design, one: one.unserved or "served", "it is"),
    (
        lambda design, one: sorted(f"{n} {p}" for n, p in one.popularity.items()) or "as the fields say",
        "who gets its requests:",
    ),
)
