"""Whether heat moves: a rising sort key, today's date, the latest value; and what is hashed and so does not."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.designs import design
from workbench.items import generate_items
from workbench.motions import motion, pinned_by, rank_correlation, spearman
from workbench.ring import PartitionKeys

LOG = """\
tables: {{Log: {{partition_key: PK, sort_key: SK{table}}}}}
fields:
  device: {{count: 5, format: "d-{{}}"}}
  day: {{type: date(-9d..now)}}
  shard: shard(4)
  {fields}
entities:
  Line: {{key: {{PK: "{pk}", SK: "{sk}"}}, attributes: {{at: timestamp(-9d..now), state: [NEW, DONE]}}}}
access_patterns:
  write: {{operation: PutItem, entity: Line, rate: 10/s{pattern}}}
"""


def keyed(
    pk="{device}", sk="{line}", table="", fields="line: {per: device, count: 60, type: ulid}", pattern="", index=None
):
    text = LOG.format(pk=pk, sk=sk, table=table, fields=fields, pattern=pattern)
    found = generate_items(design(text))
    return PartitionKeys(found, "Log", index), found.design.access_patterns["write"]


@pytest.mark.parametrize("kind", ["ulid", "uuid7", "ksuid"])
def test_ids_that_hold_the_time_rise(kind):
    keys, pattern = keyed(fields=f"line: {{per: device, count: 60, type: {kind}}}")
    assert motion(keys, pattern) == "rising sort key"
    assert rank_correlation(keys, keys.items.entities["Line"]) == 1


def test_random_ids_do_not():
    keys, pattern = keyed(fields="line: {per: device, count: 60, type: uuid}")
    assert motion(keys, pattern) == ""
    assert abs(rank_correlation(keys, keys.items.entities["Line"])) < 0.2


def test_running_numbers_under_a_key_rise():
    assert (
        motion(*keyed(sk="LINE#{line:05}", fields="line: {per: device, count: 60, type: integer}")) == "rising sort key"
    )


def test_a_state_before_the_time_breaks_the_rise():
    """Two ends rise in turn: the rank correlation is 1 within a state, far less over both."""
    keys, pattern = keyed(sk="{state}#{at}#{line}", fields="line: {per: device, count: 60, type: uuid}")
    assert motion(keys, pattern) == ""
    assert 0.05 < rank_correlation(keys, keys.items.entities["Line"]) < 0.7


def test_ids_in_time_order_as_partition_key_are_hashed_and_so_spread():
    keys, pattern = keyed(pk="{line}", sk="META", fields="line: {per: device, count: 60, type: ulid}")
    assert motion(keys, pattern) == ""


def test_today_as_partition_key_is_everybodys_key():
    assert motion(*keyed(pk="{day}", sk="{line}", fields="line: {count: 300, type: uuid}")) == "current time"


def test_shards_of_today_are_as_current():
    assert motion(*keyed(pk="{day}#{shard}", sk="{line}", fields="line: {count: 300, type: uuid}")) == "current time"


def test_today_beside_an_id_of_its_own_is_no_shared_key():
    assert motion(*keyed(pk="{day}#{line}", sk="META", fields="line: {count: 300, type: uuid}")) == ""


def test_the_latest_value_moves():
    text = ", popularity: {device: latest}"
    assert motion(*keyed(fields="line: {per: device, count: 60, type: uuid}", pattern=text)) == "current time"


def test_what_exists_is_written_where_it_is():
    assert motion(*keyed(pattern=", target: existing")) == ""


def test_a_hot_set_that_moves_is_told():
    moving = ", popularity: {device: hotset(20% takes 90% moving 10min)}"
    assert motion(*keyed(fields="line: {per: device, count: 60, type: uuid}", pattern=moving)) == "moving hot set"


def test_an_update_of_the_time_moves_in_the_index_that_sorts_by_it():
    text = """\
tables: {Tasks: {partition_key: id, gsi: {byState: {partition_key: state, sort_key: at}}}}
fields: {id: {count: 50}}
entities: {Task: {attributes: {state: [NEW, DONE], at: timestamp(-9d..now), n: 1..9}}}
access_patterns:
  touch: {operation: UpdateItem, entity: Task, update: "SET #at = :now", rate: 1/s}
  count: {operation: UpdateItem, entity: Task, update: "SET n = :n", rate: 1/s}
"""
    made = generate_items(design(text))
    keys, patterns = PartitionKeys(made, "Tasks", "byState"), made.design.access_patterns
    assert [motion(keys, patterns[name]) for name in ("touch", "count")] == ["rising sort key", ""]
    assert motion(PartitionKeys(made, "Tasks"), patterns["touch"]) == ""


def test_collections_are_pinned_by_a_local_index_or_the_lack_of_a_sort_key():
    assert pinned_by(keyed()[0]) == ""
    assert pinned_by(keyed(table=", lsi: {byAt: {sort_key: at}}")[0]) == "local index byAt"
    assert pinned_by(PartitionKeys(generate_items(design("fields: {PK: {count: 3}}\nentities: {A: {}}\n"
        "tables: {Tab: {partition_key: PK}}")), "Tab")) == "no sort key"  # fmt: skip


@given(st.lists(st.integers(-50, 50), min_size=2, max_size=40))
def test_the_rank_correlation_is_that_of_the_ranks(values):
    other = np.arange(len(values))
    found = spearman(values, other)
    assert -1 <= found <= 1
    assert spearman([3 * v + 1 for v in values], other) == pytest.approx(found)  # only the order counts
    assert spearman([-v for v in values], other) == pytest.approx(-found)
    pandas = pytest.importorskip("pandas")
    if len(set(values)) > 1:
        assert found == pytest.approx(pandas.Series(values).rank().corr(pandas.Series(other).rank()))


@pytest.mark.parametrize(
    ("stated", "moves"), [("", "current time"), (", popularity: uniform", ""), (", popularity: latest", "current time")]
)
def test_a_day_under_which_lines_stand_is_current_unless_its_popularity_says_otherwise(stated, moves):
    fields = f'bucket: {{type: "date(-30d..now)"{stated}}}\n  line: {{per: bucket, count: 60, type: uuid}}'
    assert motion(*keyed(pk="{bucket}", sk="{line}", fields=fields)) == moves


def test_a_shard_that_is_calculated_from_a_rising_id_leaves_it_rising():
    fields = "line: {per: device, count: 60, type: ulid}\n  part: {type: shard(4 of line)}"
    keys, pattern = keyed(pk="{device}#{part}", fields=fields)
    assert motion(keys, pattern) == "rising sort key"
