"""Prices: what a list must have, what is refused by name, and the published break-even."""

import datetime
import tomllib

import pytest

from workbench.prices import FILE, HOURS, breakeven, load_prices

STATED = tomllib.loads(FILE.read_text(encoding="utf-8"))
DAY = 86_400
DATED = int(datetime.datetime(2026, 9, 11, tzinfo=datetime.UTC).timestamp())


def changed(section: str | None, name: str, value: object = None) -> dict:
    """The prices with one of them changed, or without it where there is no value."""
    data = {key: dict(part) if isinstance(part, dict) else part for key, part in STATED.items()}
    target = data if section is None else data[section]
    if value is None:
        del target[name]
    else:
        target[name] = value
    return data


def test_the_list_says_its_region_day_and_source():
    prices = load_prices()
    assert (prices.region, str(prices.date)) == ("us-east-1", "2026-09-11")
    assert "20260911124422" in prices.source


@pytest.mark.parametrize(
    ("what", "quantity", "table_class", "dollars"),
    [  # https://aws.amazon.com/dynamodb/pricing/ and infracost's aws_dynamodb_table golden file
        ("read_requests", 1e6, "STANDARD", 0.125),
        ("write_requests", 1e6, "STANDARD", 0.625),
        ("replicated_write_requests", 1e6, "STANDARD", 0.625),
        ("read_requests", 1e6, "STANDARD_INFREQUENT_ACCESS", 0.155),
        ("write_requests", 1e6, "STANDARD_INFREQUENT_ACCESS", 0.78),
        ("read_unit_hours", 30 * HOURS, "STANDARD", 2.847),
        ("write_unit_hours", 20 * HOURS, "STANDARD", 9.49),
        ("storage_gb", 230, "STANDARD", 57.5),
        ("storage_gb", 230, "STANDARD_INFREQUENT_ACCESS", 23.0),
        ("pitr_gb", 2300, "STANDARD", 460.0),
        ("backup_gb", 460, "STANDARD", 46.0),
        ("restored_gb", 230, "STANDARD", 34.5),
        ("stream_reads", 2_000_000, "STANDARD", 0.4),
    ],
)
def test_an_amount_costs_what_is_published(what, quantity, table_class, dollars):
    assert load_prices().usd(what, quantity, table_class) == pytest.approx(dollars)


@pytest.mark.parametrize(
    ("what", "free"),
    [("storage_gb", 25), ("read_unit_hours", 18_600), ("write_unit_hours", 18_600), ("stream_reads", 2_500_000)],
)
def test_the_free_tier_ends_where_aws_says(what, free):
    prices = load_prices()
    assert prices.usd(what, free, free_tier=True) == 0
    assert prices.usd(what, free + 1, free_tier=True) == pytest.approx(prices.price(what))
    assert prices.usd(what, free) > 0


def test_the_free_tier_is_of_the_standard_class_and_not_of_requests():
    prices = load_prices()
    assert prices.usd("storage_gb", 25, "STANDARD_INFREQUENT_ACCESS", free_tier=True) == pytest.approx(2.5)
    assert prices.usd("read_requests", 1e6, free_tier=True) == pytest.approx(0.125)


@pytest.mark.parametrize(("discount", "utilisation"), [(0.0, 0.289), (0.54, 0.133), (0.77, 0.066)])
def test_the_breakeven_is_the_published_one(discount, utilisation):
    # 0.00065 / (3600 x 0.625e-6), and with the discounts of reserved-capacity
    prices = load_prices()
    for side in ("read", "write"):
        hour, million = prices[f"STANDARD.{side}_unit_hour"], prices[f"STANDARD.{side}_requests_million"]
        assert breakeven(hour, million, discount=discount) == pytest.approx(utilisation, abs=5e-4)


REQUIRED = [(section, name) for section, part in STATED.items() if isinstance(part, dict) for name in part]


HEAD = [(None, name) for name in ("region", "currency", "date", "source")]


@pytest.mark.parametrize(("section", "name"), [*REQUIRED, *HEAD])
def test_a_missing_line_is_refused_by_name(section, name):
    with pytest.raises(ValueError, match=rf"{f'{section}.' if section else ''}{name} is missing"):
        load_prices(changed(section, name))


@pytest.mark.parametrize(("section", "name"), REQUIRED)
def test_a_negative_price_is_refused_by_name(section, name):
    with pytest.raises(ValueError, match=rf"{section}\.{name}: -0\.5 is negative"):
        load_prices(changed(section, name, -0.5))


@pytest.mark.parametrize(
    ("section", "name", "value", "said"),
    [
        (None, "currency", "EUR", "currency: 'EUR' is not USD"),
        (None, "date", "2026-09-11", "write 2026-09-11, without quotes"),
        (None, "date", datetime.datetime(2026, 9, 11), "is not a day"),
        (None, "region", " ", "region: ' ' is not a text"),
        (None, "inferred", "all", "inferred: 'all' is not a list"),
        (None, "inferred", ["any.pitr"], "inferred: 'any.pitr' is no price, did you mean any.pitr_gb_month?"),
        (None, "regoin", "x", "regoin is unknown, did you mean region?"),
        ("any", "pitr_gb", 0.2, "any.pitr_gb is unknown, did you mean pitr_gb_month?"),
        ("STANDARD", "storage_gb_month", "0.25", "STANDARD.storage_gb_month: '0.25' is not a number"),
        ("STANDARD", "storage_gb_month", True, "is not a number"),
        ("STANDARD", "storage_gb_month", float("nan"), "is not a number"),
        ("STANDARD", "storage_gb_month", float("inf"), "is not a number"),
        ("reserved", "one_year", 54, "reserved.one_year: 54 is no share"),
        ("reserved", "block_units", 0, "reserved.block_units: 0 is no number of units"),
    ],
)
def test_what_cannot_be_a_price_list_is_refused_by_name(section, name, value, said):
    with pytest.raises(ValueError, match=r"^prices: ") as error:
        load_prices(changed(section, name, value))
    assert said in str(error.value)


def test_all_problems_are_said_at_once():
    data = changed("any", "backup_gb_month")
    data["currency"] = "EUR"
    with pytest.raises(ValueError) as error:
        load_prices(data)
    assert len(str(error.value).splitlines()) == 2


def test_a_file_takes_the_place_of_the_list(tmp_path):
    path = tmp_path / "mine.toml"
    path.write_text(FILE.read_text(encoding="utf-8").replace('"us-east-1"', '"eu-west-1"', 1), encoding="utf-8")
    assert load_prices(path).region == load_prices(str(path)).region == "eu-west-1"
    prices = load_prices()
    assert load_prices(prices) is prices


@pytest.mark.parametrize(
    ("content", "said"), [(b"region = ", "not TOML"), (b"\xff\xfe", "not text in UTF-8"), (None, "No such file")]
)
def test_a_file_that_cannot_be_read_is_named(tmp_path, content, said):
    path = tmp_path / "mine.toml"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(ValueError, match=rf"mine\.toml: .*{said}"):
        load_prices(path)


@pytest.mark.parametrize(("days", "warns"), [(-300, False), (0, False), (180, False), (181, True)])
def test_prices_are_warned_of_after_180_days(days, warns):
    warning = load_prices().age_warning(DATED + days * DAY)
    assert bool(warning) == warns
    assert not warns or warning.startswith("prices of 2026-09-11 are 181 days old")


@pytest.mark.parametrize("arguments", [("electricity", 1), ("storage_gb", 1, "COLD")])
def test_what_has_no_price_is_an_error(arguments):
    with pytest.raises(ValueError, match=r"has no price; there are read_requests|table class 'COLD'"):
        load_prices().usd(*arguments)


def test_a_price_list_shows_itself():
    frame = load_prices().to_frame()
    assert set(frame.loc[frame["inferred"], "price"]) == set(STATED["inferred"])
    assert "us-east-1" in load_prices()._repr_html_()


@pytest.mark.parametrize(("blocks", "fine"), [(1, True), (1_000_000, True), (1_000_001, False), (0.5, False)])
def test_a_block_of_reserved_units_is_no_larger_than_a_reservation_may_be(blocks, fine):
    # at most 1,000,000 units are reserved (Developer Guide: reserved-capacity)
    data = changed("reserved", "block_units", blocks)
    if fine:
        assert load_prices(data)["reserved.block_units"] == blocks
    else:
        with pytest.raises(ValueError, match=r"reserved.block_units: .* 1 to 1,000,000"):
            load_prices(data)


def test_prices_of_a_day_to_come_are_warned_of():
    later = load_prices(changed(None, "date", datetime.date(2999, 1, 1)))
    assert "2999-01-01 are of a day to come" in later.warning(DATED)
    assert load_prices().warning(DATED - 366 * DAY) == ""  # a simulated clock
    assert "a day to come" in load_prices().warning(DATED - 367 * DAY)


def test_a_line_that_costs_nothing_is_warned_of():
    data = changed("STANDARD", "storage_gb_month", 0)
    assert load_prices(data).warning() == "these cost nothing: STANDARD.storage_gb_month"
    assert load_prices().warning() == ""


def test_change_data_to_kinesis_has_a_price():
    assert load_prices().usd("kinesis_units", 10_000_000) == pytest.approx(1.0)
    assert load_prices().is_inferred("kinesis_units")
