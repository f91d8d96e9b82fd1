"""The notebooks on designs (07, 08, 10, 11, 12): what they record follows from AWS's pages, prices and hand sums."""

import math
from pathlib import Path
from typing import Any

import pytest

import workbench as wb
from tests.conftest import DESIGNS, ROOT
from workbench.errors import NotebookError
from workbench.regression import run_notebook, save_charts

LESSONS = DESIGNS / "lessons"
MONTH = 730 * 3600  # seconds
READ, WRITE = 0.125e-6, 0.625e-6  # US dollars a request unit; AWS price list, us-east-1, 2026-09-11
EMBEDDED = {"engine_kind": "embedded"}


Ran = tuple[dict[str, Any], list[str]]


def ran(name: str, folder: Path, parameters: dict[str, Any] | None = None) -> Ran:
    """What a notebook recorded, and the names of its charts."""
    done = run_notebook(ROOT / "notebooks" / f"{name}.ipynb", folder / "out.ipynb", parameters)
    return done.results, [path.stem for path in save_charts(done, folder)]


@pytest.fixture(scope="module")
def shops(tmp_path_factory) -> Ran:
    return ran("07_simple_or_single_table", tmp_path_factory.mktemp("shops"), EMBEDDED)


@pytest.fixture(scope="module")
def parcels(tmp_path_factory) -> Ran:
    return ran("08_indexes", tmp_path_factory.mktemp("parcels"), EMBEDDED)


@pytest.fixture(scope="module")
def month(tmp_path_factory) -> Ran:
    return ran("10_cost", tmp_path_factory.mktemp("month"))


@pytest.mark.parametrize("path", sorted(LESSONS.glob("*.yaml")), ids=lambda path: path.stem)
def test_the_design_of_a_lesson_serves_every_access_pattern(path):
    design = wb.load_design(path)
    assert list(design.served_patterns()) == list(design.access_patterns.values())


def test_the_two_shops_have_the_same_fields_and_the_same_load():
    simple, single = (wb.load_design(LESSONS / f"shop_{name}.yaml") for name in ("simple", "single"))
    assert simple.fields == single.fields and simple.roles == single.roles
    loads = [{p.name: (p.rate, p.peak, p.role) for p in shop.access_patterns.values()} for shop in (simple, single)]
    page = loads[1].pop("account-page")
    assert loads[0].pop("account-profile") == loads[0].pop("account-orders") == page == (200, 800, "shopper")
    assert loads[0] == loads[1]


def test_the_two_designs_of_parcels_have_the_same_items_and_the_same_load():
    handy, lean = (wb.load_design(LESSONS / f"{name}.yaml") for name in ("parcels", "parcels_lean"))
    assert handy.fields == lean.fields and handy.entities == lean.entities
    loads = [{p.name: (p.rate, p.peak) for p in each.access_patterns.values()} for each in (handy, lean)]
    assert loads[0] == loads[1]


@pytest.mark.notebooks
def test_a_page_from_two_tables_is_one_request_in_one_table_and_the_rest_costs_the_same(shops):
    found, charts = shops
    assert found["page_requests"] == {"shop-simple": 2, "shop-single": 1}
    # AWS, read-write-operations: up to 4 KB is one unit, half if eventually consistent; ten orders and a profile fit
    assert found["page_units"] == {"shop-simple": 0.5 + 0.5, "shop-single": 0.5}
    assert all(line["shop-simple"] == line["shop-single"] for line in found["other_units"])
    saved = found["usd_per_month"]["shop-simple"] - found["usd_per_month"]["shop-single"]
    assert saved == pytest.approx(200 * 0.5 * MONTH * READ, abs=0.01), "half a unit, 200 times a second"
    assert charts == ["simple_or_single"]


@pytest.mark.notebooks
def test_a_report_from_one_table_pays_for_all_kinds_of_item_and_generic_keys_are_written_again(shops):
    found, _ = shops
    items = wb.generate_items(wb.load_design(LESSONS / "shop_single.yaml"), seed=7)
    orders = len(items.entities["Order"])
    assert (found["rewritten_simple"], found["rewritten_single"]) == (0, orders)
    simple = wb.generate_items(wb.load_design(LESSONS / "shop_simple.yaml"), seed=7).entities["Order"].sizes.sum()
    whole = sum(entity.sizes.sum() for entity in items.entities.values())
    assert found["report_dearer"] == pytest.approx(whole / simple - 1, abs=0.001), "a Scan pays by the byte"
    metered = {line["pattern"]: line for line in found["metered"]}
    assert metered["account-page"]["read_units"] == 0.5 and 5 < metered["account-page"]["items_returned"] <= 11


@pytest.mark.notebooks
def test_indexes_cost_what_their_entries_weigh_and_twice_where_their_key_moves(parcels):
    found, charts = parcels
    # AWS, GSI.ThroughputConsiderations.Writes. An item of 1.4 KB is two units; send 300/s, scan 200, deliver 100, and
    # change-instructions 20. A moved key is removed here and added there; what is not projected does not matter.
    table = 2 * (300 + 200 + 100 + 20)
    by_hand = {
        "ByState": 2 * 300 + (2 + 2) * 200 + (2 + 2) * 100 + 2 * 20,
        "ByCourier": 300 + (1 + 1) * 200 + 100,
        "ByCustomer": 300 + 200 + 100,
        "ByZip": table,
    }
    assert {each["index"]: each["index_units_per_s"] for each in found["indexes"]} == by_hand
    assert {each["table_units_per_s"] for each in found["indexes"]} == {table}
    lean = {each["index"]: each["index_units_per_s"] for each in found["lean_indexes"]}
    assert lean == {"ByDepot": 300 + 100, "ByCourier": 300 + 100, "ByCustomer": 600}
    assert found["scan_parcel"] == 2 + (2 + 2) + (1 + 1) + 1 + 2
    saved = (sum(by_hand.values()) - sum(lean.values())) * MONTH * WRITE
    cost = found["usd_per_month"]
    assert cost["parcels"] - cost["parcels-lean"] == pytest.approx(saved, rel=0.002), "the rest are reads and storage"
    assert found["unread"] == ["index ByZip of table Parcels"]
    assert charts == ["amplification", "throttling", "heat", "lean"]


@pytest.mark.notebooks
def test_a_status_index_holds_back_its_table_and_says_so_with_the_services_reason(parcels):
    found, _ = parcels
    # At peak ON_ITS_WAY gets 2 units of each send, 4 of each scan, 2 of each delivery, and serves 1,000 (AWS,
    # bp-partition-key-design). A tenth of that, for the first sixth of the time, goes through.
    asked = 2 * 600 + 4 * 600 + 2 * 300
    share = (1 - 1000 / asked) * (5 / 6) / (5 / 6 + 0.1 / 6)
    writes = ["send-parcel", "scan-parcel", "deliver-parcel", "change-instructions"]
    assert [found["throttled"][name] for name in writes] == pytest.approx([share] * 4, abs=0.02)
    assert [share for name, share in found["throttled"].items() if name not in writes] == [0] * 4, "reads go on"
    # AWS, throttling-diagnosing: the reason of a global index whose partition is at its limit
    assert found["reasons"] == ["IndexWriteKeyRangeThroughputExceeded"]
    assert "ByState cannot follow, since its key ON_ITS_WAY" in found["held_back"]
    assert found["lean_throttled"] == 0


@pytest.mark.notebooks
def test_the_notebook_on_cost_adds_up_by_hand(month):
    found, charts = month
    writes, reads = 10 * 1 + 30 * 3 + 1 * 3, 100 * 0.5  # sessions of 1 unit, webhooks of 2.1 KB: 3
    peak = 10 * 1 + 400 * 3 + 1 * 3
    modes = found["modes"]
    assert modes["on demand"] == pytest.approx((writes * WRITE + reads * READ) * MONTH, abs=0.01)
    # 0.00065 and 0.00013 US dollars a unit-hour; nobody reads webhooks, and the least is one unit
    assert modes["provisioned at the peak"] == pytest.approx((peak * 0.00065 + (reads + 1) * 0.00013) * 730, abs=0.01)
    assert found["meet"] == pytest.approx(0.00065 / (3600 * WRITE))
    assert found["used"] == {"Sessions read": 1, "Sessions write": 1, "WebhookEvents write": 93 / 1203}
    hours = [(writes * WRITE + reads * READ) * 3600, (peak * WRITE + reads * READ) * 3600]
    assert found["hours_usd"] == pytest.approx([*hours, 3 * hours[1]])
    assert charts == ["cost", "breakeven", "auto_scaling", "spike"]


@pytest.mark.notebooks
def test_auto_scaling_that_sees_only_what_is_consumed_follows_a_step_in_steps(month):
    found, _ = month
    levels = [172 * (1 / 0.7) ** step for step in range(found["steps"] + 1)]
    assert levels[-2] < 1203 <= levels[-1], "AWS, autoscaling: consumption of 70 % is aimed at"
    missing = sum(1203 - level for level in levels[:-1]) * 4  # minutes
    # what was saved as burst, five minutes of unused capacity at most, serves a little more
    assert found["auto_scaling_throttled"] == pytest.approx(missing / (1203 * 50 + 120.3 * 10), abs=0.02)
    assert found["on_demand_throttled"] == 0, "a new table on demand serves 4,000 write units"


@pytest.mark.notebooks
def test_a_generated_policy_holds_and_each_of_four_that_look_right_leaks_in_its_way(tmp_path):
    found, charts = ran("11_iam", tmp_path)
    assert found["holds"] and found["owned_holds"] and found["owned_gaps"] == 0 and found["gap"] == ["my-open-orders"]
    assert all(found["own_allowed"].values()), "the application works with every one of them"
    leaks = found["failures"]
    assert leaks["as generated"] == []
    assert {"another tenant", "an item of another tenant", "a request without a key"} < set(leaks["no condition"])
    # IAM, reference_policies_condition-single-vs-multi-valued-context-keys: ForAllValues is true of no key at all,
    # ForAnyValue as soon as one key of a batch fits
    assert leaks["may lack a key"] == ["Scan", "a request without a key"]
    assert leaks["any key fits"] == ["a batch with a foreign key among its own"]
    assert "a tenant whose id extends the caller's" in leaks["id, then *"], "StringLike: t1* matches t10"
    assert charts == ["attacks"]


@pytest.mark.notebooks
def test_the_template_goes_from_its_own_text_to_results(tmp_path):
    found, charts = ran("12_your_design", tmp_path, EMBEDDED)
    cost = (20 * 1 * WRITE + (150 + 80) * 0.5 * READ) * MONTH
    assert found["usd_per_month"] == pytest.approx(cost, abs=0.01)
    assert (found["failures"], found["keys_hold"], found["throttled"], found["policies_hold"]) == ([], True, 0, [True])
    assert charts == ["capacity", "spreads", "heat", "cost"]


TAKEN = {
    "task_board": (1, False),
    "flights": (1, False),
    "lessons/shop_single": (2, True),
    "lessons/parcels": (1, False),
}


@pytest.mark.notebooks
@pytest.mark.parametrize("name", TAKEN)
def test_the_template_takes_a_design_file(tmp_path, name):
    policies, holds = TAKEN[name]
    found, _ = ran("12_your_design", tmp_path, {**EMBEDDED, "design_file": str(DESIGNS / f"{name}.yaml")})
    assert found["policies_hold"] == [True] * policies and found["keys_hold"] == holds and found["failures"] == []
    assert found["usd_per_month"] > 0 and math.isfinite(found["throttled"])


@pytest.mark.notebooks
def test_the_template_says_how_to_make_a_file_that_is_not_there_and_what_is_wrong_with_a_broken_one(tmp_path):
    with pytest.raises(NotebookError, match=r"no such file.*`workbench new mine` writes a design to start from"):
        ran("12_your_design", tmp_path, {"design_file": "mine.yaml"})
    broken = tmp_path / "broken.yaml"
    text = (DESIGNS / "sessions_simple.yaml").read_text(encoding="utf-8")
    broken.write_text(text.replace("rate: 10/s", "rate: 10"), encoding="utf-8")
    with pytest.raises(NotebookError, match=r"broken\.yaml:\d+:\d+: '10' is not a rate.*write 10/s"):
        ran("12_your_design", tmp_path, {"design_file": str(broken)})
