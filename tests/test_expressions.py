"""Expressions against AWS's own examples, both sides of each limit, and the words of each refusal.

Pages named in the tests are those of the Amazon DynamoDB Developer Guide,
https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/<page>.html
"""

import pickle
import subprocess
import sys

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from workbench.expressions import parse_condition, parse_key_condition, parse_projection, parse_update
from workbench.key_conditions import KeyCondition, SortCondition, check_key_condition, key_condition
from workbench.slips import ExpressionError
from workbench.syntax import (
    And,
    Arithmetic,
    Between,
    Call,
    Clause,
    Compare,
    In,
    Not,
    Or,
    Path,
    Projection,
    Update,
    Value,
    attributes,
    children,
    is_reserved,
    names,
    paths,
    reserved,
    resolve,
    values,
    walk,
)


def equals(name: str, value: str = "v") -> Compare:
    return Compare("=", Path((name,)), Value(value))


def ends_early(error: ExpressionError) -> bool:
    """Whether something is missing at the end, as when YAML took ` #name` for a comment."""
    return error.position >= len(error.text.rstrip())


def refusal(parse, text: str) -> ExpressionError:
    with pytest.raises(ExpressionError) as caught:
        parse(text)
    return caught.value


# AWS's examples


@pytest.mark.parametrize(
    "text",
    [  # Expressions.OperatorsAndFunctions
        "attribute_exists (#Pictures.#SideView)",
        "attribute_not_exists (Manufacturer)",
        "attribute_type (ProductReviews.FiveStar, :v_sub)",
        "begins_with (Pictures.FrontView, :v_sub)",
        "contains (Brand, :v_sub)",
        "size (Brand) <= :v_sub",
        "size(ProductReviews.OneStar) > :v_sub",
        "a BETWEEN b AND c",
        "a IN (b, c, d)",
        # Expressions.ConditionExpressions
        "(ProductCategory IN (:cat1, :cat2)) and (Price between :lo and :hi)",
        "attribute_not_exists(#timestamp) or #timestamp <> :t",
        # Expressions.Attributes
        "MyList[0] = :v AND AnotherList[12] = :v AND ThisList[5][11] = :v",
        "MyMap.nestedField.deeplyNestedField = :v",
    ],
)
def test_conditions_of_the_guide_are_accepted_and_written_back(text):
    node = parse_condition(text)
    assert parse_condition(str(node)) == node


def test_a_path_keeps_names_placeholders_and_element_numbers():
    node = parse_projection("Description, RelatedItems[0], ProductReviews.#five")  # Expressions.ProjectionExpressions
    expected = (Path(("Description",)), Path(("RelatedItems", 0)), Path(("ProductReviews", "#five")))
    assert node == Projection(expected)
    assert str(node) == "Description, RelatedItems[0], ProductReviews.#five"


@pytest.mark.parametrize("text", ["MyList[-1] = :v", "MyList[0.4] = :v"])
def test_an_element_number_is_a_non_negative_integer(text):  # Expressions.Attributes names both as invalid
    refusal(parse_condition, text)


@pytest.mark.parametrize(
    ("text", "clauses"),
    [  # Expressions.UpdateExpressions
        ("SET ProductCategory = :c, Price = :p", ["SET ProductCategory = :c", "SET Price = :p"]),
        ("SET #pr.#5star[1] = :r5, #pr.#3star = :r3", ["SET #pr.#5star[1] = :r5", "SET #pr.#3star = :r3"]),
        ("SET Price = Price - :p", ["SET Price = Price - :p"]),
        ("SET #ri = list_append(:vals, #ri)", ["SET #ri = list_append(:vals, #ri)"]),
        ("SET Price = if_not_exists(Price, :p)", ["SET Price = if_not_exists(Price, :p)"]),
        ("REMOVE Brand, InStock, QuantityOnHand", ["REMOVE Brand", "REMOVE InStock", "REMOVE QuantityOnHand"]),
        ("REMOVE RelatedItems[1], RelatedItems[2]", ["REMOVE RelatedItems[1]", "REMOVE RelatedItems[2]"]),
        ("ADD QuantityOnHand :q", ["ADD QuantityOnHand :q"]),
        ("DELETE Color :p", ["DELETE Color :p"]),
        ("set Price = Price - :p remove InStock", ["SET Price = Price - :p", "REMOVE InStock"]),
    ],
)
def test_updates_of_the_guide_have_these_clauses(text, clauses):
    update = parse_update(text)
    assert [f"{clause.action} {clause}" for clause in update.clauses] == clauses
    assert parse_update(str(update)) == update


def test_arithmetic_groups_from_the_left():
    value = parse_update("SET a = b - :c + (d - :e)").clauses[0].value
    left = Arithmetic("-", Path(("b",)), Value("c"))
    assert value == Arithmetic("+", left, Arithmetic("-", Path(("d",)), Value("e")))


def test_not_binds_before_and_before_or():  # Expressions.OperatorsAndFunctions, "Precedence in Conditions"
    a, b, c = equals("a"), equals("b"), equals("c")
    assert parse_condition("NOT a = :v AND b = :v OR c = :v") == Or(And(Not(a), b), c)
    assert parse_condition("a = :v OR b = :v AND c = :v") == Or(a, And(b, c))
    assert parse_condition("(a = :v OR b = :v) AND c = :v") == And(Or(a, b), c)
    assert parse_condition("NOT (a = :v AND b = :v)") == Not(And(a, b))


def test_the_and_of_between_belongs_to_between():
    node = parse_condition("a BETWEEN :x AND :y AND b = :v")
    assert node == And(Between(Path(("a",)), Value("x"), Value("y")), equals("b"))


def test_keywords_are_taken_in_any_case_and_functions_are_not():  # Expressions.OperatorsAndFunctions, "Functions"
    assert parse_condition("a = :v and not b In (:v)") == parse_condition("a = :v AND NOT b IN (:v)")
    refusal(parse_condition, "Begins_with(a, :v)")


def test_remove_is_no_reserved_word_and_may_name_an_attribute():  # ReservedWords
    assert parse_condition("remove = :v") == equals("remove")


# Laws

KEYWORDS = {"AND", "OR", "NOT", "BETWEEN", "IN", "SET", "ADD", "DELETE", "REMOVE"}
BARE = st.from_regex(r"[A-Za-z][A-Za-z0-9_]{0,5}", fullmatch=True).filter(lambda name: name.upper() not in KEYWORDS)
NAMES = BARE | st.from_regex(r"#[A-Za-z0-9_]{1,5}", fullmatch=True)
PATHS = st.builds(lambda first, rest: Path((first, *rest)), NAMES, st.lists(NAMES | st.integers(0, 999), max_size=3))
VALUES = st.builds(Value, st.from_regex(r"[A-Za-z0-9_]{1,5}", fullmatch=True))
SIZES = st.builds(lambda path: Call("size", (path,)), PATHS)
OPERANDS = PATHS | VALUES | SIZES


def both(name):
    return st.builds(lambda path, value: Call(name, (path, value)), PATHS, VALUES)


TESTS = st.one_of(
    st.builds(Compare, st.sampled_from(["=", "<>", "<", "<=", ">", ">="]), PATHS, VALUES | SIZES),
    st.builds(Between, OPERANDS, OPERANDS, OPERANDS),
    st.builds(In, OPERANDS, st.lists(OPERANDS, min_size=1, max_size=4).map(tuple)),
    *(both(name) for name in ["begins_with", "contains", "attribute_type"]),
    st.builds(lambda path: Call("attribute_exists", (path,)), PATHS),
)
CONDITIONS = st.recursive(
    TESTS,
    lambda below: st.builds(And, below, below) | st.builds(Or, below, below) | st.builds(Not, below),
    max_leaves=12,
)
NUMBERS = st.recursive(
    PATHS | VALUES | both("if_not_exists") | both("list_append"),
    lambda below: st.builds(Arithmetic, st.sampled_from("+-"), below, below),
    max_leaves=6,
)


@given(CONDITIONS)
def test_a_condition_written_out_parses_to_itself(node):
    assert parse_condition(str(node)) == node


@given(CONDITIONS)
def test_a_tree_visits_each_of_its_parts_once(node):
    assert len(list(walk(node))) == 1 + sum(len(list(walk(child))) for child in children(node))
    assert set(values(node)) == {part.name for part in walk(node) if isinstance(part, Value)}


@given(st.lists(st.tuples(BARE, NUMBERS), unique_by=lambda pair: pair[0], min_size=1, max_size=5), st.integers(0, 5))
def test_an_update_written_out_parses_to_itself(pairs, cut):
    sets = [Clause("SET", Path((name,)), value) for name, value in pairs[:cut]]
    adds = [Clause("ADD", Path((name,)), Value("one")) for name, _ in pairs[cut : cut + 1]]
    removes = [Clause("REMOVE", Path((name,))) for name, _ in pairs[cut + 1 :]]
    update = Update((*sets, *adds, *removes))
    assert parse_update(str(update)) == update


@given(CONDITIONS, st.dictionaries(st.text("abc", min_size=1, max_size=2), st.text(min_size=1, max_size=4)))
def test_a_resolved_expression_has_no_placeholders_and_the_same_values(node, known):
    resolved = resolve(node, known)
    assert values(resolved) == values(node)
    assume(not any(name.startswith("#") for name in known.values()))
    assert names(resolved) == ()


WORDS = "a b.c [0] #n :v size begins_with ( ) , = <> > == => ! 'x' 4 AND or NOT BETWEEN IN SET remove ADD + - . { _x #"
PIECES = st.sampled_from([*WORDS.split(), "\u00e9", "\u00a0", "\n"])


def check_place(text: str) -> None:
    for parse in (parse_condition, parse_update, parse_projection):
        try:
            parse(text)
        except ExpressionError as error:
            assert 0 <= error.position <= len(text)
            assert error.text == text and error.problem


@given(st.lists(PIECES, max_size=12), st.sampled_from(["", " "]))
def test_any_text_parses_or_is_refused_with_a_place_in_it(pieces, between):
    check_place(between.join(pieces))


@given(CONDITIONS, st.integers(0, 40), PIECES, st.booleans())
def test_an_expression_with_one_slip_parses_or_is_refused_with_a_place_in_it(node, at, piece, replace):
    words = str(node).replace("(", " ( ").replace(",", " , ").split()
    check_place(" ".join([*words[:at], piece, *words[at + replace :]]))
    check_place(" ".join(words[:at]))


@pytest.mark.parametrize("text", ["(" * 4000, "NOT " * 1000 + "a", "size(" * 800, "a" + "[0" * 2000, "((" * 2000 + "a"])
def test_deep_nesting_is_refused_and_does_not_exhaust_the_stack(text):
    refusal(parse_condition, text)


# Questions


def test_attributes_are_top_level_names_after_resolving():
    node = parse_condition("#st.a[0] = :x AND size(b) > :y AND attribute_exists(#b)")
    assert attributes(resolve(node, {"st": "Status#Time"})) == ("Status#Time", "b")
    assert names(node) == ("st", "b")
    assert values(node) == ("x", "y")
    assert paths(node)[0] == Path(("#st", "a", 0))


def test_reserved_words_count_in_any_case_and_place_but_not_behind_a_number_sign():  # ReservedWords
    assert reserved(parse_condition("Name = :a AND x.order = :b AND #status = :c AND ownerId = :d")) == (
        "Name",
        "order",
    )
    assert reserved(parse_update("SET #size = size + :one")) == ("size",)


def test_the_guide_lists_573_reserved_words():
    import importlib.resources

    text = importlib.resources.files("workbench").joinpath("reserved_words.txt").read_text()
    words = text.split()
    assert len(words) == 573 == len(set(words))
    assert all(is_reserved(word.lower()) for word in words)


def test_an_overlap_that_only_the_names_reveal_is_refused():
    update = parse_update("SET #a = :x, b.c = :y")
    assert resolve(update, {}).clauses[0].path == Path(("a",))
    with pytest.raises(ValueError, match=r"^SET #a = :x, b\.c = :y: b and b\.c overlap"):
        resolve(update, {"a": "b"})


def test_importing_expressions_does_not_import_lark():
    code = "import sys, workbench.expressions; sys.exit('lark' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0


# Limits


def test_an_expression_has_at_most_4096_bytes():  # Constraints, "Expression parameters"
    name = "a" * (4096 - len(" = :v"))
    assert parse_condition(f"{name} = :v")
    assert refusal(parse_condition, f"{name}b = :v").problem == "4097 bytes; an expression has at most 4096"
    assert refusal(parse_condition, "é" * 2049).problem.startswith("4098 bytes")


def test_an_update_has_at_most_300_operators():  # Constraints: SET a = :val1 + :val2 + :val3 contains two operators
    update = parse_update("SET a = :v" + " + :v" * 300)
    assert parse_update(str(update)) == update and resolve(update, {}) == update
    problem = refusal(parse_update, "SET a = :v" + " + :v" * 301).problem
    assert problem == "301 operators and functions; an expression has at most 300"


def test_a_condition_counts_comparisons_keywords_and_functions():
    # code-library, "Count expression operators": a comparison, a function and each AND or OR are one operator
    text = " AND ".join(["size(a) > :v"] * 100)  # 100 comparisons, 100 functions, 99 ANDs
    assert parse_condition(f"NOT ({text})")
    assert refusal(parse_condition, f"NOT (NOT ({text}))").problem.startswith("301 operators and functions")


def test_in_takes_at_most_100_options():  # Expressions.OperatorsAndFunctions, "Making comparisons"
    assert parse_condition(f"a IN ({', '.join([':v'] * 100)})")
    problem = refusal(parse_condition, f"a IN ({', '.join([':v'] * 101)})").problem
    assert problem == "IN with 101 options; at most 100"


def test_a_path_takes_at_most_32_steps():  # Expressions.Attributes, "Document paths"
    assert parse_condition("a" + "[0]" * 32 + " = :v")
    problem = refusal(parse_condition, "a" + "[0]" * 33 + " = :v").problem
    assert problem == "33 steps into an item; a path has at most 32"


# Refusals

OPERAND = "expected an attribute (name or #name) or a :value"
FIRST = "expected an attribute (name or #name), a :value or NOT"
AFTER = "expected a comparison (= <> < <= > >=), BETWEEN, IN, AND, OR or the end"
ODD_NAME = "a bare name is letters, digits and _ after a letter; for any other write #x, and its name under names"
CONSTANT = "a constant is written :name here, with the constant under values"
YAML = "in YAML an unquoted ' #' starts a comment: put the expression in quotes"


@pytest.mark.parametrize(
    ("text", "position", "problem", "hint"),
    [
        ("status => :open", 7, f"{OPERAND}; found =>", "DynamoDB writes >="),
        ("status == :open", 7, f"{OPERAND}; found ==", "DynamoDB writes ="),
        ("status != :open", 7, f"{AFTER}; found !=", "DynamoDB writes <>"),
        ("a = :a && b = :b", 7, "expected AND, OR or the end; found &&", "DynamoDB writes AND"),
        ("status = 'OPEN'", 9, f"{OPERAND}; found 'OPEN'", CONSTANT),
        ('status = "OPEN"', 9, f'{OPERAND}; found "OPEN"', CONSTANT),
        ("age > 17.5", 6, f"{OPERAND}; found 17.5", CONSTANT),
        ("age > -1", 6, f"{OPERAND}; found -1", CONSTANT),
        # the service's own words: Syntax error; token: "_" (github.com/aws/aws-sdk-js/issues/1691)
        ("_id = :id", 0, f"{FIRST}; found _id", ODD_NAME),
        ("5star = :id", 0, f"{FIRST}; found 5star", ODD_NAME),
        ("last-name = :n", 4, "- computes; only an update's SET can", ODD_NAME),
        ("a = {b}", 4, f"{OPERAND}; found {{", "fields in braces stand under values; write :name here"),
        ("a NOT IN (:b)", 2, f"{AFTER}; found NOT", "NOT stands before the whole condition, as in NOT a IN (:b)"),
        ("AND a = :b", 0, f"{FIRST}; found AND", "AND is a reserved word; if it names an attribute, write #AND"),
        (
            "a = :b\u00a0AND c = :d",
            6,
            "expected AND, OR or the end; found the character U+00A0",
            "write a plain space there",
        ),
        ("a = :b AAND c = :d", 7, "expected AND, OR or the end; found AAND", "did you mean AND?"),
        (
            "a = :b \u2014 c",
            7,
            "expected AND, OR or the end; found \u2014",
            "leave it out: outside the constants under values, an expression has ASCII characters only",
        ),
        ("a IN :b", 5, "expected (; found :b", "write ( before :b, or leave :b out"),
        ("a = :b) OR c = :d", 6, "expected AND, OR or the end; found )", ""),
        (
            "MyList[-1] = :v",
            7,
            "expected the number of an element; found -1",
            "elements are numbered from 0, as in a[0]",
        ),
        ("status", 0, "status is no condition by itself", "compare it, as in status = :value"),
        ("NOT size(a)", 4, "size(a) is no condition by itself", "compare it, as in size(a) = :value"),
        ("((a = :b))", 0, "doubled parentheses; DynamoDB refuses them as redundant", ""),
        ("a = (b = :c)", 4, "b = :c is a condition; expected an attribute, a :value or a function's value", ""),
        ("contains(a, a)", 0, "a stands on both sides of contains; its operands must be distinct", ""),
        ("contains(a)", 0, "contains takes (operand, operand); found 1 of 2 arguments", ""),
        ("attribute_type(a, S)", 18, "attribute_type takes (path, :value); S is no :value", ""),
        ("if_not_exists(a, :b) = :c", 0, "if_not_exists stands only in an update", ""),
    ],
)
def test_a_refused_condition_says_where_and_what_instead(text, position, problem, hint):
    error = refusal(parse_condition, text)
    assert (error.position, error.problem, error.hint) == (position, problem, hint)
    assert not ends_early(error)


@pytest.mark.parametrize(
    ("text", "position", "problem", "hint"),
    [
        ("status = :s", 0, "expected SET, REMOVE, ADD or DELETE; found status", ""),
        ("SET n = n + 1", 12, f"{OPERAND}; found 1", CONSTANT),
        ("ADD n = :one", 6, "expected a :value; found =", "ADD and DELETE take a path and a :value, without ="),
        ("SET a = :b SET c = :d", 11, "SET stands twice", "join its actions with a comma"),
        ("SET a = begins_with(b, :c)", 8, "begins_with stands only in a condition, filter or key condition", ""),
        (
            "SET a = :b REMOVE a.c",
            18,
            "a and a.c overlap; an update or projection names each part of an item once",
            "",
        ),
        (
            "SET a.b = :b, a[0] = :c",
            14,
            "a.b and a[0] overlap; an update or projection names each part of an item once",
            "",
        ),
        ("SET a = ((b + :c))", 8, "doubled parentheses; DynamoDB refuses them as redundant", ""),
    ],
)
def test_a_refused_update_says_where_and_what_instead(text, position, problem, hint):
    error = refusal(parse_update, text)
    assert (error.position, error.problem, error.hint) == (position, problem, hint)


def test_paths_that_part_before_their_end_do_not_overlap():
    assert len(parse_update("SET a.b = :b, a.c = :c, d[0] = :d, d[1] = :e").clauses) == 4
    assert refusal(parse_projection, "a, b, a").position == 6


def test_the_message_shows_the_expression_with_a_caret():
    assert str(refusal(parse_condition, "status => :open")) == (
        "expected an attribute (name or #name) or a :value; found =>\n  status => :open\n         ^\nDynamoDB writes >="
    )


def test_a_long_or_folded_expression_is_shown_around_the_place():
    text = "a = :a AND\n" * 50 + "b == :b" + " OR c = :c" * 50
    lines = str(refusal(parse_condition, text)).splitlines()
    assert len(lines) == 4 and all(len(line) <= 102 for line in lines)
    assert lines[1][lines[2].index("^") :].startswith("== :b")


def test_a_misspelt_function_is_named_with_the_right_one():
    error = refusal(parse_condition, "PK = :a AND beginsWith(SK, :b)")
    assert error.position == 12
    assert error.hint == "write begins_with; function names are case sensitive"
    assert error.problem == (
        "unknown function beginsWith; in a condition, filter or key condition: attribute_exists,"
        " attribute_not_exists, attribute_type, begins_with, contains, size"
    )


@pytest.mark.parametrize(
    ("parse", "text"),
    [
        (parse_condition, "begins_with(SK, :tasks) AND #status = :open"),
        (parse_condition, "NOT #a = :b"),
        (parse_condition, "size( #a) > :b"),
        (parse_condition, "a = :b AND c <> #d"),
        (parse_condition, "a BETWEEN #b AND :c"),
        (parse_condition, "a IN (:b, #c)"),
        (parse_condition, "#a = :b"),
        (parse_update, "SET #status = :done"),
        (parse_update, "SET a = :b, #c = :d"),
        (parse_update, "SET a = :b REMOVE #c"),
        (parse_update, "SET a = a + #b"),
        (parse_projection, "a, #b"),
    ],
)
def test_what_yaml_leaves_of_an_unquoted_number_sign_always_ends_early(parse, text):
    parse(text)
    cut = f" {text}".split(" #")[0].strip()
    error = refusal(parse, cut)
    assert ends_early(error) and error.hint == YAML


def test_an_expression_cut_short_says_what_is_missing_and_why():
    assert str(refusal(parse_condition, "PK = :PK AND")) == (
        "the expression ends too early; expected an attribute (name or #name), a :value or NOT\n"
        "  PK = :PK AND\n"
        "              ^\n"
        "in YAML an unquoted ' #' starts a comment: put the expression in quotes"
    )
    assert str(refusal(parse_update, "")) == f"the expression is empty; expected SET, REMOVE, ADD or DELETE\n{YAML}"


def test_an_error_survives_pickling():
    error = refusal(parse_condition, "a == :b")
    again = pickle.loads(pickle.dumps(error))
    assert (str(again), again.position, again.text) == (str(error), 2, "a == :b")


def test_an_expression_is_text():
    with pytest.raises(TypeError, match="an expression is text, not NoneType"):
        parse_condition(None)  # type: ignore[arg-type]


# Key conditions


@pytest.mark.parametrize(
    ("text", "sort"),
    [  # Query.KeyConditionExpressions
        ("ForumName = :name", ()),
        ("ForumName = :name and Subject = :sub", (SortCondition("Subject", "=", ("sub",)),)),
        ("ForumName = :name and begins_with (Subject, :sub)", (SortCondition("Subject", "begins_with", ("sub",)),)),
        ("ForumName = :name AND Subject BETWEEN :a AND :b", (SortCondition("Subject", "BETWEEN", ("a", "b")),)),
        ("ForumName = :name AND Subject BETWEEN :a AND :a", (SortCondition("Subject", "BETWEEN", ("a", "a")),)),
        ("Subject >= :sub AND (ForumName = :name)", (SortCondition("Subject", ">=", ("sub",)),)),
        (":name = ForumName AND :sub < Subject", (SortCondition("Subject", ">", ("sub",)),)),
    ],
)
def test_a_key_condition_fixes_the_partition_key_and_takes_a_range_of_the_sort_key(text, sort):
    found = key_condition(parse_key_condition(text), "ForumName", ["Subject"], "table Thread")
    assert found == KeyCondition((("ForumName", "name"),), sort)


def problems(text, partition="PK", sort="SK", where="table T"):
    return check_key_condition(resolve(parse_key_condition(text), {}), partition, sort, where)


ONE_RANGE = "a Query reads one range of one item collection"
TO_FILTER = (
    "move it to filter (which still reads and pays for every item of the collection) or add an index keyed by it"
)


@pytest.mark.parametrize(
    ("text", "problem"),
    [  # what the service refuses: Query.KeyConditionExpressions
        ("SK = :s", "partition key PK of table T must be fixed with PK = :value; a Query reads one item collection"),
        (
            "begins_with(PK, :p)",
            "partition key PK of table T takes only =, not begins_with;"
            " partitions are found by a hash, which keeps no order",
        ),
        (
            "PK = :p AND #status = :s",
            f"status is not a key attribute of table T; a Query reaches items only by PK and SK: {TO_FILTER}",
        ),
        (
            "PK = :p AND SK > :a AND SK < :b",
            "SK stands twice; a key attribute has one condition: for a range write SK BETWEEN :from AND :to",
        ),
        (
            "PK = :p AND PK = :p",
            "PK stands twice; a key attribute has one condition: PK = :value",
        ),
        (
            "PK = :p AND (SK = :a OR SK = :b)",
            f"OR cannot stand in the key condition of table T; {ONE_RANGE}: send a Query for each alternative",
        ),
        (
            "PK IN (:p, :q)",
            f"IN cannot stand in the key condition of table T; {ONE_RANGE}: send a Query for each value",
        ),
        (
            "PK = :p AND NOT SK = :s",
            f"NOT cannot stand in the key condition of table T; {ONE_RANGE}: write the range that remains",
        ),
        (
            "PK = :p AND SK <> :s",
            f"<> cannot stand in the key condition of table T; {ONE_RANGE}:"
            " what is unequal is two, below (<) and above (>)",
        ),
        (
            "PK = :p AND contains(SK, :s)",
            "contains cannot stand in the key condition of table T;"
            " items are sorted by their sort key from its beginning: only begins_with finds a part of it",
        ),
        (
            "PK = :p AND size(SK) > :s",
            "size cannot stand in the key condition of table T;"
            " items are sorted by the sort key itself, not by its size",
        ),
        (
            "PK = :p AND attribute_exists(SK)",
            "attribute_exists cannot stand in the key condition of table T;"
            " every item has its key attributes: leave it out",
        ),
        (
            "PK = :p AND contains(title, :t)",
            "contains cannot stand in the key condition of table T;"
            " title is no key attribute: move contains(title, :t) to filter",
        ),
        (
            "PK = :p AND SK = PK",
            "SK = PK cannot stand in the key condition of table T;"
            " a key condition compares one key attribute with a :value",
        ),
        (
            "PK = :p AND SK.a = :s",
            "SK.a = :s cannot stand in the key condition of table T;"
            " a key attribute is top-level text, number or binary and has no parts",
        ),
        (
            "PK = :p AND :s BETWEEN SK AND :t",
            ":s BETWEEN SK AND :t cannot stand in the key condition of table T; BETWEEN has the key attribute first",
        ),
    ],
)
def test_a_key_condition_that_no_query_serves_says_why(text, problem):
    assert problems(text) == [problem]


def test_a_sort_key_condition_on_a_table_without_sort_key_is_named():
    assert problems("user_id = :u AND at > :t", "user_id", (), "table Sessions") == [
        "at is not a key attribute of table Sessions, which has no sort key;"
        f" a Query reaches items only by user_id: {TO_FILTER}"
    ]


def test_every_reason_is_given_at_once():
    found = problems("PK > :p AND SK <> :s AND status = :t AND owner = :o")
    assert [message.split(" ")[0] for message in found] == ["<>", "status", "owner", "partition"]
    with pytest.raises(ValueError) as caught:
        key_condition(parse_key_condition("SK <> :s"), "PK", "SK", "table T")
    assert len(str(caught.value).splitlines()) == 2


# GSI.DesignPattern.MultiAttributeKeys: all partition attributes by =, sort attributes left to right, a range last.

MATCHES = (("tournamentId", "region"), ("round", "bracket", "matchId"), "index ByRound of table Matches")
FIXED = "tournamentId = :t AND #region = :r"
SORTED = "sort key attributes of index ByRound of table Matches"
ORDER = f"{SORTED} are used left to right (round, bracket, matchId), a range last"


@pytest.mark.parametrize(
    "rest",
    [
        "",
        " AND round = :a",
        " AND round BETWEEN :a AND :b",
        " AND bracket = :b AND round = :a",
        " AND round = :a AND bracket = :b AND begins_with(matchId, :c)",
    ],
)
def test_a_multi_attribute_key_serves_sort_attributes_from_the_left(rest):
    assert problems(FIXED + rest, *MATCHES) == []


def test_sort_conditions_come_in_the_order_of_the_key():
    node = resolve(parse_key_condition(f"bracket > :b AND round = :a AND {FIXED}"), {})
    found = key_condition(node, *MATCHES)
    assert found.partition == (("tournamentId", "t"), ("region", "r"))
    assert [term.attribute for term in found.sort] == ["round", "bracket"]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (
            "tournamentId = :t",
            [
                "partition key region of index ByRound of table Matches must be fixed with region = :value"
                " (all of tournamentId, region); a Query reads one item collection"
            ],
        ),
        (f"{FIXED} AND bracket = :b", [f"{ORDER}; bracket needs round = :value before it"]),
        (
            f"{FIXED} AND matchId = :m",
            [f"{ORDER}; matchId needs {name} = :value before it" for name in ("round", "bracket")],
        ),
        (f"{FIXED} AND round > :a AND bracket = :b", [f"{ORDER}; bracket cannot follow round with >"]),
    ],
)
def test_a_multi_attribute_key_refuses_gaps_and_a_range_before_the_end(text, expected):
    assert problems(text, *MATCHES) == expected
