"""Load shapes: what rate each second has, and which series are refused."""

import numpy as np
import pandas as pd
import pytest

from workbench.shapes import Between, Constant, Diurnal, Ramp, Recorded, Spike, Step, duration_seconds, shape

HOUR = 3600


def test_a_constant_load_stays_at_the_rate():
    assert set(shape("constant").rates(20, 80, HOUR)) == {20.0}
    assert set(Constant(2).rates(20, 80, HOUR)) == {40.0}


def test_a_ramp_goes_from_nothing_to_the_peak_over_the_whole_duration():
    rates = shape("ramp").rates(20, 80, HOUR)
    assert rates[-1] == 80
    assert rates[0] == pytest.approx(80 / HOUR)
    assert np.allclose(np.diff(rates), 80 / HOUR)
    assert Ramp(0.5, 60).rates(20, 80, 120)[[0, 59, 119]].tolist() == [pytest.approx(40 + 40 / 60), 80.0, 80.0]


def test_a_step_is_a_tenth_of_the_peak_and_the_peak_from_a_sixth_of_the_duration():
    rates = shape("step").rates(20, 80, HOUR)
    assert set(rates[:600]) == {8.0}
    assert set(rates[600:]) == {80.0}
    assert Step(0.5, 0.5).rates(20, 80, 10).tolist() == [40.0] * 5 + [80.0] * 5


def test_a_spike_is_the_peak_for_two_minutes():
    rates = shape("spike").rates(20, 80, HOUR)
    assert (rates == 80).sum() == 120
    assert (rates == 20).sum() == HOUR - 120
    assert (Spike(0.0, 7).rates(20, 80, HOUR) == 80).sum() == 7


@pytest.mark.parametrize(("rate", "peak"), [(20, 30), (20, 40), (20, 80), (20, 2000), (20, 20)])
def test_a_day_has_the_rate_as_its_mean_and_reaches_the_peak(rate, peak):
    rates = shape("diurnal").rates(rate, peak, 86_400)
    assert rates.mean() == pytest.approx(rate, rel=0.001)
    assert rates.max() == pytest.approx(peak, rel=0.001)
    assert rates.min() >= 0


def test_an_hour_of_a_day_is_the_one_around_its_peak():
    rates = shape("diurnal").rates(20, 30, HOUR)
    assert rates.max() == pytest.approx(30, abs=0.01)
    assert rates.min() > 29.9
    assert Diurnal(HOUR).rates(20, 30, HOUR).min() == pytest.approx(10, abs=0.01)


def test_between_two_seconds_only():
    assert Between(2, 4).rates(20, 80, 6).tolist() == [0.0, 0.0, 20.0, 20.0, 0.0, 0.0]


@pytest.mark.parametrize(
    "series",
    [
        [(0, 1.0), (60, 3.0), (120, 2.0)],
        {0: 1.0, 60: 3.0, 120: 2.0},
        pd.Series([1.0, 3.0, 2.0], index=[0, 60, 120]),
        pd.DataFrame({"time": ["2026-01-01", "2026-01-01T00:01", "2026-01-01T00:02"], "multiple": [1, 3, 2]}),
        pd.DataFrame({"time": pd.to_timedelta([0, 60, 120], unit="s"), "multiple": [1, 3, 2]}),
    ],
)  # fmt: skip
def test_a_recorded_series_gives_multiples_of_the_rate_evenly_in_between(series):
    rates = shape(series).rates(20, 80, 150)
    assert rates[[0, 30, 60, 90, 120, 149]].tolist() == [20.0, 40.0, 60.0, 50.0, 40.0, 40.0]


@pytest.mark.parametrize(
    ("series", "words"),
    [
        ([(0, 1), (60, float("nan")), (120, 1)], "gap at 60 s"),
        ([(0, 1), (60, 1), (120, 1), (400, 1), (460, 1)], "gap from 120 s to 400 s"),
        ([(0, 1), (60, -2), (120, 1)], "multiple -2 at 60 s: a load is not negative"),
        ([(0, 1), (60, float("inf"))], "gap at 60 s"),
        ([(0, 1), (60, 1), (30, 1)], "back in time: 30 s comes after 60 s"),
        ([(0, 1)], "at least two"),
        ([1, 2, 3], "made of pairs"),
        (pd.DataFrame({"time": [0, 60], "load": [1, 2]}), "multiple is missing"),
    ],
)
def test_a_series_with_gaps_is_refused_in_words(series, words):
    with pytest.raises(ValueError, match=words):
        shape(series)


def test_a_series_must_cover_the_duration():
    with pytest.raises(ValueError, match="covers 180 s, and 3,600 s are to be simulated"):
        Recorded((0, 60, 120), (1, 1, 1)).rates(20, 80, HOUR)


@pytest.mark.parametrize(
    ("value", "words"),
    [
        ("sawtooth", "there are constant, diurnal"),
        ("between", "there are constant, diurnal"),  # the word alone would not say when
        ({"shape": "between", "begin_s": 60}, "load between: end_s must be given"),
        ({"shape": "between", "from": 60}, "no parameter 'from'; it has begin_s, end_s, multiple"),
        ({"shape": "step", "on": 3}, "no parameter 'on'; it has before, at"),
        ({"shape": "step", "at": 3}, "between 0 and 1"),
        ({"shape": "spike", "lasts_s": -1}, "lasts_s=-1"),
        ({"shape": "constant", "multiple": float("inf")}, "multiple=inf"),
    ],
)
def test_an_unknown_shape_or_parameter_is_refused(value, words):
    with pytest.raises(ValueError, match=words):
        shape(value)


def test_a_shape_is_written_with_its_parameters():
    assert shape({"shape": "step", "at": 0.5}) == Step(at=0.5)
    assert shape({"shape": "between", "begin_s": 2, "end_s": 4}) == Between(2, 4)


@pytest.mark.parametrize(
    ("text", "seconds"), [("1h", 3600), ("90 min", 5400), ("1h30min", 5400), ("2d", 172_800), (7, 7)]
)
def test_durations_are_read(text, seconds):
    assert duration_seconds(text) == seconds


@pytest.mark.parametrize("value", [0, "0h", -5, float("inf"), float("nan"), "an hour", "5", ""])
def test_a_duration_of_nothing_is_refused(value):
    with pytest.raises(ValueError, match="duration"):
        duration_seconds(value)


@pytest.mark.parametrize(
    ("load", "words"),
    [
        ({"shape": "step", "at": "half"}, "at='half': a share of the duration"),
        ({"shape": "constant", "multiple": None}, "multiple=None: a rate or time is a number"),
        ({"shape": 3}, "load '3': there are constant"),
        ([(0, "a"), (60, 1)], "'a' as a multiple of the rate: a number is needed"),
        ([("x", 1), ("y", 2)], "neither seconds nor dates"),
    ],
)
def test_values_of_another_kind_are_refused_by_name(load, words):
    with pytest.raises(ValueError, match=words):
        shape(load)
