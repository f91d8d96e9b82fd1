"""The item-collection view: what stands together, in which order, what an index holds, and what a page shows of it."""

import re
from decimal import Decimal
from xml.etree import ElementTree

import pandas as pd
import pytest

from tests.designs import BOARD, changed, design, items, rows
from workbench.collection_view import ATTRIBUTES, HTML_BYTES, VALUE, item_collections, shown_value

INDEXED = changed(
    "{partition_key: PK, sort_key: SK}",
    "{partition_key: PK, sort_key: SK, gsi: {byOwner: {partition_key: owner, sort_key: createdAt, "
    "projection: [state]}, byState: {partition_key: [state, owner], projection: KEYS_ONLY}}, "
    "lsi: {byTime: {sort_key: createdAt}}}",
)
ROWS = """\
tables: {Tab: {partition_key: k, sort_key: s%s}}
rows: {given: {}}
entities: {Thing: {rows: given}}
"""


def from_rows(lines, types="S"):
    """Items of one entity, each a line (k, s, text); both keys are of this type."""
    return items(
        ROWS % f", key_types: {{k: {types}, s: {types}}}",
        rows={"given": pd.DataFrame(lines, columns=["k", "s", "text"])},
    )


def page(view) -> ElementTree.Element:
    """The view as a notebook gets it; parsed strictly, so that every tag is closed and every text escaped."""
    html = view._repr_html_()
    assert len(html.encode()) < 50_000
    return ElementTree.fromstring(re.sub(r"<style>.*?</style>", "", html, flags=re.DOTALL))


def test_a_collection_is_all_items_of_one_partition_key_in_the_order_of_their_sort_keys():
    made = items(BOARD)
    view = item_collections(made, collections=1000, per_collection=1000)
    everything = [(item["PK"], item["SK"]) for name in made.entities for item in rows(made, name)]
    shown = [(c.key, [item.attributes["SK"] for item in c.items]) for c in view.collections]
    assert dict(shown) == {(key,): sorted(sk for pk, sk in everything if pk == key) for key, _ in everything}
    assert view.total_items == len(made) == len(everything) and view.total_collections == 20 and view.absent == 0


def test_the_partition_key_stands_once_beside_its_items_and_each_item_names_its_entity_and_attributes():
    view = item_collections(items(BOARD), collections=["PROJECT#p-001"], per_collection=2)
    (body,) = page(view).iter("tbody")
    (key,) = (cell for cell in body.iter("th") if cell.get("scope") == "rowgroup")
    lines = list(body)
    assert key.text == "PROJECT#p-001" and int(key.get("rowspan", 0)) == len(lines)
    entities = [cell.text for cell in body.iter("td") if cell.get("style")]
    assert entities == ["Project", "Task", "Task"], "META comes before TASK#"
    assert [name.text for name in lines[1].iter("small")] == ["state", "owner", "createdAt"]


def test_what_is_not_shown_is_counted_where_it_would_stand():
    made = items(BOARD)
    view = item_collections(made, collections=["PROJECT#p-001"], per_collection=1)
    (one,) = view.collections
    tasks = sum(item["PK"] == "PROJECT#p-001" for item in rows(made, "Task"))
    assert one.count == 1 + tasks and one.hidden("Task") == tasks - 1 and one.hidden("Project") == 0
    last = next(page(view).iter("tbody"))[-1]
    assert "".join(last.itertext()) == f"… {tasks - 1:,} more Task"


def test_collections_of_every_kind_are_among_the_few_that_are_shown(designs):
    from workbench.designfile import load_design
    from workbench.items import generate_items

    view = item_collections(generate_items(load_design(designs / "task_board.yaml")), collections=4)
    kinds = [set(one.counts) for one in view.collections]
    assert kinds == [{"Project", "Task"}, {"Session"}, {"WebhookEvent"}, {"RateWindow"}]


def test_an_index_is_drawn_by_its_own_keys_with_what_it_projects_and_is_sparse():
    made = items(INDEXED)
    view = item_collections(made, index="byOwner", collections=1000, per_collection=1000)
    entries = [item.attributes for c in view.collections for item in c.items]
    assert all(entry.keys() == {"PK", "SK", "owner", "createdAt", "state"} for entry in entries)
    tasks, projects = rows(made, "Task"), rows(made, "Project")
    assert len(entries) == view.total_items == len(tasks) and view.absent == len(projects), "projects have no owner"
    for one in view.collections:
        assert [i.attributes["createdAt"] for i in one.items] == sorted(i.attributes["createdAt"] for i in one.items)
    assert "20 items of the table are not in it: they lack owner or createdAt" in repr(view)


def test_an_index_by_several_attributes_and_a_local_one_have_collections_of_their_own():
    made = items(INDEXED)
    several = item_collections(made, index="byState", collections=[("OPEN", "u-1")])
    assert several.collections[0].key == ("OPEN", "u-1") and several.sort_key == ()
    assert set(several.collections[0].items[0].attributes) == {"PK", "SK", "state", "owner"}
    local = item_collections(made, index="byTime")
    assert local.partition_key == ("PK",) and local.sort_key == ("createdAt",) and local.absent == 20


def test_number_keys_lie_in_the_order_of_numbers_and_text_keys_in_that_of_text():
    numbers = item_collections(from_rows([(1, 10, "b"), (1, 2, "a"), (1, -1, "c")], "N"))
    assert [item.attributes["s"] for item in numbers.collections[0].items] == [-1, 2, 10]
    texts = item_collections(from_rows([("1", "10", "b"), ("1", "2", "a")]))
    assert [item.attributes["s"] for item in texts.collections[0].items] == ["10", "2"]
    assert item_collections(from_rows([(7, 1, "x")], "N"), collections=[7]).total_items == 1


def test_binary_keys_are_named_by_bytes_and_shown_as_base64():
    view = item_collections(from_rows([(b"\x00\xff", b"a", "x")], "B"), collections=[b"\x00\xff"])
    (key,) = (cell for cell in page(view).iter("th") if cell.get("scope") == "rowgroup")
    assert key.text == "base64 AP8="


def test_everything_that_comes_from_items_is_escaped():
    nasty = "<script>alert(1)</script>&\"'"
    view = item_collections(from_rows([(nasty, nasty, nasty)]))
    assert list(page(view).iter("script")) == []
    assert nasty in "".join(page(view).itertext())


def test_a_long_value_is_cut_and_says_how_long_it_is_while_keys_are_shown_longer():
    view = item_collections(from_rows([("k" * 60, "s" * 40, "x" * 300_000)]))
    shown = "".join(page(view).itertext())
    assert f"{'x' * VALUE}… (300,000 characters)" in shown and "s" * 40 in shown and "k" * 60 in shown
    assert shown_value(b"x" * 1000).endswith("… (1,000 bytes)")


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        ("", ""),
        ("x" * 45, "x" * 45),  # cut, it would be no shorter
        ("x" * 46, f"{'x' * 28}… (46 characters)"),
        (Decimal("1.50"), "1.50"),
        (True, "true"),
        (None, "null"),
        ({"b", "a"}, "{a, b}"),
        ({"n": Decimal(2), "b": b"x"}, '{"n": 2, "b": "base64 eA=="}'),
    ],
)
def test_a_value_is_shown_as_people_read_it(value, shown):
    assert shown_value(value) == shown


def test_many_attributes_and_many_collections_keep_the_page_small():
    names = [f"attribute_{n:03}" for n in range(90)]
    text = f"""\
tables: {{Tab: {{partition_key: k}}}}
fields: {{k: {{count: 2_000}}}}
entities: {{Wide: {{attributes: {{{", ".join(f"{name}: text(60)" for name in names)}}}}}}}
"""
    view = item_collections(items(text), collections=500)
    drawn = page(view)
    assert "… 80 more" in "".join(next(drawn.iter("tbody")).itertext()) and len(names) - ATTRIBUTES == 80
    bodies = list(drawn.iter("tbody"))
    assert f"{500 - len(bodies)} not drawn, to keep this small" in "".join(drawn.itertext())
    assert sum(len(ElementTree.tostring(body)) for body in bodies) > HTML_BYTES // 2


def test_a_table_without_items_says_so():
    view = item_collections(items("tables: {Empty: {partition_key: k, key_types: {k: S}}}"))
    assert repr(view) == "<ItemCollections Empty: no items>"
    assert view.collections == () and view.to_frame().empty and list(page(view).iter("tbody")) == []


def test_a_frame_has_a_line_per_item_and_keeps_an_attribute_that_is_called_like_a_column_of_its_own():
    text = """\
tables: {Tab: {partition_key: k}}
fields: {k: {count: 2}}
entities: {Thing: {attributes: {entity: text(5), size: 1..9}}}
"""
    frame = item_collections(items(text)).to_frame()
    assert list(frame.columns) == ["k", "entity_", "entity", "size", "item_bytes"] and len(frame) == 2
    # AWS, capacity-unit-calculations: names and values, a number of two digits at most two bytes
    one = frame.iloc[0]
    assert one.item_bytes == len("k") + len(str(one.k)) + len("entity") + 5 + len("size") + 2


@pytest.mark.parametrize(
    ("asked", "message"),
    [
        ({"table": "Tabel"}, r"no table 'Tabel'; its tables are Board"),
        ({"index": "byX"}, r"table Board has no index 'byX'; it has none"),
        ({"collections": ["PROJECT#x"]}, r"no item has the partition key 'PROJECT#x'; the first are PROJECT#p-"),
        ({"collections": "PROJECT#x"}, r"is one key: give a list of keys, \['PROJECT#x'\]"),
        ({"collections": 0}, r"collections=0: a whole number from 1"),
        ({"per_collection": 1.5}, r"per_collection=1.5: a whole number from 1"),
    ],
)
def test_what_is_not_there_is_named_with_what_is(asked, message):
    with pytest.raises(ValueError, match=message):
        item_collections(items(BOARD), **asked)


def test_a_design_is_shown_with_the_items_that_are_generated_from_it():
    assert item_collections(design(BOARD)).collections == item_collections(items(BOARD)).collections


def test_of_several_tables_one_must_be_named():
    two = items("tables: {One: {partition_key: k, key_types: {k: S}}, Two: {partition_key: k, key_types: {k: S}}}")
    with pytest.raises(ValueError, match=r"t has 2 tables: name one of One, Two"):
        item_collections(two)
