"""Concentration: how unevenly something is spread over keys or partitions, in numbers that have names.

`Frequency` says how the most common values dominate: the share of the first, of the first ten, of the first per cent;
the Zipf exponent that fits the ranking; the entropy; and how many equally popular keys would be as concentrated
(the inverse Simpson index). For a spread over equal ranges of the hash ring there are the Gini coefficient, the
coefficient of variation, and peak over mean.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from workbench.columns import Floats


@dataclass(frozen=True)
class Frequency:
    """How the shares of keys are concentrated; all zero where nothing is asked."""

    keys: int  # with any share
    top1: float
    top10: float
    top_percent: float  # share of the most popular 1 % of the keys, at least one
    zipf: float  # fitted exponent: 0 is even, about 1 is usual
    entropy_bits: float
    effective_keys: float


def frequency(weights: ArrayLike) -> Frequency:
    """The concentration of weights, one a key.

    >>> frequency([1, 1, 1, 1])
    Frequency(keys=4, top1=0.25, top10=1.0, top_percent=0.25, zipf=0.0, entropy_bits=2.0, effective_keys=4.0)
    >>> frequency([5.0]).effective_keys, frequency([]).top1, frequency([0, 0]).keys
    (1.0, 0.0, 0)
    """
    shares = ranked_shares(weights)
    if not len(shares):
        return Frequency(0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0)
    return Frequency(
        len(shares),
        float(shares[0]),
        float(shares[:10].sum()),
        float(shares[: max(1, len(shares) // 100)].sum()),
        fitted_zipf(shares),
        max(0.0, float(-(shares @ np.log2(shares)))),
        float(1 / (shares @ shares)),
    )


def ranked_shares(weights: ArrayLike) -> Floats:
    """The shares of those keys that have any, the largest first. ValueError if a weight is negative or no number."""
    weights = np.asarray(weights, dtype=float)
    if not np.isfinite(weights).all() or (weights < 0).any():
        wrong = weights[~np.isfinite(weights) | (weights < 0)][0]
        raise ValueError(f"{wrong} is no weight: a share of requests is a finite number from 0")
    there = np.sort(weights[weights > 0])[::-1]
    shares = there / there.sum() if len(there) else there
    return shares[shares > 0]  # beside very large weights, the smallest come to nothing


def fitted_zipf(shares: Floats) -> float:
    """The exponent s for which shares falling as rank ** -s are the likeliest source of ranked shares.

    >>> ranks = np.arange(1, 5001.0)
    >>> [fitted_zipf(ranks**-s / (ranks**-s).sum()).__round__(6) for s in (0.0, 0.8, 1.2)]
    [0.0, 0.8, 1.2]
    """
    logs = np.log(np.arange(1, len(shares) + 1))
    seen = float(shares @ logs)  # the mean logarithm of the rank, which the fitted ranking is to have
    if len(shares) < 2 or seen >= logs.mean():
        return 0.0
    s = 1.0
    for _ in range(60):
        weights = np.exp(-s * logs)
        weights /= weights.sum()
        mean = float(weights @ logs)
        spread = float(weights @ logs**2) - mean**2
        step = np.clip((mean - seen) / max(spread, 1e-12), -1.0, 1.0)
        s = min(max(s + step, 0.0), 20.0)
        if abs(step) < 1e-10:
            break
    return float(s)


# Over equal ranges of the ring


def gini(values: ArrayLike) -> float:
    """The Gini coefficient: 0 if all have the same, towards 1 if one has everything.

    >>> gini([3, 3, 3]), gini([0, 0, 0, 1]), gini([])
    (0.0, 0.75, 0.0)
    """
    ordered = np.sort(np.asarray(values, dtype=float))
    total, count = float(ordered.sum()), len(ordered)
    if total <= 0:
        return 0.0
    return max(0.0, float(2 * (np.arange(1, count + 1) @ ordered) / (count * total) - (count + 1) / count))


def variation(values: ArrayLike) -> float:
    """The coefficient of variation: the standard deviation as a multiple of the mean.

    >>> variation([1, 3]), variation([2, 2]), variation([])
    (0.5, 0.0, 0.0)
    """
    values = np.asarray(values, dtype=float)
    return float(values.std() / values.mean()) if values.size and values.any() else 0.0


def peak_to_mean(values: ArrayLike) -> float:
    """The largest as a multiple of the mean.

    >>> peak_to_mean([1, 1, 4]), peak_to_mean([0])
    (2.0, 0.0)
    """
    values = np.asarray(values, dtype=float)
    return float(values.max() / values.mean()) if values.size and values.any() else 0.0
