"""The distribution of a call's units: quantiles by their definition, readings and bundles against plain loops."""

from collections import Counter, defaultdict
from itertools import accumulate

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from workbench.bundles import different, draw_bundles, pick_evenly
from workbench.capacity import pages, query_units
from workbench.changes import members
from workbench.designfile import parse_design
from workbench.items import generate_items
from workbench.key_conditions import SortCondition
from workbench.outcomes import Costs, distribution
from workbench.reach import satisfies, stretch
from workbench.requests import draw_calls
from workbench.sizes import item_size

# Quantiles

halves = st.integers(0, 2000).map(lambda n: n / 2)


@given(st.lists(st.tuples(halves, st.integers(1, 100)), min_size=1, max_size=30))
def test_a_quantile_is_the_smallest_value_that_reaches_its_share(drawn):
    units, weights = np.array([u for u, _ in drawn]), np.array([w for _, w in drawn])
    found, ordered = distribution(units, weights / weights.sum()), sorted(drawn)
    reached = list(accumulate(w for _, w in ordered))
    for q, value in ((50, found.p50), (95, found.p95)):
        assert value == next(u for (u, _), r in zip(ordered, reached, strict=True) if 100 * r >= q * reached[-1])
    assert found.most == max(u for u, _ in drawn)
    assert found.mean == pytest.approx(float(units @ weights) / weights.sum())


def test_what_has_no_share_of_the_calls_is_no_outcome():
    assert distribution(np.array([1.0, 900.0]), np.array([1.0, 0.0])).most == 1.0


# Stretches of sort keys

keys = st.lists(st.tuples(st.text("ab", max_size=3), st.integers(0, 4)), max_size=30).map(sorted)
operators = st.sampled_from(["=", "<", "<=", ">", ">=", "BETWEEN", "begins_with"])


@given(keys, operators, st.text("ab", max_size=3), st.text("ab", max_size=3))
def test_a_stretch_holds_the_keys_that_satisfy_a_condition(order, operator, one, other):
    sort = [SortCondition("sk", operator, ("x", "y") if operator == "BETWEEN" else ("x",))]
    values = {"x": one, "y": other}
    first, last = stretch(order, sort, values)
    assert order[first:last] == [key for key in order if satisfies(key, sort, values)]


@given(keys, operators.filter(lambda o: o != "begins_with"), st.text("ab", max_size=3), st.integers(0, 4))
def test_a_stretch_of_the_second_part_lies_within_one_value_of_the_first(order, operator, one, number):
    sort = [
        SortCondition("a", "=", ("x",)),
        SortCondition("b", operator, ("n", "m") if operator == "BETWEEN" else ("n",)),
    ]
    values = {"x": one, "n": number, "m": number + 2}
    first, last = stretch(order, sort, values)
    assert order[first:last] == [key for key in order if satisfies(key, sort, values)]


# Bundles


def test_draws_of_one_item_meet_every_share():
    places = pick_evenly(np.array([0.125, 0.0, 0.875]), 1000, np.random.default_rng(7))
    assert np.bincount(places).tolist() == [125, 0, 875]


@given(
    st.lists(st.tuples(st.integers(0, 20), st.integers(0, 3)), min_size=1, max_size=40),
    st.lists(st.tuples(st.integers(0, 9), st.integers(0, 4)), min_size=1, max_size=20),
    st.integers(0, 99),
)
def test_the_items_of_a_call_are_different_and_have_the_code_that_it_wants(items, calls, seed):
    shares, codes = np.array([s for s, _ in items], dtype=float), np.array([c for _, c in items])
    counts, wanted = np.array([n for n, _ in calls]), np.array([c for _, c in calls])
    of_call, places = different(shares, counts, codes, wanted, np.random.default_rng(seed))
    assert (shares[places] > 0).all()
    assert (codes[places] == wanted[of_call]).all()
    assert len(set(zip(of_call.tolist(), places.tolist(), strict=True))) == len(places)
    there = Counter(codes[shares > 0].tolist())
    assert np.bincount(of_call, minlength=len(calls)).tolist() == [min(n, there[c]) for n, c in calls]


def test_a_popular_item_is_in_nearly_every_batch_and_never_twice():
    """Drawn one after the other without return: of two, the first is item 0 with 0.9, or comes second."""
    shares = np.array([0.9, 0.05, 0.05])
    calls, places = different(shares, np.full(4000, 2), np.zeros(3, int), np.zeros(4000, int), np.random.default_rng(7))
    often = np.bincount(places) / 4000
    assert often[0] == pytest.approx(0.9 + 0.1 * 0.9 / 0.95, abs=0.01)
    assert often.sum() == pytest.approx(2)
    assert np.bincount(calls).tolist() == [2] * 4000


# Queries and transactions of a design, item by item

DESIGN = """
name: outcomes
tables:
  Shop: {partition_key: PK, sort_key: SK, gsi: {ByDay: {partition_key: day, sort_key: SK, projection: [note]}}}
fields:
  user: {count: 40, format: "u{:03}", popularity: zipf(0.7)}
  order: {per: user, count: 1..30, format: "o{:03}"}
  line: {per: order, count: 0..6, format: "l{:02}"}
entities:
  User: {key: {PK: "{user}", SK: META}, size: 200..9000}
  Order:
    key: {PK: "{user}", SK: "ORDER#{order}"}
    size: 300..9000
    attributes: {day: date(-9d..now), note: text(40), state: {choice: {OPEN: 30%, DONE: 70%}}}
  Line: {key: {PK: "{user}{order}", SK: "{line}"}, size: 100..6000}
access_patterns:
  after: {operation: Query, entity: Order, key_condition: PK = :PK AND SK > :SK}
  page: {operation: Query, entity: [User, Order], key_condition: PK = :PK, limit: 4}
  last: {operation: Query, entity: [User, Order], key_condition: PK = :PK, limit: 3, descending: true}
  some: {operation: Query, entity: Order, key_condition: PK = :PK AND SK BETWEEN :a AND :b,
         values: {a: "ORDER#o003", b: "ORDER#o009"}}
  of-day: {operation: Query, entity: Order, index: ByDay, key_condition: "#day = :day AND begins_with(SK, :SK)"}
  all: {operation: Query, entity: Order, key_condition: PK = :PK}
  read-order:
    operation: TransactGetItems
    actions: [{operation: Get, entity: Order}, {operation: Get, entity: Line, count: 10}]
  read-lines:
    operation: TransactGetItems
    actions: [{operation: Get, entity: Order}, {operation: Get, entity: Line}]
  read-open:
    operation: TransactGetItems
    actions: [{operation: Get, entity: User}, {operation: Get, entity: Order, target: {state: OPEN}}]
  some-orders: {operation: BatchGetItem, entity: Order, count: 5, same: user}
"""
QUERIES = ["after", "page", "last", "some", "of-day", "all"]


@pytest.fixture(scope="module")
def items():
    return generate_items(parse_design(DESIGN))


@pytest.fixture(scope="module")
def everything(items):
    return {name: entity.take(range(len(entity))) for name, entity in items.entities.items()}


def read_by_hand(items, everything, pattern, request) -> float:
    """Units of a Query by DynamoDB's rules: a collection in order, what the key condition takes, page by page."""
    values = {name[1:]: value["S"] for name, value in request.parameters["ExpressionAttributeValues"].items()}
    all_items = [item for found in everything.values() for item in found]
    if pattern.index:
        there = [item for item in all_items if item.get("day") == values["day"]]
        there = [{n: item[n] for n in ("PK", "SK", "day", "note")} for item in there]
    else:
        there = [item for item in all_items if item["PK"] == values["PK"]]
    wanted = {
        "after": lambda sk: sk > values["SK"],
        "some": lambda sk: values["a"] <= sk <= values["b"],
        "of-day": lambda sk: sk.startswith(values["SK"]),
    }.get(pattern.name, lambda sk: True)
    found = sorted((i for i in there if wanted(i["SK"])), key=lambda i: i["SK"], reverse=pattern.descending)
    return sum(query_units(page) for page in pages(map(item_size, found[: pattern.limit]))) or 0.5


@pytest.mark.parametrize("name", QUERIES)
def test_a_query_is_read_item_by_item(items, everything, name):
    """The calls that a run would draw with the items' seed, each read by hand: for `all`, exact over all items."""
    pattern, outcomes = items.design.access_patterns[name], Costs(items).outcomes(items.design.access_patterns[name])
    calls = draw_calls(items, pattern, 500, seed=items.seed)
    by_hand = [read_by_hand(items, everything, pattern, call.requests[0]) for call in calls]
    if name != "all":
        assert outcomes.basis == "500 calls drawn"
        assert outcomes.total.tolist() == by_hand
    assert outcomes.per_call().mean == pytest.approx(np.mean(by_hand), rel=0.1)


def test_a_query_of_whole_collections_is_exact(items, everything):
    sizes = defaultdict(list)
    for item in [*everything["User"], *everything["Order"]]:
        sizes[item["PK"]].append(item_size(item))
    owners = Counter(item["PK"] for item in everything["Order"])
    weights = {f"u{rank:03}": rank**-0.7 for rank in range(1, 41)}
    units = {user: query_units(sizes[user]) for user in owners}
    outcomes = Costs(items).outcomes(items.design.access_patterns["all"])
    expected = sum(weights[user] * units[user] for user in owners) / sum(weights[user] for user in owners)
    assert outcomes.per_call().mean == pytest.approx(expected)
    assert outcomes.basis == f"all {sum(owners.values()):,} items that are asked for"


@pytest.mark.parametrize("name", ["read-order", "read-lines", "read-open", "some-orders"])
def test_bundles_are_drawn_as_a_run_draws_them(items, name):
    """The same members, sized in another way: single calls of `requests`, each with its own items."""
    pattern = items.design.access_patterns[name]
    factor = 4 if pattern.operation == "TransactGetItems" else 1
    calls = draw_calls(items, pattern, 300, seed=3)
    sizes = [[items.entities[e].sizes[place] for e, place in call.requests[0].places] for call in calls]
    units = np.array([sum(factor * max(1, -(-int(size) // 4096)) / 2 for size in each) for each in sizes])
    found = Costs(items).outcomes(pattern).per_call()
    assert abs(found.mean - units.mean()) <= 4 * units.std() / np.sqrt(len(units))
    assert found.most >= units.max()


def test_a_member_agrees_with_those_before_it(items):
    """With one line its order is read, and with its order no line that is not its own."""
    pattern = items.design.access_patterns["read-lines"]
    pools = [Costs(items).pool(pattern, member) for member in members(items, pattern)]
    (order, lines), made = draw_bundles(items, pattern, pools, 500, np.random.default_rng(7))
    of_order, of_line = (items.entities[name].places["order"] for name in ("Order", "Line"))
    chosen = dict(zip(order.calls.tolist(), of_order[order.places].tolist(), strict=True))
    assert made.all()
    assert all(chosen[c] == o for c, o in zip(lines.calls.tolist(), of_line[lines.places].tolist(), strict=True))


def test_a_call_without_an_item_that_fits_is_not_made(items):
    """Not every user has an open order: those calls are left out, as a run leaves them out."""
    outcomes = Costs(items).outcomes(items.design.access_patterns["read-open"])
    assert 0 < np.count_nonzero(outcomes.shares) <= len(outcomes.shares)
    assert outcomes.shares.sum() == pytest.approx(1)
    assert outcomes.per_call().p50 >= 4


def test_the_items_of_a_batch_agree_in_what_is_the_same(items):
    """Users have 1 to 30 orders: a batch of 5 of one user has as many as there are, all of that user."""
    pattern = items.design.access_patterns["some-orders"]
    (pool,) = (Costs(items).pool(pattern, member) for member in members(items, pattern))
    ((drawn,), _) = draw_bundles(items, pattern, [pool], 500, np.random.default_rng(7))
    users, owned = pool.entity.places["user"], np.bincount(pool.entity.places["user"])
    for call in range(500):
        (user,) = set(users[drawn.places[drawn.calls == call]].tolist())
        assert (drawn.calls == call).sum() == min(5, owned[user])
