"""Sweeps: every combination with every seed, bands over seeds, the same wherever they run."""

import warnings

import joblib
import numpy as np
import pandas as pd
import pytest

import workbench as wb
from workbench import sweeps
from workbench.sweeps import MEASURES, Scenario, Sweep, measures, sweep
from workbench.workload import keyed

ONE_KEY = keyed([1.0], rate=1500)
OPTIONS = {"duration": "3min"}


def test_each_combination_is_simulated_with_each_seed():
    found = sweep(
        ONE_KEY, {"load": ["constant", "step"], "capacity": ["on-demand", {"read": 5, "write": 5}]}, seeds=3, **OPTIONS
    )
    assert len(found) == 4
    assert found.simulations == 12
    frame = found.to_frame()
    assert list(frame["load"]) == ["constant", "constant", "step", "step"]
    assert set(frame["capacity"]) == {"on-demand", "read 5, write 5"}
    assert {f"{name}_p{p}" for name in MEASURES for p in (5, 50, 95)} <= set(frame)
    runs = found.runs()
    assert len(runs) == 12
    assert sorted(runs["seed"].unique()) == [7, 8, 9]


def test_a_hot_key_is_throttled_for_good_in_every_seed():
    """1,500 units a second on one partition of 1,000: a third, by closed form."""
    (one,) = sweep(ONE_KEY, seeds=4, **OPTIONS)
    band = one.band("throttled_share")
    assert band.low <= band.median <= band.high
    assert band.median == pytest.approx(1 / 3, abs=0.01)
    assert one.happened == 1
    assert one.band("throttled_minutes").median == 3
    assert one.name == "as it is"


def test_results_do_not_depend_on_how_many_work_on_them():
    parameters = {"load": ["constant", "spike"]}
    with joblib.parallel_config(n_jobs=1):
        alone = sweep(ONE_KEY, parameters, seeds=3, **OPTIONS)
    with joblib.parallel_config(backend="threading", n_jobs=3):
        together = sweep(ONE_KEY, parameters, seeds=3, **OPTIONS)
    pd.testing.assert_frame_equal(alone.runs(), together.runs())
    pd.testing.assert_frame_equal(alone.runs(), sweep(ONE_KEY, parameters, seeds=3, **OPTIONS).runs())


def test_processes_give_the_same_as_threads():
    """What a cluster does: scenarios are sent to other processes, without a change of the call."""
    here = sweep(ONE_KEY, seeds=2, **OPTIONS)
    with warnings.catch_warnings(), joblib.parallel_config(backend="loky", n_jobs=2):
        warnings.simplefilter("ignore")  # a pool that is left over may say so
        there = sweep(ONE_KEY, seeds=2, **OPTIONS)
    pd.testing.assert_frame_equal(here.runs(), there.runs())


def test_a_sweep_measures_what_its_simulations_say():
    (one,) = sweep(ONE_KEY, seeds=[11], **OPTIONS)
    assert one.measured[0] == measures(wb.simulate(ONE_KEY, seed=11, **OPTIONS))


def test_designs_by_name_are_a_parameter():
    found = sweep({"one key": ONE_KEY, "forty keys": keyed([1 / 40] * 40, rate=1500)}, seeds=2, **OPTIONS)
    assert [one.parameters["design"] for one in found] == ["one key", "forty keys"]
    shares = [one.band("throttled_share").median for one in found]
    assert shares[0] > shares[1]
    assert "one key" in found.finding
    assert "2 scenarios, 4 simulations" in repr(found)


def test_what_never_happened_has_no_band():
    (one,) = sweep(keyed([1.0], rate=10), seeds=2, **OPTIONS)
    assert str(one.band("first_throttle_s")) == "never"
    assert one.happened == 0
    with pytest.raises(ValueError, match="'latency' is not measured; there are throttled_share"):
        one.band("latency")


def test_the_band_is_that_of_the_percentiles():
    values = np.arange(101.0)
    one = Scenario({}, tuple(range(101)), tuple(dict.fromkeys(MEASURES, value) for value in values))
    assert (one.band("splits").low, one.band("splits").median, one.band("splits").high) == (5, 50, 95)


@pytest.mark.parametrize(
    ("parameters", "fixed", "words"),
    [
        ({"speed": [1]}, {}, "'speed' is no parameter to vary; there are duration, load"),
        ({}, {"sped": 1}, "'sped' is no parameter"),
        ({"load": []}, {}, "load has no values"),
        ({"load": ["step"]}, {"load": "ramp"}, "load is given twice"),
        ({"load": ["sometimes"]}, {}, "load 'sometimes'"),
        ({}, {"seeds": 0}, "a sweep needs at least one"),
    ],
)
def test_parameters_that_simulate_does_not_have_are_refused(parameters, fixed, words):
    with pytest.raises(ValueError, match=words):
        sweep(ONE_KEY, parameters, **{"duration": "1min", "seeds": 1, **fixed})


def test_an_interrupted_sweep_keeps_what_it_has(monkeypatch):
    done: list[int] = []

    def three(sim):
        done.append(sim.seed)
        if len(done) > 3:
            raise KeyboardInterrupt
        return measures(sim)

    monkeypatch.setattr(sweeps, "measures", three)
    with joblib.parallel_config(backend="sequential"):
        found = sweep(ONE_KEY, {"load": ["constant", "step"]}, seeds=2, duration="1min")
    assert isinstance(found, Sweep)
    assert found.interrupted
    assert found.simulations == 3
    assert len(found.runs()) == 3
    assert "interrupted" in repr(found)
    assert len(sweeps.PERCENTILES) == 3


@pytest.mark.parametrize(
    ("parameters", "seeds", "words"),
    [
        ({}, 1.5, "here is 1.5"),
        ({}, True, "here is True"),
        ({}, [1, -1], "whole numbers from 0"),
        ({"load": "step"}, 1, r"load takes a list of values, here \['step'\]"),
        ({"capacity": {"read": 1, "write": 2}}, 1, "capacity takes a list of values"),
        (["load"], 1, "no mapping from parameters to values"),
    ],
)
def test_what_is_no_sweep_is_refused_in_words(parameters, seeds, words):
    with pytest.raises(ValueError, match=words):
        sweep(ONE_KEY, parameters, seeds=seeds, **OPTIONS)


def test_a_sweep_over_retries_tells_attempts_from_requests_given_up():
    """Of 1,500 units a second for one key a third is lost for good, however often it is tried."""
    once, often = sweep(ONE_KEY, {"retries": [None, 4]}, seeds=2, duration="10min")
    for one in (once, often):
        assert one.band("given_up_share").median == pytest.approx(1 / 3, abs=0.01)
    assert often.band("throttled_share").median > once.band("throttled_share").median + 0.2
    assert " of attempts" in sweep(ONE_KEY, {"retries": [4]}, seeds=1, **OPTIONS).finding
