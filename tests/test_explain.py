"""Explanations of charges: the words for each way in which units come about, and that they always add up.

The arithmetic is that of the AWS pages read-write-operations, GSI.ThroughputConsiderations (the index-write table),
LSI.Reading and transaction-apis, worked out by hand; the law is checked against functions that share no sum with it.
"""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from workbench import capacity, metering
from workbench.capacity import Units, units_of
from workbench.entries import IndexSchema, index_entry
from workbench.explain import RULES, Step, explain
from workbench.items import generate_items
from workbench.runs import run_patterns
from workbench.sizes import item_size

from .test_capacity import items
from .test_metering import DESIGN, parse_design

BY_STATUS = IndexSchema("by-status", "gsi", ("status",), ("pk",))
BY_TIME = IndexSchema("by-time", "lsi", ("pk", "at"), ("pk",), "KEYS_ONLY")


def padded(size: int, **attributes: object) -> dict:
    """An item of so many bytes."""
    item = {"pk": "p", **attributes, "x": ""}
    return {**item, "x": "x" * (size - item_size(item))}


def lines(explanation) -> dict[str, tuple[float, str]]:
    """What a printed explanation says: the units and the reason of each table and index, and the total."""
    found = [re.fullmatch(r"  (.+?)  +([0-9.,]+)(?:  (.*))?", line) for line in str(explanation).splitlines()[1:]]
    assert all(found), str(explanation)
    return {m[1].strip(): (float(m[2].replace(",", "")), m[3] or "") for m in found if m}


# The index-write table (GSI.ThroughputConsiderations), a row each, with the sizes that the service was seen to charge:
# moving an entry of 1,517 bytes costs 2 + 2, shrinking one of 3,017 bytes to 18 in place 3, with its key 3 + 1.


@pytest.mark.parametrize(
    ("before", "after", "units", "words"),
    [
        (padded(900), padded(1517), 0, "no entry before or after: the item lacks status"),
        (padded(900), padded(1517, status="a"), 2, "entry of 1,517 bytes added: 2 x 1 KB"),
        (padded(1517, status="a"), None, 2, "entry of 1,517 bytes removed: 2 x 1 KB"),
        (padded(1517, status="a"), padded(1517, status="a"), 0, "its entry stays as it is"),
        (
            padded(3017, status="a"),
            padded(18, status="a"),
            3,
            "entry of 3,017 bytes changed in place to 18 bytes, the larger counts: 3 x 1 KB",
        ),
        (
            padded(1517, status="a"),
            padded(1517, status="b"),
            4,
            "its key (status) moved: entry of 1,517 bytes removed, one of 1,517 bytes added: (2 + 2) x 1 KB",
        ),
        (
            padded(3017, status="a"),
            padded(18, status="b"),
            4,
            "its key (status) moved: entry of 3,017 bytes removed, one of 18 bytes added: (3 + 1) x 1 KB",
        ),
    ],
)
def test_each_row_of_the_index_write_table_is_named_with_its_bytes(before, after, units, words):
    found = lines(capacity.explain_write(before, after, [BY_STATUS]))
    assert found["index by-status"] == (units, words)


@pytest.mark.parametrize(
    ("before", "after", "transactional", "words"),
    [
        (None, 1517, False, "new item of 1,517 bytes: 2 x 1 KB"),
        (1517, 1517, False, "item of 1,517 bytes before and after: 2 x 1 KB"),
        (3017, 18, False, "item of 3,017 bytes before and 18 bytes after, the larger counts: 3 x 1 KB"),
        (1025, None, True, "item of 1,025 bytes deleted: 2 x 1 KB, x 2 in a transaction"),
        (None, None, False, "no item there, which costs the minimum: 1 x 1 KB"),
    ],
)
def test_a_write_is_explained_by_the_larger_image(before, after, transactional, words):
    explanation = capacity.explain_write(before, after, transactional=transactional)
    assert lines(explanation)["table"] == (capacity.write_units(before, after, transactional=transactional), words)


@pytest.mark.parametrize(
    ("size", "options", "units", "words"),
    [
        (4096, {}, 0.5, "item of 4,096 bytes: 1 x 4 KB, x 0.5 eventually consistent"),
        (4097, {"consistent": True}, 2, "item of 4,097 bytes: 2 x 4 KB"),
        (8192, {"transactional": True}, 4, "item of 8,192 bytes: 2 x 4 KB, x 2 in a transaction"),
        (None, {}, 0.5, "no item there, which costs the minimum: 1 x 4 KB, x 0.5 eventually consistent"),
    ],
)
def test_a_read_is_explained_by_4_kb_and_its_consistency(size, options, units, words):
    assert lines(capacity.explain_read(size, **options)) == {"table": (units, words), "total": (units, "")}


def test_a_local_index_explains_what_it_fetches():
    """LSI.Reading: 4 entries of 200 bytes, and 4 items of 300 bytes each rounded up, are 5 units."""
    steps = capacity.query_steps([200] * 4, BY_TIME, consistent=True, fetched=[300] * 4)
    assert str(explain(steps)).splitlines() == [
        "5 read units: index by-time 1, table 4",
        "  index by-time  1  page of 4 items with 800 bytes in all: 1 x 4 KB",
        "  table          4  4 items fetched from the table, each rounded up: 4 x 4 KB",
        "  total          5",
    ]


def test_a_page_of_a_scan_names_the_partitions_that_it_touches():
    found = lines(explain(capacity.query_steps(20, partitions=4)))
    assert found["table"][1].endswith("4 x 4 KB (at least 4, one for each partition), x 0.5 eventually consistent")


def test_a_failed_condition_changes_no_index():
    steps = capacity.write_steps(padded(3000, status="a"), padded(310), [BY_STATUS], condition="failed")
    assert lines(explain(steps)) == {
        "table": (3, "nothing written: 3,000 bytes found, 310 bytes asked for, the larger counts: 3 x 1 KB"),
        "total": (3, ""),
    }


def test_alike_steps_stand_together_with_the_range_of_their_bytes():
    written = [step for size in range(1000, 2000, 100) for step in capacity.write_steps(None, size)]
    assert lines(explain(written))["table"] == (
        19,
        "9 times new item of 1,100 to 1,900 bytes: 2 x 1 KB; new item of 1,000 bytes: 1 x 1 KB",
    )


def test_of_many_kinds_of_steps_the_largest_are_named_and_the_rest_counted():
    written = [step for size in range(0, 9 * 1024, 1024) for step in capacity.write_steps(None, size)]
    total, words = lines(explain(written))["table"]
    assert total == 1 + sum(range(1, 9))
    assert words.startswith("new item of 8,192 bytes: 8 x 1 KB; ")
    assert words.endswith("; 4 more for 7")


def test_indexes_of_several_tables_are_told_apart():
    steps = [Step("item", read=(1,), table="A"), Step("page", read=(1,), index="i", table="B")]
    explained = explain(steps)
    assert list(lines(explained)) == ["table A", "index i of B", "total"]
    assert explained.summary_line() == "2 read units: table A 1, index i of B 1"
    assert explained.to_frame().columns.tolist() == ["table", "index", "kind", "units", "why"]


def test_an_index_may_be_called_table():
    named = IndexSchema("table", "gsi", ("status",), ("pk",))
    steps = capacity.write_steps(None, padded(2000, status="a"), [named])
    assert units_of(steps) == Units(2.0, gsi={"table": 2.0})
    assert list(lines(explain(steps))) == ["table", "index table", "total"]


def test_nothing_charged_says_so():
    assert explain([]).summary_line() == "0 units: nothing was charged"


@pytest.mark.parametrize("other", [3, "Query", {"units": 3}, [1, 2], None])
def test_what_is_no_call_is_refused(other):
    with pytest.raises(TypeError, match="is no metered call: give one of a run"):
        capacity.explain(other)


# The law: an explanation adds up to the units, index by index


def by_index(explanation) -> Units:
    """The units of the table and each index, as they are printed."""
    found = lines(explanation)
    index = {name.removeprefix("index "): units for name, (units, _) in found.items() if name.startswith("index")}
    gsi = {"by-status": index["by-status"]} if index.get("by-status") else {}
    return Units(found["table"][0], gsi, {"by-time": index["by-time"]} if index.get("by-time") else {})


keyed = items.flatmap(
    lambda item: st.builds(
        lambda more: {**item, **more},
        st.fixed_dictionaries({}, optional={"status": st.sampled_from("ab"), "at": st.sampled_from("cd")}),
    )
)
grown = st.builds(lambda item, more: {**item, "x": "x" * more}, keyed, st.integers(0, 5000))


@given(st.none() | grown, st.none() | grown, st.booleans())
def test_the_steps_of_a_write_add_up_to_its_units(before, after, transactional):
    explained = capacity.explain_write(before, after, [BY_STATUS, BY_TIME], transactional=transactional)
    assert by_index(explained) == capacity.write_cost(before, after, [BY_STATUS, BY_TIME], transactional=transactional)
    assert explained.by_index["", ""][0].units == capacity.write_units(before, after, transactional=transactional)
    for index in (BY_STATUS, BY_TIME):
        steps = explained.by_index.get(("", index.name), [])
        assert sum(step.units for step in steps) == entry_units(before, after, index)
    assert lines(explained)["total"][0] == explained.units


def entry_units(before, after, index) -> float:
    """The six rows again, by sizes and plain comparison."""
    old, new = index_entry(before, index), index_entry(after, index)
    sizes = [max(1, -(-item_size(entry) // 1024)) for entry in (old, new) if entry is not None]
    if old is None or new is None:
        return sum(sizes)
    if any(old[key] != new[key] for key in index.keys):
        return sum(sizes)
    return 0 if capacity.index_write_units(before, after, index) == 0 else max(sizes)


@given(
    st.lists(st.integers(0, 400_000), max_size=20),
    st.lists(st.integers(0, 400_000), max_size=20),
    st.booleans(),
    st.sampled_from([None, BY_TIME]),
)
def test_the_steps_of_a_page_add_up_to_its_units(evaluated, fetched, consistent, index):
    explained = explain(capacity.query_steps(evaluated, index, consistent=consistent, fetched=fetched if index else ()))
    expected = capacity.query_units(evaluated, consistent=consistent)
    expected += sum(capacity.read_units(size, consistent=consistent) for size in fetched if index)
    assert explained.units == pytest.approx(expected)
    assert sum(units for name, (units, _) in lines(explained).items() if name != "total") == pytest.approx(expected)


@given(st.sampled_from(sorted(RULES)), st.integers(0, 10_000), st.integers(0, 10_000))
def test_every_rule_has_words_without_holes(rule, one, other):
    text = str(explain([Step(rule, one, other, read=(one,), names=("status",), index="i")]))
    assert "{" not in text
    assert "None" not in text


# Metered calls


def test_every_call_of_a_run_can_be_explained(engine, monkeypatch):
    """Of every operation: by table and index the explanation has the units that were metered."""
    send, seen = metering.Meter.send, []

    def noted(self, pattern, request):
        metered = send(self, pattern, request)
        seen.append((pattern.name, metered))
        return metered

    monkeypatch.setattr(metering.Meter, "send", noted)
    items_ = generate_items(parse_design(DESIGN))
    run_patterns(items_.design, engine, items_, calls=1, prefix="why-", progress=False)
    assert {name for name, _ in seen} == {pattern.name for pattern in items_.design.served_patterns()}
    for name, metered in seen:
        explained, charged = capacity.explain(metered), sum({**metered.reads, **metered.writes}.values(), Units())
        assert units_of(explained.steps) == charged, name
        assert explained.units == charged.total
        assert {table for table, _ in explained.by_index} <= {"Things"}
        kinds = set(explained.to_frame().kind)
        assert kinds <= ({"read"} if metered.reads else {"write"})
    by_name = dict(seen)
    assert lines(capacity.explain(by_name["move"]))["index ByState"][1].startswith("its key (state) moved: entry of")
    assert capacity.explain({"steps": by_name["put"].steps}).units == 5


def test_an_explanation_is_shown_escaped():
    shown = explain([Step("added", after=10, index="<by>")])._repr_html_()
    assert "&lt;by&gt;" in shown
    assert repr(explain([Step("item", read=(1,))])) == "<Explanation 1 read unit: table 1>"
