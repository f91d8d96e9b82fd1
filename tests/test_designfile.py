"""Reading design files: every mistake is said at once, with its place and its fix, and one slip is one message."""

import json
import random
import time
from collections.abc import Iterator
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from benchmarks.mutations import at, mutated, shipped
from tests.designs import BOARD, SHIPPED, as_yaml, changed, plain, problems
from workbench.designfile import json_schema, load_design, parse_design
from workbench.documents import read_document
from workbench.errors import DesignError
from workbench.items import generate_items
from workbench.requests import draw_calls

PARTS = (
    "description, operation, entity, table, index, key_condition, filter, condition, update, projection, values, "
    "names, target, count, same, actions, for_each, consistent, descending, limit, pages, segments, select, given, "
    "unserved, rate, peak, popularity, user_facing, role, expect, accept"
)
OPERATIONS = (
    "GetItem, BatchGetItem, Query, Scan, PutItem, UpdateItem, DeleteItem, BatchWriteItem, TransactGetItems, "
    "TransactWriteItems"
)

SLIPS = {  # what is changed in the board, where the message points to, what it says
    "a key by its name in the API": (
        "operation: Query\n",
        "operation: Query\n    ScanIndexForward: false\n",
        "ScanIndexForward",
        "unknown key 'ScanIndexForward', did you mean 'descending'?",
    ),
    "a count with a comma": (
        "count: 20,",
        "count: 2,000,",
        "000,",
        "unknown key '000'; a number has no commas: write 2_000",
    ),
    "a count of three": (
        "count: 1..9",
        "count: 1..5..9",
        "1..5..9",
        "'1..5..9' is not an amount: write 40, 1..9, lognormal(40..400) or poisson(3)",
    ),
    "a limit that no request can have": (
        "rate: 10/s",
        "limit: 2_147_483_648",
        "2_147_483_648",
        "limit must be at most 2,147,483,647, not 2147483648",
    ),
    "a count with a dash": (
        "count: 1..9",
        "count: 1-9",
        "1-9",
        "'1-9' is not an amount: write 40, 1..9, lognormal(40..400) or poisson(3); did you mean 1..9?",
    ),
    "a count in thousands": (
        "count: 20,",
        "count: 2k,",
        "2k,",
        "'2k' is not an amount: write 40, 1..9, lognormal(40..400) or poisson(3); did you mean 2_000?",
    ),
    "more values than are generated": (
        "count: 1..9",
        "count: 3_000_000",
        "3_000_000",
        "field task has about 60,000,000 values (3000000 of task x 20 of project); at most 50,000,000 are generated: "
        "state a part of production, with rates in proportion",
    ),
    "a rate a second in words": (
        "rate: 2/s",
        "rate: 2 per second",
        "2 per second",
        "'2 per second' is not a rate: a number above 0 per s, min, h or day, as 20/s; write 2/s",
    ),
    "a rate with another unit": (
        "rate: 2/s",
        "rate: 2/hour",
        "2/hour",
        "'2/hour' is not a rate: a number above 0 per s, min, h or day, as 20/s; write 2/h",
    ),
    "a field in other brackets": (
        'SK: "TASK#{task}"',
        'SK: "TASK#{task}#<user>"',
        '"TASK#{task}#<user>"',
        "<user> is text here; a field stands in braces: {user}",
    ),
    "a value with its colon": (
        '{tasks: "TASK#"}',
        '{":tasks": "TASK#"}',
        '":tasks"',
        "write tasks, without the colon",
    ),
    "an attribute in other letters": (
        "condition: attribute_not_exists(PK)",
        "condition: attribute_not_exists(pk)",
        "attribute_not_exists(pk)",
        "pk is no attribute of what is addressed, did you mean PK?",
    ),
    "a key with a near one": (
        "count: 20,",
        "cuont: 20,",
        "cuont: 20",
        "unknown key 'cuont', did you mean 'count'?",
    ),
    "a key with none near": (
        "rate: 2/s",
        "speed: 2/s",
        "speed: 2/s",
        f"unknown key 'speed'; allowed: {PARTS}; own notes go under x-...",
    ),
    "a key of another part": (
        "sort_key: SK",
        "sort_key: SK, name: x",
        "name: x",
        "unknown key 'name'; allowed: description, partition_key, sort_key, key_types, gsi, lsi, ttl, "
        "capacity, max_throughput, warm_throughput, table_class, pitr, stream, replicas, accept; own "
        "notes go under x-...",
    ),
    "a misspelt key that is required": (
        "partition_key: PK",
        "partiton_key: PK",
        "partiton_key: PK",
        "unknown key 'partiton_key', did you mean 'partition_key'?",
    ),
    "a section": (
        "entities:",
        "entites:",
        "entites:",
        "unknown key 'entites', did you mean 'entities'?",
    ),
    "a missing key": (
        "operation: PutItem, ",
        "",
        "create-task: {entity:",
        "operation is missing: the API operation, as GetItem or Query",
    ),
    "a missing name": (
        "name: board\n",
        "",
        "tables:",
        "name is missing: the design's name",
    ),
    "text for a number": (
        "count: 50",
        "count: many",
        "many",
        "'many' is not an amount: write 40, 1..9, lognormal(40..400) or poisson(3)",
    ),
    "a number for text": (
        "name: board",
        "name: 5",
        "5",
        'name must be text, not 5; quote it: "5"',
    ),
    "a list for text": (
        "partition_key: PK",
        "partition_key: [PK]",
        "partition_key: [PK]",
        "partition_key must be text, not a list",
    ),
    "a mapping for text": (
        "condition: attribute_not_exists(PK)",
        "condition: {owner}",
        "condition: {owner",
        'condition must be text: unquoted {owner} is a YAML mapping; write "{owner}"',
    ),
    "text for a mapping": (
        "attributes: {title: text(10)}",
        "attributes: title",
        "title",
        "attributes must be a mapping (name: value), not 'title'",
    ),
    "text for a whole section": (
        "fields:\n",
        "fields: none\nx-fields:\n",
        "none",
        "fields must be a mapping (name: value), not 'none'",
    ),
    "text for a boolean": (
        "rate: 10/s",
        "consistent: maybe",
        "maybe",
        "consistent must be true or false, not 'maybe'",
    ),
    "a word of YAML 1.1 for a boolean": (
        "rate: 10/s",
        "consistent: yes",
        "yes",
        "consistent must be true or false, not 'yes': write true; in YAML 1.2 yes is text",
    ),
    "a number for a boolean": (
        "rate: 10/s",
        "consistent: 1  # on",
        "1  # on",
        "consistent must be true or false, not 1",
    ),
    "quoted true for a boolean": (
        "rate: 10/s",
        'consistent: "true"',
        '"true"',
        "consistent must be true or false, not 'true'",
    ),
    "text for a limit": (
        "rate: 10/s",
        "limit: few",
        "few",
        "limit must be a whole number, not 'few'",
    ),
    "a limit of nothing": (
        "rate: 10/s",
        "limit: 0  # none",
        "0  # none",
        "limit must be at least 1, not 0",
    ),
    "a broken limit": (
        "rate: 10/s",
        "limit: 1.5",
        "1.5",
        "limit must be a whole number, not 1.5",
    ),
    "a name that is a number": (
        "  user:",
        "  5: {count: 3}\n  user:",
        "5: {count:",
        '5 is no text: a name is text; quote it, as "5"',
    ),
    "an operation": (
        "operation: PutItem",
        "operation: Put",
        "Put",
        f"operation: 'Put' is not allowed, did you mean 'PutItem'? allowed: {OPERATIONS}",
    ),
    "no access patterns": (
        "access_patterns:\n",
        "access_patterns: {}\nx-rest:\n",
        "access_patterns: {",
        "access_patterns is empty; a design has at least one",
    ),
    "a share": (
        "OPEN: 70%",
        "OPEN: 60%",
        "choice: {OPEN:",
        "the shares of choice sum to 90%, not 100%",
    ),
    "a format": (
        '"p-{:03}"',
        '"p-"',
        '"p-"',
        "format 'p-': write one place for the value, as in \"p-{:04}\"",
    ),
    "a type": (
        "text(10)",
        "txt(10)",
        "txt(10)",
        "'txt(10)' is not a type, did you mean text?",
    ),
    "a constant without brackets": (
        "text(10)",
        "OPEN",
        "OPEN",
        "'OPEN' is not a type; a constant is written [OPEN]; types: numbers as 1..60, timestamp, "
        "timestamp_ms, epoch, epoch_ms, month, date, hour, minute, word, sentence, name, email, phone, "
        "city, country, url, ip, uuid, uuid7, ulid, ksuid, text, integer, shard, boolean, binary",
    ),
    "a popularity": (
        "zipf(1.1)",
        "zip(1.1)",
        "zip(1.1)",
        "'zip(1.1)' is not a popularity: write uniform, zipf(1.1), hotset(1% takes 90%), top(70% 5%), "
        "top(40% zipf(1.2)) or latest",
    ),
    "a rate without unit": (
        "rate: 2/s",
        "rate: 2",
        "2}",
        "'2' is not a rate: a number above 0 per s, min, h or day, as 20/s; write 2/s",
    ),
    "a rate of zero": (
        "rate: 2/s",
        "rate: 0/s",
        "0/s",
        "'0/s': a rate must be above 0; leave it out if the pattern is no part of a load",
    ),
    "a rate below zero": (
        "rate: 2/s",
        "rate: -2/s",
        "-2/s",
        "'-2/s' is not a rate: a number above 0 per s, min, h or day, as 20/s",
    ),
    "a peak below the rate": (
        "rate: 2/s",
        "rate: 2/s, peak: 1/s",
        "1/s",
        "peak 1/s is below rate 2/s: peak is the highest, rate the mean",
    ),
    "a target": (
        "rate: 2/s",
        "target: old",
        "old",
        "'old': a target is existing, new, missing, or a mapping that restricts it, as {status: OPEN}",
    ),
    "pages": (
        "rate: 10/s",
        "pages: some",
        "some",
        "'some': pages is a number from 1 to 2,147,483,647, or all",
    ),
    "a projection": (
        "sort_key: SK",
        "gsi: {Gx1: {partition_key: PK, projection: SOME}}",
        "SOME",
        "'SOME' is not a projection: write ALL, KEYS_ONLY or a list of attributes, as [title]",
    ),
    "a capacity": (
        "sort_key: SK",
        "sort_key: SK, capacity: fast",
        "fast",
        "'fast': capacity is on-demand or {read: 100, write: 50}",
    ),
    "half a capacity": (
        "sort_key: SK",
        "sort_key: SK, capacity: {read: 5}",
        "capacity: {read:",
        "write is missing: write units per second, or {min: 5, max: 400, target: 70%}",
    ),
    "units": (
        "sort_key: SK",
        "sort_key: SK, capacity: {read: 0, write: 5}",
        "0",
        "0 is not a number of units: write a number from 1, as 400",
    ),
    "a template in a key without quotes": (
        'PK: "PROJECT#{project}", SK: META',
        "PK: {project}, SK: META",
        "PK: {project",
        'unquoted {project} is a YAML mapping; write "{project}"',
    ),
    "a template in an attribute without quotes": (
        'owner: "{user}"',
        "owner: {user}",
        "owner: {user",
        'unquoted {user} is a YAML mapping; write "{user}"',
    ),
    "a template in values without quotes": (
        'values: {tasks: "TASK#"}',
        "values: {tasks: {task}}",
        "tasks: {task",
        'unquoted {task} is a YAML mapping; write "{task}"',
    ),
    "a template that does not parse": (
        '"TASK#{task}"',
        '"TASK#{task"',
        '"TASK#{task"',
        "'TASK#{task': expected '}' before end of string; a field stands in braces, as in TASK#{task_id}",
    ),
    "a type where a template stands": (
        'values: {tasks: "TASK#"}',
        "values: {tasks: date(-7d)}",
        "date(-7d)",
        "'date(-7d)' would be this very text, since here a bare string stands for itself; a domain is "
        "written {type: date(-7d)}",
    ),
    "a template field without a domain": (
        'owner: "{user}"',
        'owner: "{usr}"',
        '"{usr}"',
        "{usr} has no domain: no field or attribute of that name; did you mean 'user'? known: createdAt, "
        "owner, project, state, task, user",
    ),
    "an attribute without a domain": (
        "title: text(10)",
        "title: ",
        "title:",
        "title has no domain and there is no field title; known: project, task, user",
    ),
    "a key attribute missing from an entity": (
        ", SK: META}",
        "}",
        "Project:",
        "entity Project lacks the key attribute SK of table Board: every item needs it; give it a "
        'template under key (SK: "...") or a field of that name',
    ),
    "a foreign key attribute": (
        "SK: META",
        "SX: META",
        "SX: META",
        "'SX' is no key attribute of table Board or its indexes; known: PK, SK; other attributes stand "
        "under attributes",
    ),
    "no sort key in the table, and all entities have it": (
        ", sort_key: SK",
        "",
        "Board: {partition_key:",
        "table Board has no key attribute SK, and Project, Task have it under key; is sort_key: SK missing?",
    ),
    "a parent": (
        "per: project",
        "per: projct",
        "projct",
        "'projct' is not a field; did you mean 'project'? known: project, task, user",
    ),
    "a cardinality that cannot give unique keys": (
        "{per: project, count: 1..9}",
        "{per: project, count: 1..9, type: 1..5}",
        "1..9",
        "field task cannot have 1..9 distinct values: its domain has 5, and keys are unique",
    ),
    "a key without the parent of its field": (
        'PK: "PROJECT#{project}", SK: "TASK#{task}"',
        'PK: PROJECT, SK: "TASK#{task}"',
        "key: {PK: P",
        "the key of Task has task without project: values of task are distinct within one project only, "
        "and keys are unique; put {project} into the key, or make task a uuid or ulid",
    ),
    "two unrelated fields in a key": (
        "SK: META",
        'SK: "{user}"',
        "Project:",
        "the key of Project has 2 unrelated identity fields (project, user): say how many of their "
        "combinations exist, as items: 150_000, or items: all",
    ),
    "two entities with the same keys": (
        'SK: "TASK#{task}"',
        "SK: META",
        "Task:",
        "the keys of Task are those of Project, and keys are unique: tell them apart by a prefix",
    ),
    "an unknown entity": (
        "entity: Task, condition",
        "entity: Tsk, condition",
        "Tsk",
        "'Tsk' is not an entity; did you mean 'Task'? known: Project, Task",
    ),
    "no entity where there are several": (
        "entity: Task, condition",
        "condition",
        "create-task: {operation:",
        "PutItem names no entity; known: Project, Task",
    ),
    "an unknown index": (
        "rate: 10/s",
        "index: ByOwner",
        "ByOwner",
        "table Board has no index 'ByOwner'; known: none",
    ),
    "an expression that does not parse": (
        "begins_with(SK, :tasks)",
        "begins_with(SK :tasks)",
        "PK ",
        "expected a comma or ); found :tasks\n  PK = :PK AND begins_with(SK :tasks)\n                              ^",
    ),
    "an expression cut by a comment": (
        "key_condition: PK = :PK AND begins_with(SK, :tasks)",
        "key_condition: PK = :PK AND #sk > :tasks",
        "PK ",
        "the expression ends too early; expected an attribute (name or #name), a :value or NOT\n"
        "  PK = :PK AND\n"
        "              ^\n"
        "in YAML an unquoted ' #' starts a comment: put the expression in quotes",
    ),
    "an expression that a comment took whole": (
        "rate: 10/s",
        "filter: #state = :open",
        "filter: #state",
        "the expression is empty; expected an attribute (name or #name), a :value or NOT\n"
        "in YAML an unquoted ' #' starts a comment: put the expression in quotes",
    ),
    "a reserved word": (
        "rate: 10/s",
        "filter: state = :state",
        "state ",
        "state is a reserved word of DynamoDB: write #state (it stands for state) and quote the expression",
    ),
    "a value that is not there": (
        "PK = :PK AND begins_with(SK, :tasks)",
        "PK = :pk AND begins_with(SK, :tasks)",
        "PK ",
        ":pk has no value: put pk under values, or name a field or attribute; did you mean 'PK'? known: PK, SK, "
        "createdAt, now, owner, project, state, task, tasks, user",
    ),
    "a value that nothing uses": (
        'values: {tasks: "TASK#"}',
        'values: {tasks: "TASK#", open: OPEN}',
        "open: OPEN",
        ":open stands in no expression; remove it: DynamoDB refuses unused values",
    ),
    "an accepted finding without a reason": (
        "rate: 2/s",
        "accept: [DW204]",
        "accept: [DW204]",
        "accept must be a mapping (name: value), not a list",
    ),
    "a key with a beginning": (
        "rate: 2/s",
        "desc: twice",
        "desc: twice",
        "unknown key 'desc', did you mean 'description'?",
    ),
    "a field that is its own parent": (
        "project: {count: 20,",
        "project: {count: 20, per: project,",
        "project: {count:",
        "field project is made of itself; leave out one of the references in that circle",
    ),
    "a field without a domain": (
        "  user:",
        "  day:\n  user:",
        "day:",
        "field day has no domain: give it a count, a type or a choice, as day: {count: 200}",
    ),
    "a child without a count": (
        "count: 1..9",
        "type: 1..9",
        "task: {per:",
        "field task is per project but has no count: say how many for each, as count: 1..5",
    ),
    "a size beyond an item": (
        "attributes: {title: text(10)}",
        "size: 500 KB",
        "500",
        "500 KB: an item has at most 400 KB (409,600 bytes)",
    ),
    "an attribute that redeclares a field": (
        "title: text(10)",
        "user: text(10)",
        "user: text(10)",
        "attribute user redeclares the field user; write `user:` alone, or give it another name",
    ),
    "a sparse key attribute": (
        "project: {count: 20,",
        "project: {count: 20, present: 50%,",
        "Project:",
        "key attribute PK is sparse (through project): every item needs it; take away `present` (also in line 12)",
    ),
    "a time counted from no time": (
        "timestamp(-30d..now)",
        "epoch(owner + 1d)",
        "epoch(owner",
        "owner is not a time (timestamp, timestamp_ms, epoch, epoch_ms, month, date, hour, minute), so "
        "that nothing can be counted from it; name a field that is one",
    ),
    "an attribute made of itself": (
        "title: text(10)",
        'title: "a {title}"',
        '"a {title}"',
        "title is made of itself; leave out one of the references in that circle",
    ),
    "an attribute that is itself": (
        "title: text(10)",
        'title: "{title}"',
        '"{title}"',
        "title has no domain and there is no field title; known: project, task, user",
    ),
    "a key attribute that is itself": (
        "SK: META",
        'SK: "{SK}"',
        '"{SK}"',
        "SK has no domain and there is no field SK; known: project, task, user",
    ),
    "a presence of an unknown attribute": (
        "text(10)",
        "{type: uuid, present: {stat: OPEN}}",
        "stat: OPEN",
        "'stat' is not an attribute or field; known: PK, SK, project, task, title, user",
    ),
    "a template of a list": (
        '"{user}"',
        '"{createdAt}"\n      tags: {list: word, length: 2}\n      line: "{tags}"',
        '"{tags}"',
        "{tags} is a map, list or set; a template takes texts and numbers",
    ),
    "a set of maps": (
        "text(10)",
        "{set: {map: {a: word}}}",
        "set: {map:",
        "a set holds only texts, only numbers or only binary",
    ),
    "rows that are nowhere": (
        "attributes: {title: text(10)}",
        "rows: projects",
        "projects",
        "'projects' is neither a file nor a name under rows; known: none",
    ),
    "a short table name": (
        "  Board:",
        "  Bo:",
        "Bo: {partition_key:",
        "table name 'Bo': a name has 3 to 255 characters of A-Z a-z 0-9 _ . -",
    ),
    "an index key that no entity has": (
        "sort_key: SK",
        "sort_key: SK, gsi: {Gx1: {partition_key: owned}}",
        "Gx1: {partition_key:",
        "no entity has owned, key of Gx1: the index would stay empty; did you mean owner?",
    ),
    "a key attribute of two types": (
        "SK: META",
        "SK: 5",
        '"TASK#{task}"',
        "key attribute SK is S here and N in Project; a key attribute has one type",
    ),
}


@pytest.mark.parametrize("slip", SLIPS)
def test_one_slip_is_one_message_at_its_place(slip):
    old, new, at, said = SLIPS[slip]
    text = changed(old, new)
    assert problems(text) == [f"{place(text, at)}: {said}"]


def place(text: str, at: str) -> str:
    """`line:column` of the first place in the text that reads `at`."""
    before = text[: text.index(at)]
    return f"{before.count(chr(10)) + 1}:{len(before) - before.rfind(chr(10))}"


def test_a_key_with_fields_but_none_that_counts_is_refused():
    text = changed("  task:", "  day: date(-3d..now)\n  task:")
    assert problems(text.replace('PK: "PROJECT#{project}", SK: META', 'PK: "DAY#{day}", SK: META')) == [
        "11:5: the key of Project has fields (day) but no identity field, so that nothing says how many items there "
        "are: give one of them a count"
    ]


def test_a_gsi_has_at_most_four_and_four_key_attributes():
    # Developer Guide, GSI.DesignPattern.MultiAttributeKeys: up to four partition key and four sort key attributes.
    def board(number: int) -> str:
        names = [f"a{i}" for i in range(number)]
        text = changed("sort_key: SK", f"sort_key: SK, gsi: {{Gx1: {{partition_key: [{', '.join(names)}]}}}}")
        return text.replace("title: text(10)", ", ".join(f"{name}: text(3)" for name in names))

    assert parse_design(board(4)).tables["Board"].gsi["Gx1"].partition_key == ("a0", "a1", "a2", "a3")
    assert problems(board(5)) == ["3:56: 5 attributes; a GSI has at most 4 partition key and 4 sort key attributes"]


SIMPLE = """\
name: simple
tables:
  Tab: {partition_key: id}
fields:
  id: {count: 5}
  since: timestamp(-1d..now)
entities:
  E: {attributes: {since: }}
access_patterns:
  q: {operation: Query, key_condition: id = :id}
"""


def test_a_sort_key_condition_on_a_table_without_sort_key_is_refused():
    assert problems(changed("id = :id", "id = :id AND since > :since", SIMPLE)) == [
        "10:40: since is not a key attribute of table Tab, which has no sort key; a Query reaches items only by id: "
        "move it to filter (which still reads and pays for every item of the collection) or add an index keyed by it"
    ]


@pytest.mark.parametrize("tag", ["!!python/object/apply:os.system", "!Ref"])
def test_yaml_that_constructs_objects_is_refused(tag):
    assert problems(changed("name: board", f"name: {tag} [ls]")) == [
        f"1:7: the tag {tag} would construct an object; a design file holds plain values only"
        ": remove it; text that begins with ! must be quoted"
    ]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "1:1: a design is a mapping with name, tables and access_patterns; the file is empty"),
        ("# only a comment", "1:1: a design is a mapping with name, tables and access_patterns; the file is empty"),
        ("- a\n- b", "1:1: a design is a mapping with name, tables and access_patterns; found a list"),
        ("board", "1:1: a design is a mapping with name, tables and access_patterns; found text"),
        ("a: [1, 2", "1:1: not YAML: what begins in this line is not closed; close the bracket or the quotation mark"),
        ("PK\x00", "1:3: not YAML: the character U+0000 is not allowed in a file; remove it"),
    ],
)
def test_a_file_that_is_no_design_at_all_is_one_message(text, said):
    assert problems(text) == [said]


def test_a_name_may_have_255_characters_and_no_more():
    assert parse_design(changed("name: board", f"name: {'b' * 255}")).name == "b" * 255
    assert problems(changed("name: board", f"name: {'b' * 256}")) == [
        "1:7: name must have at most 255 characters, not 256"
    ]


def test_a_part_that_is_empty_says_what_it_needs():
    text = changed("access_patterns:", "access_patterns:\n  nothing:")
    assert problems(text) == ["19:3: nothing is empty; it needs operation: the API operation, as GetItem or Query"]


def test_a_name_that_is_no_text_is_said_as_it_is_written():
    said = 'null is no text: a name is text; quote it, as "null"'
    assert problems(changed("  project: {", "  ~: {count: 1}\n  project: {")) == [f"5:3: {said}"]
    assert problems(changed("rate: 2/s", "~: 2/s"))[0].endswith(said)


def test_a_pattern_may_be_named_like_a_key_and_messages_know_its_keys():
    assert problems(changed("  create-task: {operation: PutItem, ", "  expect: {")) == [
        "19:3: operation is missing: the API operation, as GetItem or Query"
    ]


def test_of_a_mistake_in_many_places_eight_lines_are_named():
    more = "".join(f"  p{i}: {{operation: Scan, entity: Nothing}}\n" for i in range(20))
    said = problems(changed("access_patterns:\n", f"access_patterns:\n{more}"))
    assert len(said) == 1 and said[0].endswith("(also in lines 20, 21, 22, 23, 24, 25, 26, 27 and 11 more)")


def test_a_file_that_is_not_there_is_an_error_that_says_how_to_make_one(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for path, below in ((tmp_path / "no.yaml", ""), ("no.yaml", f" in {tmp_path}")):
        with pytest.raises(DesignError) as error:
            load_design(path)
        assert str(error.value) == (
            f"{path}:1:1: no such file{below}; `workbench new no` writes a design to start from"
        )


def test_a_folder_is_an_error_that_names_the_designs_in_it(tmp_path):
    with pytest.raises(DesignError, match=r":1:1: a folder: name a design file in it$"):
        load_design(tmp_path)
    (tmp_path / "shop.yaml").touch()
    with pytest.raises(DesignError, match=r"a folder: name a design file in it, as shop\.yaml$"):
        load_design(tmp_path)


def test_a_file_over_one_megabyte_is_refused_within_a_second(tmp_path):
    (tmp_path / "large.yaml").write_bytes(b"a: b\n" * 4_000_000)
    began = time.process_time()
    with pytest.raises(DesignError, match="over 1 MB: a design file has at most 1,048,576 bytes"):
        load_design(tmp_path / "large.yaml")
    assert time.process_time() - began < 1


def test_messages_name_the_file_as_it_was_given(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "d.yaml").write_text("name: x")
    with pytest.raises(DesignError) as error:
        load_design("d.yaml")
    assert str(error.value).startswith("d.yaml:1:1: ")
    assert (error.value.where, error.value.line) == ("d.yaml", 1)


def test_names_that_stand_twice_are_named_beside_all_else():
    text = changed("rate: 10/s", "rate: 10").replace("  user:", "  task: {count: 3}\n  user:")
    assert problems(text + "  create-task: {operation: Scan, entity: Task}\n") == [
        "7:3: 'task' stands twice (first in line 6); names are unique in their mapping",
        "26:11: '10' is not a rate: a number above 0 per s, min, h or day, as 20/s; write 10/s",
        "27:3: 'create-task' stands twice (first in line 20); names are unique in their mapping",
    ]


def test_shape_and_rules_are_said_at_once_and_what_depends_on_a_wrong_part_is_left_out():
    text = BOARD
    for old, new in (
        ("zipf(1.1)", "zip(1.1)"),  # the shape of a field
        ("SK: META", "SX: META"),  # a rule, of an entity that does not use the field
        ("state: {choice", "status: {choic"),  # the shape of the entity that list-tasks reads
        ("rate: 2/s", "rate: 2"),  # the shape of a pattern
        ("rate: 10/s", "index: ByOwner"),  # not judged: its entity is not known
    ):
        text = changed(old, new, text)
    text += "  read: {operation: GetItem, entity: Project, filter: title = :title}\n"
    assert [line.partition(": ")[0] for line in problems(text)] == ["7:56", "10:36", "15:16", "19:94"]
    assert problems(text.replace("SX: META", "SK: META"))[-1] == (
        "26:47: GetItem takes no filter: a filter is applied to what a Query or Scan has read"
    )


def test_the_same_mistake_in_several_places_is_said_once_with_the_lines():
    text = changed('  user: {count: 50, format: "u-{}", popularity: {read: zipf(1.1), write: uniform}}\n', "")
    assert problems(text.replace("title: text(10)", 'title: "{user}"')) == [
        "10:25: {user} has no domain: no field or attribute of that name; known: project, task, title (also in line 15)"
    ]


def test_own_notes_are_allowed_at_every_level():
    text = BOARD.replace("{", "{x-note: 1, ").replace("rate: 10/s", "x-why: [a, {b: c}]").replace("#{x-note: 1, ", "#{")
    text = text.replace('"u-{x-note: 1, }"', '"u-{}"').replace('"p-{x-note: 1, :03}"', '"p-{:03}"')
    text = text.replace('"{x-note: 1, user}"', '"{user}"')
    assert text.count("x-note") > 8
    assert parse_design("x-top: [1]\n" + text).access_patterns.keys() == parse_design(BOARD).access_patterns.keys()


# Whatever a file holds, it is a design or a DesignError


@pytest.mark.parametrize("start", range(0, 300, 60))
def test_whatever_is_changed_in_a_shipped_file_it_is_a_design_or_a_design_error(start):
    data = [read_document(text).data for text in shipped()]
    refused = 0
    for seed in range(start, start + 60):
        rng = random.Random(seed)
        try:
            design = parse_design(as_yaml(mutated(data[seed % len(data)], rng)))
        except DesignError as error:
            refused += 1
            assert all(problem.message and problem.line >= 1 and problem.column >= 1 for problem in error.problems)
            continue
        if not design.rows:
            draw(design)
    assert 20 < refused < 60


def draw(design: Any) -> None:
    """Generate and draw; what cannot be generated says so in words."""
    try:
        items = generate_items(design)
        for pattern in design.served_patterns():
            draw_calls(items, pattern, 2, seed=1)
    except ValueError as error:
        assert str(error).startswith(("entity ", "field "))


# JSON Schema, for editors


@pytest.fixture(scope="module")
def schema() -> Draft202012Validator:
    Draft202012Validator.check_schema(json_schema())
    return Draft202012Validator(json_schema())


def test_the_schema_names_its_draft(schema):
    assert schema.schema["$schema"] == "https://json-schema.org/draft/2020-12/schema"
    assert json.loads(json.dumps(schema.schema)) == schema.schema


@pytest.mark.parametrize("path", sorted(SHIPPED.glob("*.yaml")), ids=lambda path: path.stem)
def test_the_schema_accepts_the_designs_that_ship(schema, path):
    data = plain(read_document(path.read_text(encoding="utf-8")).data)
    assert [error.message for error in schema.iter_errors(data)] == []


def test_the_schema_accepts_short_forms_and_own_notes(schema):
    data = plain(read_document(SIMPLE).data)
    data["fields"] |= {"a": "email", "b": 5, "c": ["x", "y"], "d": None, "e": {"choice": {"x": None}}, "x-f": 1}
    data["entities"] |= {"F": None}
    data["tables"]["Tab"]["x-note"] = {"anything": [1]}
    data["x-top"] = 1
    assert schema.is_valid(data)


@pytest.mark.parametrize(
    ("path", "value"),
    [
        (("tabels",), {}),
        (("tables", "Tab", "partiton_key"), "id"),
        (("fields", "id", "cuont"), 5),
        (("entities", "E", "kye"), {}),
        (("access_patterns", "q", "rates"), "5/s"),
        (("access_patterns", "q", "operation"), "Get"),
        (("access_patterns", "q", "rate"), 5),
        (("access_patterns", "q", "expect"), {"item": 1}),
        (("tables", "Tab", "capacity"), {"read": 5}),
        (("name",), 5),
    ],
)
def test_the_schema_refuses_what_the_reader_refuses(schema, path, value):
    data = plain(read_document(SIMPLE).data)
    at(data, path[:-1])[path[-1]] = value
    assert not schema.is_valid(data)
    with pytest.raises(DesignError):
        parse_design(as_yaml(data))


def properties(part: Any, name: str = "file") -> Iterator[tuple[str, str, Any]]:
    for key, value in part.get("properties", {}).items():
        yield name, key, value
    for below, value in part.get("$defs", {}).items():
        yield from properties(value["anyOf"][0] if "anyOf" in value else value, below)


def test_every_key_has_a_description_to_hover_over(schema):
    found = list(properties(schema.schema))
    assert len(found) > 90
    assert [(part, key) for part, key, value in found if not value.get("description")] == []


def test_an_lsi_on_a_table_without_a_sort_key_is_named():
    text = """
name: shop
tables: {Orders: {partition_key: order_id, lsi: {byCustomer: {sort_key: customer}}}}
fields: {order_id: {count: 9}, customer: {count: 3}}
entities: {Order: {items: 9, attributes: {customer: }}}
access_patterns: {read: {operation: GetItem, rate: 1/s}}
"""
    with pytest.raises(DesignError, match="Orders has no sort key, so no LSI"):
        parse_design(text)
