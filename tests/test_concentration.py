"""Concentration: laws of its measures, and a fit that finds the exponent it was given."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from workbench.concentration import frequency, gini, peak_to_mean, variation

weights = st.lists(st.floats(0, 1e9) | st.just(0.0), min_size=1, max_size=200).filter(lambda w: sum(w) > 1e-6)


@given(weights)
def test_measures_lie_between_even_and_all_on_one(values):
    found = frequency(values)
    assert 1 / found.keys - 1e-9 <= found.top1 <= found.top10 + 1e-9 <= 1 + 2e-9
    assert 1 - 1e-9 <= found.effective_keys <= found.keys * (1 + 1e-9)
    assert -1e-9 <= found.entropy_bits <= np.log2(found.keys) + 1e-9
    assert 2**found.entropy_bits * (1 + 1e-9) >= 1
    assert found.effective_keys <= 2**found.entropy_bits * (1 + 1e-6)  # Rényi entropy falls with its order
    assert 0 <= gini(values) <= 1 - 1 / len(values) + 1e-9
    assert peak_to_mean(values) * (1 + 1e-9) >= 1


@given(weights, st.floats(0.001, 1000))
def test_the_scale_does_not_matter(values, factor):
    scaled = [factor * v for v in values]
    assert frequency(scaled).top1 == pytest.approx(frequency(values).top1)
    assert (gini(scaled), variation(scaled)) == pytest.approx((gini(values), variation(values)), abs=1e-9)


@given(st.integers(2, 300), st.floats(0, 3))
def test_the_fit_finds_the_exponent_of_a_zipf_ranking(count, exponent):
    values = np.arange(1.0, count + 1) ** -exponent
    assert frequency(np.random.default_rng(3).permutation(values)).zipf == pytest.approx(exponent, abs=1e-6)


@given(st.integers(1, 500))
def test_equal_keys_are_as_many_as_they_are(count):
    found = frequency(np.full(count, 3.0))
    assert found.effective_keys == pytest.approx(count)
    assert found.zipf == pytest.approx(0, abs=1e-9)
    assert gini(np.full(count, 3.0)) == pytest.approx(0, abs=1e-9)


def test_the_top_one_per_cent_is_one_key_at_least():
    assert frequency([3, 1, 1]).top_percent == 0.6
    assert frequency(np.arange(200)).top_percent == pytest.approx(199 / np.arange(200).sum())  # of 199 with any: one


@pytest.mark.parametrize("wrong", [[-1.0, 2.0], [float("nan")], [float("inf"), 1.0]])
def test_a_weight_is_a_finite_number_from_0(wrong):
    with pytest.raises(ValueError, match="is no weight"):
        frequency(wrong)
