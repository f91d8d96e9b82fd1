"""What a simulation shows, in sentences: which pattern is seen, by which key, and how it is said."""

from dataclasses import replace

import numpy as np
import pytest

from tests import designs
from tests.histories import atom, ring, simulation
from workbench.clients import Retries
from workbench.designfile import parse_design
from workbench.diagnosis import diagnose, span
from workbench.results import percent
from workbench.simulation import simulate

INDEX_REASON = "IndexWriteKeyRangeThroughputExceeded"


def seen(sim):
    return [one.seen for one in diagnose(sim)]


def test_a_load_that_is_served_is_healthy_and_names_the_busiest_key():
    (one,) = diagnose(simulation(ring(hot=(atom("calm", units_per_s=40.0, share=0.02),))))
    assert one.seen == "healthy"
    assert "calm, takes 2 % of write units, 40 WU/s at most" in one.text


def test_a_hot_key_is_named_with_what_it_asks_and_what_a_partition_serves():
    (one,) = diagnose(simulation(ring(hot=(atom("PROJECT#p-1"),), throttled=0.3)))
    assert (one.seen, one.key, one.kind, one.first_s) == ("hot key", "PROJECT#p-1", "write", 1800)
    assert one.headline == "Hot key PROJECT#p-1: it is asked for up to 1,500 WU/s, and one partition serves 1,000."
    assert "15 % of all write units are throttled, first after 30 min and to the end." in one.detail


@pytest.mark.parametrize(
    ("changes", "seen_as", "words"),
    [
        ({"motion": "rising sort key"}, "rising key", "newest end of its collection"),
        ({"motion": "current time"}, "rising key", "all writes of the moment go to the newest key"),
        ({"motion": "moving hot set"}, "hot key", "others like it take turns"),
        ({"splits": True}, "hot key", "splits by sort key help"),
        ({"splits": False, "pinned_by": "local index byDate"}, "hot key", "no split helps (local index byDate)"),
    ],
)
def test_how_the_heat_moves_decides_whether_a_split_helps(changes, seen_as, words):
    (one,) = diagnose(simulation(ring(hot=(atom(**changes),), throttled=0.2)))
    assert one.seen == seen_as
    assert words in one.detail
    assert ("no split helps" in one.detail) == (seen_as == "rising key" or "pinned_by" in changes)


def test_throttling_that_ended_was_ended_by_splits():
    made = ring(hot=(atom(),), throttled=0.2)
    reasons = {name: np.where(np.arange(3600) < 2400, units, 0) for name, units in made.reasons.items()}
    (one,) = diagnose(simulation(replace(made, reasons=reasons)))
    assert "splits by sort key ended it" in one.detail
    assert "last after 40 min" in one.detail


def test_several_hot_keys_are_each_named_at_most_three():
    hot = tuple(atom(f"K{n}", units_per_s=1000.0 + n, share=0.2) for n in range(5))
    found = diagnose(simulation(ring(hot=hot, throttled=0.1)))
    assert [one.key for one in found] == ["K4", "K3", "K2"]
    assert ["throttled" in one.text for one in found] == [True, False, False]  # how much, once


def test_a_key_below_a_partitions_limit_is_not_the_cause():
    for units, expected in ((899.0, "few partitions"), (901.0, "hot key")):
        assert seen(simulation(ring(hot=(atom(units_per_s=units),), throttled=0.2))) == [expected]


def test_too_few_partitions_name_the_key_that_takes_the_most():
    some = (atom("ROOM#1", units_per_s=656.0, share=0.23), atom("ROOM#2", units_per_s=300.0, share=0.1))
    (one,) = diagnose(simulation(ring(hot=some, throttled=0.2)))
    assert one.headline.endswith("no key alone is too much: ROOM#1 takes the most, 23 %.")
    assert "takes the most" not in diagnose(simulation(ring(throttled=0.2)))[0].headline


READS = """
    tables: {Config: {partition_key: pk, sort_key: sk}}
    fields: {flag: {count: 50}}
    entities: {Flag: {key: {pk: FLAGS, sk: "FLAG#{flag}"}, attributes: {note: text(200)}}}
    access_patterns: {read: {operation: Query, key_condition: pk = :pk, %s rate: %d/s}}
"""


@pytest.mark.parametrize(("rate", "measured"), [(1999, False), (2001, True)])
def test_reads_above_what_is_documented_say_what_a_partition_serves_of_them(rate, measured):
    # 50 items of 240 bytes are 12 KB, 1.5 RU: at 2,000 a second 3,000, the documented limit; 4,500 were measured
    (one,) = diagnose(simulate(designs.design(READS % ("", rate)), "2min", "constant", counts="fluid"))
    assert one.seen == "healthy"
    assert (
        "serves 4,500 RU/s of these eventually consistent reads here, as measured; AWS documents 3,000" in one.text
    ) == measured


def test_a_hot_key_that_is_read_has_the_limit_of_its_reads():
    # 8,000 eventual Queries a second are 12,000 RU/s, 4,000 consistent ones too: a partition serves 4,500 and 3,000
    for stated, rate, limit, share in (("", 8000, "4,500", 7.5 / 12), ("consistent: true,", 4000, "3,000", 9 / 12)):
        sim = simulate(designs.design(READS % (stated, rate)), "2min", "constant", counts="fluid")
        (one,) = diagnose(sim)
        assert one.headline == f"Hot key FLAGS: it is asked for up to 12,000 RU/s, and one partition serves {limit}."
        assert bool(one.note) == (limit == "4,500")
        assert sim.throttled_share == pytest.approx(share, abs=0.01)


def test_too_few_partitions_say_how_many_splits_made_of_them():
    (one,) = diagnose(simulation(ring(throttled=0.2, split_at=600)))
    assert one.seen == "few partitions"
    assert "4 partitions are too few" in one.headline
    assert one.detail.startswith("Splits made 5 of them.")


def test_a_setting_that_is_used_up_is_no_matter_of_keys():
    for reason, words in (
        ("TableWriteProvisionedThroughputExceeded", "its provisioned capacity"),
        ("TableWriteMaxOnDemandThroughputExceeded", "its maximum on-demand throughput"),
        ("TableWriteAccountLimitExceeded", "than it serves on demand"),
    ):
        (one,) = diagnose(simulation(ring(hot=(atom(),), throttled=0.2, reason=reason)))
        assert one.seen == "table limit"
        assert words in one.headline and "4,000 WU/s at most" in one.headline


@pytest.mark.parametrize(
    ("most", "words"),
    [
        (1000, "provisioned capacity until auto scaling has caught up, between 100 and 429 WU/s"),
        (250, "provisioned capacity, 250 WU/s at most"),
    ],
)
def test_capacity_that_follows_too_late_is_not_capacity_that_is_too_low(most, words):
    """300 units a second at a target of 70 % want 429; a maximum of 250 is less than is asked for."""
    text = """
        tables: {Tab: {partition_key: id}}
        fields: {id: {count: 5_000, type: uuid}}
        entities: {Item: {size: 500}}
        access_patterns: {put: {operation: PutItem, rate: 10/s, peak: 300/s}}
    """
    scaled = {"min": 100, "max": most, "target": "70%"}
    sim = simulate(designs.design(text), "1h", "step", capacity={"read": 5, "write": scaled}, counts="fluid")
    one = next(each for each in diagnose(sim) if each.seen == "table limit")
    assert words in one.headline


def test_an_index_that_holds_back_its_table_says_so_once():
    index = ring("byStatus", hot=(atom("OPEN", share=0.9),), throttled=0.3, reason=INDEX_REASON)
    (one,) = diagnose(simulation(ring(throttled=0.3, reason=INDEX_REASON), index))
    assert (one.seen, one.key, one.ring) == ("index back-pressure", "OPEN", "byStatus of Board")
    assert "byStatus cannot follow, since its key OPEN takes 90 % of its writes, and Board rejects writes" in one.text
    assert "15 % of writes to Board are rejected for it, whatever their own keys are, first after 30 min" in one.text


@pytest.mark.parametrize("client", [None, Retries(4)])
def test_what_an_index_rejects_is_the_same_in_the_sentence_and_in_the_summary(client):
    text = """
        tables: {Orders: {partition_key: id, gsi: {by-state: {partition_key: state}}}}
        fields: {id: {count: 5_000, type: uuid}}
        entities: {Order: {size: 800, attributes: {state: {choice: {OPEN: 100%}}}}}
        access_patterns: {put: {operation: PutItem, rate: 3_000/s}}
    """
    sim = simulate(designs.design(text), "10min", clients=client)
    share = sum(part for (_, reason), part in sim.summary().by_reason.items() if reason.startswith("Index"))
    one = next(each for each in diagnose(sim) if each.seen == "index back-pressure")
    counted = "attempts to write" if client else "writes"
    assert f"{percent(share)} of {counted} to Orders are rejected for it" in one.detail


def test_a_short_stripe_is_a_burst_and_a_long_one_is_not():
    usual = np.full(60, 6000.0)
    stripe = usual * np.where((np.arange(60) >= 29) & (np.arange(60) < 31), 8, 1)
    (one,) = diagnose(simulation(ring(load=stripe)))
    assert one.seen == "burst"
    assert "writes on Board are 8.0 times the usual, for 2 min after 29 min" in one.text.replace("120 s", "2 min")
    assert seen(simulation(ring(load=usual * np.where(np.arange(60) >= 30, 8, 1)))) == ["healthy"]
    assert seen(simulation(ring(load=np.linspace(0, 6000, 60)))) == ["healthy"]


def test_an_interrupted_simulation_says_what_is_not_known():
    assert seen(simulation(ring(), interrupted=True)) == ["interrupted"]
    found = diagnose(simulation(ring(hot=(atom(),), throttled=0.2), interrupted=True))
    assert [one.seen for one in found] == ["hot key", "interrupted"]


def test_one_table_or_index_can_be_asked_for():
    calm, hot = ring(), ring("byStatus", hot=(atom("OPEN"),), throttled=0.3, reason=INDEX_REASON)
    sim = simulation(calm, hot)
    assert [one.seen for one in diagnose(sim, "Board")] == ["healthy"]
    assert [one.seen for one in diagnose(sim, "Board", "byStatus")] == ["index back-pressure"]
    with pytest.raises(ValueError, match="no 'byDate' in this simulation; there are Board, byStatus of Board"):
        diagnose(sim, "Board", "byDate")


def test_times_are_said_as_people_say_them():
    assert [span(s) for s in (1, 119, 120, 3599, 3600, 7260)] == ["1 s", "119 s", "2 min", "1 h", "1 h", "2 h 1 min"]


PROVISIONED = """
name: log
tables: {{Log: {{partition_key: id, capacity: {{read: 10, write: {write}}}}}}}
fields: {{id: {{count: 10_000}}}}
entities: {{Line: {{size: 500 B}}}}
access_patterns: {{write: {{operation: PutItem, rate: 75/s, peak: 150/s}}}}
"""


@pytest.mark.parametrize(("write", "headline"), [(100, "Only just"), (150, "Healthy")])
def test_a_load_that_only_saved_units_serve_is_not_called_healthy(write, headline):
    """A ramp to 150 a second passes 100 for a third of the hour, by 1,200 s * 50 / 2 = 30,000 units = 300 s * 100."""
    found = diagnose(simulate(parse_design(PROVISIONED.format(write=write)), "1h", "ramp", counts="fluid"))
    assert [one.headline.partition(": ")[0] for one in found] == [headline]
