"""Key templates: what they are made of, what they make, and the way back."""

import time
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from workbench.keys import KeyTemplate, Placeholder, can_format, format_value, is_field_name

TEXT = st.text(st.characters(exclude_characters="#{}", exclude_categories=("Cs",)), min_size=1, max_size=12)


@given(TEXT, TEXT)
def test_a_key_gives_back_the_fields_that_it_was_made_of(project, task):
    template = KeyTemplate("P#{project}#T#{task}#{project}")
    key = template.format({"project": project, "task": task})
    assert key == f"P#{project}#T#{task}#{project}"
    assert template.match(key) == {"project": project, "task": task}


def test_a_text_that_the_template_cannot_have_made_does_not_match():
    assert KeyTemplate("TASK#{task}").match("SESSION#1") is None
    assert KeyTemplate("{a}#{a}").match("1#2") is None
    assert KeyTemplate("META").match("META") == {}


@pytest.mark.parametrize(
    ("text", "fields", "prefix", "lone"),
    [
        ("META", (), "META", None),
        ("{id}", ("id",), "", "id"),
        ("{id:04}", ("id",), "", None),
        ("USER#{id}", ("id",), "USER#", None),
        ("{a}#{b}#{a}", ("a", "b"), "", None),
        ("{{literal}}", (), "{literal}", None),
        ("", (), "", None),
    ],
)
def test_a_template_tells_its_fields_its_prefix_and_whether_it_is_one_field(text, fields, prefix, lone):
    template = KeyTemplate(text)
    assert (template.fields, template.prefix, template.lone_field) == (fields, prefix, lone)


def test_a_template_has_parts_in_order():
    assert KeyTemplate("A#{month:02}-{day}").parts == ("A#", Placeholder("month", "02"), "-", Placeholder("day"))


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("{a", "'{a': expected '}' before end of string; a field stands in braces, as in TASK#{task_id}"),
        ("a}", "'a}': Single '}' encountered in format string; a field stands in braces, as in TASK#{task_id}"),
        ("{}", "'{}': {} is no field; braces hold a name and, after a colon, a width: {month:02}"),
        ("{a b}", "'{a b}': {a b} is no field; braces hold a name and, after a colon, a width: {month:02}"),
        ("{a!r}", "'{a!r}': {a} is no field; braces hold a name and, after a colon, a width: {month:02}"),
        ("{a[0]}", "'{a[0]}': {a[0]} is no field; braces hold a name and, after a colon, a width: {month:02}"),
        ("{a:%}", "'{a:%}': {a} is no field; braces hold a name and, after a colon, a width: {month:02}"),
        ("{a:{b}}", "'{a:{b}}': {a} is no field; braces hold a name and, after a colon, a width: {month:02}"),
    ],
)
def test_what_is_no_template_is_refused(text, said):
    with pytest.raises(ValueError) as error:
        KeyTemplate(text)
    assert str(error.value) == said


@pytest.mark.parametrize(
    ("value", "spec", "written"),
    [
        (5, "04", "0005"),
        ("517", "04", "0517"),
        ("abc", "02", "abc"),
        (-5, "04", "-005"),
        (Decimal("1.50"), "", "1.50"),
        ("x", ">3", "  x"),
        (12345, "02", "12345"),
    ],
)
def test_a_width_applies_to_numbers_and_to_text_of_digits(value, spec, written):
    assert format_value(value, spec) == written


SPECS = st.from_regex(r"\A([<>^])?0?[0-9]{0,2}[dfx%]?\Z")
SAMPLES = st.one_of(
    st.integers(), st.decimals(allow_nan=False, allow_infinity=False), st.text(), st.booleans(), st.binary()
)


@given(SAMPLES, SPECS)
def test_a_width_that_can_be_applied_never_raises(value, spec):
    if can_format(value, spec):
        assert isinstance(format_value(value, spec), str)


def test_a_field_name_can_stand_in_a_template():
    assert [is_field_name(name) for name in ("a", "_a", "a.b-c", "a b", "1a", "", "é", "a\n")] == [True] * 3 + [
        False
    ] * 5


def test_a_template_of_many_escaped_braces_is_read_in_no_time():
    began = time.process_time()
    assert KeyTemplate("{{" * 200_000).parts == ("{" * 200_000,)
    assert time.process_time() - began < 0.5
