"""Reviews: the shipped designs have exactly their baselines; accepted findings stand apart; large designs are quick."""

import json
import re
import time
from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest

import workbench as wb
from tests.designs import BOARD, SHIPPED, as_yaml, changed, design
from workbench.designfile import parse_design
from workbench.evidence import Evidence
from workbench.finding_reports import to_json
from workbench.findings import Finding, Review, where
from workbench.reviews import located, review, review_files
from workbench.runs import run_patterns

BASELINES = Path(__file__).parent / "baselines" / "review"
SCAN = {
    "tables": {"Notes": {"partition_key": "id", "max_throughput": {"read": 100, "write": 100}}},
    "fields": {"id": {"count": 2_000}},
    "entities": {"Note": {"attributes": {"text": "text(40)"}}},
    "access_patterns": {
        "add": {"operation": "PutItem", "condition": "attribute_not_exists(id)", "rate": "1/s"},
        "all": {"operation": "Scan", "table": "Notes", "rate": "1/s"},
    },
}


def scan(**accept):
    """A design whose only finding is its Scan, with acceptances by the part that they stand on."""
    one = json.loads(json.dumps(SCAN))
    for part, reasons in accept.items():
        {"design": one, "table": one["tables"]["Notes"], "pattern": one["access_patterns"]["all"],
         "entity": one["entities"]["Note"]}[part]["accept"] = reasons  # fmt: skip
    return design(as_yaml(one))


def codes(found: Review) -> list[str]:
    return [one.code for one in found]


@pytest.mark.parametrize("path", sorted(SHIPPED.glob("*.yaml")), ids=lambda path: path.stem)
def test_the_review_of_a_shipped_design_is_exactly_its_baseline(path):
    found = to_json(review(wb.load_design(path)))
    committed = (BASELINES / f"{path.stem}.json").read_text(encoding="utf-8")
    assert found == committed, f"workbench review {path} --write-baseline tests/baselines/review/{path.stem}.json"


def test_a_review_is_a_sequence_of_findings_worst_first():
    found = review(wb.load_design(SHIPPED / "task_board.yaml"))
    assert isinstance(found[0], Finding)
    assert [one.severity for one in found] == sorted(
        (one.severity for one in found), key=["error", "warning", "note"].index
    )
    assert len(found) == len(list(found)) == len(found.findings)
    assert found.at_least("error") == found[:2]


def test_items_that_are_there_are_not_made_again():
    items = wb.generate_items(scan())
    assert codes(review(items)) == codes(review(items.design)) == ["DW301"]


# Acceptance


@pytest.mark.parametrize("part", ["design", "pattern"])
def test_what_is_accepted_around_a_finding_is_set_apart_with_its_reason(part):
    found = review(scan(**{part: {"DW301": "an export that nobody waits for"}}))
    assert codes(found) == []
    assert [(one.code, reason) for one, reason in found.accepted] == [("DW301", "an export that nobody waits for")]


@pytest.mark.parametrize("part", ["table", "entity"])
def test_an_acceptance_elsewhere_is_in_vain_and_said_to_be(part):
    found = review(scan(**{part: {"DW301": "elsewhere"}}))
    assert codes(found) == ["DW301", "DW001"]
    assert found[1].where == {"table": "table Notes", "entity": "entity Note"}[part]


def test_the_nearest_acceptance_counts_and_the_one_around_it_is_in_vain():
    found = review(scan(design={"DW301": "far"}, pattern={"DW301": "near"}))
    assert [reason for _, reason in found.accepted] == ["near"]
    assert codes(found) == ["DW001"]


def test_an_index_is_accepted_on_itself_and_on_its_table():
    text = {
        **SCAN,
        "tables": {"Notes": {"partition_key": "id", "gsi": {"byText": {"partition_key": "text"}}}},
    }
    for holder in ("tables", "gsi"):
        one = json.loads(json.dumps(text))
        table = one["tables"]["Notes"]
        (table if holder == "tables" else table["gsi"]["byText"])["accept"] = {"DW201": "filled for later"}
        assert [one.code for one, _ in review(design(as_yaml(one))).accepted] == ["DW201"]


# Baselines


def test_a_baseline_leaves_only_what_is_new():
    found = review(wb.load_design(SHIPPED / "task_board.yaml"))
    known = json.loads(to_json(found))["findings"]
    assert codes(found.without(known)) == []
    assert codes(found.without(known[1:])) == [found[0].code]


@pytest.mark.parametrize(
    ("known", "severity", "new"),
    [
        ("warning", "error", 1),
        ("note", "warning", 1),
        ("warning", "warning", 0),
        ("error", "warning", 0),
        ("error", "error", 0),
    ],
)
def test_a_finding_that_has_become_worse_is_new(known, severity, new):
    one = review(scan())[0]
    now = Review("x", (replace(one, severity=severity),))
    assert len(now.without([replace(one, severity=known).to_dict()])) == new


def test_of_several_known_findings_the_mildest_that_covers_one_is_used_up():
    one = review(scan())[0]
    known = [replace(one, severity=severity).to_dict() for severity in ("error", "warning")]
    now = Review("x", (replace(one, severity="error"), replace(one, severity="warning")))
    assert len(now.without(known)) == 0
    assert len(now.without([{"code": one.code, "where": one.where}])) == 1


def test_a_second_finding_of_the_same_kind_is_new():
    one = review(scan())[0]
    twice = Review("x", (one, replace(one, message="another")))
    assert len(twice.without([one.to_dict()])) == 1
    assert len(twice.without([one.to_dict()] * 2)) == 0


# Evidence


def test_a_run_says_what_a_filter_discards(engine):
    board = parse_design(
        as_yaml(
            {
                "name": "board",
                "tables": {"Board": {"partition_key": "PK", "sort_key": "SK"}},
                "fields": {"project": {"count": 20}, "task": {"per": "project", "count": 50}, "me": {"count": 9}},
                "entities": {
                    "Task": {"key": {"PK": "P#{project}", "SK": "T#{task}"}, "attributes": {"holder": "{me}"}},
                },
                "access_patterns": {
                    "mine": {
                        "operation": "Query",
                        "key_condition": "PK = :PK",
                        "filter": "holder = :holder",
                        "rate": "5/s",
                    },
                },
            }
        )
    )
    assert "DW302" not in codes(review(board)), "what depends on the request is not guessed"
    run = run_patterns(board, engine, calls=4, progress=False)
    (one,) = [one for one in review(board, run) if one.code == "DW302"]
    records = [record for record in run.records if record["pattern"] == "mine"]
    read, returned = (sum(record[name] for record in records) for name in ("items_scanned", "items_returned"))
    assert one.evidence["discarded_share"] == pytest.approx(1 - returned / read)
    assert f"{read:,} items read in the run" in one.message


def test_a_run_of_another_design_is_refused(engine):
    run = run_patterns(parse_design(BOARD), engine, calls=1, progress=False)
    with pytest.raises(ValueError, match="the run is of board, not of t"):
        review(scan(), run)


def test_a_design_whose_rows_are_given_elsewhere_is_judged_without_items():
    one = {
        "tables": {"Prices": {"partition_key": "sku"}},
        "rows": {"prices": {"columns": ["sku", "price"]}},
        "entities": {"Price": {"rows": "prices", "key": {"sku": "{sku}"}}},
        "access_patterns": {"put": {"operation": "PutItem", "rate": "5/s"}},
    }
    found = review(design(as_yaml(one)))
    assert codes(found) == ["DW310"]
    assert "items, units and heat were not judged" in found.notes[0]
    given = wb.generate_items(design(as_yaml(one)), rows={"prices": pd.DataFrame({"sku": ["a"], "price": [1]})})
    assert review(given).notes == ()


def test_evidence_is_shared_between_rules():
    evidence, asked = Evidence(scan()), []

    def count(one: Evidence) -> int:
        asked.append(one)
        return len(asked)

    assert evidence.once(count) == evidence.once(count) == 1


# How it is shown


def test_a_place_is_said_in_words():
    assert where(("tables", "Orders", "lsi", "byDate")) == "index byDate of table Orders"
    assert where(("access_patterns", "buy", "actions", 1)) == "access pattern buy"


def test_nothing_in_a_finding_is_unescaped_html():
    evil = "<script>alert('&')</script>"
    one = Finding("DW301", "error", evil, evil, {evil: [evil]}, evil)
    shown = Review(evil, (one,), ((one, evil),), (evil,))._repr_html_()
    assert "<script>" not in shown
    assert shown.count("&lt;script&gt;") >= 8


def test_names_of_a_design_are_escaped_too():
    text = as_yaml(SCAN).replace('"all"', '"<b>all</b>"')
    shown = review(design(text))._repr_html_()
    assert "&lt;b&gt;all&lt;/b&gt;" in shown
    assert "<b>all" not in shown


def test_the_frame_has_findings_and_then_what_is_accepted():
    frame = review(scan(pattern={"DW301": "why not"})).to_frame()
    assert list(frame.columns) == ["code", "severity", "where", "message", "evidence", "fix", "accepted"]
    assert frame.accepted.tolist() == ["why not"]


def test_a_severity_that_is_none_is_an_error():
    with pytest.raises(ValueError, match="'fatal' is no severity: error, warning, note"):
        review(scan()).at_least("fatal")


def test_the_line_of_a_finding_is_that_of_its_part():
    text = changed("access_patterns:\n", "access_patterns:\n  everything: {operation: Scan, table: Board, rate: 1/s}\n")
    one = parse_design(text, "board.yaml")
    (found,) = [f for f in located(review(one), one) if f.code == "DW301"]
    assert text.splitlines()[found.line - 1].strip().startswith("everything:")


# Files


def test_a_line_accepts_its_finding_with_a_reason(tmp_path):
    (tmp_path / "db.py").write_text(
        'boto3.client("dynamodb", endpoint_url="http://localhost:8000")  # workbench: accept DW611 the emulator ships\n'
    )
    found = review_files(tmp_path)
    assert codes(found) == []
    assert [reason for _, reason in found.accepted] == ["the emulator ships"]


def test_a_file_that_is_named_is_read_though_it_is_a_test(tmp_path):
    path = tmp_path / "test_db.py"
    path.write_text('boto3.client("dynamodb", endpoint_url="http://localhost:8000")')
    assert codes(review_files(path)) == ["DW611"]
    assert codes(review_files(tmp_path)) == []


def test_packages_of_others_and_binaries_are_left_out(tmp_path):
    text = 'endpoint_url="http://localhost:8000"'
    for name in ("node_modules/aws/db.js", ".venv/lib/db.py"):
        (tmp_path / name).parent.mkdir(parents=True)
        (tmp_path / name).write_text(text)
    (tmp_path / "data.json").write_bytes(b"\0" + text.encode())
    assert codes(review_files(tmp_path)) == []


def test_a_path_that_is_not_there_is_an_error(tmp_path):
    with pytest.raises(FileNotFoundError, match=re.escape(str(tmp_path / "gone"))):
        review_files(tmp_path / "gone")


# Speed


def large(tables: int = 50) -> wb.Design:
    """A design of so many tables, each with two entities, an index, and six access patterns."""
    one: dict = {"name": "large", "tables": {}, "fields": {}, "entities": {}, "access_patterns": {}}
    for n in range(tables):
        index = {"byStatus": {"partition_key": "GSI1PK", "sort_key": "createdAt"}}
        one["tables"][f"Shop{n}"] = {"partition_key": "PK", "sort_key": "SK", "ttl": "expiresAt", "gsi": index}
        one["fields"] |= {
            f"c{n}": {"count": 200, "popularity": "zipf(1.1)"},
            f"o{n}": {"per": f"c{n}", "count": "1..9"},
        }
        own = {"status": ["OPEN", "PAID"], "createdAt": "timestamp(-30d..now)", "expiresAt": "epoch(createdAt + 90d)"}
        keys = {"PK": f"C#{{c{n}}}", "SK": f"O#{{o{n}}}", "GSI1PK": "{status}"}
        one["entities"] |= {
            f"Customer{n}": {
                "table": f"Shop{n}",
                "key": {"PK": f"C#{{c{n}}}", "SK": "META"},
                "attributes": {"name": "name"},
            },
            f"Order{n}": {"table": f"Shop{n}", "key": keys, "attributes": own},
        }
        order, customer = {"entity": f"Order{n}"}, {"entity": f"Customer{n}"}
        fresh, there = {"condition": "attribute_not_exists(PK)"}, {"condition": "attribute_exists(PK)"}
        pay = {"update": "SET #status = :paid, GSI1PK = :paid", "values": {"paid": "PAID"}, **there}
        buy = [{"operation": "ConditionCheck", **customer, **there}, {"operation": "Put", **order, **fresh}]
        query = {"operation": "Query", "filter": "expiresAt > :now", **order}
        one["access_patterns"] |= {
            f"read{n}": {"operation": "GetItem", **customer, "rate": "50/s"},
            f"place{n}": {"operation": "PutItem", **order, **fresh, "rate": "20/s", "peak": "1_200/s"},
            f"orders{n}": {**query, "key_condition": "PK = :PK", "rate": "100/s"},
            f"open{n}": {
                **query,
                "index": "byStatus",
                "key_condition": "GSI1PK = :GSI1PK",
                "limit": 20,
                "rate": "10/s",
            },
            f"pay{n}": {"operation": "UpdateItem", **order, **pay, "rate": "15/s"},
            f"buy{n}": {"operation": "TransactWriteItems", "actions": buy, "rate": "5/s"},
        }
    return parse_design(as_yaml(one))


def best(call, times: int) -> float:
    """The least processor time of a call, in seconds: of this process alone, since others may be busy."""
    seconds = []
    for _ in range(times):
        before = time.process_time()
        call()
        seconds.append(time.process_time() - before)
    return min(seconds)


def test_the_rules_take_no_longer_than_the_key_report_that_they_read():
    items = wb.generate_items(large(10))
    found = review(items)
    assert "DW202" in codes(found), "heat is part of it"
    assert best(lambda: review(items), 3) < 3 * best(lambda: wb.key_report(items), 3)


@pytest.mark.slow  # a bound in seconds, for a machine that is not busy with other tests
def test_fifty_tables_and_three_hundred_patterns_are_reviewed_in_under_a_second():
    one = large()
    assert (len(one.tables), len(one.access_patterns)) == (50, 300)
    assert best(lambda: review(one), 5) < 1
