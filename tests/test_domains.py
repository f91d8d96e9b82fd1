"""Domains: how they are written, how many values they have, of which type, and what is refused."""

from decimal import Decimal

import pytest
from pydantic import ValidationError

from workbench.domains import Domain, check_template, normalise, parse_share, value_domain
from workbench.typewords import TYPE_WORDS, TimeSpan, parse_type


def said(make, *value):
    with pytest.raises(ValueError) as error:
        make(*value)
    if isinstance(error.value, ValidationError):
        (only,) = error.value.errors()
        return only["msg"].removeprefix("Value error, ")
    return str(error.value)


@pytest.mark.parametrize(
    ("short", "long"),
    [
        ("email", {"type": "email"}),
        ("1..60", {"type": "1..60"}),
        ("{user_id}", {"value": "{user_id}"}),
        (5, {"value": 5}),
        (Decimal("1.5"), {"value": Decimal("1.5")}),
        (True, {"value": True}),
        (["a", "b"], {"choice": {"a": None, "b": None}}),
        (["a"], {"value": "a"}),
        (None, {}),
        ({"count": 5}, {"count": 5}),
        ({"choice": ["a", "b"]}, {"choice": {"a": None, "b": None}}),
    ],
)
def test_a_short_form_is_a_long_one(short, long):
    assert normalise(short) == long
    assert Domain.model_validate(short) == Domain.model_validate(long)


@pytest.mark.parametrize(
    ("text", "tag"),
    [
        ("1..60", "N"),
        ("-5..5", "N"),
        ("0.50..99.99", "N"),
        ("lognormal(20..90)", "N"),
        ("integer", "N"),
        ("text(30)", "S"),
        ("text", "S"),
        ("binary(16)", "B"),
        ("boolean", "BOOL"),
        ("uuid", "S"),
        ("ulid", "S"),
        ("email", "S"),
        ("timestamp(-30d..now)", "S"),
        ("timestamp_ms", "S"),
        ("epoch(createdAt + 7d)", "N"),
        ("epoch_ms", "N"),
        ("month", "S"),
        ("minute(-3min..now)", "S"),
        ("shard(10)", "N"),
        ("shard(10 of voter)", "N"),
    ],
)
def test_a_type_has_the_dynamodb_type_of_its_values(text, tag):
    assert parse_type(text).tag == tag


DAY = 86_400


@pytest.mark.parametrize(
    ("text", "span"),
    [
        ("timestamp", TimeSpan(-30 * DAY, 0)),
        ("timestamp(-1y..now)", TimeSpan(-365 * DAY, 0)),
        ("date(-7d)", TimeSpan(-7 * DAY, -7 * DAY)),
        ("epoch(now)", TimeSpan(0, 0)),
        ("epoch(now + 1h)", TimeSpan(3600, 3600)),
        ("minute(-3min..+2min)", TimeSpan(-180, 120)),
        ("timestamp(-2w..-1w)", TimeSpan(-14 * DAY, -7 * DAY)),
        ("epoch(createdAt + 7d)", TimeSpan(7 * DAY, 7 * DAY, "createdAt")),
        ("date(at)", TimeSpan(0, 0, "at")),
        ("epoch(at - 90s)", TimeSpan(-90, -90, "at")),
    ],
)
def test_a_time_spans_instants_from_the_clock_or_from_another_time(text, span):
    assert parse_type(text).span == span


def test_only_a_span_that_ends_in_now_is_now_in_what_is_created():
    assert [parse_type(f"timestamp({span})").span.ends_now for span in ("-1d..now", "now", "-2d..-1d", "at")] == [
        True,
        True,
        False,
        False,
    ]


@pytest.mark.parametrize(
    ("short", "cardinality"),
    [
        ("1..60", 60),
        ("0.5..1.5", 11),
        ("7", 1),
        ("boolean", 2),
        ("shard(10)", 10),
        ("date(-6d..now)", 7),
        ("hour(-2h..now)", 3),
        ("timestamp(-60s..now)", 61),
        ("timestamp_ms(-1s..now)", 1001),
        (["a", "b", "c"], 3),
        ([1], 1),
        ("text(2)", 100),
        ("uuid", float("inf")),
        ("integer", float("inf")),
    ],
)
def test_a_domain_knows_how_many_values_it_has(short, cardinality):
    assert Domain.model_validate(short).cardinality == cardinality


TYPES = "types: numbers as 1..60, " + ", ".join(word for word in TYPE_WORDS if word != "number")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("timestmp", "'timestmp' is not a type, did you mean timestamp? A constant is written [timestmp]"),
        ("txt(5)", "'txt(5)' is not a type, did you mean text?"),
        ("string", "'string' is not a type, did you mean text(20)? A constant is written [string]"),
        ("Integer", "'Integer' is not a type, did you mean integer? A constant is written [Integer]"),
        ("datetime", "'datetime' is not a type, did you mean timestamp? A constant is written [datetime]"),
        ("OPEN", f"'OPEN' is not a type; a constant is written [OPEN]; {TYPES}"),
        ("text(3, 4)", "'text(3, 4)': functions take no commas; a range is written 1..9"),
        ("email(5)", "'email(5)': email takes nothing in parentheses"),
        ("60..1", "'60..1' runs backwards: write the smaller number first"),
        ("date(now..-7d)", "'date(now..-7d)' runs backwards: write the earlier time first"),
        (
            "date(-7days)",
            "'date(-7days)' is not a time: write -30d..now, now..+2d, -7d or createdAt + 7d (units s min h d w y)",
        ),
        ("date(-99y..now)", "'date(-99y..now)' is more than 50 years away, the most that is allowed"),
        ("epoch(at + 99y)", "'epoch(at + 99y)' is more than 50 years away, the most that is allowed"),
        (
            "shard(0)",
            "'shard(0)': write shard(10) for a random suffix or shard(10 of voter) for a calculated one",
        ),
        ("shard", "'shard': write shard(10) for a random suffix or shard(10 of voter) for a calculated one"),
        ("text(-3)", "'-3' must not be negative"),
    ],
)
def test_what_is_no_type_is_refused_with_the_nearest(text, message):
    assert said(parse_type, text) == message


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ({"type": "uuid", "choice": ["a", "b"]}, "type and choice exclude each other: a domain has one kind"),
        ({"choice": {"a": "70%", "b": "20%"}}, "the shares of choice sum to 90%, not 100%"),
        ({"choice": {"a": "70%", "b": None}}, "b has no share, and others have: give all of them one, or none"),
        ({"choice": {None: "100%"}}, "a choice holds texts, numbers and booleans, not nothing"),
        ({"choice": {}}, "choice is empty: name at least one value"),
        ([], "choice is empty: name at least one value"),
        (["a", "a"], "a stands twice in a choice; for unequal shares write {a: 70%, ...}"),
        ([["a"], "b"], "a choice holds texts, numbers and booleans, not a list"),
        ([None, "b"], "a choice holds texts, numbers and booleans, not nothing"),
        ({"choice": {"a": "170%", "b": "1%"}}, "'170%' is not a share: write 70% or 0.7"),
        ({"type": "uuid", "length": 3}, "length goes with list or set; the length of a text is written text(30)"),
        ({"count": 5, "format": "p-"}, "format 'p-': write one place for the value, as in \"p-{:04}\""),
        ({"count": 5, "format": "{}{}"}, "format '{}{}': write one place for the value, as in \"p-{:04}\""),
        (
            {"type": "uuid", "format": "{:04d}"},
            "format '{:04d}': {:04d} cannot write a value like 'x'; a width is {:04}",
        ),
        (
            {"type": "0.5..1.5", "format": "{:d}"},
            "format '{:d}': {:d} cannot write a value like Decimal('1.5'); a width is {:04}",
        ),
        ({"type": "boolean", "format": "{}"}, "format '{}': {:} cannot write a value like True; a width is {:04}"),
        ({"list": "uuid", "format": "{}"}, "format goes with a type or an ordinal, not with list"),
        ({"value": None}, "value holds a text, number, boolean or template, not nothing"),
        ({"value": {"a": 1, "b": 2}}, "value holds a text, number, boolean or template, not a mapping"),
        ({"value": {"user_id": None}}, 'unquoted {user_id} is a YAML mapping; write "{user_id}"'),
        ({"type": "uuid", "new": [1]}, "new holds a text, number, boolean or template, not a list"),
        (
            {"type": "uuid", "new": "{"},
            "'{': Single '{' encountered in format string; a field stands in braces, as in TASK#{task_id}",
        ),
        (
            "{user id}",
            "'{user id}': {user id} is no field; braces hold a name and, after a colon, a width: {month:02}",
        ),
        (
            {"count": 1, "popularity": {"read": "hot"}},
            "'hot' is not a popularity: write uniform, zipf(1.1), "
            "hotset(1% takes 90%), top(70% 5%), top(40% zipf(1.2)) or latest",
        ),
        ({"type": "uuid", "present": "often"}, "'often' is not a share: write 70% or 0.7"),
    ],
)
def test_a_domain_that_contradicts_itself_is_one_message(value, message):
    assert said(Domain.model_validate, value) == message


def test_nothing_and_presence_alone_mean_the_field_of_the_same_name():
    assert [
        Domain.model_validate(d).is_field for d in (None, {"present": "50%"}, {"new": 1}, "uuid", {"count": 1})
    ] == [
        True,
        True,
        True,
        False,
        False,
    ]


def test_a_domain_names_what_it_is_made_of():
    domain = Domain.model_validate(
        {"map": {"a": "{x}#{y}", "b": {"list": ["{z}", "c"], "length": 2}, "c": "epoch(at + 1d)", "d": "shard(3 of v)"}}
    )
    assert list(domain.references()) == ["x", "y", "z", "at", "v"]


@pytest.mark.parametrize(
    ("written", "share"), [("70%", 0.7), ("0.7", 0.7), (1, 1.0), ("0%", 0.0), (Decimal("0.25"), 0.25)]
)
def test_a_share_is_a_percentage_or_a_fraction(written, share):
    assert parse_share(written) == pytest.approx(share)


@pytest.mark.parametrize("written", ["101%", "-1%", "x", True, "nan", None, 2])
def test_what_is_no_share_is_refused(written):
    assert said(parse_share, written) == f"{written!r} is not a share: write 70% or 0.7"


# Templates and values


@pytest.mark.parametrize("value", ["META", "USER#{id}", 5, True, "uuid", "a (b)"])
def test_a_key_is_a_template_or_a_constant(value):
    assert check_template(value) == value


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ({"id": None}, 'unquoted {id} is a YAML mapping; write "{id}"'),
        (None, 'write a template, as "PROJECT#{project_id}", or a constant'),
        (["a"], 'write a template, as "PROJECT#{project_id}", or a constant'),
        (
            "date(-7d..now)",
            "'date(-7d..now)' would be this very text, since here a bare string stands for itself; "
            "give it to a field, and write that in braces",
        ),
    ],
)
def test_what_is_no_key_is_refused(value, message):
    assert said(check_template, value) == message


def test_an_entry_of_values_is_a_template_a_domain_or_a_constant():
    assert value_domain("OPEN").value == "OPEN"
    assert value_domain("{user}").template.lone_field == "user"
    assert value_domain({"type": "date(-7d)"}).type.word == "date"
    assert list(value_domain(["a", "b"]).choice) == ["a", "b"]
    assert value_domain(5).value == 5


def test_a_type_that_would_be_text_in_values_is_refused():
    assert said(value_domain, "date(-7d)") == (
        "'date(-7d)' would be this very text, since here a bare string stands for itself; "
        "a domain is written {type: date(-7d)}"
    )
