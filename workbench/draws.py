"""Random numbers by address: each is a function of (seed, stream, second, partition), in whatever order it is drawn.

A stream of random numbers makes every result hang on everything drawn before it: one partition more, and all later
ones see other weather. Here a number is a hash of where it is used, so that two simulations with the same seed meet the
same weather wherever they are alike, and parts of a simulation can be drawn at once, late, or not at all.

Counts are Poisson, which is exact: requests of independent callers, thinned by the key that each is for, are
independent Poisson counts per partition.
"""

import numpy as np
from numpy.typing import ArrayLike, NDArray

from workbench.columns import Floats

Words = NDArray[np.uint64]

_GOLDEN = 0x9E3779B97F4A7C15
_MASK = 2**64 - 1
_SMALL = 10.0  # below this mean, counts are drawn by their distribution function, above by transformed rejection
_LOG_ROOT_TAU = 0.9189385332046727  # log(sqrt(2 pi))


def address(*parts: int) -> int:
    """One word for several whole numbers, each of which changes all of it.

    >>> address(1, 2) == address(1, 2), address(1, 2) == address(2, 1)
    (True, False)
    """
    word = _GOLDEN
    for part in parts:
        word = _finish((word ^ (part & _MASK)) * 0xD6E8FEB86659FD93 + _GOLDEN & _MASK)
    return word


def _finish(word: int) -> int:
    word = (word ^ word >> 30) * 0xBF58476D1CE4E5B9 & _MASK
    word = (word ^ word >> 27) * 0x94D049BB133111EB & _MASK
    return word ^ word >> 31


def words(start: int, rows: ArrayLike, columns: ArrayLike) -> Words:
    """A 64-bit word for each row and column: (rows, columns). Splitmix64 of the row, then of the column."""
    row = _mixed(np.asarray(rows, dtype=np.uint64) * np.uint64(_GOLDEN) + np.uint64(start))
    column = np.asarray(columns, dtype=np.uint64) * np.uint64(0xD1B54A32D192ED03)
    return _mixed(row[:, None] + column[None, :])


def _mixed(word: Words) -> Words:
    """Splitmix64's finaliser, in place."""
    spare = word >> np.uint64(30)
    word ^= spare
    word *= np.uint64(0xBF58476D1CE4E5B9)
    np.right_shift(word, np.uint64(27), out=spare)
    word ^= spare
    word *= np.uint64(0x94D049BB133111EB)
    np.right_shift(word, np.uint64(31), out=spare)
    word ^= spare
    return word


def uniform(start: int, rows: ArrayLike, columns: ArrayLike) -> Floats:
    """A number in (0, 1) for each row and column."""
    return ((words(start, rows, columns) >> np.uint64(12)).astype(np.float64) + 0.5) * 2.0**-52


def poisson(mean: ArrayLike, start: int, rows: ArrayLike, columns: ArrayLike) -> Floats:
    """A Poisson count for each mean: (rows, columns), or what broadcasts to it. Zero where the mean is."""
    row, column = np.asarray(rows, dtype=np.int64), np.asarray(columns, dtype=np.int64)
    means = np.broadcast_to(np.asarray(mean, dtype=float), (len(row), len(column)))
    if not means.size:
        return np.zeros(means.shape)
    if means.min() >= _SMALL:
        return _large(means.ravel(), start, row, column).reshape(means.shape)
    counts = np.zeros(means.shape)
    large, small = means >= _SMALL, (means > 0) & (means < _SMALL)
    if large.any():
        counts[large] = _large(means[large], start, row, column, np.flatnonzero(large))
    if small.any():
        at = np.flatnonzero(small)
        one = _words_at(start, row, column, at)
        counts[small] = _small(means[small], ((one >> np.uint64(12)).astype(np.float64) + 0.5) * 2.0**-52)
    return counts


def _words_at(start: int, rows: NDArray[np.int64], columns: NDArray[np.int64], at: NDArray[np.int64]) -> Words:
    """Words of some cells of the table of rows and columns, given by their place in it."""
    row, column = np.divmod(at, len(columns))
    mixed = _mixed(rows.astype(np.uint64) * np.uint64(_GOLDEN) + np.uint64(start))
    return _mixed(mixed[row] + columns.astype(np.uint64)[column] * np.uint64(0xD1B54A32D192ED03))


def _small(mean: Floats, at: Floats) -> Floats:
    """Counts by the inverse of the distribution function: its terms are summed up until they pass `at`."""
    counts, term, below = np.zeros(len(mean)), np.exp(-mean), np.exp(-mean)
    open_ = np.flatnonzero(at > below)
    k = 0
    while len(open_) and k < 100:
        k += 1
        term[open_] *= mean[open_] / k
        below[open_] += term[open_]
        counts[open_] = k
        open_ = open_[at[open_] > below[open_]]
    return counts


def _large(
    mean: Floats,
    start: int,
    rows: NDArray[np.int64],
    columns: NDArray[np.int64],
    at: NDArray[np.int64] | None = None,
) -> Floats:
    """Counts by transformed rejection (W. Hörmann, 1993, algorithm PTRS): exact, and mostly one round."""
    word = words(start, rows, columns).ravel() if at is None else _words_at(start, rows, columns, at)
    counts, refused = _proposed(mean, word)
    attempt, places = 0, refused
    while len(places):
        attempt += 1
        cells = places if at is None else at[places]
        word = _words_at(address(start, attempt), rows, columns, cells)
        found, refused = _proposed(mean[places], word)
        counts[places] = found
        places = places[refused]
    return counts


def _proposed(mean: Floats, word: Words) -> tuple[Floats, NDArray[np.int64]]:
    """A proposal for each mean from one word, and the places of those that are refused."""
    v = (word & np.uint64(2**32 - 1)).astype(np.float64)
    v += 0.5
    v *= 2.0**-32
    u = (word >> np.uint64(32)).astype(np.float64)
    u += 0.5
    u *= 2.0**-32
    u -= 0.5
    b = np.sqrt(mean)
    b *= 2.53
    b += 0.931
    near = np.abs(u)
    np.subtract(0.5, near, out=near)
    counts = (0.02483 * b - 0.059) * 2.0
    counts /= near
    counts += b
    counts *= u
    counts += mean
    counts += 0.43
    np.floor(counts, out=counts)
    quick = near >= 0.07
    quick &= v <= 0.9277 - 3.6224 / (b - 2.0)
    slow = np.flatnonzero(~quick)
    kept = _kept(mean[slow], counts[slow], b[slow], near[slow], v[slow])
    return counts, slow[~kept]


def _kept(mean: Floats, count: Floats, b: Floats, near: Floats, v: Floats) -> NDArray[np.bool_]:
    """Whether proposals that the quick test leaves open are accepted, by the exact ratio of densities."""
    a = 0.02483 * b - 0.059
    possible = (count >= 0) & ~((near < 0.013) & (v > near))
    k = np.maximum(count, 0.0)
    left = np.log(v) + np.log(1.1239 + 1.1328 / (b - 3.4)) - np.log(a / (near * near) + b)
    return possible & (left <= k * np.log(mean) - mean - log_factorial(k))


def log_factorial(count: Floats) -> Floats:
    """log(n!) of whole numbers, by Stirling's series from n + 8 down.

    >>> log_factorial(np.array([5.0, 170.0])).round(9).tolist()
    [4.787491743, 706.573062246]
    """
    n = count + 8.0
    shift = np.ones_like(n)
    for i in range(1, 9):
        shift *= count + i
    series = (1 / 12 - (1 / 360 - (1 / 1260 - 1 / (1680 * n * n)) / (n * n)) / (n * n)) / n
    return (n + 0.5) * np.log(n) - n + _LOG_ROOT_TAU + series - np.log(shift)
