"""What the workbench relies on an engine for, one behaviour a case; the tests and the benchmark run them all.

A case is a few requests and what the last of them must answer: an error's code, or values that the answer must hold.
What is expected comes from AWS's documentation (each case names its page), never from an engine. What an engine is
known not to do stands in `SKIPS`, with the reason and what the workbench does about it.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from workbench.engine import Engine
from workbench.errors import EngineError, RequestError

API = "https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_{}.html"
GUIDE = "https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/{}.html"
THINGS, SCRATCH = "conformance-things", "conformance-scratch"
PARTITION = 10  # items n01..n10 of partition "p"
PAGE, PAGE_BYTES = 30, 50_000  # items of partition "page": 1.5 MB, which is two pages

Step = tuple[str, dict[str, Any]]


@dataclass(frozen=True)
class Case:
    """Requests in order, and what the last one must answer: `expect` finds fault with it, or says nothing."""

    area: str
    name: str
    steps: tuple[Step, ...]
    expect: Callable[[dict[str, Any] | str], str]
    source: str


@dataclass(frozen=True)
class Outcome:
    """How a case went on an engine: nothing said is good."""

    case: Case
    fault: str = ""
    skipped: str = ""


@dataclass
class Suite:
    cases: list[Case] = field(default_factory=list)

    def add(self, area: str, name: str, steps: list[Step] | Step, expect: Any, source: str = "") -> None:
        done = (steps,) if isinstance(steps, tuple) else tuple(steps)
        page = source or API.format(done[-1][0])
        page = page if page.startswith("https:") else GUIDE.format(page)
        self.cases.append(Case(area, name, done, expect if callable(expect) else holds(expect), page))


# What is expected


def holds(wanted: Mapping[str, Any]) -> Callable[[dict[str, Any] | str], str]:
    """The answer holds these values, compared inside mappings; None: the name must be absent or empty."""

    def expect(answer: dict[str, Any] | str) -> str:
        return f"refused: {answer}" if isinstance(answer, str) else "; ".join(_differences(wanted, answer, ""))

    return expect


def _differences(wanted: Any, found: Any, path: str) -> Iterator[str]:
    if isinstance(wanted, Mapping) and isinstance(found, Mapping):
        for name, value in wanted.items():
            yield from _differences(value, found.get(name), f"{path}.{name}" if path else name)
    elif wanted is None and found in (None, {}, []):
        return
    elif isinstance(wanted, set) and isinstance(found, list):
        if {str(one) for one in wanted} != {str(one) for one in found}:
            yield f"{path} is {found}, not {sorted(map(str, wanted))}"
    elif wanted != found:
        yield f"{path} is {str(found)[:120]}, not {str(wanted)[:120]}"


def refused(code: str, *words: str) -> Callable[[dict[str, Any] | str], str]:
    """The request is refused with this code, in whose message these words occur."""

    def expect(answer: dict[str, Any] | str) -> str:
        if not isinstance(answer, str):
            return f"answered, not refused with {code}"
        given = answer.split(": ", 1)
        missing = [word for word in words if word.lower() not in answer.lower()]
        return "" if given[0] == code and not missing else f"refused with {answer[:160]}, not {code} {' '.join(words)}"

    return expect


def sort_keys(*wanted: str, **more: Any) -> Callable[[dict[str, Any] | str], str]:
    """The items' sort keys, in this order, and more that the answer holds."""

    def expect(answer: dict[str, Any] | str) -> str:
        if isinstance(answer, str):
            return f"refused: {answer}"
        found = tuple(item.get("SK", {}).get("S", "?") for item in answer["Items"])
        return f"the items are {found}, not {wanted}" if found != wanted else holds(more)(answer)

    return expect


def units(total: float, **more: Any) -> Callable[[dict[str, Any] | str], str]:
    """The answer's consumed capacity."""
    return holds({"ConsumedCapacity": {"CapacityUnits": total, **more}})


# The data

ATTRIBUTES = ("PK", "SK", "g", "gs", "l")


def things() -> dict[str, Any]:
    """CreateTable's parameters of the table that is read."""
    return {
        "TableName": THINGS,
        "BillingMode": "PAY_PER_REQUEST",
        "AttributeDefinitions": [{"AttributeName": name, "AttributeType": "S"} for name in ATTRIBUTES],
        "KeySchema": key("PK", "SK"),
        "GlobalSecondaryIndexes": [
            {"IndexName": "all", "KeySchema": key("g", "gs"), "Projection": {"ProjectionType": "ALL"}},
            {"IndexName": "keys", "KeySchema": key("g"), "Projection": {"ProjectionType": "KEYS_ONLY"}},
            {
                "IndexName": "some",
                "KeySchema": key("g", "gs"),
                "Projection": {"ProjectionType": "INCLUDE", "NonKeyAttributes": ["color"]},
            },
        ],
        "LocalSecondaryIndexes": [
            {"IndexName": "local", "KeySchema": key("PK", "l"), "Projection": {"ProjectionType": "KEYS_ONLY"}}
        ],
    }


def key(partition: str, sort: str = "") -> list[dict[str, str]]:
    """A key schema."""
    schema = [{"AttributeName": partition, "KeyType": "HASH"}]
    return schema + ([{"AttributeName": sort, "KeyType": "RANGE"}] if sort else [])


def thing(number: int) -> dict[str, Any]:
    """One of the ten items of partition "p"; every other one has the index's key `g`, the first three a key `l`."""
    item: dict[str, Any] = {
        "PK": {"S": "p"},
        "SK": {"S": f"n{number:02d}"},
        "n": {"N": str(number)},
        "color": {"S": "red" if number % 2 else "blue"},
        "tags": {"SS": ["odd" if number % 2 else "even", "all"]},
        "deep": {"M": {"list": {"L": [{"N": "1"}, {"N": str(number)}]}}},
    }
    if number % 2:
        item |= {"g": {"S": "odd"}, "gs": {"S": f"{10 - number:02d}"}}
    if number <= 3:
        item["l"] = {"S": f"l{4 - number}"}
    return item


def items() -> list[dict[str, Any]]:
    """All items of the table that is read."""
    sized = {name: {"B": b"x" * size} for name, size in (("1 KB", 900), ("5 KB", 5_000), ("9 KB", 9_000))}
    pages = [{"PK": {"S": "page"}, "SK": {"S": f"{i:02d}"}, "b": {"B": b"x" * PAGE_BYTES}} for i in range(PAGE)]
    alone = [{"PK": {"S": "sized"}, "SK": {"S": name}, "b": b} for name, b in sized.items()]
    return [*map(thing, range(1, PARTITION + 1)), *alone, *pages]


def prepare(engine: Engine) -> None:
    """Create the tables and put the items."""
    engine.call("CreateTable", things())
    engine.call("CreateTable", simple(SCRATCH))
    for item in items():
        engine.call("PutItem", {"TableName": THINGS, "Item": item})


def simple(name: str, **more: Any) -> dict[str, Any]:
    """CreateTable's parameters of a table with a partition key only."""
    return {
        "TableName": name,
        "BillingMode": "PAY_PER_REQUEST",
        "AttributeDefinitions": [{"AttributeName": "PK", "AttributeType": "S"}],
        "KeySchema": key("PK"),
        **more,
    }


def clear(engine: Engine) -> None:
    """Remove every table that the suite made."""
    for name in engine.call("ListTables", {})["TableNames"]:
        if name.startswith("conformance-"):
            engine.call("DeleteTable", {"TableName": name})


def run(engine: Engine, cases: list[Case]) -> list[Outcome]:
    """Every case on an engine, on tables of the suite's own."""
    clear(engine)
    prepare(engine)
    try:
        return [check(engine, case) for case in cases]
    finally:
        clear(engine)


def check(engine: Engine, case: Case) -> Outcome:
    """One case on an engine that is prepared; one to be skipped is tried, so that no reason outlives its cause."""
    fault, reason = fault_of(engine, case), SKIPS.get(engine.kind, {}).get(case.name, "")
    if reason and not fault:
        return Outcome(case, f"holds, though it is to be skipped: {reason}")
    return Outcome(case, skipped=reason) if reason else Outcome(case, fault)


def fault_of(engine: Engine, case: Case) -> str:
    """What is wrong with the last answer of a case; empty if nothing is."""
    answer: dict[str, Any] | str = {}
    for number, (operation, parameters) in enumerate(case.steps, 1):
        try:
            answer = engine.call(operation, parameters)
        except RequestError as error:
            answer = f"{error.code}: {error}"
            if number < len(case.steps):
                return f"step {number}, {operation}, was {answer}"
        except EngineError as error:
            return f"step {number}, {operation}: {error.message}"
    try:
        return case.expect(answer)
    except (KeyError, IndexError, TypeError):  # what is looked for is not in the answer
        return f"answered {str(answer)[:160]}"


# Requests


def scratch(operation: str, name: str, **parameters: Any) -> Step:
    """A request for one item of the table that is written, of the case's own partition key."""
    place = {"Item": {"PK": {"S": name}}} if operation == "PutItem" else {"Key": {"PK": {"S": name}}}
    if "more" in parameters:
        place["Item"] = place["Item"] | parameters.pop("more")
    return operation, {"TableName": SCRATCH, **place, **parameters}


def values(**found: Any) -> dict[str, Any]:
    """ExpressionAttributeValues: text is S, numbers are N, others as they are."""
    return {f":{name}": _typed(value) for name, value in found.items()}


def _typed(value: Any) -> Any:
    return {"S": value} if isinstance(value, str) else {"N": str(value)} if isinstance(value, int) else value


def query(condition: str, found: dict[str, Any] | None = None, **parameters: Any) -> Step:
    """A Query of the table that is read."""
    parameters["ExpressionAttributeValues"] = values(p="p") if found is None else found
    return "Query", {"TableName": THINGS, "KeyConditionExpression": condition, **parameters}


def get(sort: str, partition: str = "p", **parameters: Any) -> Step:
    """A GetItem of the table that is read."""
    return "GetItem", {"TableName": THINGS, "Key": place(sort, partition), **parameters}


def place(sort: str, partition: str = "p") -> dict[str, Any]:
    """A primary key of the table that is read."""
    return {"PK": {"S": partition}, "SK": {"S": sort}}


def numbers(*wanted: int) -> tuple[str, ...]:
    """Sort keys of partition "p"."""
    return tuple(f"n{number:02d}" for number in wanted)


# What an engine is known not to do, why, and what the workbench does about it.

UNMETERED = "the embedded engine says 0.5 or 1 for any read: its numbers of reads are not used, we meter every read"
PAGE_END = "a page is one item shorter; the workbench meters the pages that it gets"
FETCH = "attributes that a local index must fetch are missing; their units are counted from the table's items"
CHECKED = "the design file refuses it before any request is made"
LOCAL = {
    "a Query that finds nothing is half a unit": "DynamoDB Local says 0; the workbench counts the half unit",
    "a transaction's writes are charged twice": "DynamoDB Local says half; the workbench counts both units",
}
SKIPS: dict[str, dict[str, str]] = {
    "java": LOCAL,
    "docker": LOCAL,
    "dynoxide": {
        "a page holds the item that crosses 1 MB": PAGE_END,
        "a page that 1 MB ended counts what it holds": "ScannedCount is one too many; the workbench counts the items",
        "a start key of another partition is refused": "the workbench sends only keys that a page gave it",
        "a local index fetches from the table": FETCH,
        "a projection does not make a read cheaper": "a projected item is charged; the workbench reads the whole one",
    },
    "embedded": {
        "a key condition knows no OR": CHECKED,
        "a key condition knows no <>": CHECKED,
        "a filter must not name key attributes": CHECKED,
        "an empty expression is refused": CHECKED,
        "a page holds the item that crosses 1 MB": PAGE_END,
        "a global index does not fetch from the table": CHECKED,
        "a local index fetches from the table": FETCH,
        **dict.fromkeys(
            (
                "a read of 5 KB is one unit",
                "a consistent read of 9 KB is three units",
                "a projection does not make a read cheaper",
                "a page is charged by its sum",
                "a count is charged as the reading",
                "a filter does not make a page cheaper",
                "a batch of gets is charged item by item",
                "a transaction's reads are charged twice",
            ),
            UNMETERED,
        ),
    },
}
