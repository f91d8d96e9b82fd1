"""Trials on an engine: races for one item, and expired items that are there until they are deleted."""

import pytest

from workbench.designfile import parse_design
from workbench.errors import RequestError
from workbench.items import generate_items
from workbench.trials import trial

DESIGN = """\
name: trial
tables: {Notes: {partition_key: writer, sort_key: note, ttl: expires}}
fields: {writer: {count: 20}, note: {per: writer, count: 5}}
entities:
  Note: {attributes: {at: timestamp(-8d..now), expires: epoch(at + 4d)}}
access_patterns:
  add: {operation: PutItem, condition: attribute_not_exists(writer)}
  put: {operation: PutItem}
  list: {operation: Query, key_condition: writer = :writer, filter: "expires > :now"}
  all: {operation: Scan}
  by-note: {operation: GetItem, given: [note], unserved: the caller has no writer}
"""


@pytest.fixture(scope="module")
def items():
    return generate_items(parse_design(DESIGN), seed=3)


@pytest.mark.engine
@pytest.mark.parametrize("writers", [1, 2, 4])
def test_of_writers_who_come_at_once_a_condition_lets_one_win(items, engine, writers):
    with trial(items, engine, "add", calls=15) as one:
        race = one.race(writers)
    assert race.winners == (1,) * 15 and race.one_winner == race.stored == 15
    assert race.to_frame().to_dict("records") == [{"winners": 1, "rounds": 15}]
    assert repr(race) == (
        f"<Race add: in 15 of 15 rounds exactly one of {writers} writers succeeded; 15 items are stored>"
    )


@pytest.mark.engine
def test_without_a_condition_every_writer_wins_and_all_but_the_last_are_lost(items, engine):
    with trial(items, engine, "put", calls=5) as one:
        race = one.race(3)
    assert race.winners == (3,) * 5 and race.one_winner == 0 and race.stored == 5


@pytest.mark.engine
def test_expired_items_are_returned_until_they_are_deleted_and_a_filter_hides_them(items, engine):
    with trial(items, engine, "list", calls=30) as one:
        guarded = [item for request in one.requests for item in one.items(request)]
        bare = [item for request in one.requests for item in one.items(request, unfiltered=True)]
        expired = [item for item in bare if int(item["expires"]["N"]) <= items.now]
        for item in expired:
            one.delete(item)
        after = [item for request in one.requests for item in one.items(request, unfiltered=True)]
    assert len(bare) == 30 * 5 and 0 < len(expired) < len(bare)
    assert guarded == after == [item for item in bare if item not in expired]


@pytest.mark.engine
def test_a_scan_reads_every_item_and_no_table_is_left(items, engine):
    before = engine.client().list_tables()["TableNames"]
    with trial(items, engine, "all", calls=1) as one:
        assert len(one.items(one.requests[0])) == len(items) == 100
    with pytest.raises(RuntimeError, match="stop"), trial(items, engine, "add", calls=1):
        raise RuntimeError("stop")
    assert engine.client().list_tables()["TableNames"] == before


@pytest.mark.engine
def test_a_loser_that_fails_for_another_reason_ends_the_race(items, engine):
    with trial(items, engine, "add", calls=1) as one:
        engine.call("DeleteTable", {"TableName": one.tables.name("Notes")})
        with pytest.raises(RequestError, match="ResourceNotFound"):
            one.race()


@pytest.mark.engine
def test_a_pattern_that_cannot_be_tried_is_named(items, engine):
    with pytest.raises(KeyError, match="no access pattern 'lst'; there are add, put"), trial(items, engine, "lst"):
        pass
    why = "no key of trial serves by-note: the caller has no writer"
    with pytest.raises(ValueError, match=why), trial(items, engine, "by-note"):
        pass


@pytest.mark.engine
def test_a_trial_reads_queries_and_writes_its_table_and_tells_a_refused_condition(items, engine):
    with trial(items, engine, "add", calls=1) as one:
        note = {"writer": {"S": "w"}, "note": {"N": "1"}}
        is_new = {"ConditionExpression": "attribute_not_exists(writer)"}
        key = {**note, "note": next(iter(one.requests)).keys[0][1]["note"]}
        assert one.table.name == "Notes" and one.get(key) == {}
        assert one.write("PutItem", Item={**key, "text": {"S": "x"}}, **is_new) is True
        assert one.write("PutItem", Item=key, **is_new) is False
        assert one.get(key) == {**key, "text": {"S": "x"}}
        assert one.query("writer = :w", {":w": {"S": "w"}}, ProjectionExpression="note") == [{"note": key["note"]}]
        with pytest.raises(RequestError) as error:
            one.write("PutItem", Item={"writer": {"S": "w"}})
        assert error.value.code == "ValidationException"
        one.delete(key)
        assert one.get(key) == {}
