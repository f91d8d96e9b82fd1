"""Expected units, from the design alone: against arithmetic by hand, closed forms, the load of keys, and an engine.

A read unit carries 4,096 bytes, a write unit 1,024; an eventually consistent read costs half, a transaction twice
(AWS: read-write-operations, capacity-unit-calculations, GSI.ThroughputConsiderations, transaction-apis).
"""

import math
import time

import numpy as np
import pandas as pd
import pytest
from typer.testing import CliRunner

import workbench as wb
from workbench.cli import app
from workbench.designfile import load_design, parse_design
from workbench.expected import expected_units
from workbench.items import generate_items
from workbench.load import demands
from workbench.outcomes import Costs
from workbench.ring import PartitionKeys

from .test_load import ORDERS
from .test_metering import DESIGN as EVERY_OPERATION
from .test_metering import EXPECTED as BY_HAND


def per_call(expected) -> dict[str, tuple[float, float, float, float]]:
    """Mean, median, 95th percentile and maximum of each pattern."""
    return {
        line.pattern.name: (line.total.mean, line.total.p50, line.total.p95, line.total.most) for line in expected.lines
    }


def means(expected, pattern: str) -> dict[str, float]:
    """The mean of a pattern by index, '' for the table."""
    frame = expected.to_frame()
    mine = frame[frame.pattern == pattern]
    return dict(zip(mine["index"], mine.mean_units, strict=True))


def design_of(patterns: str, attributes: str = "", keys: str = "", table: str = "", size: str = "1500 B") -> str:
    """A design of 400 items in one table, all of one size unless told."""
    return f"""
name: small
tables: {{Things: {{partition_key: PK, sort_key: SK{table}}}}}
fields:
  box: {{count: 20, format: "b{{:03}}"}}
  thing: {{per: box, count: 20, format: "t{{:04}}"}}
entities:
  Thing: {{key: {{PK: "{{box}}", SK: "{{thing}}"{keys}}}, size: {size}, attributes: {{{attributes}}}}}
access_patterns:
{patterns}
"""


# Every operation, worked out by hand


@pytest.fixture(scope="module")
def every():
    return expected_units(parse_design(EVERY_OPERATION))


@pytest.mark.parametrize("name", BY_HAND)
def test_items_of_one_size_cost_what_is_worked_out_by_hand(every, name):
    """The 52 patterns that test_metering works out, every operation among them: no spread, so all four are equal."""
    wanted = BY_HAND[name]
    units = ({"": wanted.table} if wanted.table else {}) | wanted.indexes
    assert means(every, name) == units
    assert set(per_call(every)[name]) == {sum(units.values())}


def test_what_is_refused_for_another_reason_costs_nothing():
    design = parse_design(design_of("  put: {operation: PutItem, rate: 2/s, expect: {error: ValidationException}}"))
    (line,) = expected_units(design).lines
    assert (line.total.most, line.basis, line.by_index) == (0.0, "refused before anything is read", {})


# Distributions in closed form


def test_sizes_that_are_uniform_give_the_mean_and_quantiles_of_their_formula():
    """Bytes uniform on 1..10,240 fill 1 to 10 units of 1 KB, each as often: mean 5.5, median 5, 95 % at 10."""
    design = parse_design(design_of("  put: {operation: PutItem}\n  drop: {operation: DeleteItem}", size="1..10240"))
    found = per_call(expected_units(generate_items(design)))
    for name in ("put", "drop"):
        mean, p50, p95, most = found[name]
        assert mean == pytest.approx(5.5, rel=0.06)
        assert abs(p50 - 5) <= 1
        assert (p95, most) == (10, 10)


ROWS = """
name: rows
tables: {Docs: {partition_key: id}}
rows: {docs: {columns: [id, text]}}
entities: {Doc: {rows: docs, attributes: {id: , text: }}}
access_patterns:
  get: {operation: GetItem, consistent: true, popularity: {id: "top(%s)"}, rate: 100/s, peak: 300/s}
"""


@pytest.mark.parametrize(
    ("shares", "p50", "p95"),
    [
        ("51% 44% 5%", 1, 2),  # 95 % of the calls cost at most 2, exactly
        ("51% 43% 6%", 1, 3),
        ("50% 45% 5%", 1, 2),
        ("49% 46% 5%", 2, 2),
    ],
)
def test_quantiles_follow_popularity(shares, p50, p95):
    """Three documents of 1, 2 and 3 units; a quantile is the smallest value that reaches its share."""
    rows = pd.DataFrame({"id": ["a", "b", "c"], "text": ["x" * 100, "x" * 8000, "x" * 12_000]})
    items = generate_items(parse_design(ROWS % shares), rows={"docs": rows})
    (line,) = expected_units(items).lines
    weights = [float(share.rstrip("%")) / 100 for share in shares.split()]
    assert line.total.mean == pytest.approx(weights[0] + 2 * weights[1] + 3 * weights[2])
    assert (line.total.p50, line.total.p95, line.total.most) == (p50, p95, 3)
    assert line.per_second(line.total.mean, "peak") == pytest.approx(300 * line.total.mean)


def test_for_each_adds_up_the_requests_of_a_call():
    keys = """
name: votes
tables: {Votes: {partition_key: pk, sort_key: voter}}
fields:
  candidate: {count: 2, format: "c{}"}
  voter: {per: candidate, count: 400, format: "v-{:05}"}
entities: {Vote: {key: {pk: "{candidate}#{shard}"}, attributes: {shard: shard(10)}, size: 1 KB}}
access_patterns:
  tally: {operation: Query, key_condition: pk = :pk, for_each: shard, consistent: true}
  first: {operation: Query, key_condition: pk = :pk, for_each: shard, limit: 4, consistent: true}
"""
    items = generate_items(parse_design(keys))
    vote = items.entities["Vote"]
    pk, counts = np.unique([item["pk"] for item in vote.take(range(len(vote)))], return_counts=True)
    per_candidate = [
        sum(math.ceil(n / 4) for key, n in zip(pk, counts, strict=True) if key.startswith(c)) for c in ("c1", "c2")
    ]
    found = expected_units(items)
    assert per_call(found)["tally"][3] == max(per_candidate)
    assert per_call(found)["tally"][0] == pytest.approx(np.mean(per_candidate))
    assert per_call(found)["first"] == (10, 10, 10, 10)


def test_a_batch_adds_up_as_many_items_as_it_has():
    patterns = """
  ten: {operation: BatchGetItem, count: 10, consistent: true}
  few: {operation: BatchGetItem, count: 1..9, consistent: true}
  put: {operation: BatchWriteItem, count: 1..9}
"""
    found = per_call(expected_units(parse_design(design_of(patterns, size="5000 B"))))
    assert found["ten"] == (20, 20, 20, 20)
    mean, p50, p95, most = found["few"]
    assert mean == pytest.approx(2 * 5, rel=0.03)  # uniform on 1..9
    assert (p50, p95, most) == (10, 18, 18)
    assert found["put"][0] == pytest.approx(5 * 5, rel=0.03)
    assert found["put"][3] == 9 * 5


def test_a_batch_never_has_an_item_twice():
    """Of five items a batch of five has each once, however popular one is: the sum is always the same."""
    rows = pd.DataFrame({"id": list("abcde"), "text": ["x" * n * 4096 for n in (1, 3, 5, 7, 9)]})
    design = ROWS.replace("get: {operation: GetItem", "get: {operation: BatchGetItem, count: 5") % "90%"
    items = generate_items(parse_design(design), rows={"docs": rows})
    assert per_call(expected_units(items))["get"] == (30, 30, 30, 30)  # 2 + 4 + 6 + 8 + 10: the id takes a byte more


def test_a_transaction_doubles_the_table_and_adds_its_members():
    patterns = """
  pay:
    operation: TransactWriteItems
    actions:
      - {operation: Put}
      - {operation: Update, target: {kind: a}, update: "SET kind = :b", values: {b: b}}
"""
    text = design_of(patterns, "kind: [a]", table=", gsi: {ByKind: {partition_key: kind, projection: KEYS_ONLY}}")
    found = expected_units(parse_design(text))
    assert means(found, "pay") == {"": 2 * (2 + 2), "ByKind": 1 + (1 + 1)}


def test_a_scan_of_segments_rounds_each_of_them():
    patterns = (
        "  all: {operation: Scan}\n  parts: {operation: Scan, segments: 4}\n  half: {operation: Scan, limit: 200}"
    )
    found = per_call(expected_units(parse_design(design_of(patterns, size="1000 B"))))
    assert found["all"][0] == math.ceil(400 * 1000 / 4096) / 2  # 49
    assert found["parts"][0] == 4 * math.ceil(100 * 1000 / 4096) / 2  # 50
    assert found["half"][0] == math.ceil(200 * 1000 / 4096) / 2


# Indexes and write amplification


def amplification(patterns: str, attributes: str, indexes: str) -> dict[str, float]:
    items = generate_items(parse_design(design_of(patterns, attributes, table=f", {indexes}")))
    frame = expected_units(items).indexes
    return dict(zip(frame["index"], frame.amplification, strict=True))


def test_an_index_of_keys_alone_costs_one_unit_a_write_and_one_of_everything_as_much_as_the_table():
    """Items of 1,500 bytes are 2 units; so is an entry with all attributes, and one with the keys is 1."""
    indexes = "gsi: {Keys: {partition_key: kind, projection: KEYS_ONLY}, All: {partition_key: kind}}"
    found = amplification("  put: {operation: PutItem, rate: 5/s}", "kind: [a, b]", indexes)
    assert found == {"Keys": 0.5, "All": 1.0}


def test_a_local_index_is_charged_for_itself():
    indexes = "lsi: {Local: {sort_key: kind, projection: KEYS_ONLY}}"
    assert amplification("  put: {operation: PutItem, rate: 5/s}", "kind: [a, b]", indexes) == {"Local": 0.5}


def test_a_sparse_index_costs_its_share_of_the_writes():
    indexes = "gsi: {Sparse: {partition_key: kind}}"
    patterns = "  put: {operation: PutItem, rate: 5/s}\n  drop: {operation: DeleteItem, rate: 5/s}"
    found = amplification(patterns, "kind: {choice: [a, b], present: 30%}", indexes)
    assert found["Sparse"] == pytest.approx(0.3, abs=0.03)


def test_an_update_that_moves_a_key_costs_two_and_one_beside_the_index_none():
    keys = "projection: KEYS_ONLY"
    indexes = f"gsi: {{Moved: {{partition_key: kind, {keys}}}, Beside: {{partition_key: other, {keys}}}}}"
    patterns = '  close: {operation: UpdateItem, rate: 5/s, update: "SET kind = :z", values: {z: z}}'
    assert amplification(patterns, "kind: [a, b], other: [c]", indexes) == {"Moved": 2 / 2, "Beside": 0.0}


def test_amplification_is_weighted_by_rate_or_by_peak():
    """One pattern writes the index, the other does not: 1 of 4 writes at the mean rate, 3 of 6 at peak."""
    indexes = "gsi: {All: {partition_key: kind}}"
    patterns = "  put: {operation: PutItem, rate: 1/s, peak: 3/s}\n"
    patterns += '  note: {operation: UpdateItem, rate: 3/s, update: "SET #n = :n", values: {n: 1}}\n'
    text = design_of(patterns, "kind: [a]", table=f", {indexes}".replace("kind}", "kind, projection: KEYS_ONLY}"))
    design = parse_design(text)
    at_rate, at_peak = expected_units(design), expected_units(design, at="peak")
    assert at_rate.indexes.amplification.tolist() == [pytest.approx(1 / (4 * 2))]
    assert at_peak.indexes.amplification.tolist() == [pytest.approx(3 / (6 * 2))]
    assert at_peak.units_per_s("write") == pytest.approx(3 * 3 + 3 * 2)


def test_every_region_of_a_global_table_pays_for_each_write():
    """global-tables-billing: 150 writes in 2 regions are 300 replicated units; an index pays plain units in each."""
    for rate, indexes, expected in (
        (150, "", [["Things", 2, 300, 0]]),
        (200, ", gsi: {All: {partition_key: kind}}", [["Things", 2, 400, 400]]),
    ):
        text = design_of(f"  put: {{operation: PutItem, rate: {rate}/s}}", "kind: [a]", table=indexes, size="1000 B")
        design = parse_design(text.replace("{Things: {", "{Things: {replicas: [eu-west-1], "))
        found = expected_units(design)
        assert found.regions.values.tolist() == expected
    said = "global table Things: 400 replicated WU/s and 400 WU/s of global indexes in its 2 regions together"
    assert said in found.notes()
    assert expected_units(parse_design(text)).regions.empty


def test_a_local_index_of_a_global_table_is_replicated_with_it():
    text = design_of("  put: {operation: PutItem, rate: 10/s}", "kind: [a]", table=", lsi: {Own: {sort_key: kind}}")
    design = parse_design(text.replace("{Things: {", "{Things: {replicas: [eu-west-1, eu-west-2], "))
    assert expected_units(design).regions.values.tolist() == [["Things", 3, 3 * 10 * (2 + 2), 0]]


# What is listed


def test_a_pattern_that_no_key_serves_is_listed_with_its_reason(designs):
    found = expected_units(load_design(designs / "task_board.yaml"))
    frame = found.to_frame().set_index("pattern")
    assert frame.loc["update-task-by-id", "note"].startswith("not served: UpdateItem needs the whole primary key of")
    assert frame.loc["update-task-by-id", ["table", "index"]].tolist() == ["", ""]
    assert math.isnan(frame.loc["update-task-by-id", "mean_units"])
    assert len(found.patterns) == len(found.design.access_patterns)
    assert "update-task-by-id" not in found.shown()["access pattern"]
    assert any(note.startswith("update-task-by-id: not served") for note in found.notes())


def test_a_target_that_no_item_fits_is_said():
    patterns = "  none: {operation: UpdateItem, target: {kind: z}, update: 'SET n = :n', values: {n: 1}, rate: 1/s}"
    (line,) = expected_units(parse_design(design_of(patterns, "kind: {choice: [a, z], present: {thing: x}}"))).lines
    assert line.note == "no items fit its target, so that it is never called"


def test_without_a_rate_a_pattern_has_units_per_call_and_none_per_second():
    found = expected_units(parse_design(design_of("  get: {operation: GetItem}")))
    (line,) = found.patterns.to_dict("records")
    assert line["mean_units"] == 0.5
    assert math.isnan(line["units_per_s"])
    assert math.isnan(line["peak_units_per_s"])
    assert "units/s" not in found.shown()
    assert found.units_per_s("read") == 0
    assert math.isnan(expected_units(parse_design(EVERY_OPERATION)).indexes.amplification.iloc[0])


def test_frames_are_tidy_and_name_their_units(every):
    assert every.to_frame().columns.tolist() == [
        *("pattern", "operation", "kind", "table", "index", "mean_units", "p50_units", "p95_units", "max_units"),
        *("units_per_s", "peak_units_per_s", "note"),
    ]
    units = every.to_frame().groupby("pattern").mean_units.sum()
    assert units.to_dict() == every.patterns.set_index("pattern").mean_units.to_dict()
    assert every.indexes.columns.tolist()[-2:] == ["index_units_per_s", "amplification"]


def test_it_is_shown_on_one_line_and_as_an_escaped_table(designs):
    found = wb.expected_units(load_design(designs / "task_board.yaml"))
    assert repr(found).startswith("<Expected task-board: ")
    assert "at the mean rate, expected of 11 access patterns on 41,500 items" in repr(found)
    assert "<th" in found._repr_html_()
    assert "{" not in found._repr_html_().replace("#{", "")
    odd = parse_design(design_of("  get: {operation: GetItem}").replace("name: small", "name: <b>"))
    assert "<b>" not in expected_units(odd)._repr_html_().replace("<b>&lt;b&gt;", "")


def test_at_is_the_rate_or_the_peak():
    with pytest.raises(ValueError, match="at='max': either 'rate'"):
        expected_units(parse_design(EVERY_OPERATION), at="max")  # type: ignore[arg-type]


def test_the_same_seed_gives_the_same_numbers(designs):
    design = load_design(designs / "task_board.yaml")
    one, other = (expected_units(generate_items(design, seed=3)) for _ in range(2))
    assert one.lines == other.lines
    assert one.to_frame().equals(other.to_frame())


# The shipped designs, the load of keys


def test_the_task_board(designs):
    """A webhook of 2,134 bytes is 3 write units; a Scan reads all items, in pages of 1 MB."""
    items = generate_items(load_design(designs / "task_board.yaml"))
    start = time.perf_counter()
    found = per_call(expected_units(items))
    assert time.perf_counter() - start < 2  # 0.1 s where nothing else runs
    assert set(items.entities["WebhookEvent"].sizes.tolist()) == {2134, 2135}  # `github` and `stripe` or `slack`
    assert found["record-webhook"] == found["record-webhook-again"] == (3, 3, 3, 3)
    assert found["complete-task"] == (1, 1, 1, 1)
    assert found["list-project-tasks"] == found["list-open-tasks"]  # a filter saves nothing
    everything = sum(int(entity.sizes.sum()) for entity in items.entities.values())
    pages_ = math.ceil(everything / 2**20)
    assert everything / 8192 <= found["list-open-tasks-by-scan"][0] <= everything / 8192 + 0.5 * pages_


SAMPLED = {  # new items and members are drawn; ranges and limits `demands` estimates, from shares and mean sizes
    **dict.fromkeys(("place", "place-many", "place-together"), 0.02),
    **dict.fromkeys(("get-many", "get-together", "check"), 0.02),
    "some": 0.25,
    "first-three": 0.1,
}


@pytest.mark.parametrize("name", parse_design(ORDERS).access_patterns)
def test_units_in_all_are_those_that_fall_on_the_keys(name):
    """`demands` sums the same load key by key; what is estimated or drawn differs by its sampling error."""
    items = generate_items(parse_design(ORDERS))
    pattern = items.design.access_patterns[name]
    on_keys = 0.0
    for index in (None, "ByStatus", "ByDay", "ByCity"):
        keys = PartitionKeys(items, "Orders", index)
        on_keys += sum(demand.units_per_s for demand in demands(keys, pattern))
    tolerance = SAMPLED.get(name, 1e-9)
    assert Costs(items).outcomes(pattern).per_call().mean == pytest.approx(on_keys, rel=tolerance)


# The command


def command(*words: str):
    return CliRunner().invoke(app, ["capacity", *words])


def test_the_command_prints_the_table_the_load_and_what_is_not_served(designs):
    done = command(str(designs / "task_board.yaml"))
    assert done.exit_code == 0, done.output
    lines = done.output.splitlines()
    assert lines[0].startswith("task-board: ")
    assert lines[2].split() == [
        "access",
        "pattern",
        "operation",
        "mean",
        "p50",
        "p95",
        "max",
        "unit",
        "units/s",
        "at",
        "peak",
    ]
    (webhook,) = (line.split() for line in lines if line.startswith("record-webhook "))
    assert webhook[:7] == ["record-webhook", "PutItem", "3", "3", "3", "3", "WU"]
    assert any(line.startswith("update-task-by-id: not served: ") for line in lines)
    assert any(line.startswith("all writes: ") for line in lines)


def test_the_command_names_tables_and_indexes_and_what_each_index_adds(tmp_path):
    path = tmp_path / "shop.yaml"
    indexes = ", gsi: {ByKind: {partition_key: kind, projection: KEYS_ONLY}}"
    path.write_text(design_of("  put: {operation: PutItem, rate: 5/s}", "kind: [a]", table=indexes))
    done = command(str(path), "--seed", "3")
    assert done.exit_code == 0
    assert "table 2, ByKind 1" in done.output
    assert "index ByKind (KEYS_ONLY): 5 WU/s beside 10 on Things, x 0.5" in done.output


def test_the_command_exits_as_the_others_do(tmp_path):
    wrong = tmp_path / "wrong.yaml"
    wrong.write_text("name: x")
    done = command(str(wrong))
    assert done.exit_code == 1
    assert "wrong.yaml:1" in done.output
    assert command().exit_code == 2
    assert command("x.yaml", "--nothing").exit_code == 2
