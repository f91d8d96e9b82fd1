"""A million items as columns against building them one by one, and whether the columns tell the truth.

The items are the task board's tasks, of as many projects as it takes. As columns means: every value drawn, the size of
each item known to the byte, the hash of each partition key known; text stays in its pools. One by one means what
people write first: a dictionary for each item from Faker, in its fastest setting, with the same attributes, the same
keys and titles of the same length, neither weighed nor hashed.
"""

import re
import subprocess
import sys
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
from faker import Faker
from numpy.typing import NDArray

from benchmarks.ratios import Fact, Ratio, rate_facts, rates, ratio
from workbench.columns import Ints
from workbench.design import Design, key_template
from workbench.documents import read_document
from workbench.entities import EntityItems
from workbench.items import generate_items
from workbench.ring import PartitionKeys, key_hash
from workbench.sizes import item_size

ROOT = Path(__file__).parent.parent
TASK_BOARD = ROOT / "notebooks" / "designs" / "task_board.yaml"
PER_PROJECT = 64  # a little under the mean of lognormal(40..400), so that there are rather more tasks than asked for
STATUSES = ("OPEN",) * 7 + ("DONE",) * 3
NOW = datetime(2026, 1, 1)

Hashes = NDArray[np.uint64]


def measure(
    tasks: int = 1_000_000, one_by_one: int = 20_000, compared: int = 10_000, rounds: int = 7
) -> Iterator[Ratio | Fact]:
    """The ratio of the two ways and their rates, whether columns and dictionaries agree, and the memory needed."""
    design = task_design(tasks)
    columns, single = "items as columns", "items one by one with Faker"
    found = rates(
        {columns: lambda: len(as_columns(design)[0]), single: lambda: len(with_faker(one_by_one))},
        rounds,
    )
    yield ratio(found, columns, single, at_least=100)
    yield from rate_facts(found)
    made, hashes = as_columns(design)
    places = np.random.default_rng(0).integers(0, len(made), compared)
    wrong = list(disagreements(design, made, hashes, places))
    assert not wrong, wrong[:3]
    agree = "size, keys and hash of each agree with the columns"
    yield Fact(f"{compared:,} of {len(made):,} items as dictionaries", agree)
    theirs = np.mean([item_size(item) for item in with_faker(1_000)])
    yield Fact("mean size of an item", f"{made.sizes.mean():.0f} bytes; {theirs:.0f} with Faker")
    if sys.platform != "win32":
        yield Fact(f"peak memory, {len(made):,} items as columns", memory(tasks))


def task_design(tasks: int) -> Design:
    """The task board with its Task entity alone, and as many projects as give about `tasks` tasks, rather more."""
    board: Any = read_document(TASK_BOARD.read_bytes()).data
    fields = {name: board["fields"][name] for name in ("project_id", "task_id", "user_id")}
    fields["project_id"] = {**fields["project_id"], "count": -(-tasks // PER_PROJECT)}
    parts = {"entities": "Task", "access_patterns": "create-task"}
    kept = {section: {name: board[section][name]} for section, name in parts.items()}
    return Design.model_validate({**board, "fields": fields, **kept})


def as_columns(design: Design) -> tuple[EntityItems, Hashes]:
    """All tasks, drawn and weighed, and for each the upper 64 bits of its partition key's hash."""
    items = generate_items(design)
    tasks = items.entities["Task"]
    keys = PartitionKeys(items, tasks.table.name)
    return tasks, keys.hashes()[keys.of["Task"]]


def with_faker(count: int) -> list[dict[str, str]]:
    """`count` tasks as dictionaries, made one by one."""
    fake = Faker(use_weighting=False)
    fake.seed_instance(7)
    return [faker_task(fake, *divmod(i, PER_PROJECT)) for i in range(count)]


def faker_task(fake: Faker, project: int, task: int) -> dict[str, str]:
    """One task; its keys are counted, because drawing them until they are unique would cost more."""
    created = fake.date_time_between(NOW - timedelta(days=90), NOW)
    return {
        "PK": f"PROJECT#p-{project + 1:04}",
        "SK": f"TASK#task-{task + 1:05}",
        "title": fake.sentence(nb_words=7),
        "status": fake.random_element(STATUSES),
        "ownerId": f"u-{fake.random_int(1, 5_000):05}",
        "createdAt": f"{created.isoformat(timespec='seconds')}Z",
    }


def disagreements(design: Design, tasks: EntityItems, hashes: Hashes, places: Ints) -> Iterator[str]:
    """What the columns say otherwise than the items made of them: size, templates of the key, hash."""
    templates = {name: key_template(design.domains_of("Task")[name], name) for name in ("PK", "SK", "ownerId")}
    fields = {name: column.take(places) for name, column in tasks.fields.items()}
    for i, (place, item) in enumerate(zip(places.tolist(), tasks.take(places), strict=True)):
        values = {name: taken[i] for name, taken in fields.items()}
        if item_size(item) != tasks.sizes[place]:
            yield f"{item}: {item_size(item)} bytes, {tasks.sizes[place]} by the columns"
        for name, template in templates.items():
            if template is None or template.format(values) != item[name] or template.match(item[name]) is None:
                yield f"{item}: {name} is not {template} of {values}"
        if key_hash(item["PK"]) >> 64 != int(hashes[place]):
            yield f"{item}: another hash than {hashes[place]}"


_MEMORY = """
import sys
from benchmarks.items import as_columns, peak_megabytes, task_design
before = peak_megabytes()
held = as_columns(task_design(int(sys.argv[1])))
print(f"{peak_megabytes():,.0f} MB, {before:,.0f} MB of them before the first item")
"""


def memory(tasks: int) -> str:
    """The peak memory of a fresh process that makes the items as columns, in words."""
    command = [sys.executable, "-c", _MEMORY, str(tasks)]
    return subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True).stdout.strip()


def peak_megabytes() -> float:
    """The most memory that this process has held; Linux's ru_maxrss would count what its parent held, too."""
    status = Path("/proc/self/status")
    if status.exists() and (found := re.search(r"VmHWM:\s*([0-9]+) kB", status.read_text())):
        return int(found[1]) / 1024
    import resource

    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20  # bytes on macOS
