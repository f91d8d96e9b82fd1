"""Designs side by side: equal ones agree in every column, and what differs is said by access pattern."""

import math

import pytest

from tests.designs import BOARD, changed, design
from workbench.comparison import SAME, compare
from workbench.designfile import load_design, parse_design
from workbench.engine import Engine

INDEXED = """\
tables:
  Orders: {{partition_key: order, gsi: {{byWeek: {{partition_key: week, projection: {projection}}}}}}}
fields: {{order: {{count: 500}}}}
entities: {{Order: {{size: 3000, attributes: {{week: [mon, tue, wed]}}}}}}
access_patterns:
  place: {{operation: PutItem, rate: 5/s}}
  read: {{operation: Query, index: byWeek, key_condition: week = :week, rate: 1/min}}
"""
SHARDED = """\
name: shards
tables: {{Votes: {{partition_key: PK}}}}
fields:
  candidate: {{count: 3}}
  shard: {{count: {shards}}}
entities:
  Vote: {{key: {{PK: "{{candidate}}#{{shard}}"}}, items: all, attributes: {{n: 1..9}}}}
access_patterns:
  vote: {{operation: UpdateItem, update: ADD n :one, values: {{one: 1}}, rate: 900/s, peak: 3_000/s}}
  count: {{operation: Query, key_condition: PK = :PK, for_each: shard, rate: 2/s}}
"""


@pytest.fixture(scope="module")
def boards(designs):
    return compare(load_design(designs / "task_board.yaml"), load_design(designs / "sessions_simple.yaml"))


@pytest.mark.parametrize("name", ["task_board", "sessions_simple"])
def test_identical_designs_are_equal_in_every_column(designs, name):
    path = designs / f"{name}.yaml"
    found = compare(load_design(path), load_design(path))
    assert found.is_equal
    for _, lines in found.to_frame().groupby("pattern"):
        one, other = lines.drop(columns="design").to_dict("records")
        assert all(a == b or (a != a and b != b) for a, b in zip(one.values(), other.values(), strict=True))
    totals = found.totals.drop(columns="design")
    assert all(totals.iloc[0][name] == totals.iloc[1][name] for name in totals.columns)
    assert "The designs agree in every number" in found._repr_html_()


def test_designs_of_one_name_are_numbered(designs):
    path = designs / "sessions_simple.yaml"
    found = compare(load_design(path), load_design(path))
    assert [side.label for side in found.sides] == ["sessions-simple (1)", "sessions-simple (2)"]


def test_patterns_are_matched_by_name_and_those_of_one_design_are_shown(boards):
    assert boards.common == ("create-session", "list-sessions", "record-webhook", "record-webhook-again")
    assert "create-task" in boards.only["task-board"] and boards.only["sessions-simple"] == ()
    frame = boards.to_frame().set_index(["pattern", "design"])
    missing = frame.loc[("create-task", "sessions-simple")]
    assert missing["note"] == "not in this design" and all(math.isnan(missing[name]) for name in SAME)
    assert "only in task-board" in boards.shown()["note"]


def test_what_is_compared_is_what_all_have(boards):
    one, other = (boards.common_usd(side) for side in boards.sides)
    assert one == pytest.approx(other)  # the same items under other keys
    assert boards.sides[0].cost.usd > 3 * one
    assert boards.summary_line().startswith("the 4 access patterns that all have: task-board $185.60")


def test_each_design_has_its_spread_highest_rate_and_findings(boards):
    totals = boards.totals.set_index("design")
    assert totals.loc["task-board", "hottest_key"] == "WEBHOOK#stripe"
    assert totals.loc["task-board", "highest_requests_per_s"] < totals.loc["task-board", "load_requests_per_s"]
    assert (
        totals.loc["sessions-simple", "highest_requests_per_s"] > totals.loc["sessions-simple", "load_requests_per_s"]
    )
    assert totals.loc["task-board", "errors"] > totals.loc["sessions-simple", "errors"]


def test_index_variants_differ_where_the_index_does():
    whole, keys = (design(INDEXED.format(projection=p)) for p in ("ALL", "KEYS_ONLY"))
    found = compare(whole, keys, labels=["ALL", "KEYS_ONLY"])
    lines = [side.lines for side in found.sides]
    assert [line["place"]["units_per_call"] for line in lines] == [6.0, 4.0]  # 3 KB, and the entry: 3 or 1
    assert lines[0]["read"]["units_per_call"] > 10 * lines[1]["read"]["units_per_call"]
    assert found.sides[0].totals["stored_gb"] > found.sides[1].totals["stored_gb"]


def test_more_shards_take_more_writes_and_cost_more_requests_to_read():
    few, many = (parse_design(SHARDED.format(shards=n)) for n in (2, 10))
    found = compare(few, many, labels=["2", "10"])
    one, other = (side.lines["count"] for side in found.sides)
    assert (one["requests_per_call"], other["requests_per_call"]) == (2, 10)
    assert other["units_per_call"] == 5 * one["units_per_call"]
    rates = found.totals["highest_requests_per_s"]
    assert rates[1] > 3 * rates[0]


def test_rates_that_differ_are_said():
    found = compare(parse_design(BOARD), parse_design(changed("rate: 10/s", "rate: 20/s")))
    assert "rates differ: 10, 20 a second" in found.shown()["note"]
    assert not found.is_equal


@pytest.mark.parametrize(
    ("options", "said"), [({"labels": ["a"]}, "one for each of the 2"), ({"labels": ["a", "a"]}, "all different")]
)
def test_labels_are_as_many_as_designs_and_all_different(options, said):
    board = parse_design(BOARD)
    with pytest.raises(ValueError, match=said):
        compare(board, board, **options)


def test_one_design_is_nothing_to_compare():
    with pytest.raises(ValueError, match="two designs or more, not 1"):
        compare(parse_design(BOARD))


@pytest.mark.engine
def test_an_engine_adds_the_latency_of_each_design(engine: Engine):
    board = parse_design(BOARD)
    found = compare(board, board, engine=engine, calls=3)
    latency = found.to_frame()["latency_ms_p50"]
    assert (latency > 0).all()
    assert "ms, board (1)" in found.shown()


PAIR = """\
name: {name}
tables: {tables}
fields: {{ia: {{count: 10000, type: uuid}}, ib: {{count: 10000, type: uuid}}}}
entities: {entities}
access_patterns:
  pa: {{operation: PutItem, entity: A, rate: 100/s}}
  pb: {{operation: PutItem, entity: B, rate: {rate}/s}}
"""
APART = PAIR.format(
    name="apart", rate=100, tables="{Aaa: {partition_key: ia}, Bbb: {partition_key: ib}}",
    entities='{A: {table: Aaa, key: {ia: "{ia}"}}, B: {table: Bbb, key: {ib: "{ib}"}}}',
)  # fmt: skip


def _together(rate: int) -> str:
    entities = '{A: {key: {PK: "A#{ia}"}}, B: {key: {PK: "B#{ib}"}}}'
    return PAIR.format(name="together", rate=rate, tables="{Aaa: {partition_key: PK}}", entities=entities)


def test_the_highest_rate_is_that_of_the_whole_load_and_not_of_the_tightest_table():
    # 40,000 write units a second are the quota of a table on demand (ServiceQuotas): 100 of them asked of each of two
    # tables leave a factor of 400 for the load of 200, 200 asked of one table a factor of 200.
    found = compare(parse_design(APART), parse_design(_together(100)))
    totals = found.totals.set_index("design")
    assert list(totals["load_requests_per_s"]) == [200, 200]
    assert list(totals["highest_requests_per_s"]) == pytest.approx([80_000, 40_000])
    assert not [note for note in found.notes() if "loads differ" in note]


def test_loads_that_differ_are_said():
    found = compare(parse_design(APART), parse_design(_together(50)))
    assert list(found.totals["load_requests_per_s"]) == [200, 150]
    assert any("the loads differ (apart 200, together 150 requests/s)" in note for note in found.notes()), found.notes()


PAGES = """\
name: {name}
tables: {{Things: {{partition_key: PK, sort_key: SK}}}}
fields:
  user: {{count: 20}}
  post: {{per: user, count: 4}}
entities:
  User: {{key: {{PK: "{{user}}", SK: PROFILE}}, size: 1 KB}}
  Post: {{key: {{PK: "{{user}}", SK: "POST#{{post}}"}}, size: 1 KB}}
access_patterns:
"""
ONE = (
    PAGES.format(name="one") + "  page: {operation: Query, entity: [User, Post], key_condition: PK = :PK, rate: 10/s}\n"
)
TWO = PAGES.format(name="two") + (
    "  profile: {operation: GetItem, entity: User, rate: 10/s}\n"
    "  posts: {operation: Query, entity: Post, key_condition: 'PK = :PK AND begins_with(SK, :p)', "
    'values: {p: "POST#"}, rate: 10/s}\n'
)


def test_the_requests_of_a_page_are_added_up_and_compared_with_the_one_of_its_name():
    found = compare(design(TWO), design(ONE), pages={"page": ["profile", "posts"]})
    two, one = (side.lines["page"] for side in found.sides)
    assert found.common == ("page",) and list(found.sides[0].lines) == ["page"]
    # read-write-operations: GetItem of 1 KB 0.5, Query of 4 KB 0.5; one Query of 5 KB is two 4 KB, halved
    assert (two["requests_per_call"], two["units_per_call"], two["units_per_s"]) == (2, 1.0, 10.0)
    assert (one["requests_per_call"], one["units_per_call"], one["units_per_s"]) == (1, 1.0, 10.0)
    assert two["usd_per_month"] == pytest.approx(one["usd_per_month"]) and two["operation"] == "GetItem, Query"
    assert "note" not in found.shown()


def test_a_request_that_every_other_page_needs_counts_by_half():
    found = compare(
        design(TWO.replace("User, rate: 10/s", "User, rate: 5/s")), design(ONE), pages={"page": ["profile", "posts"]}
    )
    assert (found.sides[0].lines["page"]["requests_per_call"], found.sides[0].lines["page"]["rate_per_s"]) == (1.5, 10)


def test_a_page_names_access_patterns_that_there_are_and_each_once():
    with pytest.raises(
        ValueError, match=r"page: no design has an access pattern 'post'; there are profile, posts, page"
    ):
        compare(design(TWO), design(ONE), pages={"page": ["post"]})
    with pytest.raises(ValueError, match="posts is of two pages, a and b"):
        compare(design(TWO), design(ONE), pages={"a": ["posts"], "b": ["posts"]})
