"""Item sizes and units, against the developer guide, captures on the service, closed forms and boto3 as a peer.

Pages named without a host are those of https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/; the
conformance suite is github.com/paritysuite/dynamodb-conformance, recorded on the service.
"""

import base64
import math
from decimal import Decimal

import numpy as np
import pytest
from boto3.dynamodb.types import Binary, TypeSerializer
from hypothesis import given
from hypothesis import strategies as st

from workbench import capacity, numbers, sizes
from workbench.capacity import Units
from workbench.entries import IndexSchema
from workbench.sizes import Refusal

# -- what hypothesis draws ---------------------------------------------------------------------------------------------

integers = st.integers(-(10**38) + 1, 10**38 - 1)
decimals = st.builds(
    lambda digits, power: Decimal(digits).scaleb(power), st.integers(-(10**20), 10**20), st.integers(-100, 80)
)
any_number = integers | decimals
texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
binaries = st.binary(max_size=20)
sets = st.one_of(*(st.frozensets(kind, min_size=1, max_size=4).map(set) for kind in (texts, binaries, any_number)))
values = st.recursive(
    st.none() | st.booleans() | any_number | texts | binaries | sets,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(texts, inner, max_size=4),
    max_leaves=12,
)
items = st.dictionaries(st.text("abcäß", min_size=1, max_size=8), values, max_size=6).map(lambda a: {"pk": "p", **a})
byte_counts = st.integers(0, 500_000)


def wire(item: dict) -> dict:
    """The item as boto3's client takes it, made by boto3 itself."""
    return {name: TypeSerializer().serialize(value) for name, value in item.items()}


def as_json(value):
    """DynamoDB JSON as it stands in a file: binary in base64."""
    if isinstance(value, dict):
        return {name: as_json(inner) for name, inner in value.items()}
    if isinstance(value, list):
        return [as_json(inner) for inner in value]
    return base64.b64encode(bytes(value)).decode() if isinstance(value, bytes | bytearray | Binary) else value


# -- numbers -----------------------------------------------------------------------------------------------------------


def published_number_size(number) -> int:
    """The formula read off accept/reject pairs at the 400 KB gate, eu-west-2, 2026-08-18
    (github.com/nubo-db/dynamodb-conformance, src/item-size.ts): digits either side of the point pair up separately."""
    text = f"{abs(Decimal(number)):f}"
    whole, _, fraction = text.partition(".")
    whole, fraction = whole.lstrip("0"), fraction.rstrip("0")
    whole = whole if fraction else whole.rstrip("0")
    fraction = fraction if whole else fraction.lstrip("0")
    if not whole + fraction:
        return 1
    return 1 + math.ceil(len(whole) / 2) + math.ceil(len(fraction) / 2) + (Decimal(number) < 0)


@given(any_number)
def test_number_size_is_the_published_formula_where_captures_decide(number):
    """Nobody has captured an even count of digits that straddles base 100 (120), nor a negative of 20 pairs."""
    _, digits, power = Decimal(number).as_tuple()
    text = "".join(map(str, digits))
    significant, last = text.strip("0"), power + len(text) - len(text.rstrip("0"))
    if len(significant) <= 36 and not (len(significant) % 2 == 0 and last % 2 == 1):
        assert numbers.number_size(number) == published_number_size(number)


@given(any_number)
def test_number_size_is_the_length_of_its_key_bytes(number):
    assert numbers.number_size(number) == len(numbers.number_key_bytes(number)) <= 21


@given(any_number, any_number)
def test_key_bytes_sort_as_the_numbers_do(one, other):
    """The property that the base-100 encoding exists for (Oracle's NUMBER)."""
    assert (numbers.number_key_bytes(one) < numbers.number_key_bytes(other)) == (one < other)


@given(any_number)
def test_number_text_has_the_same_value_and_reads_back_as_itself(number):
    text = numbers.number_text(number)
    assert Decimal(text) == number
    assert numbers.number_text(text) == text
    assert numbers.number_size(text) == numbers.number_size(number)


@pytest.mark.parametrize(
    ("number", "problem"),
    [
        ("1" * 39, "39 significant digits; at most 38 fit"),
        (int("1" * 39), "39 significant digits; at most 38 fit"),
        ("1E126", "outside the range of numbers, 1E-130 to 9.99E+125"),
        ("1E-131", "outside the range"),
        ("0E126", "outside the range"),  # conformance suite, numberExponent.test.ts, eu-west-2, 2026-10
        ("", "is not a number"),
        (".", "is not a number"),
        ("1_000", "is not a number"),
        ("٣", "is not a number"),
        (" 1", "is not a number"),
        (Decimal("NaN"), "is not a number"),
        (Decimal("Infinity"), "is not a number"),
        (True, "is not a number"),
        (1.5, "is a float"),
    ],
)
def test_what_dynamodb_does_not_take_for_a_number(number, problem):
    """Constraints.html: 38 digits, 1E-130 to 9.99...E+125."""
    with pytest.raises(ValueError, match=problem.replace(".", r"\.").replace("+", r"\+")):
        numbers.number_size(number)


def test_an_integer_too_long_to_be_written_is_refused_at_once():
    for number in (10**5000, -(10**5000), 2**1000):
        with pytest.raises(ValueError, match="outside the range"):
            numbers.number_size(number)


@pytest.mark.parametrize(
    "number", ["1" * 38, "1" * 38 + "0" * 88, "9." + "9" * 37 + "E+125", "1E-130", "0E125", "+5", "5.", ".5"]
)
def test_numbers_at_the_edge_that_dynamodb_takes(number):
    assert 1 <= numbers.number_size(number) <= 21


@given(st.lists(st.integers(-(2**63), 2**63 - 1) | st.integers(-10_000, 10_000), min_size=1))
def test_integer_sizes_are_number_sizes(whole):
    assert numbers.integer_sizes(whole).tolist() == [numbers.number_size(n) for n in whole]


@pytest.mark.parametrize("kind", ["int8", "int16", "int32", "int64", "uint8", "uint64"])
def test_integer_sizes_of_the_lowest_highest_and_round_integers_of_each_type(kind):
    info = np.iinfo(kind)
    whole = [info.min, info.max, 0, 1, 10, 100, *(10**k for k in range(3, 20) if 10**k <= info.max)]
    array = np.array(whole, dtype=kind)
    assert numbers.integer_sizes(array).tolist() == [numbers.number_size(int(n)) for n in array]


def test_integer_sizes_keep_the_shape_and_refuse_floats():
    assert numbers.integer_sizes(np.zeros((2, 3), int)).shape == (2, 3)
    assert numbers.integer_sizes(np.array([], int)).shape == (0,)
    with pytest.raises(TypeError, match="an array of integers, not of float64"):
        numbers.integer_sizes([1.5])


# -- items -------------------------------------------------------------------------------------------------------------


def test_values_weigh_what_the_guide_says():
    """CapacityUnitCalculations.html: UTF-8 bytes, raw binary, 1 for null, boolean; list and map 3, and 1 an element."""
    assert sizes.value_size("ä€") == 5
    assert sizes.value_size(b"\x00\x01") == 2
    assert sizes.value_size(None) == sizes.value_size(True) == 1
    assert sizes.value_size([]) == sizes.value_size({}) == 3
    assert sizes.value_size(["aa", "b"]) == 3 + (1 + 2) + (1 + 1)
    assert sizes.value_size({"aa": "b"}) == 3 + (1 + 2 + 1)
    assert sizes.item_size({"ä": "x"}) == 3


def test_a_set_weighs_its_elements_only():
    """github.com/ExtendDB/extenddb issue 91: the service takes 20,479 numbers of 38 digits, 409,587 bytes."""
    written = {10**37 + n for n in range(1, 30_000) if n % 10}
    item = {"pk": "p", "data": set(sorted(written)[:20_479])}
    assert sizes.item_size(item) == 7 + 20_479 * 20 == 409_587
    assert sizes.size_gate("PutItem", item) is None


def test_a_set_in_a_map_is_taken_for_too_large_near_the_limit():
    """github.com/ExtendDB/extenddb issue 90: the service refuses this item of 409,592 bytes; one report."""
    item = {"pk": "p", "data": {"c": {b"x" * 204_790, b"y" * 204_790}}}
    assert sizes.item_size(item) == 409_592
    assert sizes.size_gate("PutItem", item) == Refusal(
        "ValidationException", "Item size has exceeded the maximum allowed size"
    )


@given(items)
def test_both_formats_have_one_size(item):
    client_format = wire(item)
    assert sizes.item_size(client_format) == sizes.item_size(item)
    assert sizes.item_size(as_json(client_format)) == sizes.item_size(item)


@given(items, st.text("xyz", min_size=1, max_size=5), values)
def test_one_more_attribute_adds_its_name_and_value(item, name, value):
    assert sizes.item_size({**item, name: value}) == sizes.item_size(item) + len(name) + sizes.value_size(value)


def test_types_that_boto3_takes_weigh_the_same():
    class Name(str):
        pass

    assert sizes.value_size(Binary(b"abc")) == sizes.value_size(bytearray(b"abc")) == 3
    assert sizes.value_size(frozenset({"a"})) == sizes.value_size({"a"})
    assert sizes.value_size(("a",)) == sizes.value_size(["a"])
    assert sizes.value_size(Name("abc")) == 3


DEEP = {"n": "leaf"}
for _ in range(30):
    DEEP = {"n": DEEP}


@pytest.mark.parametrize(
    ("item", "message"),
    [
        ({"a": 1.5}, "a: 1.5 is a float; DynamoDB's numbers are decimal: write Decimal('1.5')"),
        ({"a": [{"b": 1.5}]}, "a[0].b: 1.5 is a float; DynamoDB's numbers are decimal: write Decimal('1.5')"),
        ({"a": {1, "x"}}, "a: a set holds only text, only numbers or only binary, not N, S"),
        ({"a": {("x",)}}, "a: a set holds only text, only numbers or only binary, not L"),
        ({"a": set()}, "a: set(): a set cannot be empty; leave the attribute out"),
        ({"a": {"b": "1" * 39, "c": int("1" * 39)}}, f"a.c: '{'1' * 39}' has 39 significant digits; at most 38 fit"),
        ({"a": object}, "a: <class 'object'> is of type type, which DynamoDB has no attribute type for"),
        ({"a": {"deep": DEEP}}, f"a.deep{'.n' * 30}: nested deeper than 32 levels"),
        ({"a": "\ud800"}, "a: 'utf-8' codec can't encode character '\\ud800' in position 0: surrogates not allowed"),
    ],
)
def test_an_attribute_that_dynamodb_does_not_take_is_named_by_its_path(item, message):
    with pytest.raises(ValueError) as caught:
        sizes.item_size({"pk": "p", **item})
    assert str(caught.value) == message


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ({"X": "1"}, "a: 'X' is an unknown type tag; known are S, N, B, BOOL, NULL, L, M, SS, NS, BS"),
        (
            {"L": [{"S": "x"}, {"T": "y"}]},
            "a[1]: 'T' is an unknown type tag; known are S, N, B, BOOL, NULL, L, M, SS, NS, BS",
        ),
        ({"S": "x", "N": "1"}, "a: {'S': 'x', 'N': '1'} is not one type tag with its content, as {'S': 'x'}"),
        ({"L": ["x"]}, "a[0]: 'x' is not one type tag with its content, as {'S': 'x'}"),
        ({"SS": []}, "a: []: a set cannot be empty; leave the attribute out"),
        ({"SS": ["x", 1]}, "a: 1 is not text"),
        ({"N": "1" * 39}, f"a: '{'1' * 39}' has 39 significant digits; at most 38 fit"),
        ({"N": 1.5}, "a: 1.5 is a float; DynamoDB's numbers are decimal: write Decimal('1.5')"),
        ({"S": 1}, "a: 1 is not text"),
        ({"B": 1}, "a: 1 is not binary: bytes, or base64 text in DynamoDB JSON"),
        ({"BOOL": "yes"}, "a: 'yes' is not true or false"),
        ({"M": {"b": {"M": []}}}, "a.b: [] is not the content of a list or map"),
    ],
)
def test_wire_values_that_dynamodb_does_not_take_are_named_by_their_path(value, message):
    with pytest.raises(ValueError) as caught:
        sizes.item_size({"pk": {"S": "p"}, "a": value})
    assert str(caught.value) == message


def test_base64_that_is_none_is_refused():
    with pytest.raises(ValueError, match=r"^a: "):
        sizes.item_size({"pk": {"S": "p"}, "a": {"B": "not base64!"}})


def test_a_value_at_level_32_is_taken():
    """Conformance suite, nestingDepth.test.ts, eu-west-2: a leaf at level 32 is accepted, at 33 refused."""
    assert sizes.item_size({"pk": "p", "a": DEEP}) > 0
    with pytest.raises(ValueError, match="nested deeper than 32 levels"):
        sizes.item_size({"pk": "p", "a": [DEEP]})


# -- what a table takes ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("key", "most"), [("pk", 2048), ("sk", 1024)])
def test_a_key_may_have_so_many_bytes_and_no_more(key, most):
    """Constraints.html: partition key 2,048 bytes, sort key 1,024 bytes."""
    item = {"pk": "p", "sk": "s"}
    capacity.check_item({**item, key: "x" * most}, "pk", "sk")
    with pytest.raises(ValueError, match=f"^{key}: a key value of {most + 1:,} bytes; it may have 1 to {most:,}$"):
        capacity.check_item({**item, key: "x" * (most + 1)}, "pk", "sk")
    with pytest.raises(ValueError, match=f"^{key}: a key value of 0 bytes"):
        capacity.check_item(wire({**item, key: ""}), "pk", "sk")


def test_a_key_is_there_and_is_no_map():
    with pytest.raises(ValueError, match=r"^sk: the key attribute is missing; every item has it$"):
        capacity.check_item({"pk": "p"}, "pk", "sk")
    with pytest.raises(
        ValueError, match=r"^pk: a key attribute is text \(S\), a number \(N\) or binary \(B\), not BOOL$"
    ):
        capacity.check_item({"pk": True}, "pk")


def test_an_item_may_have_400_kb_and_not_a_byte_more():
    """Constraints.html: 400 KB, attribute names included."""
    assert capacity.check_item({"pk": "p", "text": "x" * (409_600 - 7)}, "pk") == 409_600
    with pytest.raises(ValueError, match=r"^item of 409,601 bytes: at most 409,600 fit"):
        capacity.check_item({"pk": "p", "text": "x" * (409_600 - 6)}, "pk")


def test_entries_in_local_indexes_count_towards_the_400_kb():
    """Constraints.html: the item and its entries in local secondary indexes together."""
    by_date = IndexSchema("by-date", "lsi", ("pk", "date"), ("pk", "sk"), "KEYS_ONLY")
    item = {"pk": "p", "sk": "s", "date": "d", "text": "x" * (409_600 - 15)}
    assert capacity.check_item(item, "pk", "sk") == 409_600
    with pytest.raises(ValueError, match=r"^item of 409,600 bytes with its 11 bytes in local indexes: "):
        capacity.check_item(item, "pk", "sk", indexes=[by_date])


@pytest.mark.parametrize(
    ("operation", "refusal"),
    [
        ("PutItem", Refusal("ValidationException", "Item size has exceeded the maximum allowed size")),
        ("BatchWriteItem", Refusal("ValidationException", "Item size has exceeded the maximum allowed size")),
        ("ExecuteStatement INSERT", Refusal("ValidationException", "Item size has exceeded the maximum allowed size")),
        ("TransactWriteItems.Put", Refusal("ValidationException", "Item size has exceeded the maximum allowed size")),
        ("UpdateItem", Refusal("ValidationException", "Item size to update has exceeded the maximum allowed size")),
        (
            "TransactWriteItems.Update",
            Refusal(
                "TransactionCanceledException",
                "Item size to update has exceeded the maximum allowed size",
                "ValidationError",
            ),
        ),
    ],
)
def test_the_size_gate_is_exact_and_worded_by_operation(operation, refusal):
    """Conformance suite, itemSizeBySurface.test.ts, eu-west-2, 2026-08-18."""
    assert sizes.size_gate(operation, 409_600) is None
    assert sizes.size_gate(operation, 409_601) == refusal


def test_in_most_regions_an_update_is_measured_by_its_statement_too():
    """Conformance suite, itemSizeBySurface.test.ts: with a one-byte key and one SET the ceiling is 409,581."""
    key = len("pk") + 1
    for finished, accepted in ((409_581, True), (409_582, False)):
        statement = sizes.update_statement_bytes(finished - key, ["SET"])
        assert (sizes.size_gate("UpdateItem", finished, statement=statement) is None) == accepted
        assert sizes.size_gate("TransactWriteItems.Update", finished, statement=statement) is None


def test_an_operation_that_writes_no_item_has_no_gate():
    with pytest.raises(ValueError, match="'DeleteItem' writes no item"):
        sizes.size_gate("DeleteItem", 1)


# -- reads -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("size", "units"), [(None, 1), (0, 1), (1, 1), (4096, 1), (4097, 2), (8192, 2), (409_600, 100)]
)
def test_a_read_unit_carries_4_kb(size, units):
    """read-write-operations.html: per 4 KB one unit strongly consistent, half eventually, two transactional."""
    assert capacity.read_units(size, consistent=True) == units
    assert capacity.read_units(size) == units / 2
    assert capacity.read_units(size, transactional=True) == units * 2


def test_an_array_of_sizes_is_read_and_written_at_once():
    array = np.array([0, 1, 4096, 4097])
    assert capacity.read_units(array).tolist() == [0.5, 0.5, 0.5, 1.0]
    assert capacity.write_units(None, array).tolist() == [1.0, 1.0, 4.0, 5.0]
    assert capacity.write_units(array, 2000).tolist() == [2.0, 2.0, 4.0, 5.0]


def test_a_query_adds_before_it_rounds():
    """read-write-operations.html: 1,500 items of 64 bytes are 96 KB, 24 units strongly consistent."""
    assert capacity.query_units([64] * 1500, consistent=True) == 24
    assert capacity.query_units([], consistent=True) == 1
    assert capacity.query_units(np.full(1500, 64)) == 12


def test_a_local_index_fetches_each_item_on_its_own():
    """LSI.html: 4 entries of 200 bytes and 4 items of 300 bytes are 20 KB: 5 units, 2.5 eventually consistent."""
    by_date = IndexSchema("by-date", "lsi", ("pk", "date"), ("pk", "sk"), "KEYS_ONLY")
    assert capacity.query_cost([200] * 4, by_date, consistent=True, fetched=[300] * 4) == Units(4, lsi={"by-date": 1})
    assert capacity.query_cost([200] * 4, by_date, fetched=[300] * 4).total == 2.5


def test_a_global_index_has_no_consistent_read():
    """GSI.html: eventual consistency only, and no fetching from the table."""
    by_status = IndexSchema("by-status", "gsi", ("status",), ("pk",))
    assert capacity.query_cost([2000] * 8, by_status) == Units(gsi={"by-status": 2})
    for arguments in ({"consistent": True}, {"fetched": [10]}):
        with pytest.raises(ValueError, match=r"^by-status: a global index has no consistent reads"):
            capacity.query_cost([10], by_status, **arguments)


def test_a_page_ends_with_the_item_that_reaches_1_mb():
    """Query.Pagination.html; a full page of items of 1,042 bytes was seen to cost 128.5 units."""
    first, second = capacity.pages([1042] * 1500)
    assert (len(first), len(second)) == (1007, 493)
    assert capacity.query_units(first) == 128.5
    assert [len(page) for page in capacity.pages([2**20, 1, 2**20 - 1, 1])] == [1, 2, 1]
    assert list(capacity.pages([])) == []


@given(st.lists(byte_counts, min_size=1, max_size=30), st.booleans())
def test_single_reads_cost_at_least_one_query_over_the_same_items(evaluated, consistent):
    apart = sum(capacity.read_units(size, consistent=consistent) for size in evaluated)
    assert apart >= capacity.query_units(evaluated, consistent=consistent)


@given(st.lists(byte_counts, max_size=20), st.integers(0, 20), st.booleans())
def test_splitting_a_batch_changes_nothing(batch, at, transactional):
    def cost(part):
        return sum((Units(capacity.write_units(None, size, transactional=transactional)) for size in part), Units())

    assert cost(batch[:at]) + cost(batch[at:]) == cost(batch)


# -- writes ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("size", "units"), [(None, 1), (0, 1), (1, 1), (1024, 1), (1025, 2), (409_600, 400)])
def test_a_write_unit_carries_1_kb(size, units):
    """read-write-operations.html: one write per 1 KB, two in a transaction."""
    assert capacity.write_units(None, size) == capacity.write_units(size, None) == units
    assert capacity.write_units(None, size, transactional=True) == units * 2
    assert capacity.condition_check_units(size) == units * 2


def test_a_failed_condition_pays_for_the_larger_item():
    """read-write-operations.html: 300 KB in the table, 310 KB to be written: 310 units."""
    assert capacity.write_units(300 * 1024, 310 * 1024) == capacity.write_units(310 * 1024, 300 * 1024) == 310


def test_a_transaction_sent_again_reads():
    """transaction-apis.html, idempotency; captured on eu-west-2, 2026-08-13: 18 write units, then 6 read units."""
    assert capacity.write_units(9010, 8, transactional=True) == 18
    assert capacity.replay_read_units(9010, 8) == capacity.replay_read_units(8, 9010) == 6
    assert capacity.replay_read_units(None, None) == 2


@given(items, st.text("xyz", min_size=1, max_size=5), values, st.booleans())
def test_units_never_fall_when_an_item_grows(item, name, value, transactional):
    grown = {**item, name: value}
    assert capacity.read_units(grown) >= capacity.read_units(item)
    assert capacity.query_units([grown, item]) >= capacity.query_units([item, item])
    for image in (None, item, 5000):
        cost = capacity.write_units(image, item, transactional=transactional)
        assert capacity.write_units(image, grown, transactional=transactional) >= cost


@given(byte_counts, byte_counts)
def test_units_never_fall_when_bytes_grow(one, other):
    small, large = sorted((one, other))
    assert capacity.read_units(small) <= capacity.read_units(large)
    assert capacity.write_units(None, small) <= capacity.write_units(None, large) == capacity.write_units(small, large)


# -- indexes -----------------------------------------------------------------------------------------------------------

BY_STATUS = IndexSchema("by-status", "gsi", ("status",), ("pk",), ("title",))
OPEN = {"pk": "a", "status": "open", "title": "x" * 1500, "note": "n"}


@pytest.mark.parametrize(
    ("before", "after", "units"),
    [
        ({"pk": "a"}, None, 0),
        (None, {"pk": "a"}, 0),
        (None, OPEN, 2),
        (OPEN, None, 2),
        (OPEN, {"pk": "a", "title": "x" * 1500}, 2),
        (OPEN, {**OPEN, "note": "other"}, 0),
        (OPEN, {**OPEN, "title": "y"}, 2),
        ({**OPEN, "title": "y"}, OPEN, 2),
        (OPEN, {**OPEN, "status": "done"}, 4),
        (OPEN, {**OPEN, "status": "done", "title": "y"}, 3),
    ],
)
def test_an_index_write_follows_the_entry(before, after, units):
    """GSI.html, write costs, and captures on eu-west-2, 2026-08-12: github.com/nubo-db/dynoxide."""
    assert capacity.index_write_units(before, after, BY_STATUS) == units
    client = [image and wire(image) for image in (before, after)]
    assert capacity.index_write_units(*client, BY_STATUS) == units
    assert capacity.index_write_units(before, client[1], BY_STATUS) == units
    local = IndexSchema("local", "lsi", BY_STATUS.keys, BY_STATUS.table_keys, BY_STATUS.projection)
    assert capacity.index_write_units(before, after, local) == units


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ({"SS": ["a", "b"]}, {"SS": ["b", "a"]}),
        ({"NS": ["1", "2.0"]}, {"NS": ["2", "1.00"]}),
        ({"N": "1.0"}, {"N": "1"}),
        ({"N": "100"}, {"N": "1E2"}),
        ({"B": "AQI="}, {"B": b"\x01\x02"}),
        ({"L": [{"N": "1.0"}]}, {"L": [{"N": "1"}]}),
        ({"M": {"a": {"SS": ["x", "y"]}, "b": {"NULL": True}}}, {"M": {"b": {"NULL": True}, "a": {"SS": ["y", "x"]}}}),
    ],
)
def test_an_entry_written_another_way_is_the_same_entry(one, other):
    """Captured on eu-west-2, 2026-08-13: the order of a set costs nothing; numbers are stored by value."""
    item = {"pk": {"S": "a"}, "status": {"S": "open"}}
    assert capacity.index_write_units({**item, "title": one}, {**item, "title": other}, BY_STATUS) == 0


@pytest.mark.parametrize(
    ("one", "other"), [(1, True), (0, False), ("1", 1), ("a", b"a"), (["a"], {"a"}), (None, False)]
)
def test_values_of_different_types_are_different(one, other):
    assert capacity.index_write_units({**OPEN, "title": one}, {**OPEN, "title": other}, BY_STATUS) == 1


def test_an_index_of_several_key_attributes_needs_them_all():
    """GSI.DesignPattern.MultiAttributeKeys.html: an item without one of them is not in the index."""
    index = IndexSchema("regional", "gsi", ("country", "city", "day"), ("pk",), "KEYS_ONLY")
    item = {"country": "FR", "pk": "a", "city": "Lyon", "note": "n", "day": 1}
    assert capacity.index_entry(item, index) == {"country": "FR", "pk": "a", "city": "Lyon", "day": 1}
    assert capacity.index_entry(wire(item), index) == wire({"country": "FR", "pk": "a", "city": "Lyon", "day": 1})
    assert capacity.index_entry({"pk": "a", "country": "FR", "city": "Lyon"}, index) is None
    assert capacity.index_entry(None, index) is None


@given(st.none() | items, st.none() | items)
def test_units_of_an_index_are_absent_exactly_when_the_entry_stays(before, after):
    index = IndexSchema("by-a", "gsi", ("a",), ("pk",), ("b",))
    old, new = (capacity.index_entry(image, index) for image in (before, after))
    same = (old and wire(old)) == (new and wire(new))
    cost = capacity.write_cost(before, after, [index])
    if same:
        assert "by-a" not in cost.gsi
    if "by-a" not in cost.gsi:
        assert old == new
    assert set(cost.gsi.values()) != {0.0}
    assert capacity.index_write_units(before, before, index) == 0
    assert capacity.index_write_units(before, after, index) == capacity.index_write_units(after, before, index)


def test_a_transaction_doubles_the_units_of_the_table_only():
    """Captured on eu-west-2, 2026-08-13 (B7): a key move of 1,517 bytes costs 4 on the table and 4 on the index."""
    before = {"pk": "b7", "sk": "1", "gsiPk": "g1", "proj": "x" * 1500}
    index = IndexSchema("gsi-inc", "gsi", ("gsiPk",), ("pk", "sk"), ("proj",))
    cost = capacity.write_cost(before, {**before, "gsiPk": "g9"}, [index], transactional=True)
    assert cost == Units(4, gsi={"gsi-inc": 4})
    assert cost.total == 8


# -- whole operations --------------------------------------------------------------------------------------------------

indexes = st.dictionaries(st.sampled_from("abc"), st.integers(1, 50).map(lambda n: n / 2), max_size=3)
units = st.builds(Units, st.integers(0, 50).map(lambda n: n / 2), indexes, indexes)


@given(units, units, units)
def test_units_add_in_any_order(a, b, c):
    assert a + b == b + a
    assert (a + b) + c == a + (b + c)
    assert a + Units() == a
    assert (a + b).total == a.total + b.total
    assert a * 2 == a + a


def test_an_index_that_consumed_nothing_is_absent():
    """API_ConsumedCapacity.html; captured on the service: the member is missing, not 0."""
    assert capacity.write_cost(OPEN, {**OPEN, "note": "other"}, [BY_STATUS]) == Units(2)
    reply = capacity.consumed_capacity(Units(2), "INDEXES", "UpdateItem", table="Tasks")
    assert reply == {"TableName": "Tasks", "CapacityUnits": 2, "Table": {"CapacityUnits": 2}}


def test_only_transactions_say_what_was_read_and_written():
    """Captured on the service: github.com/ExtendDB/extenddb issue 77, github.com/nubo-db/dynoxide."""
    cost = Units(2, gsi={"g": 1})
    both = {"CapacityUnits": 1, "WriteCapacityUnits": 1}
    assert capacity.consumed_capacity(cost, "INDEXES", "TransactWriteItems") == {
        "CapacityUnits": 3,
        "WriteCapacityUnits": 3,
        "Table": {"CapacityUnits": 2, "WriteCapacityUnits": 2},
        "GlobalSecondaryIndexes": {"g": both},
    }
    assert capacity.consumed_capacity(cost, "TOTAL", "BatchWriteItem") == {"CapacityUnits": 3}
    assert capacity.consumed_capacity(Units(4), "TOTAL", "TransactGetItems") == {
        "CapacityUnits": 4,
        "ReadCapacityUnits": 4,
    }
    again = capacity.consumed_capacity(Units(6), "TOTAL", "TransactWriteItems", replay=True)
    assert again == {"CapacityUnits": 6, "ReadCapacityUnits": 6}
    assert capacity.consumed_capacity(cost, "NONE", "PutItem") is None


def test_a_failed_statement_of_a_batch_is_in_the_total_and_of_no_table_or_index():
    """Captured on eu-west-2, 2026-08-13 (M4): total 3, table 1, index 1."""
    reply = capacity.consumed_capacity(Units(1, gsi={"g": 1}), "INDEXES", "BatchExecuteStatement", failed=1)
    assert reply == {
        "CapacityUnits": 3,
        "Table": {"CapacityUnits": 1},
        "GlobalSecondaryIndexes": {"g": {"CapacityUnits": 1}},
    }


def test_storage_adds_100_bytes_an_item_and_48_more_if_replicated():
    """bp-understanding-billing.html, CapacityUnitCalculations.html."""
    assert capacity.storage_bytes(10, 5000) == 6000
    assert capacity.storage_bytes(10, 5000, global_tables=True) == 6480


def test_every_region_of_a_global_table_pays():
    """global-tables-billing: 150 writes in 2 regions are 300 replicated units; an index pays plain units in each."""
    assert capacity.replicated_units(Units(150), regions=2) == Units(300)
    assert capacity.replicated_units(Units(200, gsi={"g": 200}), regions=2) == Units(400, gsi={"g": 400})


# What is no input


@pytest.mark.parametrize(
    ("item", "message"),
    [
        (["pk"], "['pk'] is not an item: a mapping of attribute names to values"),
        ({"pk": "a", 7: "b"}, "7 is no name of an attribute, which is text of at least one character"),
        ({"pk": "a", "": 1}, "'' is no name of an attribute, which is text of at least one character"),
        ({"pk": {"S": "a"}, "s": {"SS": "abc"}}, "s: 'abc' is not the content of a set"),
        ({"pk": {"S": "a"}, "n": {"NULL": False}}, "n: False is not the content of NULL, which is true"),
        ({"pk": {"S": "a"}, "b": {"BOOL": None}}, "b: None is not true or false"),
    ],
)
def test_what_is_no_item_is_named(item, message):
    with pytest.raises(ValueError) as refused:
        capacity.item_size(item)
    assert str(refused.value) == message


@pytest.mark.parametrize(
    ("schema", "message"),
    [
        (("ByStatus", "gsi", "status", ("pk",)), "keys='status' is text; a tuple of one name is ('status',)"),
        (("ByStatus", "GSI", ("status",), ("pk",)), "kind 'GSI' is neither 'gsi' nor 'lsi'"),
        (("ByStatus", "gsi", ("status",), ("pk",), "KEYS"), "projection 'KEYS' is not one of 'ALL', 'KEYS_ONLY', or a"),
    ],
)
def test_an_index_that_is_misspelt_is_refused(schema, message):
    with pytest.raises(ValueError, match="index ByStatus: ") as refused:
        IndexSchema(*schema)
    assert message in str(refused.value)


def test_bytes_below_nothing_are_refused():
    for units in (lambda: capacity.read_units(-1), lambda: capacity.write_units(None, -1)):
        with pytest.raises(ValueError, match="-1 bytes"):
            units()


def test_a_key_of_an_index_has_the_same_bounds_where_an_item_has_it():
    by_owner = IndexSchema("ByOwner", "gsi", ("owner",), ("pk",))
    assert capacity.check_item({"pk": "a", "owner": "x" * 2048}, "pk", indexes=[by_owner])
    assert capacity.check_item({"pk": "a"}, "pk", indexes=[by_owner]) == 3
    with pytest.raises(ValueError, match="owner: a key value of 2,049 bytes; it may have 1 to 2,048"):
        capacity.check_item({"pk": "a", "owner": "x" * 2049}, "pk", indexes=[by_owner])
