"""Laws of generated items: the same bytes each time, unique keys, true sizes, values within their domains."""

import hashlib
import os
import re
import subprocess
import sys
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.designs import BOARD, SHIPPED, SHIPPED_DESIGNS, as_yaml, changed, design, items, rows
from workbench import limits
from workbench.defaults import DEFAULT_NOW
from workbench.descriptors import to_item
from workbench.design import key_template
from workbench.designfile import load_design, parse_design
from workbench.domains import Domain
from workbench.fields import drawn, field_values
from workbench.identity import key_types
from workbench.items import Items, generate_items
from workbench.sizes import item_size

ROOT = Path(__file__).parent.parent
DIGEST = """
import hashlib, sys
from workbench.designfile import parse_design
from workbench.items import generate_items
from workbench.descriptors import to_item
items = generate_items(parse_design(sys.stdin.read()), seed=7)
made = [to_item(item) for entity in items.entities.values() for item in entity.take(range(len(entity)))]
print(hashlib.sha256(repr(made).encode()).hexdigest())
"""
EVERYTHING = """
fields:
  id: {count: 40, format: "i-{:03}"}
  other: {of: id}
  day: {per: id, count: 3, type: date(-9d..now)}
entities:
  E:
    key: {PK: "{id}", SK: "{day}"}
    size: lognormal(400..900)
    attributes:
      n: 0.50..99.99
      g: lognormal(5..50)
      p: poisson(3)
      b: binary(9)
      u: uuid
      k: ksuid
      f: boolean
      s: {set: [a, b, c, d], length: 0..3}
      l: {list: {map: {x: word, y: "{other}"}}, length: 0..3}
      c: {choice: {A: 20%, B: 80%}, present: 60%}
      at: timestamp(-9d..now)
      until: epoch(at + 1d)
      mail: {type: email, present: {c: A}}
      shard: shard(4 of u)
"""


def digest(made: Items) -> str:
    found = [to_item(item) for entity in made.entities.values() for item in entity.take(range(len(entity)))]
    return hashlib.sha256(repr(found).encode()).hexdigest()


@pytest.fixture(scope="session")
def shipped() -> dict[str, Items]:
    return {path.stem: generate_items(load_design(path)) for path in sorted(SHIPPED.glob("*.yaml"))}


# The same each time


def test_the_same_design_seed_and_clock_give_the_same_items():
    assert digest(items(EVERYTHING, seed=7)) == digest(items(EVERYTHING, seed=7))


def test_another_seed_gives_other_items():
    assert digest(items(EVERYTHING, seed=7)) != digest(items(EVERYTHING, seed=8))


def test_another_clock_moves_the_times_and_nothing_else():
    one, other = rows(items(EVERYTHING), "E"), rows(items(EVERYTHING, now=DEFAULT_NOW + 86_400), "E")
    times = ("SK", "at", "until", "k")
    assert [[v for n, v in item.items() if n not in times] for item in one] == [
        [v for n, v in item.items() if n not in times] for item in other
    ]
    assert {b["until"] - a["until"] for a, b in zip(one, other, strict=True)} == {86_400}


@pytest.mark.parametrize("hash_seed", ["0", "1"])
def test_a_fresh_process_gives_the_same_bytes_whatever_its_hash_seed(hash_seed):
    text = "name: t\ntables: {Tab: {partition_key: PK, sort_key: SK}}\n"
    text += "access_patterns: {read: {operation: Scan, table: Tab}}\n"
    done = subprocess.run(
        [sys.executable, "-c", DIGEST],
        input=text + EVERYTHING,
        env={**os.environ, "PYTHONHASHSEED": hash_seed},
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    assert done.stdout.strip() == digest(items(EVERYTHING, seed=7))


def test_the_default_clock_is_fixed():
    assert datetime.fromtimestamp(DEFAULT_NOW, UTC).isoformat() == "2026-01-01T00:00:00+00:00"


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("      u: uuid\n", "      u: uuid\n      added: email\n"),
        ("fields:\n", "fields:\n  added: {count: 9}\n"),
        ("entities:\n", 'entities:\n  Added: {key: {PK: "A#{id}", SK: A}, attributes: {n: 1..9}}\n'),
    ],
)
def test_adding_a_field_an_attribute_or_an_entity_changes_no_other_value(old, new):
    text = EVERYTHING.replace("    size: lognormal(400..900)\n", "")  # what an attribute adds, the filler lacks
    found = rows(items(changed(old, new, text)), "E")
    kept = [{name: value for name, value in item.items() if name != "added"} for item in found]
    assert kept == rows(items(text), "E")


# Keys and sizes


@pytest.mark.parametrize("name", SHIPPED_DESIGNS)
def test_primary_keys_of_the_shipped_designs_are_unique(shipped, name):
    for table in shipped[name].design.tables.values():
        seen: set[tuple] = set()
        for entity in shipped[name].in_table(table.name):
            keys = zip(*(entity.columns[a].take(np.arange(len(entity))) for a in table.key_attributes), strict=True)
            before = len(seen)
            seen |= set(keys)
            assert len(seen) - before == len(entity)


@pytest.mark.parametrize("name", SHIPPED_DESIGNS)
def test_random_items_agree_with_their_size_and_their_key_templates(shipped, name):
    made = shipped[name]
    rng = np.random.default_rng(3)
    for entity in made.entities.values():
        index = rng.integers(0, len(entity), min(300, len(entity)))
        domains = made.design.domains_of(entity.name)
        for item, size in zip(entity.take(index), entity.sizes[index], strict=True):
            assert item_size(item) == item_size(to_item(item)) == size <= limits.ITEM_BYTES
            for attribute in entity.table.key_attributes:
                template = key_template(domains[attribute], attribute) if attribute in domains else None
                assert template is None or template.match(str(item[attribute])) is not None


def test_items_of_every_kind_agree_with_their_size():
    entity = items(EVERYTHING).entities["E"]
    assert [item_size(item) for item in entity.take(range(len(entity)))] == entity.sizes.tolist()


def test_keys_have_the_types_that_tables_are_created_with(shipped):
    for made in shipped.values():
        for table in made.design.tables.values():
            types = key_types(made.design, table.name)
            first = [to_item(item) for entity in made.in_table(table.name) for item in entity.take([0])]
            tags = [(name, tag) for item in first for name in types.keys() & item.keys() for tag in item[name]]
            assert dict(tags) == types and set(tags) == types.items()


def test_values_have_the_dynamodb_type_of_their_domain():
    wire = [to_item(item) for item in rows(items(EVERYTHING), "E")]
    tags = {name: {next(iter(item[name])) for item in wire if name in item} for name in set().union(*wire)}
    texts = dict.fromkeys(("PK", "SK", "u", "k", "c", "at", "mail", "filler"), "S")
    numbers = dict.fromkeys(("n", "g", "p", "until", "shard"), "N")
    assert tags == {
        name: {tag} for name, tag in {**texts, **numbers, "b": "B", "f": "BOOL", "s": "SS", "l": "L"}.items()
    }


def test_an_item_is_padded_to_its_size_and_never_cut():
    made = items(
        'fields: {id: {count: 5}}\nentities: {E: {key: {PK: "{id}", SK: S}, size: 1 KB, attributes: {t: text(30)}},'
        ' F: {key: {PK: "{id}", SK: T}, size: 20, attributes: {t: text(30)}}}\n'
    )
    assert made.entities["E"].sizes.tolist() == [1024] * 5
    assert {"filler" in item for item in rows(made, "E")} == {True}
    assert {"filler" in item for item in rows(made, "F")} == {False}


def test_an_item_of_exactly_400_kb_is_made_and_one_byte_more_is_refused():
    # Constraints.html: an item has at most 400 KB, names included.
    def text(size: int) -> str:
        entity = {"key": {"PK": "{id}", "SK": "S"}, "attributes": {"t": f"text({size})"}}
        return as_yaml({"fields": {"id": {"count": 1}}, "entities": {"E": entity}})

    room = limits.ITEM_BYTES - item_size({"PK": "1", "SK": "S", "t": ""})
    assert items(text(room)).entities["E"].sizes.tolist() == [limits.ITEM_BYTES]
    with pytest.raises(ValueError, match=r"entity E: an item of 409,601 bytes; DynamoDB's limit is 409,600 \(400 KB\)"):
        items(text(room + 1))


@pytest.mark.parametrize(("attribute", "most"), [("PK", 2048), ("SK", 1024)])
def test_a_key_that_is_too_long_is_refused(attribute, most):
    # Constraints.html: 2,048 bytes for a partition key, 1,024 for a sort key.
    def text(size: int) -> str:
        key = {"PK": "{id}", "SK": "{id}", attribute: "x" * (size - 2) + "{id}"}
        return as_yaml({"fields": {"id": {"count": 10}}, "entities": {"E": {"key": key}}})

    assert len(items(text(most))) == 10
    with pytest.raises(ValueError, match=f"entity E: key attribute {attribute} has {most + 1:,} bytes; "):
        items(text(most + 1))


# How many, and how they belong together


@pytest.mark.parametrize(
    ("fields", "key", "more", "count"),
    [
        ("a: {count: 7}", '{PK: "{a}", SK: X}', "", 7),
        ("a: {count: 7}, b: {per: a, count: 3}", '{PK: "{a}", SK: "{b}"}', "", 21),
        ("a: {count: 7}, b: {per: a, count: 3}, c: {per: b, count: 2}", '{PK: "{a}#{b}", SK: "{c}"}', "", 42),
        ("a: {count: 7}, b: {per: a, count: 3, type: uuid}", '{PK: "{b}", SK: X}', "", 21),
        ("a: {count: 7}, b: {count: 5}", '{PK: "{a}", SK: "{b}"}', "items: all", 35),
        ("a: {count: 7}, b: {count: 5}", '{PK: "{a}", SK: "{b}"}', "items: 12", 12),
        ("a: {count: 7}, b: {count: 5}", '{PK: "{a}", SK: "{b}"}', "items: 34", 34),
        ("a: {count: 7, popularity: zipf(3)}, b: {count: 5}", '{PK: "{a}", SK: "{b}"}', "items: 17", 17),
        ("a: {count: 7}, b: {of: a}", '{PK: "{a}", SK: "{b}"}', "items: 20", 20),
        ("a: {choice: [x, y, z]}, b: {per: a, count: 2}", '{PK: "{a}", SK: "{b}"}', "", 6),
        ("a: {count: all, type: 1..6}", '{PK: "{a}", SK: X}', "", 6),
        ("a: {count: all, type: date(-6d..now)}", '{PK: "{a}", SK: X}', "", 7),
        ("a: {count: all, type: shard(10)}, b: {count: 3}", '{PK: "{b}#{a}", SK: X}', "items: all", 30),
        ("a: {count: 3}", "{PK: X, SK: Y}", "", 1),
    ],
)
def test_an_entity_has_one_item_for_each_combination_of_its_identity_fields(fields, key, more, count):
    text = f"fields: {{{fields}}}\nentities: {{E: {{key: {key}, {more}}}}}\n"
    made = items(text)
    assert len(made) == len({(item["PK"], item["SK"]) for item in rows(made, "E")}) == count


def test_a_child_belongs_to_one_parent_and_draws_vary():
    made = rows(
        items(
            'fields: {a: {count: 300}, b: {per: a, count: 1..5, type: uuid}}\nentities: {E: {key: {PK: "{a}", '
            'SK: "{b}"}, attributes: {of: "{a}"}}}'
        ),
        "E",
    )
    children = {}
    for item in made:
        children.setdefault(item["PK"], set()).add(item["SK"])
        assert item["of"] == item["PK"]
    assert {len(found) for found in children.values()} == {1, 2, 3, 4, 5}
    assert sum(len(found) for found in children.values()) == len({item["SK"] for item in made})


def test_within_an_item_a_field_has_one_value_wherever_it_is_named():
    text = """
fields: {a: {count: 50}, who: name, at: timestamp}
entities:
  E:
    key: {PK: "{a}", SK: "{who}"}
    attributes:
      {x: "{who}", y: "by {who}", z: {map: {w: "{who}", who: }}, l: {list: "{who}", length: 2}, at: , later: date(at)}
"""
    for item in rows(items(text), "E"):
        who = item["SK"]
        assert (item["x"], item["y"], item["z"], item["l"]) == (who, f"by {who}", {"w": who, "who": who}, [who, who])
        assert item["later"] == item["at"][:10]


def test_another_role_is_drawn_from_the_same_values_and_anew_in_each_element():
    text = """
fields: {a: {count: 5, format: "a{}"}, b: {of: a}, w: word, v: {of: w}}
entities:
  E:
    key: {PK: "{a}", SK: X}
    attributes: {b: , c: {of: a}, l: {list: {of: a}, length: 40}, v: , d: [p, q], e: {of: d}}
"""
    made = rows(items(text), "E")
    names = {f"a{i}" for i in range(1, 6)}
    assert {item["b"] for item in made} | {item["c"] for item in made} <= names
    assert all(set(item["l"]) == names for item in made)
    assert {item["e"] for item in made} <= {"p", "q"}


def test_a_role_may_have_a_popularity_of_its_own():
    made = rows(
        items(
            'fields: {a: {count: 50}, b: {of: a, popularity: latest}}\nentities: {E: {key: {PK: "{a}", SK: X}, '
            "attributes: {b: , c: {of: a, popularity: top(100%)}}}}"
        ),
        "E",
    )
    assert {(item["b"], item["c"]) for item in made} == {("50", "01")}


def test_shares_of_a_choice_are_shares_of_items():
    made = rows(
        items(
            'fields: {a: {count: 20_000}}\nentities: {E: {key: {PK: "{a}", SK: X}, attributes: {s: {choice: {A: 70%, '
            "B: 30%, C: 0%}}}}}"
        ),
        "E",
    )
    counts = {value: sum(item["s"] == value for item in made) / len(made) for value in "ABC"}
    # A sample of n has a share within 4 standard deviations, sqrt(p (1 - p) / n), of p.
    assert counts == pytest.approx({"A": 0.7, "B": 0.3, "C": 0}, abs=4 * (0.21 / 20_000) ** 0.5)


def test_sparse_attributes_are_absent_by_share_or_by_the_value_of_another():
    text = """
fields: {a: {count: 4000}, who: {type: name, present: 50%}}
entities:
  E:
    key: {PK: "{a}", SK: X}
    attributes:
      s: [A, B, C]
      t: {type: 1..9, present: 25%}
      u: {value: "{s}!", present: {s: A}}
      v: {value: 1, present: {s: [A, B]}}
      w: "{who}"
      who:
      x: {type: 1..9, present: {s: A, t: 5}}
"""
    made = rows(items(text), "E")
    share = 4 * (0.25 / 4000) ** 0.5
    assert sum("t" in item for item in made) / 4000 == pytest.approx(0.25, abs=share)
    assert sum("w" in item for item in made) / 4000 == pytest.approx(0.5, abs=share)
    for item in made:
        assert item.get("u") == ("A!" if item["s"] == "A" else None)
        assert ("v" in item) == (item["s"] != "C")
        assert item.get("w") == item.get("who")
        assert ("x" in item) == (item["s"] == "A" and item.get("t") == 5)


def test_an_item_without_a_key_attribute_of_an_index_is_not_in_it():
    text = """
tables: {Tab: {partition_key: id, gsi: {Sparse: {partition_key: flag, sort_key: at}}}}
fields: {id: {count: 100}, at: timestamp}
entities: {E: {attributes: {at: , flag: {value: Y, present: 20%}}}}
"""
    made = items(text)
    entity = made.entities["E"]
    there = entity.key_codes(("flag", "at")) >= 0
    assert there.tolist() == ["flag" in item for item in rows(made, "E")] and 0 < there.sum() < 100


def test_lists_and_sets_have_their_lengths_and_no_set_is_empty():
    text = """
fields: {a: {count: 300}}
entities:
  E:
    key: {PK: "{a}", SK: X}
    attributes:
      l: {list: 1..9, length: 0..3}
      s: {set: [a, b, c], length: 0..3}
      n: {set: 1..5, length: 5}
      few: {set: {choice: {a: 100%, b: 0%}}, length: 2}
      deep: {list: {list: {map: {z: text(2)}}, length: 2}, length: 1..2}
"""
    made = rows(items(text), "E")
    assert {len(item["l"]) for item in made} == {0, 1, 2, 3}
    assert {len(item.get("s", ())) for item in made} == {0, 1, 2, 3} and all("s" not in i or i["s"] for i in made)
    assert {frozenset(item["n"]) for item in made} == {frozenset(range(1, 6))}
    assert {frozenset(item["few"]) for item in made} == {frozenset("a")}
    assert {len(inner) for item in made for inner in item["deep"]} == {2}


# Values keep to their domains

WORDS = ("timestamp", "timestamp_ms", "epoch", "epoch_ms", "month", "date", "hour", "minute")
BUCKETS = {"month": 31 * 86_400, "date": 86_400, "hour": 3600, "minute": 60}


@given(
    st.tuples(st.integers(0, 400), st.integers(0, 400)).map(sorted),
    st.sampled_from(WORDS),
    st.integers(1_500_000_000, 1_900_000_000),
)
def test_times_stay_within_their_span(span, word, now):
    nearer, further = span
    low, high = now - further * 86_400, now - nearer * 86_400
    domain = Domain.model_validate({"type": f"{word}(-{further}d..-{nearer}d)", "count": 40})
    counted = field_values(domain, 1, 7, "f", now).column
    written = counted.take(np.arange(len(counted)))
    assert len(set(written)) == len(written) == min(40, domain.cardinality)
    written += drawn(domain, 40, np.random.default_rng(1), 7, now).take(np.arange(40))
    for value in written:
        seconds = as_seconds(value, word)
        assert low - BUCKETS.get(word, 1) < seconds <= high
        assert seconds >= low or as_text(low, word) == value


def as_seconds(value, word) -> float:
    if word in ("epoch", "epoch_ms"):
        return value / (1000 if word == "epoch_ms" else 1)
    pad = {"month": "-01T00:00:00", "date": "T00:00:00", "hour": ":00:00", "minute": ":00"}.get(word, "")
    return datetime.fromisoformat(value.removesuffix("Z") + pad).replace(tzinfo=UTC).timestamp()


def as_text(seconds: int, word: str) -> str:
    length = {"month": 7, "date": 10, "hour": 13, "minute": 16}.get(word, 19)
    return datetime.fromtimestamp(seconds, UTC).isoformat()[:length]


@settings(max_examples=40)
@given(st.integers(-500, 500), st.integers(0, 500), st.integers(0, 2), st.integers(1, 60))
def test_numbers_stay_within_their_range_and_are_distinct_where_they_are_counted(low, width, digits, count):
    low, high = Decimal(low).scaleb(-digits), Decimal(low + width).scaleb(-digits)
    text = f"""
fields: {{id: {{count: {min(count, width + 1)}, type: {low:f}..{high:f}}}, n: {low:f}..{high:f}}}
entities: {{E: {{key: {{PK: X, SK: "{{id}}"}}, attributes: {{n: , t: "{{id}}"}}}}}}
"""
    made = rows(items(text), "E")
    assert all(low <= item["n"] <= high and low <= item["t"] <= high for item in made)
    assert len({item["t"] for item in made}) == len(made) == min(count, width + 1)


PATTERNS = {
    "uuid": r"[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}",  # RFC 9562
    "uuid7": r"[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}",
    "ulid": r"[0-7][0-9A-HJKMNP-TV-Z]{25}",  # github.com/ulid/spec
    "ksuid": r"[0-9A-Za-z]{27}",  # github.com/segmentio/ksuid
    "email": r"[^@\s]+@[^@\s]+",
    "ip": r"\d+\.\d+\.\d+\.\d+",
    "url": r"https?://.+",
    "timestamp": r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ",
    "timestamp_ms": r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z",
    "month": r"\d{4}-\d\d",
    "hour": r"\d{4}-\d\d-\d\dT\d\d",
    "text(7)": r".{7}",
}


@pytest.mark.parametrize("word", PATTERNS)
def test_a_type_word_writes_its_values_so(word):
    text = (
        f'fields: {{a: {{count: 30}}}}\nentities: {{E: {{key: {{PK: "{{a}}", SK: X}}, attributes: {{v: "{word}"}}}}}}'
    )
    assert all(re.fullmatch(PATTERNS[word], item["v"]) for item in rows(items(text), "E"))


@pytest.mark.parametrize("word", ["uuid7", "ulid", "ksuid", "timestamp", "epoch", "1..9999", None])
def test_what_rises_with_time_rises_with_its_rank(word):
    kind = f", type: {word}" if word else ""
    made = rows(
        items(
            f"fields: {{a: {{count: 500{kind}}}}}\n"
            'entities: {E: {key: {PK: X, SK: "{a}"}, attributes: {v: "{a}"}}}'
        ),
        "E",
    )
    values = [item["v"] for item in made]
    assert values == sorted(values) and len(set(values)) == 500


def test_the_times_in_identifiers_are_before_the_clock():
    made = rows(
        items('fields: {a: {count: 99, type: ulid}}\nentities: {E: {key: {PK: X, SK: "{a}"}, attributes: {u: uuid7}}}'),
        "E",
    )
    digits = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
    ulids = [sum(digits.index(c) * 32 ** (9 - i) for i, c in enumerate(item["SK"][:10])) for item in made]
    uuids = [int(item["u"].replace("-", "")[:12], 16) for item in made]
    span = 30 * 86_400_000
    assert all(DEFAULT_NOW * 1000 - span <= ms <= DEFAULT_NOW * 1000 for ms in ulids + uuids)


@pytest.mark.parametrize("word", ["name", "email", "city", "word", "url", "ip", "text(4)", "binary(4)", "integer"])
def test_many_values_of_any_type_are_distinct(word):
    made = rows(
        items(
            f'tables: {{Tab: {{partition_key: a}}}}\nfields: {{a: {{count: 2500, type: "{word}"}}}}\nentities: {{E: }}'
        ),
        "E",
    )
    assert len({item["a"] for item in made}) == 2500


def test_formats_write_numbers_and_types():
    text = """
fields: {a: {count: 12, format: "p-{:04}"}, b: {count: 12, type: 1..99, format: "{:03}!"}}
entities:
  E: {key: {PK: "{a}", SK: X}, attributes: {x: {type: 0.50..9.99, format: "EUR {}"}, y: "{b:6}|"}}
"""
    text = text.replace("entities:", 'entities:\n  F: {key: {PK: "B{b}", SK: Y}}')
    made = items(text)
    assert [item["PK"] for item in rows(made, "E")] == [f"p-{i:04}" for i in range(1, 13)]
    assert all(re.fullmatch(r"B\d{3}!", item["PK"]) for item in rows(made, "F"))
    assert all(re.fullmatch(r"EUR \d\.\d\d", i["x"]) and re.fullmatch(r"\d{3}!  \|", i["y"]) for i in rows(made, "E"))


def test_a_calculated_shard_follows_from_its_field_and_is_crc32_modulo():
    made = rows(
        items(
            'fields: {v: {count: 200}, s: shard(10 of v), r: shard(4)}\nentities: {E: {key: {PK: "{s}", SK: "{v}"}, '
            "attributes: {r: }}}"
        ),
        "E",
    )
    # The same everywhere, so that an application can calculate it: zlib's CRC-32 of the text.
    from zlib import crc32

    assert all(item["PK"] == crc32(item["SK"].encode()) % 10 for item in made)
    assert {item["r"] for item in made} == {0, 1, 2, 3}


# What a pattern creates


def test_created_items_have_new_keys_their_new_values_and_the_present_time():
    text = """
fields: {a: {count: 9, popularity: top(100%)}, b: {per: a, count: 2, type: ulid}}
entities:
  E:
    key: {PK: "{a}", SK: "{b}"}
    attributes:
      s: {choice: {OPEN: 50%, DONE: 50%}, new: OPEN}
      at: timestamp(-9d..now)
      old: timestamp(-9d..-8d)
      until: epoch(at + 1d)
      by: {type: name, new: "a{a}"}
"""
    made = items(text)
    existing = {(item["PK"], item["SK"]) for item in rows(made, "E")}
    created = made.new("E", 50, np.random.default_rng(1)).take(range(50))
    assert len({(item["PK"], item["SK"]) for item in created} | existing) == len(existing) + 50
    assert {(i["PK"], i["s"], i["at"], i["until"], i["by"]) for i in created} == {
        ("1", "OPEN", "2026-01-01T00:00:00Z", DEFAULT_NOW + 86_400, "a1")
    }
    assert all("2025-12-23" <= item["old"][:10] <= "2025-12-24" for item in created)
    assert min(item["SK"] for item in created) > max(key for _, key in existing)


def test_created_running_numbers_go_on_after_those_that_exist():
    made = items('fields: {a: {count: 1}, b: {per: a, count: 3}}\nentities: {E: {key: {PK: "{a}", SK: "{b}"}}}')
    assert [item["SK"] for item in made.new("E", 3, np.random.default_rng(1)).take(range(3))] == ["4", "5", "6"]


# What cannot be generated


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            'fields: {a: {count: 9}, b: {per: a, count: poisson(0.001)}}\nentities: {E: {key: {PK: "{a}", SK: "{b}"}}}',
            "field b has no values: none of 9 draws of poisson(0.001) gave one; raise it",
        ),
    ],
)
def test_what_cannot_be_generated_is_said(text, message):
    with pytest.raises(ValueError) as error:
        items(text)
    assert str(error.value) == message


def test_items_tell_what_they_are():
    made = items('fields: {a: {count: 5}}\nentities: {E: {key: {PK: "{a}", SK: X}, size: 1 KB}}')
    assert len(made) == 5 and made.summary_line() == "t: 5 items, 0.0 MB, seed 7"
    assert made.to_frame().to_dict("records") == [
        {"entity": "E", "table": "Tab", "items": 5, "mean_bytes": 1024.0, "smallest_bytes": 1024, "largest_bytes": 1024}
    ]
    assert [entity.name for entity in made.in_table("Tab")] == ["E"]


def test_the_board_of_the_tests_is_sound():
    assert len(generate_items(parse_design(BOARD)).entities["Project"]) == 20
    assert design("fields: {PK: {count: 1}, SK: {count: 1}}\nentities: {E: {items: 1}}").name == "t"
