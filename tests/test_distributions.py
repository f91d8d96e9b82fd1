"""Amounts and popularities: what may be written, closed forms, and samples that agree with them."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from workbench.distributions import parse_amount, parse_popularity

# Amounts


@pytest.mark.parametrize(
    ("text", "kind", "low", "high"),
    [
        (40, "fixed", 40, 40),
        ("10_000", "fixed", 10_000, 10_000),
        ("1..9", "uniform", 1, 9),
        ("1 .. 9", "uniform", 1, 9),
        ("lognormal(40..400)", "lognormal", 40, 400),
        ("poisson(3)", "poisson", 3, 3),
        ("poisson(2.5)", "poisson", 2.5, 2.5),
    ],
)
def test_an_amount_has_a_kind_and_bounds(text, kind, low, high):
    amount = parse_amount(text)
    assert (amount.kind, amount.low, amount.high, amount.digits) == (kind, low, high, 0)


@pytest.mark.parametrize(
    ("text", "low", "high"),
    [
        ("800", 800, 800),
        ("1 KB", 1024, 1024),
        ("1KB..4KB", 1024, 4096),
        ("1..4 KB", 1024, 4096),
        ("200 B..2 MB", 200, 2 * 1024**2),
        ("4.5 KB", 4608, 4608),
        ("lognormal(1 KB..20 KB)", 1024, 20_480),
    ],
)
def test_sizes_are_binary_and_a_unit_may_stand_at_the_end(text, low, high):
    amount = parse_amount(text, sizes=True)
    assert (amount.low, amount.high) == (low, high)


def test_numbers_have_the_decimals_that_are_written_and_a_sign():
    assert [parse_amount(text, numbers=True).digits for text in ("1..9", "0.50..99.99", "1.5..2", "-5..5")] == [
        0,
        2,
        1,
        0,
    ]


COUNTS = "write 40, 1..9, lognormal(40..400) or poisson(3)"
SIZES = "write bytes, as 800 or 1 KB or 1 KB..4 KB or lognormal(1 KB..20 KB)"


@pytest.mark.parametrize(
    ("value", "options", "said"),
    [
        ("many", {}, f"'many' is not an amount: {COUNTS}"),
        ("lognormal(40, 400)", {}, f"'lognormal(40, 400)' is not an amount: {COUNTS}"),
        ("1 KB", {}, f"'1 KB' is not an amount: {COUNTS}"),
        (True, {}, f"true is not an amount: {COUNTS}"),
        (None, {}, f"nothing is not an amount: {COUNTS}"),
        ("9..1", {}, "'9..1' runs backwards: write the smaller number first"),
        ("-1", {}, "'-1' must not be negative"),
        ("1.5", {}, "'1.5' must be whole: there are no parts of a value or byte"),
        ("1.5", {"sizes": True}, "'1.5' must be whole: there are no parts of a value or byte"),
        ("1 GB", {"sizes": True}, f"'1 GB' is not an amount: {SIZES}"),
        ("lognormal(0..5)", {}, "'lognormal(0..5)': the median of a lognormal must be above 0"),
        ("9" * 16, {}, f"'{'9' * 16}' is too large: at most 15 digits, decimals included"),
        ("1" * 400, {}, f"'{'1' * 400}' is too large: at most 15 digits, decimals included"),
    ],
)
def test_what_is_no_amount_is_refused_with_what_is_allowed(value, options, said):
    with pytest.raises(ValueError) as error:
        parse_amount(value, **options)
    assert str(error.value) == said


@pytest.mark.parametrize(
    ("text", "mean"),
    [
        ("40", 40),
        ("1..9", 5),
        ("poisson(3)", 3),
        # https://en.wikipedia.org/wiki/Log-normal_distribution: exp(mu + sigma^2 / 2)
        ("lognormal(40..400)", 40 * math.exp((math.log(10) / 2.3263478740408408) ** 2 / 2)),
    ],
)
def test_drawn_amounts_have_the_mean_of_the_closed_form(text, mean):
    amount = parse_amount(text)
    assert amount.mean == pytest.approx(mean)
    drawn = amount.draw(np.random.default_rng(1), 200_000)
    # A lognormal is rounded to whole numbers of at least 1, which moves the mean by less than 1 %.
    assert drawn.mean() == pytest.approx(mean, rel=0.01)


def test_a_lognormal_has_its_median_and_99th_percentile():
    drawn = parse_amount("lognormal(40..400)").draw(np.random.default_rng(1), 200_000)
    assert np.percentile(drawn, 50) == pytest.approx(40, rel=0.02)
    assert np.percentile(drawn, 99) == pytest.approx(400, rel=0.05)


@given(st.integers(0, 10**6), st.integers(0, 10**6), st.integers(0, 4), st.integers(0, 2**32))
def test_a_uniform_amount_keeps_its_bounds_to_the_last_digit(one, two, digits, seed):
    low, high = sorted((one, two))
    text = f"{low / 10**digits:.{digits}f}..{high / 10**digits:.{digits}f}"
    drawn = parse_amount(text, numbers=True).draw(np.random.default_rng(seed), 50)
    assert drawn.min() >= low and drawn.max() <= high


@pytest.mark.parametrize(
    ("text", "bound"), [("5", 5), ("1..9", 9), ("lognormal(40..400)", 1), ("poisson(3)", 0), ("0", 0)]
)
def test_the_bound_is_what_an_amount_surely_asks_for(text, bound):
    assert parse_amount(text).bound == bound


# Popularity

WRITTEN = [
    "uniform",
    "zipf(1.1)",
    "zipf(0)",
    "hotset(1% takes 90%)",
    "hotset(5% takes 60% moving 10min)",
    "latest",
    "top(70% 5%)",
    "top(40% zipf(1.2))",
    "top(100%)",
]


@given(st.sampled_from(WRITTEN), st.integers(1, 3000))
def test_the_shares_of_any_number_of_values_are_positive_and_sum_to_one(text, count):
    shares = parse_popularity(text).shares(count)
    assert len(shares) == count and (shares >= 0).all() and shares.sum() == pytest.approx(1)


@given(st.sampled_from(["uniform", "zipf(1.1)", "zipf(0.6)", "hotset(1% takes 90%)"]), st.integers(2, 500))
def test_a_value_of_lower_rank_never_gets_more(text, count):
    assert (np.diff(parse_popularity(text).shares(count)) <= 1e-12).all()


@pytest.mark.parametrize(("exponent", "count"), [(1.1, 200), (0.9, 5000), (1.0, 10), (0.0, 7)])
def test_zipfs_first_value_gets_one_over_the_harmonic_number(exponent, count):
    # https://en.wikipedia.org/wiki/Zipf%27s_law: f(k) = 1 / (k^s H(n, s))
    harmonic = sum(1 / k**exponent for k in range(1, count + 1))
    shares = parse_popularity(f"zipf({exponent})").shares(count)
    assert shares[0] == pytest.approx(1 / harmonic)
    assert shares[-1] == pytest.approx(1 / (count**exponent * harmonic))


def test_a_hotset_shares_evenly_inside_and_outside():
    shares = parse_popularity("hotset(1% takes 90%)").shares(1000)
    assert shares[:10].tolist() == pytest.approx([0.09] * 10)
    assert shares[10:].tolist() == pytest.approx([0.1 / 990] * 990)


def test_a_hotset_of_less_than_one_value_has_one():
    assert parse_popularity("hotset(1% takes 90%)").shares(10)[:2].tolist() == pytest.approx([0.9, 0.1 / 9])


def test_top_names_the_first_shares_and_divides_the_rest():
    assert parse_popularity("top(70% 5%)").shares(7).tolist() == pytest.approx([0.7, 0.05] + [0.05] * 5)
    shares = parse_popularity("top(40% zipf(1))").shares(4)
    assert shares.tolist() == pytest.approx([0.4, 0.6 / (11 / 6), 0.3 / (11 / 6), 0.2 / (11 / 6)])


def test_top_of_fewer_values_than_it_names_is_scaled():
    assert parse_popularity("top(60% 20% 10%)").shares(2).tolist() == pytest.approx([0.75, 0.25])


def test_latest_is_the_last_value_alone():
    assert parse_popularity("latest").shares(3).tolist() == [0, 0, 1]


ALLOWED = "write uniform, zipf(1.1), hotset(1% takes 90%), top(70% 5%), top(40% zipf(1.2)) or latest"


@pytest.mark.parametrize(
    ("value", "said"),
    [
        ("zpf(1)", f"'zpf(1)' is not a popularity: {ALLOWED}"),
        ("zipf(.)", f"'zipf(.)' is not a popularity: {ALLOWED}"),
        (5, f"'5' is not a popularity: {ALLOWED}"),
        ("zipf(11)", "'zipf(11)': the exponent lies between 0 (uniform) and 10; measured traffic has 0.6 to 1.3"),
        ("top(70% 40%)", "'top(70% 40%)': shares must be above 0 and sum to at most 100 %"),
        ("top(0%)", "'top(0%)': shares must be above 0 and sum to at most 100 %"),
        (
            "hotset(100% takes 90%)",
            "'hotset(100% takes 90%)': the hot part lies between 0 and 100 %, its share up to 100 %",
        ),
    ],
)
def test_what_is_no_popularity_is_refused_with_what_is_allowed(value, said):
    with pytest.raises(ValueError) as error:
        parse_popularity(value)
    assert str(error.value) == said
