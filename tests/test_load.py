"""The load of access patterns: units and keys, against sums over the items as dictionaries and DynamoDB's rules."""

import math
from collections import defaultdict

import numpy as np
import pytest

from workbench import limits
from workbench.capacity import pages, query_units
from workbench.designfile import load_design, parse_design
from workbench.distributions import parse_popularity
from workbench.entries import IndexSchema, index_entry
from workbench.items import generate_items
from workbench.load import demands
from workbench.reach import page_units, query_condition, reach
from workbench.requests import draw_calls
from workbench.ring import PartitionKeys
from workbench.sizes import item_size

ORDERS = """
name: orders
tables:
  Orders:
    partition_key: customer
    sort_key: order
    gsi:
      ByStatus: {partition_key: status, sort_key: at}
      ByDay: {partition_key: day, sort_key: order, projection: KEYS_ONLY}
      ByCity: {partition_key: city, projection: [status]}
    lsi:
      ByTime: {sort_key: at, projection: KEYS_ONLY}
fields:
  customer: {count: 50, format: "c-{:03}", popularity: {read: zipf(1), write: uniform}}
  order: {per: customer, count: 4..20, format: "o-{:05}"}
entities:
  Order:
    size: 1500..5000
    attributes:
      status: {choice: {OPEN: 25%, DONE: 75%}, new: OPEN}
      at: timestamp(-30d..now)
      day: date(-30d..now)
      city: {choice: [Bern, Oslo, Rome]}
      note: text(20)
access_patterns:
  get: {operation: GetItem, rate: 1/s}
  get-consistent: {operation: GetItem, consistent: true, rate: 1/s}
  get-missing: {operation: GetItem, target: missing, rate: 1/s}
  get-many: {operation: BatchGetItem, count: 3..5, rate: 1/s}
  get-together: {operation: TransactGetItems, count: 2, rate: 1/s}
  place: {operation: PutItem, rate: 1/s}
  place-again: {operation: PutItem, target: existing, condition: attribute_not_exists(customer), rate: 1/s,
                expect: {error: ConditionalCheckFailedException}}
  place-many: {operation: BatchWriteItem, count: 10, rate: 1/s}
  place-together: {operation: TransactWriteItems, rate: 1/s, actions: [{operation: Put}]}
  check: {operation: TransactWriteItems, rate: 1/s,
          actions: [{operation: ConditionCheck, condition: attribute_exists(customer)}]}
  remove: {operation: DeleteItem, rate: 1/s}
  close: {operation: UpdateItem, target: {status: OPEN}, update: "SET #status = :done", values: {done: DONE}, rate: 1/s}
  annotate: {operation: UpdateItem, update: "SET note = :note", rate: 1/s}
  all: {operation: Query, key_condition: customer = :customer, rate: 1/s}
  first-three: {operation: Query, key_condition: customer = :customer, limit: 3, rate: 1/s}
  one: {operation: Query, key_condition: "customer = :customer AND #order = :order", rate: 1/s}
  some: {operation: Query, key_condition: "customer = :customer AND #order BETWEEN :a AND :b",
         values: {a: "o-00002", b: "o-00004"}, rate: 1/s}
  open: {operation: Query, index: ByStatus, key_condition: "#status = :open", values: {open: OPEN}, rate: 1/s}
  by-time: {operation: Query, index: ByTime, key_condition: customer = :customer, select: ALL_ATTRIBUTES, rate: 1/s}
  scan: {operation: Scan, rate: 1/s}
  scan-cities: {operation: Scan, index: ByCity, rate: 1/s}
"""


@pytest.fixture(scope="module")
def orders():
    return generate_items(parse_design(ORDERS))


@pytest.fixture(scope="module")
def taken(orders):
    entity = orders.entities["Order"]
    return entity.take(range(len(entity)))


def demanded(items, pattern, index=None, table="Orders"):
    """Requests a second, and units a second of each key by label."""
    keys = PartitionKeys(items, table, index)
    found = list(demands(keys, items.design.access_patterns[pattern]))
    units = np.zeros(len(keys))
    for demand in found:
        units += np.bincount(demand.keys, demand.requests * demand.units, minlength=len(keys))
    labels = keys.labels()
    return sum(float(d.requests.sum()) for d in found), {labels[i]: units[i] for i in np.flatnonzero(units)}


def total(items, pattern, index=None):
    return sum(demanded(items, pattern, index)[1].values())


def by_customer(taken, value):
    found = defaultdict(list)
    for item in taken:
        found[item["customer"]].append(value(item))
    return found


def zipf_shares(count):
    """Rank r of `count` gets 1 / (r H): the definition of zipf(1)."""
    weights = [1 / rank for rank in range(1, count + 1)]
    return {f"c-{rank:03}": weight / sum(weights) for rank, weight in enumerate(weights, 1)}


# One item


def test_a_read_costs_half_a_unit_for_each_4_kb_of_its_item_and_falls_on_its_key(orders, taken):
    sizes = by_customer(taken, item_size)
    expected = {
        customer: share * np.mean([math.ceil(size / 4096) / 2 for size in sizes[customer]])
        for customer, share in zipf_shares(50).items()
    }
    requests, units = demanded(orders, "get")
    assert requests == pytest.approx(1)
    assert units == pytest.approx(expected)
    assert total(orders, "get-consistent") == pytest.approx(2 * sum(expected.values()))
    assert total(orders, "get-together") == pytest.approx(2 * 4 * sum(expected.values()))  # two members, doubled
    assert total(orders, "get-many") == pytest.approx(4 * sum(expected.values()))  # 3..5 members: four on average


def test_reading_what_is_not_there_costs_the_minimum(orders):
    assert total(orders, "get-missing") == pytest.approx(0.5)


def test_a_put_costs_a_unit_for_each_kb_and_a_transaction_twice_that(orders, taken):
    # a new order goes to each customer alike: the mean over customers of the mean over their orders
    sizes = by_customer(taken, lambda item: math.ceil(item_size(item) / 1024))
    expected = np.mean([np.mean(units) for units in sizes.values()])
    lsi = np.mean([np.mean(u) for u in by_customer(taken, lambda item: 1).values()])  # KEYS_ONLY: under 1 KB
    assert total(orders, "place") == pytest.approx(expected + lsi)
    assert total(orders, "place-many") == pytest.approx(10 * (expected + lsi))
    assert total(orders, "place-together") == pytest.approx(2 * expected + lsi)  # index entries are not doubled


def test_a_failed_condition_costs_the_write_and_leaves_the_indexes_alone(orders, taken):
    assert total(orders, "place-again") == pytest.approx(
        np.mean([np.mean(u) for u in by_customer(taken, lambda item: math.ceil(item_size(item) / 1024)).values()])
    )
    assert total(orders, "place-again", "ByStatus") == 0


def test_a_condition_check_costs_twice_the_write_of_the_item(orders):
    assert total(orders, "check") == pytest.approx(2 * total(orders, "place-again"))


# Index entries


def test_new_items_load_the_index_key_that_all_of_them_have(orders):
    # status is OPEN in every new order, though most stored ones are DONE
    requests, units = demanded(orders, "place", "ByStatus")
    assert requests == pytest.approx(1)
    assert set(units) == {"OPEN"}


@pytest.mark.parametrize("popularity", ["uniform", "zipf(1)", "zipf(1.6)", "top(90%)", "latest"])
@pytest.mark.parametrize("pattern", ["place", "place-many", "place-together"])
def test_popularity_of_a_field_never_changes_where_new_values_of_others_put_items(pattern, popularity):
    # every new order is OPEN, and stands under today: whoever's it is, these two keys take all entries
    design = parse_design(ORDERS)
    stated = design.access_patterns[pattern].model_copy(
        update={"popularity": {"customer": parse_popularity(popularity)}}
    )
    design = design.model_copy(update={"access_patterns": {**design.access_patterns, pattern: stated}})
    items = generate_items(design)
    puts = 10 if pattern == "place-many" else 1
    assert set(demanded(items, pattern, "ByStatus")[1]) == {"OPEN"}
    assert demanded(items, pattern, "ByDay")[1] == pytest.approx({"2026-01-01": puts})
    cities = demanded(items, pattern, "ByCity")[1]
    assert cities == pytest.approx(demanded(generate_items(parse_design(ORDERS)), pattern, "ByCity")[1])


def test_a_stated_popularity_divides_new_items_among_customers_exactly():
    stated = ORDERS.replace(
        "place: {operation: PutItem,", "place: {operation: PutItem, popularity: {customer: zipf(1)},"
    )
    units, sizes = demanded(generate_items(parse_design(stated)), "place")[1], defaultdict(list)
    for item in (entity := generate_items(parse_design(ORDERS)).entities["Order"]).take(range(len(entity))):
        sizes[item["customer"]].append(math.ceil(item_size(item) / 1024) + 1)  # and an entry in the local index
    assert units == pytest.approx({c: share * np.mean(sizes[c]) for c, share in zipf_shares(50).items()})


def test_a_put_of_an_id_of_its_own_is_even_whatever_the_popularity_of_ids_is():
    # nobody has seen the id: 100 keys, each a hundredth of what is put
    text = """
name: jobs
tables: {Jobs: {partition_key: id}}
fields: {id: {count: 100}}
entities: {Job: {size: 500 B}}
access_patterns: {add: {operation: PutItem, popularity: {id: zipf(1.5)}, rate: 1/s}}
"""
    units = demanded(generate_items(parse_design(text)), "add", table="Jobs")[1]
    assert list(units.values()) == pytest.approx([0.01] * 100)


def test_popularity_over_a_field_counts_values_that_have_no_items_whoever_states_it():
    # some customers have no orders: the field's own popularity and the pattern's are one and the same
    text = """
name: shop
tables: {Orders: {partition_key: customer, sort_key: order}}
fields: {customer: {count: 40, popularity: zipf(1)}, order: {per: customer, count: poisson(1)}}
entities: {Order: {size: 500 B}}
access_patterns:
  own: {operation: Query, key_condition: customer = :customer, rate: 1/s}
  stated: {operation: Query, key_condition: customer = :customer, popularity: {customer: zipf(1)}, rate: 1/s}
"""
    items = generate_items(parse_design(text))
    own, stated = (demanded(items, name, table="Orders")[1] for name in ("own", "stated"))
    assert len(own) < 40  # e^-1 of them have none
    assert stated == pytest.approx(own)


def test_a_key_that_holds_todays_date_takes_all_writes_of_new_items(orders):
    _, units = demanded(orders, "place", "ByDay")
    assert units == pytest.approx({"2026-01-01": 1.0})


def test_new_items_spread_over_an_index_key_as_the_stored_ones_do(orders):
    _, units = demanded(orders, "place", "ByCity")
    assert sum(units.values()) == pytest.approx(1)
    assert all(0.2 < share < 0.5 for share in units.values())


def test_an_update_of_an_index_key_removes_an_entry_and_adds_one(orders, taken):
    _, units = demanded(orders, "close", "ByStatus")
    open_orders = by_customer([i for i in taken if i["status"] == "OPEN"], lambda i: math.ceil(item_size(i) / 1024))
    removed = np.mean([np.mean(sizes) for sizes in open_orders.values()])
    assert set(units) == {"OPEN", "DONE"}
    assert units["OPEN"] == pytest.approx(removed)
    assert units["DONE"] == pytest.approx(removed)  # OPEN and DONE are of one length


def test_an_update_costs_an_index_only_what_it_projects(orders):
    assert total(orders, "annotate", "ByStatus") > 1  # all attributes are there, note too
    assert total(orders, "annotate", "ByCity") == 0  # status alone comes with the keys
    assert total(orders, "close", "ByCity") == pytest.approx(1)  # changed in place


def test_a_delete_removes_the_entry(orders, taken):
    schema = IndexSchema("ByCity", "gsi", ("city",), ("customer", "order"), ("status",))
    assert all(item_size(index_entry(item, schema)) <= 1024 for item in taken)
    assert total(orders, "remove", "ByCity") == pytest.approx(1)


# Queries and scans


def collection_units(taken, kept=lambda item: True, limit=None):
    sizes = by_customer(sorted(taken, key=lambda i: i["order"]), lambda item: item_size(item) if kept(item) else None)
    one_page = {c: [s for s in found if s is not None][:limit] for c, found in sizes.items()}
    return {c: query_units(found) for c, found in one_page.items()}


def test_a_query_pays_for_the_whole_collection_rounded_once(orders, taken):
    expected = {c: share * collection_units(taken)[c] for c, share in zipf_shares(50).items()}
    assert demanded(orders, "all")[1] == pytest.approx(expected)


def test_a_limit_ends_the_page_before_the_collection(orders, taken):
    shares, exact = zipf_shares(50), collection_units(taken, limit=3)
    expected = sum(share * exact[c] for c, share in shares.items())
    assert total(orders, "first-three") == pytest.approx(expected, rel=0.1)  # by the mean size of a collection's items


def test_a_query_for_a_whole_primary_key_reads_one_item(orders):
    assert demanded(orders, "one")[1] == pytest.approx(demanded(orders, "get")[1])


def test_a_range_of_the_sort_key_is_estimated_from_drawn_requests(orders, taken):
    exact = collection_units(taken, lambda item: "o-00002" <= item["order"] <= "o-00004")
    expected = sum(share * exact[c] for c, share in zipf_shares(50).items())
    assert total(orders, "some") == pytest.approx(expected, rel=0.35)


def test_a_query_for_a_constant_falls_on_that_key_alone(orders, taken):
    sizes = [item_size(item) for item in taken if item["status"] == "OPEN"]
    requests, units = demanded(orders, "open", "ByStatus")
    assert requests == pytest.approx(1)
    assert units == pytest.approx({"OPEN": sum(query_units(page) for page in pages(sizes))})
    assert demanded(orders, "open")[1] == {}  # the table's partitions serve nothing of it


def test_a_local_index_fetches_what_it_does_not_project_item_by_item(orders, taken):
    schema = IndexSchema("ByTime", "lsi", ("customer", "at"), ("customer", "order"), "KEYS_ONLY")
    entries = by_customer(taken, lambda item: item_size(index_entry(item, schema)))
    fetched = by_customer(taken, lambda item: math.ceil(item_size(item) / 4096) / 2)
    expected = {c: s * (query_units(entries[c]) + sum(fetched[c])) for c, s in zipf_shares(50).items()}
    assert demanded(orders, "by-time")[1] == pytest.approx(expected)


def test_a_scan_reads_everything_and_loads_each_key_by_its_bytes(orders, taken):
    sizes = by_customer(taken, item_size)
    whole = sum(query_units(page) for page in pages([size for found in sizes.values() for size in found]))
    requests, units = demanded(orders, "scan")
    assert requests == pytest.approx(1)
    assert sum(units.values()) == pytest.approx(whole, rel=0.01)
    everything = sum(map(sum, sizes.values()))
    assert units == pytest.approx({c: sum(units.values()) * sum(s) / everything for c, s in sizes.items()})
    assert set(demanded(orders, "scan-cities", "ByCity")[1]) == {"Bern", "Oslo", "Rome"}


@pytest.mark.parametrize("count, size", [(1, limits.PAGE_BYTES - 1), (3, 350_000), (4, 400_000), (700, 4000), (10, 1)])
def test_items_of_one_size_are_cut_into_pages_as_the_service_cuts_them(count, size):
    # Query.Pagination.html: a page ends with the item that reaches 1 MB
    expected = sum(query_units(page, consistent=True) for page in pages([size] * count))
    assert page_units(count, count * size).tolist() == expected


TASKS = """
name: tasks
tables:
  Tasks: {partition_key: PK, sort_key: SK, lsi: {ByDue: {sort_key: due}}}
fields:
  user: {count: 20, format: "u-{:03}"}
  task: {per: user, count: 40, format: "t-{:03}"}
entities:
  User: {key: {PK: "U#{user}", SK: META}, attributes: {n: name}}
  Task:
    key: {PK: "U#{user}", SK: "T#{task}"}
    size: 2000
    attributes: {due: {type: "timestamp(-7d..now)", present: 50%}}
access_patterns:
  all: {operation: Query, entity: Task, index: ByDue, key_condition: "PK = :PK AND due >= :from",
        values: {from: "2000"}, consistent: true, rate: 1/s}
  none: {operation: Query, entity: Task, index: ByDue, key_condition: "PK = :PK AND due >= :from",
         values: {from: "3000"}, consistent: true, rate: 1/s}
"""


def test_a_range_of_a_local_index_reads_only_the_items_that_are_in_it():
    # LSI.html: an item without the index's sort key is not in the index; here users, and half of the tasks
    items = generate_items(parse_design(TASKS))
    tasks, sizes = items.entities["Task"], defaultdict(list)
    for item, size in zip(tasks.take(range(len(tasks))), tasks.sizes.tolist(), strict=True):
        if "due" in item:
            sizes[item["PK"]].append(size)
    keys = PartitionKeys(items, "Tasks")
    (demand,) = demands(keys, items.design.access_patterns["all"])
    expected = [query_units(sizes[keys.labels()[number]], consistent=True) for number in demand.keys]
    assert demand.units.tolist() == pytest.approx(expected)
    (demand,) = demands(keys, items.design.access_patterns["none"])
    assert set(demand.units.tolist()) == {1.0}  # the least that a Query costs


@pytest.mark.parametrize("task", ['due: {type: "timestamp(-7d..now)", present: 50%}', "due: timestamp(-7d..now)"])
def test_a_local_index_that_lacks_an_entity_has_a_share_for_the_others_alone(task):
    design = parse_design(TASKS.replace('due: {type: "timestamp(-7d..now)", present: 50%}', task))
    keys = PartitionKeys(generate_items(design), "Tasks")
    pattern = design.access_patterns["all"]
    assert reach(keys, pattern, query_condition(design, pattern)) == {"User": 0.0, "Task": 1.0}


# The shipped designs


def test_a_prefix_reaches_the_tasks_of_a_project_and_not_the_project(designs):
    items = generate_items(load_design(designs / "task_board.yaml"))
    tasks = items.entities["Task"]
    sizes = defaultdict(list)
    for item, size in zip(tasks.take(range(len(tasks))), tasks.sizes.tolist(), strict=True):
        sizes[item["PK"]].append(size)
    weights = {f"PROJECT#p-{rank:04}": rank**-1.1 for rank in range(1, 201)}
    there = sum(weight for key, weight in weights.items() if key in sizes)
    expected = {key: weights[key] / there * query_units(found) for key, found in sizes.items()}
    _, units = demanded(items, "list-project-tasks", table="ClaudeCodeLabDemo")
    assert units == pytest.approx(expected)


def test_the_mean_of_drawn_calls_is_what_is_expected(designs):
    # the requests themselves, sized item by item: a peer that shares no sum with the prediction
    items = generate_items(load_design(designs / "task_board.yaml"))
    for name in ("read-project", "create-task", "count-request", "record-webhook"):
        pattern = items.design.access_patterns[name]
        drawn = [call.requests[0] for call in draw_calls(items, pattern, 400, seed=3)]
        sizes = [
            item_size(r.parameters["Item"]) if "Item" in r.parameters else int(items.entities[e].sizes[place])
            for r in drawn
            for e, place in r.places
        ]
        step, factor = (4096, 0.5) if pattern.is_read else (1024, 1)
        mean = np.mean([factor * math.ceil(size / step) for size in sizes])
        assert total_of(items, name) == pytest.approx(mean, rel=0.02)


def total_of(items, name):
    return sum(demanded(items, name, table="ClaudeCodeLabDemo")[1].values())


SHARDED = """
name: votes
tables:
  Votes: {partition_key: pk, sort_key: voter}
fields:
  candidate: {count: 2, format: "c{}"}
  voter: {per: candidate, count: 400, format: "v-{:05}"}
entities:
  Vote: {key: {pk: "{candidate}#{shard}"}, attributes: {shard: shard(10)}}
access_patterns:
  vote: {operation: PutItem, rate: 100/s}
  tally: {operation: Query, key_condition: pk = :pk, for_each: shard, rate: 1/s}
"""


def test_reading_a_sharded_key_asks_every_shard():
    items = generate_items(parse_design(SHARDED))
    requests, units = demanded(items, "tally", table="Votes")
    assert requests == pytest.approx(10)
    assert set(units) == {f"c{c}#{s}" for c in (1, 2) for s in range(10)}
    assert len(set(np.round(list(units.values()), 6))) == 1  # each of the 20 keys is read in every other call


# Times in keys: facts/partition-model.md, section 6, closed form 3

DAYS = """
name: days
tables: {{Log: {{partition_key: PK, sort_key: SK}}}}
fields:
  tenant: {{count: 4}}
  day: {{type: "{type}"{popularity}}}
  id: {{per: day, count: 50, type: ulid}}
entities: {{Line: {{key: {{PK: "{pk}", SK: "{sk}"}}, size: 500 B{more}}}}}
access_patterns: {{write: {{operation: PutItem, rate: 3000/s{pattern}}}}}
"""


def days(type="date(-30d..now)", popularity="", pk="{day}", sk="{id}", more="", pattern=""):
    text = DAYS.format(type=type, popularity=popularity, pk=pk, sk=sk, more=more, pattern=pattern)
    return generate_items(parse_design(text, "days.yaml"))


@pytest.mark.parametrize(
    ("given", "newest"),
    [
        ({}, "2026-01-01"),
        ({"type": "hour(-2d..now)"}, "2026-01-01T00"),
        ({"pk": "DAY#{day}"}, "DAY#2026-01-01"),
        ({"sk": "{tenant}", "more": ", items: 60"}, "2026-01-01"),
        ({"sk": "{tenant}", "more": ", items: 60", "pattern": ", popularity: {tenant: zipf(1.1)}"}, "2026-01-01"),
    ],
)
def test_what_is_put_under_a_time_that_others_stand_under_belongs_to_now(given, newest):
    _, units = demanded(days(**given), "write", table="Log")
    assert units == pytest.approx({newest: 1})


def test_todays_keys_share_what_comes_by_the_popularity_of_what_stands_beside_the_day():
    stated = {"pk": "{tenant}#{day}", "more": ", items: 100", "pattern": ", popularity: {tenant: top(70% 10%)}"}
    _, units = demanded(days(**stated, sk="{id}"), "write", table="Log")
    assert {label.partition("#")[2] for label in units} == {"2026-01-01"}
    assert max(units.values()) == pytest.approx(0.7, rel=0.05)


@pytest.mark.parametrize(
    "given", [{"popularity": ", popularity: uniform"}, {"pattern": ", popularity: {day: uniform}"}]
)
def test_a_popularity_that_is_stated_of_a_time_holds(given):
    _, units = demanded(days(**given), "write", table="Log")
    assert len(units) == 31
    assert sum(units.values()) == pytest.approx(1)


@pytest.mark.parametrize("type", ["date(-30d..-1d)", "date(-60d..-30d)"])
def test_a_time_that_does_not_end_now_is_no_present(type):
    _, units = demanded(days(type=type), "write", table="Log")
    assert len(units) > 25


def test_what_a_run_puts_is_what_the_load_says():
    items = days()
    calls = list(draw_calls(items, items.design.access_patterns["write"], 50, seed=7))
    assert {call.requests[0].parameters["Item"]["PK"]["S"] for call in calls} == {"2026-01-01"}


def test_reads_still_go_to_all_days():
    items = days(pattern="}, read: {operation: GetItem, rate: 31/s")
    assert len(demanded(items, "read", table="Log")[1]) == 31
