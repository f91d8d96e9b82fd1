"""What-ifs: one call each, the cases side by side, an answer in a sentence, and refusals that say what there is."""

import pytest

import workbench as wb
from tests.designs import SHIPPED, design
from workbench.whatif import Answer, keyed, prewarmed, provisioned, shards, step

FEW = {"seeds": 2, "duration": "4min", "load": "constant"}
LOG = """\
tables: {Log: {partition_key: day, sort_key: line}}
fields:
  day: {type: date(-9d..now)}
  device: {count: 400, popularity: uniform}
  line: {per: device, count: 5, type: uuid}
entities: {Line: {attributes: {device: }}}
access_patterns:
  write: {operation: PutItem, entity: Line, rate: 1_500/s}
"""


@pytest.fixture(scope="module")
def log():
    return design(LOG)


def test_shards_raise_the_ceiling_and_end_the_throttling(log):
    found = shards(log, **FEW)
    assert isinstance(found, Answer)
    assert found.question.startswith("What if 2026-01-01 had 3 shards?")
    before, after = found["as it is"], found["3 shards"]
    assert before.band("throttled_share").median == pytest.approx(1 / 3, abs=0.01)
    assert after.band("throttled_share").median < 0.1
    assert found.rates["3 shards"] == pytest.approx(3 * found.rates["as it is"])
    assert "SHARDS = 3" in found.code
    assert list(found.to_frame()["case"]) == ["as it is", "3 shards"]
    with pytest.raises(KeyError, match="there are as it is, 3 shards"):
        found["4 shards"]


def test_another_key_spreads_what_the_date_gathered(log):
    found = keyed(log, "Log", "{device}", **FEW)
    assert found.rates == {"as it is": pytest.approx(1000), "{device}": pytest.approx(40_000)}  # the quota, 3.6.7
    assert found["{device}"].band("throttled_share").median == 0
    assert found.code == ""


def test_a_key_that_queries_ask_by_comes_with_a_note():
    made = wb.load_design(SHIPPED / "flights.yaml")
    other = {"day_key": "{carrier}{flight}", "departure": "{year}-{month:02}-{day:02}T{sched_dep_time:04}#{origin}"}
    changed, notes = wb.whatif._rekeyed(made, "FlightsByDay", other)
    assert any("board-of-the-day asks by the old key" in note for note in notes)
    assert any("its popularity by day_key is of the old key, and left out" in note for note in notes)
    assert changed.domains_of("DayFlight")["day_key"].value == "{carrier}{flight}"
    assert made.domains_of("DayFlight")["day_key"].value.startswith("DAY#")  # the design itself is as it was


def test_provisioned_capacity_is_compared_with_on_demand(log):
    found = provisioned(log, read=10, write=300, **FEW)
    assert [case.name for case in found.cases] == ["capacity on-demand", "capacity read 10, write 300"]
    shares = [case.band("throttled_share").median for case in found.cases]
    assert shares[0] == pytest.approx(1 / 3, abs=0.01)
    assert shares[1] == pytest.approx(0.8, abs=0.02)  # 300 of 1,500
    assert list(found.rates.values()) == [pytest.approx(1000), pytest.approx(300)]
    assert "at most 300 requests/s" in found.answer
    assert list(found.to_frame()["highest_requests_per_s"]) == list(found.rates.values())


def test_auto_scaling_counts_by_its_maximum(log):
    found = provisioned(log, read=10, write={"min": 100, "max": 800, "target": 0.7}, **FEW)
    assert list(found.rates.values()) == [pytest.approx(1000), pytest.approx(800)]


def test_no_answer_promises_more_than_the_quota():
    """ServiceQuotas (3.6.7): 40,000 write units a second of a table; its keys alone would serve far more."""
    spread = design(LOG.replace("partition_key: day", "partition_key: device"))
    for found in (step(spread, duration="2min", seeds=1), prewarmed(spread, write=9_000, **FEW)):
        assert list(found.rates.values()) == [pytest.approx(40_000)] * len(found.cases)
        assert "at most 40,000 requests/s" in found.answer


def test_an_index_that_cannot_follow_sets_the_rate_of_its_table():
    """Closed form 8: 1,000 / (q1 f) with one index write for each write, all of them under one status."""
    text = LOG.replace("partition_key: day, sort_key: line", "partition_key: line, gsi: {byState: {partition_key: s}}")
    made = design(text.replace("{device: }", "{device: , s: [OPEN]}"))
    found = step(made, "Log", duration="2min", seeds=1)
    assert list(found.rates.values()) == [pytest.approx(1000)]


def test_warming_does_not_help_a_key_that_is_one_partition(log):
    found = prewarmed(log, write=20_000, **FEW)
    cold, warm = (case.band("throttled_share").median for case in found.cases)
    assert warm == pytest.approx(cold, abs=0.01)


def test_warming_helps_a_load_that_is_spread():
    spread = design(LOG.replace("partition_key: day", "partition_key: device").replace("1_500/s", "9_000/s"))
    cold, warm = (case.band("throttled_share").median for case in prewarmed(spread, write=20_000, **FEW).cases)
    assert cold > 0.3
    assert warm < 0.01


def test_a_step_says_for_how_many_minutes_with_a_band(log):
    (case,) = step(log, duration="6min", seeds=3).cases
    assert case.band("throttled_minutes").median == 5
    assert case.band("first_throttle_s").median == pytest.approx(60, abs=1)


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda d: shards(d, "Lock"), "has no table 'Lock'; its tables are Log"),
        (lambda d: shards(d, "Log", "byDay"), "no global index 'byDay'"),
        (lambda d: keyed(d, "Log", {"sk": "{device}"}), "sk is no key attribute of Log: these are day, line"),
        (lambda d: keyed(d, "Log", "ALL"), "'ALL' is one partition key for all items"),
        (lambda d: keyed(d, "Lock", "{device}"), "has no table 'Lock'"),
        (lambda d: keyed(d, "Log", "{device"), "expected '}'"),
        (lambda d: prewarmed(d), "give read or write units a second"),
        (lambda d: provisioned(d, read=-1, write=5), "capacity="),
    ],
)
def test_what_cannot_be_asked_is_said(log, call, words):
    with pytest.raises(ValueError, match=words):
        call(log)
