"""Items as text: what goes to an engine is, column kind by column kind, what the dictionaries would have been."""

import doctest
import json
from decimal import Decimal
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.conftest import DESIGNS
from tests.designs import items
from workbench import limits, wire
from workbench.columns import Pooled, constant
from workbench.descriptors import to_item
from workbench.designfile import load_design
from workbench.entities import EntityItems
from workbench.items import generate_items
from workbench.schema import Table
from workbench.wire import item_texts, put_batches


def test_the_examples_in_the_docstrings_run():
    assert doctest.testmod(wire).failed == 0


def plain(item: dict[str, Any]) -> Any:
    """DynamoDB JSON as it is sent: binary as base64."""
    return json.loads(json.dumps(to_item(item), default=wire._base64))


@pytest.mark.parametrize("path", sorted(DESIGNS.glob("*.yaml")), ids=lambda path: path.stem)
def test_the_text_of_every_shipped_designs_items_is_that_of_their_dictionaries(path):
    for entity in generate_items(load_design(path)).entities.values():
        index = np.arange(0, len(entity), max(1, len(entity) // 300))
        assert [json.loads(text) for text in item_texts(entity, index)] == [plain(i) for i in entity.take(index)]


def test_every_kind_of_value_is_written():
    made = items("""
fields:
  a: {count: 40, format: "ä-{:03}"}
entities:
  Thing:
    key: {PK: 'A"\\\\%s#{a}', SK: "100% {a}"}
    attributes:
      b: binary(9)
      c: 0.50..99.99
      d: {set: [a, "ü", c], length: 1..3}
      e: {set: 1..9, length: 1..3}
      f: {list: {map: {product: word, open: boolean}}, length: 0..3}
      g: {type: integer, present: 30%}
      h: {choice: [1, two, 2.5], present: 50%}
      i: epoch
      j: timestamp_ms
      k: ulid
      l: text(20)
      m: {value: "%d \\"quoted\\" \\n"}
      n: {map: {x: integer, y: {type: word, present: 50%}}}
    size: 700 B
""")
    thing = made.entities["Thing"]
    index = np.arange(len(thing))
    assert [json.loads(text) for text in item_texts(thing, index)] == [plain(item) for item in thing.take(index)]
    assert item_texts(thing, index[:0]) == []


values = st.recursive(
    st.text(st.characters(exclude_categories=["Cs"]), max_size=8)
    | st.integers(-(10**37), 10**37)
    | st.decimals(-1000, 1000, places=3)
    | st.booleans()
    | st.none()
    | st.binary(max_size=5)
    | st.frozensets(st.integers(0, 9), min_size=1),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text("a%{}\"'", max_size=4), inner, max_size=3),
    max_leaves=6,
)


@given(st.lists(st.tuples(values, st.booleans()), min_size=1, max_size=8), st.text('ab%s{}"\\ü', min_size=1))
def test_whatever_the_values_and_names_the_text_reads_back_as_the_item(cells, name):
    count, there = len(cells), np.array([present for _, present in cells])
    columns = {
        name: Pooled(there, [value for value, _ in cells], np.arange(count)),
        "key": constant("k", count),
    }
    made = EntityItems("E", Table(partition_key="key"), count, columns, {}, {})
    index = np.arange(count).repeat(2)
    assert [json.loads(text) for text in item_texts(made, index)] == [plain(item) for item in made.take(index)]


def test_a_number_is_written_without_an_exponent():
    assert wire.wire_text(Decimal("1E+2")) == '{"N":"100"}'


def test_bodies_put_25_items_each_and_all_of_them_once_in_order():
    thing = items("fields: {a: {count: 2_345}}\nentities: {Thing: {key: {PK: '{a}', SK: S}}}").entities["Thing"]
    index = np.arange(len(thing))[::-1]
    bodies = [(json.loads(body), count) for body, count in put_batches('T"x', thing, index)]
    assert [count for _, count in bodies] == [25] * 93 + [20]
    put = [member["PutRequest"]["Item"] for body, _ in bodies for member in body["RequestItems"]['T"x']]
    assert put == [plain(item) for item in thing.take(index)]


def test_items_of_400_kb_are_written_a_batch_at_a_time():
    made = items("fields: {a: {count: 60}}\nentities: {Thing: {key: {PK: '{a}', SK: S}, size: 390 KB}}")
    lengths = [len(body) for body, _ in put_batches("T", made.entities["Thing"], np.arange(60))]
    assert len(lengths) == 3
    assert max(lengths) < 16 * limits.MB  # AWS: API_BatchWriteItem
    assert [len(block) for block in wire._blocks(made.entities["Thing"], np.arange(60))] == [25, 25, 10]
