"""The tables of a run: created from a design, marked as ours, and deleted at the end.

On an engine that was not started for the run, other tables may be somebody's data. Names there carry a prefix, and
every table that the workbench creates is noted, with its creation time, in a small table of its own, one for each
design: so runs of two designs at once have nothing in common. A table that is not noted there is never written to,
emptied or dropped, whatever its name.
"""

import getpass
import os
import platform
import re
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

from workbench.attempts import Attempts
from workbench.design import Design
from workbench.engine import Engine
from workbench.errors import EngineError, RequestError
from workbench.identity import key_types
from workbench.processes import is_alive
from workbench.schema import Index, Table

TAG = "dynamodb-workbench"  # on the tables of an account, with the design's name
REGISTRY = "workbench-tables-"  # and the design's name
REGISTRY_KEY = "workbench-table"  # no other table has this partition key
READY_SECONDS = 30.0
PREFIX_CHARACTERS = 60  # of the 255 that a table's name may have, so that the design's and the table's find room
ACCOUNT_SECONDS = 300.0  # in an account, where a table with indexes takes a minute or more
CLAIM_TRIES, UNKNOWN = 4, "another process"
CLAIM = "(claim)"  # no table can be called that
CLAIM_SECONDS = 3600  # after which a claim that cannot be asked about is taken for a forgotten one


def default_prefix(design: Design, engine: Engine) -> str:
    """What table names begin with: nothing on an engine of our own, `wb-<user>-<design>-` on any other.

    WORKBENCH_PREFIX stands in for `wb-<user>-`, so that runs beside each other keep out of each other's tables.
    EngineError if it cannot begin a table's name.
    """
    if engine.owned:
        return ""
    if prefix := os.environ.get("WORKBENCH_PREFIX"):
        return _checked(prefix) + _allowed(f"{design.name}-")
    try:
        user = getpass.getuser()
    except (OSError, KeyError, ImportError):  # no name for this user id, as in a container
        user = "user"
    return _allowed(f"wb-{user}-{design.name}-")


def _checked(prefix: str) -> str:
    """A prefix as it was given: changed, that of one person could become another's."""
    if not re.fullmatch(f"[A-Za-z0-9_.-]{{1,{PREFIX_CHARACTERS}}}", prefix):
        raise EngineError(
            f"WORKBENCH_PREFIX is {prefix!r}, and tables' names begin with it: it may have letters, digits and _ . -, "
            f"at most {PREFIX_CHARACTERS} of them; as in WORKBENCH_PREFIX=ana-"
        )
    return prefix


def _allowed(name: str) -> str:
    """A text in the characters that a table's name may have."""
    return re.sub(r"[^A-Za-z0-9_.-]", "-", name)


def table_parameters(design: Design, table: Table, name: str) -> dict[str, Any]:
    """CreateTable's parameters for a table of the design: key attributes with their types, indexes, on demand."""
    types = key_types(design, table.name)
    parameters: dict[str, Any] = {
        "TableName": name,
        "KeySchema": _key_schema(table.key_attributes[:1], table.key_attributes[1:]),
        "AttributeDefinitions": [{"AttributeName": a, "AttributeType": types[a]} for a in table.indexed_attributes],
        "BillingMode": "PAY_PER_REQUEST",
    }
    for setting, kind in (("GlobalSecondaryIndexes", "gsi"), ("LocalSecondaryIndexes", "lsi")):
        if found := [_index_parameters(index) for index in table.indexes.values() if index.kind == kind]:
            parameters[setting] = found
    return parameters


def _key_schema(partition: tuple[str, ...], sort: tuple[str, ...]) -> list[dict[str, str]]:
    keys = [*((name, "HASH") for name in partition), *((name, "RANGE") for name in sort)]
    return [{"AttributeName": name, "KeyType": kind} for name, kind in keys]


def _index_parameters(index: Index) -> dict[str, Any]:
    projection: dict[str, Any] = {"ProjectionType": index.projection}
    if isinstance(index.projection, tuple):
        projection = {"ProjectionType": "INCLUDE", "NonKeyAttributes": list(index.projection)}
    schema = _key_schema(index.partition_key, index.sort_key)
    return {"IndexName": index.name, "KeySchema": schema, "Projection": projection}


@dataclass(frozen=True)
class RunTables:
    """The tables of one design on one engine, under a prefix."""

    design: Design
    engine: Engine
    prefix: str
    attempts: Attempts = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "attempts", Attempts(self.engine))
        if self.prefix != _allowed(self.prefix):
            raise ValueError(f"prefix {self.prefix!r}: table names are made of letters, digits and _ . -")

    @property
    def registry(self) -> str:
        """The table in which this design's tables are noted."""
        return self.name(REGISTRY + _allowed(self.design.name))

    def name(self, table: str) -> str:
        """The name that a table of the design has on the engine."""
        return self.prefix + table

    def check(self) -> None:
        """EngineError if a table of that name exists that the workbench did not create."""
        noted = self.noted()
        for table in self.design.tables.values():
            name = self.name(table.name)
            created, note = self._created(name), noted.get(name, {})
            if created is not None and note.get("created") != created and not self._was_begun(table, note):
                raise self._foreign(name)

    def _was_begun(self, table: Table, note: Mapping[str, str]) -> bool:
        """Whether it is what a run left that was killed between creating it and noting so: as created, and empty."""
        name = self.name(table.name)
        if note.get("created") != "":
            return False
        keys = (self._described(name) or {}).get("KeySchema")
        return keys == _key_schema(table.key_attributes[:1], table.key_attributes[1:]) and not self._holds_any(name)

    def _holds_any(self, name: str) -> bool:
        return bool(self.attempts.call("Scan", {"TableName": name, "ConsistentRead": True, "Limit": 1})["Count"])

    def _foreign(self, name: str) -> EngineError:
        return EngineError(
            f"table {name} is on {self.engine.name} already and was not created by the workbench for the design "
            f"{self.design.name}: it is left alone. Choose another prefix for the tables of this run "
            '(prefix="mine-", --prefix mine-)',
            kind=self.engine.kind,
        )

    def claim(self) -> None:
        """EngineError if another run that is still alive uses these tables: two would spoil each other's numbers."""
        mine = {"by": f"process {os.getpid()} on {platform.node()}", "at": str(int(time.time()))}
        holder = UNKNOWN
        for left in reversed(range(CLAIM_TRIES)):
            try:
                self._ensure_registry()
                if any(h and self._put_claim(mine, instead_of=h) for h in (mine["by"], self._stale_holder())):
                    return
                holder = self._holder()["by"]
            except RequestError as error:  # the run before ended just now, and its registry with it
                if not left or error.code not in ("ResourceNotFoundException", "ResourceInUseException"):
                    raise
            if holder != UNKNOWN:
                break
        raise EngineError(
            f"{holder} is running {self.design.name} on {self.engine.name} with the same tables: wait "
            'until it is done, or choose another prefix (prefix="mine-", --prefix mine-)',
            kind=self.engine.kind,
        )

    def release(self) -> None:
        """Leave the tables to whoever runs next, and no registry without a note."""
        if self._has_registry():
            self._forget(CLAIM)

    def _put_claim(self, mine: dict[str, str], *, instead_of: str) -> bool:
        request = {
            "TableName": self.registry,
            "Item": {k: {"S": v} for k, v in {REGISTRY_KEY: CLAIM, **mine}.items()},
            "ConditionExpression": "attribute_not_exists(#by) OR #by = :holder",
            "ExpressionAttributeNames": {"#by": "by"},
            "ExpressionAttributeValues": {":holder": {"S": instead_of}},
        }
        try:
            self.attempts.call("PutItem", request)
        except RequestError as error:
            if error.code == "ConditionalCheckFailedException":
                return False
            raise
        return True

    def _holder(self) -> dict[str, str]:
        key = {REGISTRY_KEY: {"S": CLAIM}}
        found = self.attempts.call("GetItem", {"TableName": self.registry, "Key": key, "ConsistentRead": True})
        return {"by": UNKNOWN, "at": "0"} | {k: v["S"] for k, v in found.get("Item", {}).items()}

    def _stale_holder(self) -> str | None:
        """Who holds the claim, if it is certain that he left it behind: a dead process here, or a claim of long ago."""
        holder = self._holder()
        found = re.fullmatch(r"process ([0-9]+) on (.*)", holder["by"])
        if found and found[2] == platform.node() and os.name == "posix":
            return None if is_alive(int(found[1])) else holder["by"]
        return holder["by"] if time.time() - int(holder["at"]) > CLAIM_SECONDS else None

    def create(self, fingerprint: str) -> dict[str, int]:
        """Create every table, or find those that an interrupted load of the same items left; items loaded so far."""
        self.check()
        noted = self.noted()
        loaded: dict[str, int] = {}
        for table in self.design.tables.values():
            name = self.name(table.name)
            before = noted.get(name)
            if before and before["loading"] == fingerprint and before["created"] == self._created(name):
                loaded[table.name] = int(before["loaded"])
                continue
            self._drop(name)
            if not self.engine.is_local:
                self._wait(name, None)
            self._create(table, name, fingerprint)
        return loaded

    def _create(self, table: Table, name: str, fingerprint: str) -> None:
        self.note(table.name, fingerprint, 0)  # before: killed in between, the table is known as ours
        self.attempts.call("CreateTable", table_parameters(self.design, table, name) | self._tags())
        try:
            self._make_ready(table, name)
            self.note(table.name, fingerprint, 0)
        except BaseException:
            with suppress(EngineError):
                self._drop(name)
                self._forget(name)
            raise

    def _tags(self) -> dict[str, Any]:
        """In an account tables are tagged, so that what a lost connection leaves there can be found."""
        return {} if self.engine.is_local else {"Tags": [{"Key": TAG, "Value": _allowed(self.design.name)}]}

    def _wait(self, name: str, status: str | None) -> None:
        """Wait until a table has a status; None: until it is gone."""
        seconds = READY_SECONDS if self.engine.is_local else ACCOUNT_SECONDS
        deadline = time.monotonic() + seconds
        while (self._described(name) or {}).get("TableStatus") != status:
            if time.monotonic() > deadline:
                wanted = "ready" if status else "gone"
                raise EngineError(f"table {name} was not {wanted} within {seconds:g} s", kind=self.engine.kind)
            time.sleep(0.05 if self.engine.is_local else 1.0)

    def _make_ready(self, table: Table, name: str) -> None:
        self._wait(name, "ACTIVE")
        if table.ttl and not self.engine.facts.ttl_deletes:
            ttl = {"Enabled": True, "AttributeName": table.ttl}
            self.attempts.call("UpdateTimeToLive", {"TableName": name, "TimeToLiveSpecification": ttl})

    def note(self, table: str, fingerprint: str, loaded: int) -> None:
        """Note a table as ours, with how many items its load has put; an empty fingerprint marks it as used."""
        name = self.name(table)
        self._ensure_registry()
        item = {REGISTRY_KEY: name, "created": self._created(name) or "", "loading": fingerprint, "loaded": str(loaded)}
        self.attempts.call("PutItem", {"TableName": self.registry, "Item": {k: {"S": v} for k, v in item.items()}})

    def noted(self) -> dict[str, dict[str, str]]:
        """What is noted about each table that the workbench created."""
        if not self._has_registry():
            return {}
        found = self.attempts.call("Scan", {"TableName": self.registry, "ConsistentRead": True})["Items"]
        notes = {item[REGISTRY_KEY]["S"]: {key: value["S"] for key, value in item.items()} for item in found}
        return {name: note for name, note in notes.items() if name != CLAIM}

    def delete(self) -> None:
        """Delete the run's own tables and what is noted of them."""
        noted = self.noted()
        for table in self.design.tables:
            name = self.name(table)
            if name in noted:
                if noted[name]["created"] == self._created(name):
                    self._drop(name)
                self._forget(name)

    def _forget(self, name: str) -> None:
        """Remove what is noted under a name, and the registry with the last of it."""
        self.attempts.call("DeleteItem", {"TableName": self.registry, "Key": {REGISTRY_KEY: {"S": name}}})
        if not self.attempts.call("Scan", {"TableName": self.registry, "ConsistentRead": True})["Count"]:
            self._drop(self.registry)

    def _created(self, name: str) -> str | None:
        """When a table was created, to tell it from another of the same name; None if there is none."""
        found = self._described(name)
        return f"{found.get('TableId', '')} {found['CreationDateTime']}" if found else None

    def _described(self, name: str) -> dict[str, Any] | None:
        try:
            return self.attempts.call("DescribeTable", {"TableName": name})["Table"]
        except RequestError as error:
            if error.code == "ResourceNotFoundException":
                return None
            raise

    def _drop(self, name: str) -> None:
        try:
            self.attempts.call("DeleteTable", {"TableName": name})
        except RequestError as error:
            if error.code != "ResourceNotFoundException":
                raise

    def _has_registry(self) -> bool:
        """Whether the table with the notes exists; EngineError if its name is another table's."""
        found = self._described(self.registry)
        if found and found["KeySchema"] != _key_schema((REGISTRY_KEY,), ()):
            raise self._foreign(self.registry)
        return found is not None

    def _ensure_registry(self) -> None:
        if not self._has_registry():
            self.attempts.call(
                "CreateTable",
                {
                    "TableName": self.registry,
                    "KeySchema": _key_schema((REGISTRY_KEY,), ()),
                    "AttributeDefinitions": [{"AttributeName": REGISTRY_KEY, "AttributeType": "S"}],
                    "BillingMode": "PAY_PER_REQUEST",
                    **self._tags(),
                },
            )
            if not self.engine.is_local:  # where tables are there at once
                self._wait(self.registry, "ACTIVE")

    def prefixed(self, parameters: Mapping[str, Any]) -> dict[str, Any]:
        """A request's parameters with the table names that this engine has."""
        out = dict(parameters)
        if "TableName" in out:
            out["TableName"] = self.name(out["TableName"])
        if "RequestItems" in out:
            out["RequestItems"] = {self.name(table): value for table, value in out["RequestItems"].items()}
        if "TransactItems" in out:
            out["TransactItems"] = [{k: self.prefixed(v) for k, v in member.items()} for member in out["TransactItems"]]
        return out
