"""Loading an engine through `run_patterns` against boto3's `batch_writer`, and against a bare client.

All three put the same items into the same engine, each into a new table that is deleted afterwards. `run_patterns`
starts from columns, verifies the count, and calls one access pattern as well; `batch_writer` starts from ready-made
dictionaries; the bare client, Python's own `http.client` on as many connections, posts ready-made bodies and reads the
answers. What the client holds while it loads is measured in a process of its own.
"""

import http.client
import json
import os
import subprocess
import sys
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing, redirect_stderr
from io import StringIO
from pathlib import Path
from typing import Any
from unittest.mock import patch
from urllib.parse import urlsplit

import numpy as np
import tqdm.auto

from benchmarks.items import ROOT, peak_megabytes, task_design
from benchmarks.ratios import Fact, Ratio, rate_facts, rates, ratio
from workbench import limits
from workbench.descriptors import to_item
from workbench.design import Design
from workbench.engine import Engine
from workbench.engines import start_engine
from workbench.items import Items, generate_items
from workbench.loading import WORKERS
from workbench.runs import run_patterns
from workbench.tables import table_parameters

OURS, BOTO, BARE = "loading through run_patterns", "boto3's batch_writer", "bare client, ready-made bodies"


def measure(
    tasks: int = 100_000, written: int = 20_000, most: int = 1_000_000, rounds: int = 5, engine: Engine | None = None
) -> Iterator[Ratio | Fact]:
    """The ratios of the three ways and their rates, on `engine` or an embedded one of its own, and the memory.

    The bare client gets `tasks` items, `batch_writer`, which is slow, only `written`, and memory is told up to `most`.
    """
    with ExitStack() as stack:
        engine = engine or stack.enter_context(start_engine("embedded"))
        items = generate_items(task_design(tasks))
        poster = BareClient(items.design, engine, _dictionaries(items))
        found = rates({OURS: lambda: through_run_patterns(items, engine), BARE: poster.put}, rounds)
        yield ratio(found, OURS, BARE, at_least=0.9)
        yield from rate_facts(found)
        yield Fact("items loaded", f"{len(items):,} on {engine.name}, over {WORKERS} connections")
        some = generate_items(task_design(written))
        writer = stack.enter_context(closing(BatchWriter(some.design, engine)))
        made = _dictionaries(some)
        found = rates({OURS: lambda: through_run_patterns(some, engine), BOTO: lambda: writer.put(made)}, rounds)
        yield ratio(found, OURS, BOTO, at_least=2)
        yield rate_facts(found)[1]
    if Path("/proc/self/clear_refs").exists():
        yield memory(most)


def through_run_patterns(items: Items, engine: Engine) -> int:
    """Load all items, call a pattern once, delete the table; how many items there were."""
    return run_patterns(items.design, engine, items, calls=1, sample=len(items), progress=False).loaded


def _dictionaries(items: Items) -> list[dict[str, Any]]:
    return [item for entity in items.entities.values() for item in entity.take(np.arange(len(entity)))]


FIRST = 10_000  # items, after which a load must need no more memory
_MEMORY = """
import sys
from benchmarks.loading import grown
print(*grown(int(sys.argv[1])))
"""


def memory(tasks: int) -> Ratio:
    """The most memory that a process of its own held from item 10,000 to the last, to what it held at item 10,000."""
    command = [sys.executable, "-c", _MEMORY, str(tasks)]
    said = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True).stdout.split()
    peak, first, count = map(float, said)
    return Ratio(f"client's memory up to item {count:,.0f} : at item {FIRST:,}", (peak / first,), at_most=1.1)


def grown(tasks: int) -> tuple[float, float, int]:
    """Peak megabytes of a load from item 10,000 on, megabytes at item 10,000, and how many items were loaded."""
    items, held = generate_items(task_design(tasks)), []

    class Watched(tqdm.auto.tqdm):
        def update(self, n: float | None = 1) -> bool | None:
            if not held and self.n + (n or 0) >= FIRST:
                Path("/proc/self/clear_refs").write_text("5")  # the peak from here on
                held.append(peak_megabytes())
            return super().update(n)

        def close(self) -> None:
            if len(held) == 1:
                held.append(peak_megabytes())
            super().close()

    with start_engine("embedded") as engine, patch.object(tqdm.auto, "tqdm", Watched), redirect_stderr(StringIO()):
        loaded = run_patterns(items.design, engine, items, calls=1, sample=len(items)).loaded
    return held[1], held[0], loaded


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
