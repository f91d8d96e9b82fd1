"""The design as an object: its parts by name, what a pattern addresses, rates and bounds."""

import pytest

from tests.designs import BOARD, SHIPPED, changed, design
from workbench.design import AccessPattern, Design
from workbench.designfile import load_design, parse_design
from workbench.notation import parse_bounds, parse_rate


@pytest.fixture(scope="module")
def board() -> Design:
    return parse_design(BOARD)


@pytest.mark.parametrize(
    ("text", "rate"),
    [("20/s", 20), ("1_500/s", 1500), ("3/min", 0.05), ("36/h", 0.01), ("864/day", 0.01), ("0.5 / s", 0.5)],
)
def test_a_rate_is_requests_per_second(text, rate):
    assert parse_rate(text) == pytest.approx(rate)


UNIT = "is not a rate: a number above 0 per s, min, h or day, as 20/s"


@pytest.mark.parametrize(
    ("value", "said"),
    [
        (20, f"'20' {UNIT}; write 20/s"),
        ("20", f"'20' {UNIT}; write 20/s"),
        ("20/m", f"'20/m' {UNIT}; write 20/min"),
        ("20 per s", f"'20 per s' {UNIT}; write 20/s"),
        ("-1/s", f"'-1/s' {UNIT}"),
        ("0/s", "'0/s': a rate must be above 0; leave it out if the pattern is no part of a load"),
        ("1" * 30 + "/s", f"'{'1' * 30}/s': a rate is at most a thousand million requests per second"),
    ],
)
def test_a_rate_of_zero_or_less_or_without_a_unit_is_refused(value, said):
    with pytest.raises(ValueError) as error:
        parse_rate(value)
    assert str(error.value) == said


@pytest.mark.parametrize(
    ("written", "bounds"),
    [
        ("1..20", (1, 20)),
        ("1..", (1, float("inf"))),
        ("..5", (0, 5)),
        (3, (3, 3)),
        ("0.5..1.5", (0.5, 1.5)),
        ("1_000", (1000, 1000)),
    ],
)
def test_bounds_may_be_open_on_one_side(written, bounds):
    assert parse_bounds(written) == bounds


@pytest.mark.parametrize("written", ["..", "", "a", "1..b", "1 5", True, "-1"])
def test_what_are_no_bounds_is_refused(written):
    with pytest.raises(ValueError, match=r"is not a range: write 3, 1\.\.20, 1\.\. or \.\.5"):
        parse_bounds(written)


def test_bounds_that_run_backwards_are_refused():
    with pytest.raises(ValueError, match=r"'5\.\.1' runs backwards"):
        parse_bounds("5..1")


def test_parts_know_their_names(board):
    assert [table.name for table in board.tables.values()] == ["Board"]
    assert [entity.name for entity in board.entities.values()] == ["Project", "Task"]
    assert [pattern.name for pattern in board.access_patterns.values()] == ["create-task", "list-tasks"]


def test_a_design_shows_itself_in_one_line_and_in_a_table(board):
    assert repr(board) == "<Design board: 1 table, 2 entities, 2 access patterns>"
    assert board.to_frame().columns.tolist() == [
        *("pattern", "operation", "entity", "table", "index", "rate_per_s", "peak_per_s", "served")
    ]
    assert "create-task" in board._repr_html_()


def test_a_design_does_not_change_once_it_is_read(board):
    with pytest.raises(ValueError, match="frozen"):
        board.name = "other"


def test_the_text_survives_with_its_comments():
    text = "# first\n" + BOARD.replace("rate: 10/s", "rate: 10/s  # in the evening")
    assert parse_design(text).to_yaml() == text


def test_the_path_is_where_it_was_read_from():
    path = SHIPPED / "task_board.yaml"
    assert load_design(path).path == str(path)
    assert load_design(str(path)).to_yaml() == path.read_text(encoding="utf-8")


TABLES = """
tables:
  One:
    partition_key: a
    sort_key: b
    gsi:
      Gx1: {partition_key: [c, d], sort_key: [e], projection: [f], capacity: {read: 5, write: {min: 1, max: 9}}}
    lsi:
      Lx1: {sort_key: c}
    capacity: {read: 1_000, write: 50}
    replicas: eu-west-1
  Two: {partition_key: a, key_types: {a: N}}
fields: {a: {count: 3}, b: {per: a, count: 2}, c: {type: 1..5}, d: uuid, e: {type: binary(4)}}
entities:
  E: {table: One, attributes: {c: , d: , e: , f: [x]}}
access_patterns: {g: {operation: GetItem}}
"""


def test_a_table_has_its_keys_and_those_of_its_indexes():
    table = design(TABLES).tables["One"]
    assert table.keys() == (("a",), ("b",))
    assert table.keys("Gx1") == (("c", "d"), ("e",))
    assert table.keys("Lx1") == (("a",), ("c",))
    assert table.indexed_attributes == ("a", "b", "c", "d", "e")
    assert [(name, index.kind) for name, index in table.indexes.items()] == [("Gx1", "gsi"), ("Lx1", "lsi")]
    assert table.replicas == ("eu-west-1",)


def test_capacity_is_a_number_or_scales():
    table = design(TABLES).tables["One"]
    assert (table.capacity.read, table.capacity.write) == (1000, 50)
    scaling = table.gsi["Gx1"].capacity.write
    assert (scaling.min, scaling.max, scaling.target) == (1, 9, 0.7)


def test_entities_know_their_table_and_tables_their_entities():
    made = design(TABLES)
    assert made.table_of("E").name == "One"
    assert [entity.name for entity in made.entities_in("One")] == ["E"]
    assert made.entities_in("Two") == []


def test_domains_of_an_entity_have_its_keys_first_and_fields_by_name():
    assert list(design(TABLES).domains_of("E")) == ["a", "b", "c", "d", "e", "f"]
    assert design(TABLES).domains_of("E")["a"].is_field


def pattern(**values) -> AccessPattern:
    return AccessPattern.model_validate({"operation": "Query", **values})


def test_a_limit_reads_one_page_unless_more_are_asked_for():
    # API_Query: Limit is the number of items evaluated in one request, that is one page.
    limits = [pattern().page_limit, pattern(limit=5).page_limit, pattern(limit=5, pages="all").page_limit]
    assert limits == [None, 1, None]
    assert pattern(pages=3).page_limit == 3


def test_the_peak_is_the_rate_unless_stated():
    assert (pattern(rate="5/s").peak_rate, pattern(rate="5/s", peak="9/s").peak_rate, pattern().peak_rate) == (
        5,
        9,
        None,
    )


@pytest.mark.parametrize(
    ("operation", "target"),
    [
        ("PutItem", "new"),
        ("BatchWriteItem", "new"),
        ("UpdateItem", "existing"),
        ("DeleteItem", "existing"),
        ("Query", "existing"),
    ],
)
def test_puts_create_and_all_others_address_what_exists(operation, target):
    assert pattern(operation=operation).target_of() == target
    assert pattern(operation=operation, target="missing").target_of() == "missing"


def test_reads_consume_read_units():
    reads = [
        op for op in ("GetItem", "BatchGetItem", "Query", "Scan", "TransactGetItems") if pattern(operation=op).is_read
    ]
    assert len(reads) == 5
    assert not pattern(operation="TransactWriteItems").is_read


def test_a_pattern_addresses_its_entities_or_those_of_its_actions_or_of_its_table():
    text = changed(
        "access_patterns:",
        """access_patterns:
  both: {operation: TransactGetItems, actions: [{operation: Get, entity: Task}, {operation: Get, entity: Project}]}
  all: {operation: Scan, table: Board}""",
    )
    made = parse_design(text)
    names = {name: [e.name for e in made.addressed(p)] for name, p in made.access_patterns.items()}
    assert names == {
        "both": ["Task", "Project"],
        "all": ["Project", "Task"],
        "create-task": ["Task"],
        "list-tasks": ["Task"],
    }


def test_unserved_patterns_are_not_among_those_that_a_run_calls():
    made = load_design(SHIPPED / "task_board.yaml")
    assert set(made.access_patterns) - {p.name for p in made.served_patterns()} == {"update-task-by-id"}
