"""Facts about DynamoDB as examples with their sources, and a runner: `python -m tests.vectors FILE.json`.

A file is a list of `{id, kind, input, expected, source, confidence}`. Long text is written `{"$rep": ["x", 3000]}`;
`{"either": [...], "recommended": x}` marks an expectation that nobody has settled on the service: x is accepted.
A kind that no function of the workbench answers yet counts as not covered.
"""

import base64
import json
import re
import sys
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any

from workbench import authorization, capacity, ceilings, limits, numbers, prices, sizes, throughput
from workbench.capacity import Units
from workbench.entries import IndexSchema
from workbench.ring import key_hash

NEW_TABLE = {"read": limits.ON_DEMAND_READ_UNITS, "write": limits.ON_DEMAND_WRITE_UNITS}
FILE = Path(__file__).parent / "data" / "vectors.json"


@dataclass(frozen=True)
class Outcome:
    """What the workbench says to one vector."""

    vector: Mapping[str, Any]
    got: Any
    passed: bool

    def __str__(self) -> str:
        v = self.vector
        lines = [
            f"{k:>9}: {_short(x)}" for k, x in (("input", v["input"]), ("expected", v["expected"]), ("got", self.got))
        ]
        return "\n".join([f"FAILED {v['id']} ({v['kind']})", *lines, f"   source: {v.get('source', '')}"])


def load(path: Path = FILE) -> list[dict[str, Any]]:
    """The vectors of a file."""
    return json.loads(path.read_text(encoding="utf-8"))


def outcome(vector: Mapping[str, Any]) -> Outcome:
    """The workbench's answer to a vector of a covered kind, and whether it is the expected one."""
    expected = vector["expected"]
    if isinstance(expected, dict) and "either" in expected:
        expected = expected["recommended"]
    try:
        got = COVERED[vector["kind"]](_expanded(vector["input"]))
    except Exception as error:  # a vector that cannot be answered has failed, and the others still run
        return Outcome(vector, f"{type(error).__name__}: {error}", False)
    if vector["kind"] == "on_demand_initial":  # an expectation below a new table's is AWS's "at least"
        expected = {kind: max(units, NEW_TABLE[kind]) for kind, units in expected.items()}
    if vector["kind"] in ROUNDED:
        got = {name: _rounded(amount, expected[name]) for name, amount in got.items()}
    return Outcome(vector, got, _agrees(expected, got, exact=vector["kind"] in EXACT))


def _agrees(expected: Any, got: Any, exact: bool) -> bool:
    """Whether the answer is the expected one; unless exact, it may say more than was asked."""
    if isinstance(expected, dict) and isinstance(got, dict) and expected:
        same_keys = set(expected) == set(got) if exact else set(expected) <= set(got)
        return same_keys and all(_agrees(value, got[key], exact) for key, value in expected.items())
    return expected == got


def _rounded(got: float, expected: float) -> float:
    """An answer in as many digits as are expected, at least cents."""
    return round(got, max(2, -int(Decimal(repr(expected)).as_tuple().exponent)))


def _expanded(value: Any) -> Any:
    if isinstance(value, dict):
        if "$rep" in value:
            text, times = value["$rep"]
            return text * times
        return {key: _expanded(inner) for key, inner in value.items()}
    return [_expanded(inner) for inner in value] if isinstance(value, list) else value


def _short(value: Any) -> str:
    text = json.dumps(value, ensure_ascii=False, default=str)
    return text if len(text) <= 400 else f"{text[:400]}…"


# -- images and operations ---------------------------------------------------------------------------------------------


def _image(source: Mapping[str, Any], *names: str) -> Any:
    """The first of these that is given, as an item or as bytes: `old` is also `old_item` or `old_bytes`."""
    spellings = [f"{name}{suffix}" for name in names for suffix in ("", "_item", "_bytes")]
    return next((source[name] for name in spellings if name in source), None)


def _images(source: Mapping[str, Any], *names: str) -> list[Any]:
    """Several items or sizes: a list, `{"count": 3, "each": 64}` or `{"total": 192}`."""
    found = _image(source, *names)
    if isinstance(found, dict):
        return [found["total"]] if "total" in found else [found["each"]] * found["count"]
    return ([found] if isinstance(found, int) else found) or []


def _index(source: Mapping[str, Any]) -> IndexSchema | None:
    """An index named as in "LSI by-date", or described; only its kind and name matter for a read."""
    found = source.get("index") or ""
    if isinstance(found, Mapping):
        found = f"{found.get('type', found.get('kind', 'GSI')).upper()} {found.get('name', '')}"
    kind, _, name = found.partition(" ")
    return IndexSchema(name or kind, "lsi" if kind == "LSI" else "gsi", (), ()) if kind else None


def _consistent(source: Mapping[str, Any]) -> bool:
    return source.get("consistent", False)


def _query(source: Mapping[str, Any]) -> Units:
    return capacity.query_cost(
        _images(source, "evaluated_items", "evaluated_bytes", "evaluated", "items", "total_bytes"),
        _index(source),
        consistent=_consistent(source),
        fetched=_images(source, "fetched_items", "fetched_base_bytes", "fetched"),
        partitions=source.get("partitions", 1),
    )


def _get(source: Mapping[str, Any]) -> Units:
    if any(name.startswith("evaluated") for name in source):  # a SELECT without the full key is a Query or Scan
        return _query(source)
    transactional = source.get("transactional", False)
    return Units(
        capacity.read_units(_image(source, "item"), consistent=_consistent(source), transactional=transactional)
    )


def _batch_get(source: Mapping[str, Any]) -> Units:
    each = [capacity.read_units(image, consistent=_consistent(source)) for image in _images(source, "items", "keys")]
    return Units(sum(each))


def _transact_get(source: Mapping[str, Any]) -> Units:
    return Units(sum(capacity.read_units(image, transactional=True) for image in _images(source, "items", "keys")))


def _write(source: Mapping[str, Any], *, transactional: bool = False) -> Units:
    before, after = _image(source, "old"), _image(source, "new")
    if "ConditionCheck" in (source.get("type"), source.get("action"), source.get("operation"), source.get("op")):
        return Units(capacity.condition_check_units(_image(source, "old", "item", "existing", "bytes")))
    if _failed(source) or not isinstance(before or after, dict):
        return Units(capacity.write_units(before, after, transactional=transactional))
    return capacity.write_cost(before, after, _indexes(source), transactional=transactional)


def _failed(source: Mapping[str, Any]) -> bool:
    outcomes = [source.get(name) for name in ("failed", "fails", "outcome", "result", "status", "error")]
    refused = [source.get(name) is False for name in ("ok", "success", "succeeds", "condition_met")]
    return source.get("condition") == "failed" or any(refused) or any(o not in SUCCESS for o in outcomes)


SUCCESS = (None, False, "ok", "success", "succeeded", "applied", "met")


def _indexes(source: Mapping[str, Any]) -> list[IndexSchema]:
    schema = source.get("schema", {"keys": (), "indexes": []})
    return [_schema(index, schema["keys"]) for index in schema.get("indexes", [])]


def _schema(index: Mapping[str, Any], table_keys: Sequence[str]) -> IndexSchema:
    projection = tuple(index["include"]) if index["projection"] == "INCLUDE" else index["projection"]
    kind = index.get("type", "GSI").lower()
    return IndexSchema(index.get("name", "index"), kind, tuple(index["keys"]), tuple(table_keys), projection)


def _actions(source: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    """The writes of a batch or transaction, each with the schema of the whole."""
    found = next((source[name] for name in ("actions", "statements", "writes", "requests") if name in source), [source])
    return ({"schema": source["schema"], **action} if "schema" in source else action for action in found)


def _batch_write(source: Mapping[str, Any]) -> Units:
    return sum((_write(action) for action in _actions(source) if not _failed(action)), Units())


def _transact_write(source: Mapping[str, Any]) -> Units:
    return sum((_write(action, transactional=True) for action in _actions(source)), Units())


def _single_write(source: Mapping[str, Any]) -> Units:
    return _write(source, transactional=source.get("transactional", False))


OPERATIONS: dict[str, Callable[[Mapping[str, Any]], Units]] = {
    "GetItem": _get,
    "BatchGetItem": _batch_get,
    "TransactGetItems": _transact_get,
    "Query": _query,
    "Scan": _query,
    "PutItem": _single_write,
    "UpdateItem": _single_write,
    "DeleteItem": _single_write,
    "BatchWriteItem": _batch_write,
    "TransactWriteItems": _transact_write,
    "ExecuteStatement INSERT": _single_write,
    "ExecuteStatement UPDATE": _single_write,
    "ExecuteStatement DELETE": _single_write,
    "ExecuteStatement SELECT": _get,
    "BatchExecuteStatement": _batch_write,
    "BatchExecuteStatement SELECT": _batch_get,
    "ExecuteTransaction": _transact_write,
    "ExecuteTransaction SELECT": _transact_get,
}


def _reply(source: Mapping[str, Any], mode: str) -> dict[str, Any] | None:
    """ConsumedCapacity of the operation for one table."""
    operation, *verb = re.split("[ .]", source["op"])
    cost = OPERATIONS.get(source["op"]) or OPERATIONS[operation]
    actions = list(_actions(source)) if operation == "BatchExecuteStatement" else []
    failed = [_write(action).total for action in actions if _failed(action)]
    if failed and len(failed) == len(actions):
        return None
    return capacity.consumed_capacity(cost(source), mode, operation, replay="SELECT" in verb, failed=sum(failed))


def _shape(source: Mapping[str, Any]) -> Any:
    """ConsumedCapacity in full; of several tables a list with an element for each."""
    mode = source.get("mode", "TOTAL")
    if "tables" not in source:
        return _reply(source, mode)
    return [{"TableName": table, **(_reply(part, mode) or {})} for table, part in _tables(source)]


def _capacity(source: Mapping[str, Any]) -> Any:
    if "tables" not in source:
        return {**(_index_write(source) or {}), **(_reply(source, "TOTAL") or {})}
    return {table: (_reply(part, "TOTAL") or {}).get("CapacityUnits") for table, part in _tables(source)}


def _tables(source: Mapping[str, Any]) -> Iterator[tuple[str, Mapping[str, Any]]]:
    common = {name: value for name, value in source.items() if name != "tables"}
    for table, part in source["tables"].items():
        several = "items" if "Get" in source["op"] else "actions"
        yield table, {**common, **(part if isinstance(part, dict) else {several: part})}


def _replay(source: Mapping[str, Any]) -> dict[str, Any]:
    reads = sum(capacity.replay_read_units(_image(a, "old"), _image(a, "new")) for a in _actions(source))
    again = capacity.consumed_capacity(Units(reads), "TOTAL", source["op"], replay=True)
    return {"first": _reply(source, "TOTAL"), "replay": again}


def _index_write(source: Mapping[str, Any]) -> dict[str, Any] | None:
    """The reply with INDEXES, each index as its number alone."""
    reply = _reply(source, "INDEXES")
    indexes = ("GlobalSecondaryIndexes", "LocalSecondaryIndexes")
    return reply and {
        "CapacityUnits": reply["CapacityUnits"],
        "Table": reply["Table"]["CapacityUnits"],
        **{kind: {name: n["CapacityUnits"] for name, n in reply[kind].items()} for kind in indexes if kind in reply},
    }


def _global_table(source: Mapping[str, Any]) -> dict[str, float]:
    entry = source.get("gsi_entry_bytes", source["item_bytes"])
    indexes = {f"gsi-{n}": capacity.write_units(None, entry) for n in range(source.get("gsis", 0))}
    write = Units(capacity.write_units(None, source["item_bytes"]), gsi=indexes)
    units = capacity.replicated_units(write * source["writes"], source.get("regions", source.get("replicas", 1)))
    return {"rWRU_total": units.table, "WRU_total": sum(units.gsi.values())}


# -- sizes, gates, limits ----------------------------------------------------------------------------------------------


def _entry_size(source: Mapping[str, Any]) -> int | None:
    table_keys = source.get("table_keys") or source.get("schema", source)["keys"]
    entry = capacity.index_entry(source["item"], _schema(source["index"], table_keys))
    return sizes.item_size(entry) if entry else None


def _size_gate(source: Mapping[str, Any]) -> Any:
    size = source.get("item") or source.get("item_bytes", source.get("finished_item_bytes"))
    statement = 0
    if source.get("region_rule", "flat") != "flat":
        statement = _statement_bytes(size - source["key_bytes"], source["update_expression"])
    refusal = sizes.size_gate(source["op"], _noted_item(source.get("note", "")) or size, statement=statement)
    return {k: v for k, v in asdict(refusal).items() if v} if refusal else "accept"


def _statement_bytes(written: int, expression: str) -> int:
    """A statement that sets something writes the whole item but its key, and names what it removes."""
    parts = re.split(r"\b(SET|ADD|REMOVE|DELETE)\b", expression)[1:]
    clauses = [
        (verb, t.split()[0]) for verb, targets in zip(parts[::2], parts[1::2], strict=True) for t in _split(targets)
    ]
    written = written if any(verb in ("SET", "ADD") for verb, _ in clauses) else 0
    written += sum(len(target) for verb, target in clauses if verb in ("REMOVE", "DELETE"))
    return sizes.update_statement_bytes(written, [verb for verb, _ in clauses])


def _split(targets: str) -> list[str]:
    return re.split(r",(?![^()]*\))", targets)


def _noted_item(note: str) -> dict[str, Any] | None:
    """An item described as `pk=p, data={M:{c:{BS:[204790 B, 204790 B]}}}`."""
    found = re.match(r"(\w+)=(\w+), (\w+)=(\{\S.*\})", note)
    if not found:
        return None
    key, value, name, shorthand = found.groups()
    text = re.sub(r"(\w+):", r'"\1":', shorthand)
    return {key: {"S": value}, name: json.loads(re.sub(r"(\d+) B", r'{"bytes": \1}', text), object_hook=_noted_bytes)}


def _noted_bytes(value: dict[str, Any]) -> Any:
    return b"x" * value["bytes"] if "bytes" in value else value


TOKEN_CHARACTERS = 36  # API_TransactWriteItems: ClientRequestToken
TOTAL_SEGMENTS = 1_000_000  # API_Scan: TotalSegments
LIMITS = {
    r"batch_get.*bytes": limits.BATCH_GET_BYTES,
    r"batch_get": limits.BATCH_GET_ITEMS,
    r"batch_write.*bytes": limits.BATCH_WRITE_BYTES,
    r"batch_write": limits.BATCH_WRITE_ITEMS,
    r"trans\w*_bytes": limits.TRANSACTION_BYTES,
    r"trans": limits.TRANSACTION_ITEMS,
    r"operators": limits.EXPRESSION_OPERATORS,
    r"in_operands|\bin_": limits.IN_OPERANDS,
    r"expression.*bytes": limits.EXPRESSION_BYTES,
    r"project|include|non_?key": limits.PROJECTED_ATTRIBUTES,
    r"key_name|key_attribute_name|ttl_name|ttl_attribute_name": limits.KEY_NAME_BYTES,
    r"attribute_name": limits.ATTRIBUTE_NAME_BYTES,
    r"gsi.*(attributes|keys)": limits.INDEX_KEY_ATTRIBUTES,
    r"token": TOKEN_CHARACTERS,
    r"segments": TOTAL_SEGMENTS,
    r"gsi|global_secondary": limits.GSI_PER_TABLE,
    r"lsi_count|^lsis?$|local_secondary": limits.LSI_PER_TABLE,
    r"collection": limits.COLLECTION_BYTES_WITH_LSI,
    r"item_bytes": limits.ITEM_BYTES,
    r"page": limits.PAGE_BYTES,
}
COLLECTION_FULL = {"error": "ItemCollectionSizeLimitExceededException"}
TTL_YEARS = 5  # time-to-live-ttl-before-you-start.html: an older time is taken for a mistake


def _limit(source: Mapping[str, Any]) -> Any:
    ((name, value),) = source.items()
    if name in CHECKED:
        return _accepted(lambda: CHECKED[name](value))
    if name.startswith("ttl"):
        old = value > TTL_YEARS if isinstance(value, int | float) else "N" not in value
        return "ignored by TTL" if old else "deleted by TTL"
    if re.search("(table|index)_name", name):
        least, longest = limits.NAME_CHARACTERS
        return "accept" if least <= value <= longest else "reject"
    most = next((most for pattern, most in LIMITS.items() if re.search(pattern, name)), None)
    if most is None:
        raise ValueError(f"no limit is called {name}")
    if value <= most:
        return "accept"
    return COLLECTION_FULL if "collection" in name else "reject"


def _accepted(check: Callable[[], Any]) -> str:
    try:
        check()
    except ValueError:
        return "reject"
    return "accept"


def _nested(levels: int) -> dict[str, Any]:
    """An item whose deepest value stands at this level; the attribute itself is level 1."""
    value: dict[str, Any] = {"S": "leaf"}
    for _ in range(levels - 1):
        value = {"M": {"n": value}}
    return {"pk": {"S": "p"}, "deep": value}


CHECKED: dict[str, Callable[[Any], Any]] = {
    "partition_key_bytes": lambda size: capacity.check_item({"pk": "x" * size}, "pk"),
    "sort_key_bytes": lambda size: capacity.check_item({"pk": "p", "sk": "x" * size}, "pk", "sk"),
    "partition_key": lambda value: capacity.check_item({"pk": value}, "pk"),
    "sort_key": lambda value: capacity.check_item({"pk": {"S": "p"}, "sk": value}, "pk", "sk"),
    "number": lambda number: numbers.number_size(str(number)),
    "nesting_levels": lambda levels: sizes.item_size(_nested(levels)),
}


# -- the hash ring -----------------------------------------------------------------------------------------------------

KEY_VALUES: dict[str, Callable[[Any], Any]] = {"S": str, "N": Decimal, "B": base64.b64decode}


def _key_hash(kind: str, key: Any) -> int:
    """Where a partition key stands on the ring of 2**128."""
    return key_hash(KEY_VALUES[kind](key))


def _scan_segment(source: Mapping[str, Any]) -> int:
    total = _given(source, "TotalSegments", "total_segments", "segments")
    return (_key_hash(source["type"], source["key"]) >> 116) * total >> 12


# -- costs -------------------------------------------------------------------------------------------------------------

# What a vector calls an amount, and what it is on a bill; provisioned units are kept for so many hours.
AMOUNTS = {
    r"^(?:rr|read_request_)(?:u|units)$": "read_requests",
    r"^(?:wr|write_request_)(?:u|units)$": "write_requests",
    r"^(?:rwr|replicated_write_request_)(?:u|units)$": "replicated_write_requests",
    r"^(?:rcu|read_capacity_units)$": "read_unit_hours",
    r"^(?:wcu|write_capacity_units)$": "write_unit_hours",
    r"^(?:rwcu|replicated_wcu|replicated_write_capacity_units)$": "replicated_write_unit_hours",
    r"kinesis|cdc": "kinesis_units",
    r"stream": "stream_reads",
    r"pitr|recovery": "pitr_gb",
    r"backup": "backup_gb",
    r"restore": "restored_gb",
    r"export": "exported_gb",
    r"import": "imported_gb",
    r"storage": "storage_gb",
}
CLASSES = {"IA": "STANDARD_INFREQUENT_ACCESS", "STANDARD_IA": "STANDARD_INFREQUENT_ACCESS"}


SETTINGS = ("mode", "region", "class", "table_class", "hours", "free_tier", "reserved", "reserved_discount", "discount")
TERMS = {
    "1": "reserved.one_year",
    "one": "reserved.one_year",
    "3": "reserved.three_years",
    "three": "reserved.three_years",
}


def _cost_month(source: Mapping[str, Any]) -> dict[str, float]:
    """US dollars of a month of what a vector names: amounts, or an operation at a rate."""
    listed = prices.load_prices()
    stated = str(source.get("class", source.get("table_class", "STANDARD"))).upper().replace("-", "_")
    bought = dict(_operation_requests(source)) if "op" in source else dict(_amounts(source))
    free = source.get("free_tier", False)
    table_class: Any = CLASSES.get(stated, stated)
    reserved = 1 - _discount(source, listed)
    spent = {what: listed.usd(what, amount, table_class, free_tier=free) for what, amount in bought.items()}
    hours = ("read_unit_hours", "write_unit_hours")  # what can be reserved
    return {"usd": sum(usd * (reserved if what in hours else 1) for what, usd in spent.items())}


def _discount(source: Mapping[str, Any], listed: prices.Prices) -> float:
    """The share that a reservation takes off: stated, or by its term, as "1yr"."""
    stated = next((source[name] for name in ("reserved_discount", "discount") if name in source), None)
    term = source.get("reserved")
    if stated is not None or not term:
        return float(stated or 0.0)
    found = re.match(r"(1|one|3|three)", str(term).lower())
    if not found:
        raise ValueError(f"reserved: {term!r} is no term")
    return listed[TERMS[found[1]]]


def _amounts(source: Mapping[str, Any]) -> Iterator[tuple[str, float]]:
    """What is bought, and how much; a name that means nothing here is refused, as it would cost nothing."""
    for name, amount in source.items():
        if name in SETTINGS:
            continue
        what = next((what for pattern, what in AMOUNTS.items() if re.search(pattern, name.lower())), None)
        if what is None or isinstance(amount, bool) or not isinstance(amount, int | float):
            raise ValueError(f"{name}: {amount!r} is no amount that has a price")
        hours = source.get("hours", prices.HOURS)
        yield what, prices.unit_hours(amount, hours) if what.endswith("unit_hours") else amount


def _operation_requests(source: Mapping[str, Any]) -> Iterator[tuple[str, float]]:
    """An operation as "GetItem EC 4096 B", so often a second for so many seconds."""
    operation, *words = source["op"].split()
    size = next(int(word.replace(",", "")) for word in words if word[:1].isdigit())
    calls = source["rps"] * source.get("seconds", prices.HOURS * 3600)
    transactional = "TX" in words or operation.startswith("Transact")
    if operation in ("GetItem", "BatchGetItem", "Query", "Scan", "TransactGetItems"):
        units = capacity.read_units(size, consistent="SC" in words, transactional=transactional)
        yield "read_requests", units * calls
    else:
        yield "write_requests", capacity.write_units(None, size, transactional=transactional) * calls


def _breakeven(source: Mapping[str, Any]) -> dict[str, float]:
    by_unit = next(price for name, price in source.items() if name.endswith("hour"))
    by_request = next(price for name, price in source.items() if name.endswith("million"))
    return {"utilisation": prices.breakeven(by_unit, by_request, discount=_discount(source, prices.load_prices()))}


def _free_hours(source: Mapping[str, Any]) -> dict[str, float]:
    units = next(source[name] for name in ("units", "rcu", "wcu") if name in source)
    return {"unit_hours": prices.unit_hours(units, source["hours"])}


# -- policies ----------------------------------------------------------------------------------------------------------


CONDITION_KEYS = {key.partition(":")[2]: key for keys in authorization.KEYS.values() for key in keys}


def _iam(source: Mapping[str, Any]) -> str:
    """What IAM decides on a request: allow, implicit-deny or explicit-deny."""
    policy = next(source[name] for name in ("policy", "policies", "statements", "statement") if name in source)
    asked = dict(source["request"])
    resource = next((asked.pop(name) for name in ("resource", "Resource") if name in asked), None)
    action = str(asked.pop("action"))
    action = action if ":" in action else f"dynamodb:{action}"
    return authorization.decide(policy, authorization.Request(action, resource, dict(_context(asked)))).effect


def _context(asked: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    """Condition keys of a request: given whole, in a mapping of their own, as LeadingKeys or leading_keys, as tags.

    A name that is no condition key is refused: a key that is left out may allow what it would deny.
    """
    for name, value in asked.items():
        if isinstance(value, Mapping):
            yield from _context(
                value, authorization.TAG if name.lower() in ("principal_tags", "principaltags") else prefix
            )
            continue
        known = CONDITION_KEYS.get(name, CONDITION_KEYS.get("".join(word.capitalize() for word in name.split("_"))))
        key = f"{prefix}{name}" if prefix else name if ":" in name else known
        if key is None:
            raise ValueError(f"{name!r} is no condition key; there are {', '.join(sorted(CONDITION_KEYS))}")
        listed = isinstance(value, list | tuple)
        text = [str(v) for v in value] if listed else str(value).lower() if isinstance(value, bool) else str(value)
        yield key, text


# -- partitions and throughput -----------------------------------------------------------------------------------------

UNITS_OF = {
    "read": ("rcu", "rcus", "read", "reads", "rru", "ru", "read_capacity", "ReadCapacityUnits"),
    "write": ("wcu", "wcus", "write", "writes", "wru", "wu", "write_capacity", "WriteCapacityUnits"),
}
AROUND = ("_request_units", "_capacity_units", "_units", "_units_per_second", "_per_s", "_per_second")
SIZES = {"bytes": 1, "b": 1, "kb": limits.KB, "mb": limits.MB, "gb": limits.GB, "gib": limits.GB}


def _given(source: Mapping[str, Any], *names: str) -> Any:
    """The first of these names that is given; KeyError says what they are."""
    found = next((source[name] for name in names if source.get(name) is not None), None)
    if found is None:
        raise KeyError(f"none of {', '.join(names)} is given")
    return found


def _size(source: Mapping[str, Any], *around: str, default: float | None = None) -> float:
    """Bytes, given as item_bytes, size_gb, gb..."""
    for unit, factor in SIZES.items():
        for name in (f"{a}{unit}" for a in around):
            if source.get(name) is not None:
                return float(source[name]) * factor
    if default is None:
        raise KeyError(f"none of {', '.join(f'{a}bytes' for a in around)} is given")
    return default


def _stated(source: Mapping[str, Any], kind: str, *around: str) -> float | None:
    """The units of a kind, named as wcu, table_wcu, warm_write, max_write_request_units, or in a mapping of their own.

    A mapping is called as what stands before the kind: {"warm": {"read": 5}} is {"warm_read": 5}.
    """
    names = [f"{a}{n}{b}" for n in UNITS_OF[kind] for a in ("", *around) for b in ("", *AROUND)]
    inner = [source[a.rstrip("_")] for a in around if isinstance(source.get(a.rstrip("_")), Mapping)]
    found = [float(source[name]) for name in names if isinstance(source.get(name), int | float)]
    found += [units for each in inner if (units := _stated(each, kind)) is not None]
    return found[0] if found else None


def _whole(value: float | None) -> Any:
    """A number as JSON has it; None for what never comes."""
    return None if value is None or value == float("inf") else int(value) if float(value).is_integer() else value


def _by_kind(source: Mapping[str, Any], *around: str) -> dict[str, float]:
    return {kind: units for kind in UNITS_OF if (units := _stated(source, kind, *around)) is not None}


def _split_allocation(source: Mapping[str, Any]) -> dict[str, Any]:
    """What each partition gets; without their number, of as many as splits in two make from one, by the limit."""
    units = _by_kind(source, "table_", "provisioned_")
    count = source.get("partitions") or _by_halving(units)
    shares = {k: throughput.even_share(u, count) for k, u in units.items()}
    return {
        "partitions": count,
        **{f"per_partition_{UNITS_OF[kind][0]}": _whole(share) for kind, share in shares.items()},
    }


def _by_halving(units: Mapping[str, float]) -> int:
    """Every partition is split in two until none has more than it serves: a power of two (3.2.4: 6,000 is 8 x 750)."""
    return 1 << (throughput.partitions_for(units.get("read", 0), units.get("write", 0), rule="max") - 1).bit_length()


def _initial_partitions(source: Mapping[str, Any], rule: Any) -> dict[str, int]:
    read, write = (_stated(source, kind, "table_", "provisioned_") or 0 for kind in ("read", "write"))
    size = _size(source, "", "size_", "table_", "storage_", "table_size_", default=0)
    return {"partitions": throughput.partitions_for(read, write, size, rule=rule)}


def _by_stated_rule(source: Mapping[str, Any]) -> dict[str, int]:
    return _initial_partitions(source, "sum" if "sum" in source.get("mode", "max") else "max")


def _adaptive(source: Mapping[str, Any]) -> dict[str, Any]:
    kind = _kind_named(source, "write" if _stated(source, "write", "table_") is not None else "read")
    offered = next(v for name, v in source.items() if name.startswith("offered"))
    limit = throughput.PROFILE.partition_limit(kind)
    passed = throughput.admitted(offered, limit, _stated(source, kind, "table_", "provisioned_") or float("inf"))
    refused = [round(o - p, 9) for o, p in zip(offered, passed.tolist(), strict=True)]
    return {
        "throttled": _whole(round(sum(refused), 9)),
        "admitted": [_whole(p) for p in passed.tolist()],
        "throttled_per_partition": [_whole(r) for r in refused],
    }


def _kind_named(source: Mapping[str, Any], otherwise: str) -> Any:
    """The kind of units that a vector says it is about: "write", "W", "rcu"..."""
    named = str(source.get("kind", source.get("unit", otherwise)))
    return "read" if named.lower().startswith("r") else "write"


def _rate(source: Mapping[str, Any], *around: str) -> float:
    """Units a second of whatever kind: provisioned_per_s, provisioned_rcu, rcu; the bare name if nothing else."""
    found = _by_kind(source, *around)
    named = (f"{a.rstrip('_')}{b}" for a in around for b in ("", *AROUND))
    return next(iter(found.values())) if found else float(_given(source, *named))


IDLE = ("idle_s", "idle_seconds", "idle", "full_bucket_s", "full_bucket_seconds", "bucket_s")


def _burst(source: Mapping[str, Any]) -> dict[str, Any]:
    used = {name: rate for name, rate in source.items() if name.startswith(("consum", "demand", "used", "offered"))}
    rate = _rate({k: v for k, v in source.items() if k not in used}, "provisioned_", "table_")
    idle = float(_given({"bucket_s": 300, **source}, *IDLE))
    held = ceilings.burst_units(rate, idle)
    until = ceilings.first_throttle(rate, float(next(iter(used.values()))), age=idle) if used else None
    return {"bucket_units": _whole(held), "seconds_until_throttle": _whole(until)}


def _hot_key_reads(source: Mapping[str, Any]) -> dict[str, int]:
    transactional = source.get("transactional", False) or str(source.get("consistency", "")).startswith("trans")
    size = int(_size(source, "item_", "item_size_", "size_", ""))
    units = capacity.read_units(size, consistent=_strong(source), transactional=transactional)
    limit = _stated(source, "read", "per_partition_", "partition_") or limits.PARTITION_READ_UNITS
    return {"max_reads_per_second": int(ceilings.sustainable_rate(1.0, units, limit) + 1e-9)}


def _strong(source: Mapping[str, Any]) -> bool:
    """Whether reads are strongly consistent: `consistent`, `ConsistentRead`, or `consistency: strong`."""
    flags = [source.get(name, False) for name in ("consistent", "ConsistentRead", "consistent_read", "strong")]
    return any(flags) or str(source.get("consistency", "")).lower() in ("strong", "strongly", "sc", "consistent")


def _on_demand_instant(source: Mapping[str, Any]) -> dict[str, Any]:
    """What an on-demand table serves at once: `instant` of the kind that is meant, and each kind by its name."""
    peaks, warm = _by_kind(source, "previous_peak_", "peak_"), _by_kind(source, "warm_", "warm_throughput_")
    meant = _kind_named(source, next(iter({**peaks, **warm}), "write"))
    for found, bare in ((peaks, "previous_peak"), (warm, "warm")):
        if isinstance(source.get(bare), int | float):
            found[meant] = float(source[bare])
    if not peaks and not warm:
        raise KeyError("no previous_peak is given")
    units = {
        kind: _whole(throughput.on_demand_units(kind, peaks.get(kind, 0), warm.get(kind, 0), quota=float("inf")))
        for kind in throughput.KINDS
    }
    return {"instant": units[meant], **units}


def _on_demand_initial(source: Mapping[str, Any]) -> dict[str, Any]:
    ever = _by_kind(source, "provisioned_ever_", "highest_provisioned_", "provisioned_")
    units = {kind: throughput.on_demand_units(kind, warm=ever.get(kind, 0)) for kind in ("read", "write")}
    return {kind: _whole(units[kind]) for kind in ("read", "write")}


def _warm_throughput(source: Mapping[str, Any]) -> dict[str, Any]:
    """Warm throughput once capacity was provisioned, or, on demand, after a peak (it rises with usage)."""
    warm, now = _by_kind(source, "warm_"), _by_kind(source, "set_provisioned_", "provisioned_")
    peaks = _by_kind(source, "previous_peak_", "peak_")
    least = {k: throughput.on_demand_units(k, peaks[k], quota=float("inf")) for k in throughput.KINDS if k in peaks}
    found = {
        kind: throughput.warm_after(warm.get(kind, 0.0), max(now.get(kind, 0.0), least.get(kind, 0.0)))
        for kind in throughput.KINDS
        if kind in {**warm, **now, **least}
    }
    return {f"warm_{kind}": _whole(units) for kind, units in found.items()}


def _effective_limit(source: Mapping[str, Any]) -> dict[str, Any]:
    warm = _by_kind(_without(source, "max"), "warm_", "warm_throughput_")
    most = _by_kind(_without(source, "warm"), "max_", "maximum_", "max_throughput_")
    found = {k: throughput.effective_limit(warm.get(k, float("inf")), most.get(k)) for k in {**warm, **most}}
    named = {f"{kind}_limit": _whole(units) for kind, units in found.items()}
    return {"limit": _whole(min(found.values())), **named}


def _without(source: Mapping[str, Any], start: str) -> dict[str, Any]:
    return {name: value for name, value in source.items() if not name.startswith(start)}


def _decreases(source: Mapping[str, Any]) -> dict[str, int]:
    hours = source["hours"] if "hours" in source else 24 * _given(source, "days")
    return {"max_decreases": throughput.decreases_allowed(hours)}


COVERED: dict[str, Callable[[Mapping[str, Any]], Any]] = {
    "number_size": lambda source: numbers.number_size(source["N"]),
    "number_roundtrip": lambda source: numbers.number_text(source["N"]),
    "item_size": lambda source: sizes.item_size(source["item"]),
    "index_entry_size": _entry_size,
    "size_gate": _size_gate,
    "limit": _limit,
    "storage_bytes": lambda source: capacity.storage_bytes(
        source["items"],
        source["items"] * source["item_bytes"],
        global_tables="global_tables" in source.get("features", ()),
    ),
    "capacity": _capacity,
    "capacity_shape": _shape,
    "capacity_replay": _replay,
    "index_write": _index_write,
    "scan_minimum": lambda source: _reply({"evaluated": 1, **source}, "TOTAL"),
    "global_table_units": _global_table,
    "dax_transact_write_extra": lambda source: {
        "extra_rcu": source["items"] * capacity.read_units(source["item_bytes"], transactional=True)
    },
    "hash_order": lambda source: sorted(source["keys"], key=lambda key: _key_hash(source["type"], key)),
    "scan_segment": _scan_segment,
    "cost_month": _cost_month,
    "breakeven_utilisation": _breakeven,
    "iam_eval": _iam,
    "free_tier_unit_hours": _free_hours,
    "partition_split_allocation": _split_allocation,
    "initial_partitions": _by_stated_rule,
    "initial_partitions_classic": lambda source: _initial_partitions(source, "sum"),
    "adaptive": _adaptive,
    "burst": _burst,
    "hot_key_reads": _hot_key_reads,
    "on_demand_instant_capacity": _on_demand_instant,
    "on_demand_initial": _on_demand_initial,
    "warm_throughput": _warm_throughput,
    "effective_limit": _effective_limit,
    "decrease_quota": _decreases,
}
EXACT = ("capacity_shape", "index_write")
ROUNDED = ("cost_month", "breakeven_utilisation")


def main(path: Path = FILE) -> int:
    """Print what failed and what is not covered; 1 if anything failed, 2 if the file holds no vectors."""
    try:
        vectors = load(path)
        if not isinstance(vectors, list) or not all(isinstance(v, dict) and "kind" in v for v in vectors):
            raise ValueError("not a list of vectors, each with id, kind, input and expected")
    except (OSError, ValueError) as error:
        print(f"{path}: {error}", file=sys.stderr)
        return 2
    outcomes = [outcome(vector) for vector in vectors if vector["kind"] in COVERED]
    failures = [found for found in outcomes if not found.passed]
    for failure in failures:
        print(failure)
    for kind, times in Counter(v["kind"] for v in vectors if v["kind"] not in COVERED).items():
        print(f"not covered: {kind} ({times})")
    print(f"{len(outcomes) - len(failures)} passed, {len(failures)} failed")
    return bool(failures)


if __name__ == "__main__":
    sys.exit(main(*map(Path, sys.argv[1:])))
