"""Random numbers by address: distributed as they should be, and the same in whatever order they are drawn."""

from math import exp, lgamma, log

import numpy as np
import pytest

from workbench.draws import address, poisson, uniform, words


@pytest.mark.parametrize("mean", [0.2, 3.0, 9.99, 10.0, 11.0, 40.0, 1000.0])
def test_counts_have_the_probabilities_of_a_poisson_distribution(mean):
    counts = poisson(np.full((500, 400), mean), address(3), np.arange(500), np.arange(400)).ravel()
    around = np.arange(max(0, int(mean - 4 * mean**0.5)), int(mean + 4 * mean**0.5) + 2)
    expected = len(counts) * np.array([exp(k * log(mean) - mean - lgamma(k + 1)) for k in around])
    seen = np.array([(counts == k).sum() for k in around])
    enough = expected > 50
    chi = (((seen - expected) ** 2 / expected)[enough]).sum()
    degrees = enough.sum()
    assert abs(chi - degrees) < 4.5 * (2 * degrees) ** 0.5 + 3
    assert abs(counts.mean() - mean) < 4.5 * (mean / len(counts)) ** 0.5


def test_a_mean_of_zero_gives_no_requests():
    assert not poisson(np.array([[0.0, 0.0]]), 1, [0], [0, 1]).any()


def test_small_and_large_means_are_drawn_together():
    means = np.array([[0.0, 2.0, 50.0, 9.0, 4000.0]])
    together = poisson(means, 5, [7], [1, 2, 3, 4, 5])
    alone = [poisson(means[:, [i]], 5, [7], [i + 1])[0, 0] for i in range(5)]
    assert together[0].tolist() == alone


def test_a_count_is_the_same_however_many_others_are_drawn():
    means = np.full((60, 40), 700.0)
    whole = poisson(means, 11, np.arange(60), np.arange(40))
    part = poisson(means[20:30, 5:9], 11, np.arange(20, 30), np.arange(5, 9))
    assert (whole[20:30, 5:9] == part).all()


def test_rows_columns_and_seeds_have_nothing_to_do_with_each_other():
    a, b = uniform(1, np.arange(400), np.arange(300)), uniform(2, np.arange(400), np.arange(300))
    for one, other in ((a, b), (a[1:], a[:-1]), (a[:, 1:], a[:, :-1]), (a[:300], a[:300].T)):
        assert abs(np.corrcoef(one.ravel(), other.ravel())[0, 1]) < 0.02
    assert abs(a.mean() - 0.5) < 0.005
    assert len(np.unique(words(3, np.arange(1000), np.arange(1000)))) == 1_000_000
