"""YAML with positions: what is read, where it stood, and what is refused before it costs anything."""

import time
from decimal import Decimal

import pytest

from workbench.documents import MOST_BYTES, MOST_DEPTH, MOST_NODES, NAME, read_document
from workbench.errors import DesignError


def data(text):
    return read_document(text, "d.yaml").data


def message(text):
    with pytest.raises(DesignError) as error:
        read_document(text, "d.yaml")
    return str(error.value)


# YAML 1.2, core schema: https://yaml.org/spec/1.2.2/#103-core-schema
@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("10_000", 10_000),
        ("-5", -5),
        ("0", 0),
        ("true", True),
        ("False", False),
        ("null", None),
        ("~", None),
        ("", None),
        ("NO", "NO"),
        ("yes", "yes"),
        ("1..9", "1..9"),
        ("70%", "70%"),
        ("1_500/s", "1_500/s"),
        ("2026-01-01", "2026-01-01"),
        ('"5"', "5"),
        ("'true'", "true"),
        ("!!str 5", "5"),
        (".inf", ".inf"),
        (".nan", ".nan"),
        ("'':", {"": None}),
    ],
)
def test_a_plain_value_is_read_as_yaml_1_2_says(text, value):
    found = data(text)
    assert found == value and type(found) is type(value)


@pytest.mark.parametrize("text", ["0600", "007", "02134", "-01"])
def test_digits_with_a_leading_zero_are_text(text):
    assert data(text) == text


@pytest.mark.parametrize("text", ["1.5", "0.10", "12345678901234567890.5", "1e3", "1.0E-30"])
def test_a_broken_number_keeps_all_its_digits(text):
    assert data(text) == Decimal(text) and type(data(text)) is Decimal and str(data("0.10")) == "0.10"


def test_thirty_eight_digits_are_a_number_and_thirty_nine_are_text():
    assert data("9" * 38) == int("9" * 38)
    assert data("9" * 39) == "9" * 39


def test_keys_with_x_are_left_out_at_any_level_and_the_text_keeps_them():
    text = "x-note: a\nb: {x-c: 1, d: [{x-e: 2, f: 3}]}\n"
    document = read_document(text)
    assert document.data == {"b": {"d": [{"f": 3}]}} and document.text == text


def test_aliases_and_merged_keys_are_unfolded_and_own_keys_win():
    text = "x-base: &base {a: 1, b: 2}\nc: {<<: *base, b: 3}\nd: *base\ne: {<<: [{a: 5}, {a: 6, f: 7}]}"
    assert data(text) == {"c": {"a": 1, "b": 3}, "d": {"a": 1, "b": 2}, "e": {"a": 5, "f": 7}}


def test_a_byte_order_mark_is_no_part_of_the_text():
    assert data(b"\xef\xbb\xbfa: 1") == {"a": 1}


PLACES = "a:\n  b: 1..2\n  c: [x,\n    y]\n  d:\n    long value\ne: {f: {g: 7}}\n"


@pytest.mark.parametrize(
    ("location", "place"),
    [
        (("a",), (1, 1)),
        (("a", "b"), (2, 6)),
        (("a", "b", NAME), (2, 3)),
        (("a", "c"), (3, 3)),
        (("a", "c", 1), (4, 5)),
        (("a", "d"), (5, 3)),
        (("e", "f", "g"), (7, 12)),
        (("e", "f", "missing"), (7, 5)),
        (("e", "f", "g", "deeper"), (7, 12)),
        (("nothing",), (1, 1)),
        (("a", "c", 9), (3, 3)),
    ],
)
def test_a_problem_stands_at_the_value_on_its_keys_line_else_at_the_key(location, place):
    problem = read_document(PLACES, "d.yaml").problem(location, "m")
    assert (problem.line, problem.column) == place


def test_a_name_that_stands_twice_is_a_problem_at_the_second_and_the_first_counts():
    document = read_document("a: 1\nb: {c: 1, c: 2}\na: 3\n", "d.yaml")
    assert document.data == {"a": 1, "b": {"c": 1}}
    assert sorted(map(str, document.problems)) == [
        "d.yaml:2:11: 'c' stands twice (first in line 2); names are unique in their mapping",
        "d.yaml:3:1: 'a' stands twice (first in line 1); names are unique in their mapping",
    ]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (
            "a: [1, 2\nb: 3",
            "1:1: not YAML: what begins in this line is not closed; close the bracket or the quotation mark",
        ),
        (
            'a: "x\nb: 1',
            "1:1: not YAML: what begins in this line is not closed; close the bracket or the quotation mark",
        ),
        (
            "a: 1\np: {filter: #s = :open, rate: 1/s}\nb: 1",
            "2:1: not YAML: what begins in this line is not closed; an unquoted ' #' starts a comment: quote the text",
        ),
        (
            "a: b: c",
            "1:5: not YAML: mapping values are not allowed here; text with a colon and a space in it must be quoted",
        ),
        (
            "a:\n  b: 1\n c: 2",
            "3:2: not YAML: expected <block end>, but found '<block mapping start>'; "
            "the indentation does not fit the lines above",
        ),
        (
            "\ta: 1",
            r"1:1: not YAML: found character '\t' that cannot start any token; indent with spaces, YAML takes no tabs",
        ),
        (
            "a: @b",
            "1:4: not YAML: found character '@' that cannot start any token; "
            "a value that begins with a special character must be quoted",
        ),
        ("a: \x07", "1:4: not YAML: the character U+0007 is not allowed in a file; remove it"),
        ("a: *b", "1:4: the alias *b has no anchor &b before it; text that begins with * must be quoted"),
        ("a: &b [*b]", "1:8: the alias *b contains itself; write out what is meant"),
        ("a: 1\n---\nb: 2", "2:1: a second document begins here (---); a design file holds one"),
        ("? [a]\n: b", "1:3: a name is text; here stands a list or mapping"),
        ("{x}: 1", '1:1: unquoted {x} is a YAML mapping; write "{x}"'),
        ('"\\ud800"', "1:1: half a character (a lone surrogate, \\ud800 to \\udfff), which is no text; remove it"),
    ],
)
def test_what_is_not_yaml_is_named_with_its_place_and_fix(text, said):
    assert message(text) == f"d.yaml:{said}"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (r'a: "\U00110000"', r"1:5: \U00110000 is no character: the last one is \U0010FFFF; remove it"),
        ('a: 1\nb: "x \\UFFFFFFFF"', r"2:7: \UFFFFFFFF is no character: the last one is \U0010FFFF; remove it"),
    ],
)
def test_an_escape_beyond_the_last_character_is_named(text, said):
    assert message(text) == f"d.yaml:{said}"
    assert data(r'a: "\U0010FFFF"') == {"a": "\U0010ffff"}


@pytest.mark.parametrize(
    ("text", "fix"),
    [
        (r'a: "\q"', r"in double quotes a backslash begins an escape: write \\ for one, or use single quotes"),
        ("a: !py!os x", "remove it; text that begins with ! must be quoted"),
        ("%YAML 9.9\n---\na: 1", "leave out the line that begins with %"),
        ("a: |x\n  b", "text that begins with | or > must be quoted"),
        ("a: &", "text that begins with & or * must be quoted"),
        ("a: {b: 1 [2]}", "a comma stands between two values inside {...} and [...]; other text must be quoted"),
        ('a: "x" "y"', "text with special characters must be quoted"),
    ],
)
def test_every_error_of_yaml_comes_with_a_fix(text, fix):
    assert message(text).endswith(f"; {fix}")


TEMPLATE_HINT = 'a template that begins with { or stands inside {...} must be quoted: "PROJECT#{project_id}"'


@pytest.mark.parametrize("text", ["k: {PK: PROJECT#{p}, SK: M}", "k: {p}-x", "f: {format: p-{:04}}"])
def test_an_unquoted_template_that_breaks_the_yaml_is_recognised(text):
    assert message(text).endswith(TEMPLATE_HINT)


@pytest.mark.parametrize("text", ["a: {b: lognormal(4, 5)}", "a: {b: begins_with(SK, :x), c: 1}", "a: [f(1, 2)]"])
def test_a_comma_that_cuts_a_function_inside_braces_is_one_message(text):
    assert message(text).endswith("quote the expression; a range has no comma, it is written 1..9")
    assert message(text).count("d.yaml:") == 1


def test_bytes_that_are_no_utf8_are_named():
    assert message(b"a: 1\nb: \xff") == "d.yaml:2:1: not UTF-8 text: byte 0xff; save the file as UTF-8"


@pytest.mark.parametrize(
    "tag", ["!!python/object/apply:os.system", "!!python/name:os", "!ruby/object:Gem", "!x", "!!binary", "!!set"]
)
def test_a_tag_that_constructs_an_object_is_refused(tag, tmp_path):
    said = f"the tag {tag} would construct an object; a design file holds plain values only"
    said += ": remove it; text that begins with ! must be quoted"
    assert message(f"a: {tag} [touch {tmp_path}/made]") == f"d.yaml:1:4: {said}"
    assert not list(tmp_path.iterdir())


DEEP = f"nested deeper than {MOST_DEPTH} levels; no design needs that"
MANY = f"more than {MOST_NODES:,} values once aliases are unfolded; a design file holds no items, see `rows`"
LAUGHS = "a: &a [x, x, x, x, x, x, x, x, x, x]\n" + "".join(
    f"{name}: &{name} [{', '.join([f'*{before}'] * 10)}]\n" for before, name in zip("abcdefgh", "bcdefghi", strict=True)
)
MERGED = (
    "a: &a {" + ", ".join(f"k{i}: 1" for i in range(99)) + "}\n" + "".join(f"b{i}: {{<<: *a}}\n" for i in range(100))
)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (
            "#" * (MOST_BYTES + 1),
            "over 1 MB: a design file has at most 1,048,576 bytes; items belong into `rows` files",
        ),
        ("[" * MOST_BYTES, DEEP),
        ("{a: " * (MOST_BYTES // 4), DEEP),
        ("- " * (MOST_BYTES // 2), DEEP),
        ("- a\n" * (MOST_BYTES // 4), MANY),
        ("[" + "a," * (MOST_BYTES // 2 - 1), MANY),
        (LAUGHS, MANY),
        (MERGED, MANY),
    ],
    ids=["size", "lists", "maps", "blocks", "lines", "elements", "laughs", "merges"],
)
def test_a_hostile_file_is_refused_within_a_second(text, said):
    began = time.process_time()
    assert message(text).endswith(said)
    assert time.process_time() - began < 1


def test_the_limits_themselves_are_allowed():
    assert len(read_document("#" * MOST_BYTES).text) == MOST_BYTES
    nested = data("[" * MOST_DEPTH + "]" * MOST_DEPTH)
    for _ in range(MOST_DEPTH - 1):
        (nested,) = nested
    assert nested == []
    assert len(data("- a\n" * (MOST_NODES - 1))) == MOST_NODES - 1
    assert message("- a\n" * MOST_NODES).endswith(MANY)
