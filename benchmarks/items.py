"""A million items as columns against building them one by one, and whether the columns tell the truth.

The items are the task board's tasks, from as many projects as it takes. As columns means: every value drawn, the size
of each item known to the byte, the hash of each partition key known; text stays in its pools. One by one means what
people write first: a dictionary for each item from Faker, in its fastest setting, with the same attributes, the same
keys and titles of the same length, neither weighed nor hashed.
"""

import subprocess
import sys
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
from faker import Faker

from benchmarks.ratios import Fact, Ratio, rate_facts, rates, ratio
from workbench.design import Design
from workbench.documents import read_document
from workbench.entities import EntityItems
from workbench.fields import stream
from workbench.items import Items, generate_items
from workbench.keys import KeyTemplate
from workbench.ring import PartitionKeys, key_hash
from workbench.sizes import item_size

ROOT = Path(__file__).parent.parent
TASK_BOARD = ROOT / "notebooks" / "designs" / "task_board.yaml"
TASKS_PER_PROJECT = 64  # a little under the mean of lognormal(40..400), so that there are at least as many as asked
STATUSES = ("OPEN",) * 7 + ("DONE",) * 3
NOW = datetime(2026, 1, 1)


def measure(
    tasks: int = 1_000_000, one_by_one: int = 20_000, compared: int = 10_000, rounds: int = 7
) -> Iterator[Ratio | Fact]:
    """The ratio of both ways, their rates, and the memory that the columns take."""
    design = task_design(tasks)
    columns, single = "Task items as columns", "one by one with Faker"
    found = rates({columns: lambda i: len(as_columns(design, i)[0]), single: lambda i: len(with_faker(one_by_one, i))}, rounds)
    yield ratio(found, columns, single, at_least=100)
    yield from rate_facts(found)
    made, hashes = as_columns(design, 0)
    check(made, hashes, compared)
    yield Fact(f"{compared:,} of {len(made):,} items as dictionaries", "size, keys and hash agree")
    yield Fact("mean size of an item", f"{made.sizes.mean():.0f} bytes, with Faker {faker_bytes():.0f}")
    yield Fact("memory", memory(tasks))


def task_design(tasks: int) -> Design:
    """The task board with its Task entity alone, and as many projects as give about `tasks` tasks, rather more."""
    board: Any = read_document(TASK_BOARD.read_bytes()).data
    fields = {name: board["fields"][name] for name in ("project_id", "task_id", "user_id")}
    fields["project_id"] = {**fields["project_id"], "count": -(-tasks // TASKS_PER_PROJECT)}
    parts = {"entities": "Task", "access_patterns": "create-task"}
    kept = {section: {name: board[section][name]} for section, name in parts.items()}
    return Design.model_validate({**board, "fields": fields, **kept})


def as_columns(design: Design, seed: int) -> tuple[EntityItems, np.ndarray]:
    """All tasks, drawn and weighed, and for each the upper 64 bits of its partition key's hash."""
    items = generate_items(design, seed=seed)
    tasks = items.entities["Task"]
    keys = PartitionKeys(items, tasks.table.name)
    return tasks, keys.hashes()[keys.of["Task"]]


def with_faker(count: int, seed: int) -> list[dict[str, str]]:
    """`count` tasks as dictionaries, each value made when it is needed."""
    fake = Faker(use_weighting=False)
    fake.seed_instance(seed)
    return [faker_task(fake, *divmod(i, TASKS_PER_PROJECT)) for i in range(count)]


def faker_task(fake: Faker, project: int, task: int) -> dict[str, str]:
    """One task."""
    created = fake.date_time_between(NOW - timedelta(days=90), NOW)
    return {
        "PK": f"PROJECT#p-{project + 1:04}",
        "SK": f"TASK#task-{task + 1:05}",
        "title": fake.sentence(nb_words=7),
        "status": fake.random_element(STATUSES),
        "ownerId": f"u-{fake.random_int(1, 5_000):05}",
        "createdAt": f"{created.isoformat()}Z",
    }
