"""Loading an engine through `run_patterns` against boto3's `batch_writer`, and against a bare client.

All three put the same items into the same engine, each into a new table that is deleted afterwards. `run_patterns`
starts from columns, verifies the count, and calls one access pattern as well; `batch_writer` starts from ready-made
dictionaries; the bare client only posts ready-made bodies and reads the answers: nothing can be faster than that.
"""

import http.client
import json
import os
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing
from typing import Any
from unittest.mock import patch
from urllib.parse import urlsplit

import numpy as np

from benchmarks.items import task_design
from benchmarks.ratios import Fact, Ratio, rate_facts, rates, ratio
from workbench import limits
from workbench.design import Design
from workbench.engines import Engine, start_engine
from workbench.items import generate_items
from workbench.loading import WORKERS
from workbench.requests import to_item
from workbench.runs import run_patterns
from workbench.tables import table_parameters


def measure(tasks: int = 20_000, rounds: int = 7, engine: Engine | None = None) -> Iterator[Ratio | Fact]:
    """The ratios of the three ways and their rates, on `engine` or an embedded one of its own."""
    design = task_design(tasks)
    items = generate_items(design)
    made = items.entities["Task"].take(np.arange(len(items)))
    ours, boto, bare = "loading through run_patterns", "boto3's batch_writer", "bare client, ready-made bodies"
    with ExitStack() as stack:
        engine = engine or stack.enter_context(start_engine("embedded"))
        writer = stack.enter_context(closing(BatchWriter(design, engine)))
        poster = BareClient(design, engine, made)

        def through_run_patterns() -> int:
            return run_patterns(design, engine, items, calls=1, sample=len(items), progress=False).loaded

        found = rates({ours: through_run_patterns, boto: lambda: writer.put(made), bare: poster.put}, rounds)
    yield ratio(found, ours, boto, at_least=2)
    yield ratio(found, ours, bare)
    yield from rate_facts(found)
    yield Fact("items loaded", f"{len(items):,} on {engine.name}")


class BatchWriter:
    """boto3's way: a resource, and `batch_writer` on its table."""

    def __init__(self, design: Design, engine: Engine):
        self.parameters = _parameters(design, "bench-boto3")
        self.resource = _resource(engine)

    def put(self, items: Sequence[dict[str, Any]]) -> int:
        """Put all items into a new table, delete it, and return how many they were."""
        table = self.resource.create_table(**self.parameters)
        with table.batch_writer() as batch:
            for item in items:
                batch.put_item(Item=item)
        table.delete()
        return len(items)

    def close(self) -> None:
        """Close its connections."""
        self.resource.meta.client.close()


def _resource(engine: Engine) -> Any:
    """boto3's resource for a local engine, whatever profile, proxy or credentials the user has set."""
    import boto3

    kept = {name: value for name, value in os.environ.items() if not name.upper().startswith(("AWS_", "HTTP", "ALL_"))}
    files = dict.fromkeys(("AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE"), os.devnull)
    with patch.dict(os.environ, kept | files, clear=True):
        return boto3.session.Session("bench", "bench", region_name="us-east-1").resource(
            "dynamodb", endpoint_url=engine.endpoint_url
        )


class BareClient:
    """The least that can be done: one connection a thread, bodies made beforehand."""

    def __init__(self, design: Design, engine: Engine, items: Sequence[dict[str, Any]]):
        self.engine, self.count = engine, len(items)
        self.parameters = _parameters(design, "bench-bare")
        self.bodies = [_body(self.parameters["TableName"], batch) for batch in _batches(items)]

    def put(self) -> int:
        """Post all bodies to a new table, delete it, and return how many items they held."""
        self.engine.call("CreateTable", self.parameters)
        with ThreadPoolExecutor(WORKERS) as pool:
            list(pool.map(self._post, [self.bodies[i::WORKERS] for i in range(WORKERS)]))
        self.engine.call("DeleteTable", {"TableName": self.parameters["TableName"]})
        return self.count

    def _post(self, bodies: Sequence[bytes]) -> None:
        headers = self.engine._headers | {"X-Amz-Target": "DynamoDB_20120810.BatchWriteItem"}
        with closing(http.client.HTTPConnection(urlsplit(self.engine.endpoint_url).netloc)) as connection:
            for body in bodies:
                connection.request("POST", "/", body, headers)
                answer = connection.getresponse()
                said = answer.read()
                assert answer.status == 200 and json.loads(said)["UnprocessedItems"] == {}, said


def _parameters(design: Design, name: str) -> dict[str, Any]:
    (table,) = design.tables.values()
    return table_parameters(design, table, name)


def _batches(items: Sequence[dict[str, Any]]) -> Iterator[Sequence[dict[str, Any]]]:
    for start in range(0, len(items), limits.BATCH_WRITE_ITEMS):
        yield items[start : start + limits.BATCH_WRITE_ITEMS]


def _body(table: str, batch: Sequence[dict[str, Any]]) -> bytes:
    puts = [{"PutRequest": {"Item": to_item(item)}} for item in batch]
    return json.dumps({"RequestItems": {table: puts}}, separators=(",", ":")).encode()
