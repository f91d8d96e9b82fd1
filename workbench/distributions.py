"""How many, how large, and how often: the distributions of a design file.

An **amount** says how a count or size varies: `40`, `1..9`, `lognormal(40..400)` (median..99th percentile),
`poisson(3)`; sizes may carry B, KB or MB. A **popularity** says which share of the requests each of n values
gets: `uniform`, `zipf(1.1)`, `hotset(1% takes 90%)`, `top(70% 5%)`, `latest`. Rank 0 is the first value, so that a
chart can name the hottest key before anything is drawn.

Real traffic is skewed: at Zipf 1.1 over 10,000 keys the first takes 15 % of all requests, 1,500 times its even share.

>>> parse_popularity("zipf(1.1)").shares(10_000)[0].round(3)
np.float64(0.151)
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from decimal import Decimal
from math import exp, log
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import ArrayLike, NDArray

    Floats = NDArray[np.float64]
    Shares = Callable[[Floats, Floats], Floats]

# numpy is imported where numbers are drawn: checking a design file needs none of it, and should answer at once.

_UNITS = {"": 1, "B": 1, "KB": 1024, "MB": 1024**2}
_NUMBER = r"-?[0-9](?:_?[0-9])*(?:\.[0-9]+)?"
_QUANTITY = rf"({_NUMBER})\s*(B|KB|MB)?"
_RANGE = rf"{_QUANTITY}\s*\.\.\s*{_QUANTITY}"
_P99 = 2.3263478740408408  # standard deviations from the median to the 99th percentile


@dataclass(frozen=True)
class Amount:
    """A count, size or number that varies: `kind` is fixed, uniform, lognormal or poisson.

    `low` and `high` are the bounds of uniform, the median and 99th percentile of lognormal; `digits` the decimals.
    """

    kind: str
    low: float
    high: float
    digits: int = 0
    text: str = field(default="", compare=False)

    def __str__(self) -> str:
        return self.text

    @property
    def mean(self) -> float:
        """The mean, in closed form.

        >>> parse_amount("1..9").mean, parse_amount("lognormal(40..400)").mean.__round__(1)
        (5.0, 65.3)
        """
        if self.kind == "uniform":
            return (self.low + self.high) / 2
        return self.low * exp(self._sigma**2 / 2)

    @property
    def minimum(self) -> float:
        """The least value it can take."""
        return {"lognormal": 1, "poisson": 0}.get(self.kind, self.low)

    @property
    def bound(self) -> float:
        """The number of values that it surely asks for: the upper bound, or the least where nothing bounds it."""
        return self.high if self.kind in ("fixed", "uniform") else self.minimum

    @property
    def most(self) -> float:
        """The largest value, or where there is none, one that 1 in 10,000 draws passes."""
        if self.kind == "poisson":
            return self.low + 4 * self.low**0.5 + 4
        return self.low * exp(3.72 * self._sigma) if self.kind == "lognormal" else self.high

    @property
    def _sigma(self) -> float:
        return log(self.high / self.low) / _P99 if self.kind == "lognormal" else 0.0

    def draw(self, rng: np.random.Generator, size: int) -> NDArray[np.int64]:
        """`size` whole numbers, in steps of 10**-digits: 4.25 with two digits is 425."""
        import numpy as np

        step = 10**self.digits
        if self.kind == "fixed":
            return np.full(size, round(self.low * step), dtype=np.int64)
        if self.kind == "uniform":
            return rng.integers(round(self.low * step), round(self.high * step), size, endpoint=True)
        if self.kind == "poisson":
            return rng.poisson(self.low, size)
        drawn = self.low * np.exp(self._sigma * rng.standard_normal(size))
        return np.clip(np.rint(drawn * step), 1, _MOST).astype(np.int64)


def parse_amount(value: object, *, sizes: bool = False, numbers: bool = False) -> Amount:
    """The amount that `value` writes: a count, with `sizes` bytes, with `numbers` any number. ValueError says how.

    >>> parse_amount("lognormal(1 KB..20 KB)", sizes=True).high
    20480.0
    >>> parse_amount("0.50..99.99", numbers=True).digits
    2
    """
    text = str(value).strip()
    written = _SIZES_WRITTEN if sizes else _COUNTS_WRITTEN
    if isinstance(value, bool) or value is None:
        raise ValueError(f"{_word(value)} is not an amount: write {written}")
    for pattern, kind in _AMOUNTS:
        if (found := re.fullmatch(pattern, text)) and (sizes or not any(found.groups()[1::2])):
            amount = _amount(kind, found.groups(), text, numbers)
            _check_amount(amount, numbers)
            return amount
    raise ValueError(f"{text!r} is not an amount: write {written}{_meant_amount(text)}")


def _meant_amount(text: str) -> str:
    """What an amount in other notation is to be written as: `; did you mean 1..10?` for `1-10` or `1 to 10`."""
    if found := re.fullmatch(rf"({_NUMBER})\s*(?:-|to|\.\.\.|\.|:)\s*({_NUMBER})", text):
        return f"; did you mean {found[1]}..{found[2]}?"
    if found := re.fullmatch(r"([0-9]+)\s*([kKmM])", text):
        return f"; did you mean {found[1]}_{'000' if found[2] in 'kK' else '000_000'}?"
    if re.fullmatch(r"[0-9]{1,3}(,[0-9]{3})+", text):
        return f"; did you mean {text.replace(',', '_')}?"
    return ""


_SIZES_WRITTEN = "bytes, as 800 or 1 KB or 1 KB..4 KB or lognormal(1 KB..20 KB)"
_COUNTS_WRITTEN = "40, 1..9, lognormal(40..400) or poisson(3)"
_AMOUNTS = [
    (_QUANTITY, "fixed"),
    (_RANGE, "uniform"),
    (rf"lognormal\(\s*{_RANGE}\s*\)", "lognormal"),
    (rf"poisson\(\s*{_QUANTITY}\s*\)", "poisson"),
]
_MOST = 2**53  # whole numbers up to here are exact as floats


def _word(value: object) -> str:
    return {None: "nothing", True: "true", False: "false"}[value]  # type: ignore[index]


def _amount(kind: str, groups: tuple[str | None, ...], text: str, numbers: bool) -> Amount:
    low_text, low_unit = groups[0] or "", groups[1]
    high_text, high_unit = (groups[2] or "", groups[3]) if len(groups) > 2 else (low_text, low_unit)
    low = float(low_text.replace("_", "")) * _UNITS[low_unit or high_unit or ""]
    high = float(high_text.replace("_", "")) * _UNITS[high_unit or ""]
    # The mean of a distribution of counts may be broken; a fixed or uniform count may not.
    has_digits = (kind in ("fixed", "uniform") or (numbers and kind == "lognormal")) and not (low_unit or high_unit)
    return Amount(kind, low, high, max(_decimals(low_text), _decimals(high_text)) if has_digits else 0, text)


def _decimals(text: str) -> int:
    return -int(Decimal(text.replace("_", "")).as_tuple().exponent)


def _check_amount(amount: Amount, numbers: bool) -> None:
    if amount.high < amount.low:
        raise ValueError(f"{amount.text!r} runs backwards: write the smaller number first")
    if max(abs(amount.low), abs(amount.high)) * 10**amount.digits > _MOST:
        raise ValueError(f"{amount.text!r} is too large: at most 15 digits, decimals included")
    if amount.kind == "lognormal" and amount.low <= 0:
        raise ValueError(f"{amount.text!r}: the median of a lognormal must be above 0")
    if amount.kind == "poisson" and amount.low < 0:
        raise ValueError(f"{amount.text!r}: the mean of a poisson must not be negative")
    if not numbers and amount.low < 0:
        raise ValueError(f"{amount.text!r} must not be negative")
    if not numbers and amount.digits:
        raise ValueError(f"{amount.text!r} must be whole: there are no parts of a value or byte")


@dataclass(frozen=True)
class Popularity:
    """Which share of the requests each value gets, by the value's rank; built by `parse_popularity`."""

    text: str
    _weight: Callable[..., Any] = field(repr=False, compare=False)

    def __str__(self) -> str:
        return self.text

    def weights(self, rank: ArrayLike, count: ArrayLike) -> Floats:
        """A weight for each value from its rank (0 is the first) among `count`; to be scaled to a sum of 1."""
        import numpy as np

        return self._weight(np.asarray(rank, dtype=float), np.asarray(count, dtype=float))

    def shares(self, count: int) -> Floats:
        """The shares of `count` values, summing to 1.

        >>> parse_popularity("top(70% 5%)").shares(4).round(3).tolist()
        [0.7, 0.05, 0.125, 0.125]
        """
        import numpy as np

        weights = self.weights(np.arange(count), count)
        return weights / weights.sum()


_DECIMAL = r"([0-9]+(?:\.[0-9]+)?)"
_PERCENT = rf"{_DECIMAL}%"
_ALLOWED = "uniform, zipf(1.1), hotset(1% takes 90%), top(70% 5%), top(40% zipf(1.2)) or latest"


def parse_popularity(value: object) -> Popularity:
    """The popularity that `value` writes, or ValueError saying what is allowed."""
    text = str(value).strip()
    for pattern, build in _POPULARITIES:
        if found := re.fullmatch(pattern, text):
            return Popularity(text, build(*found.groups()))
    raise ValueError(f"{text!r} is not a popularity: write {_ALLOWED}")


def _uniform() -> Shares:
    return lambda rank, count: (rank + count) * 0 + 1


def _latest() -> Shares:
    return lambda rank, count: (rank == count - 1).astype(float)


def _zipf(exponent: str) -> Shares:
    s = float(exponent)
    if not 0 <= s <= 10:
        raise ValueError(
            f"'zipf({exponent})': the exponent lies between 0 (uniform) and 10; measured traffic has 0.6 to 1.3"
        )
    return lambda rank, count: (rank + 1) ** -s + count * 0


def _hotset(hot: str, taken: str, moving: str | None) -> Shares:
    part, share = float(hot) / 100, float(taken) / 100
    if not (0 < part < 1 and 0 < share <= 1):
        raise ValueError(
            f"'hotset({hot}% takes {taken}%)': the hot part lies between 0 and 100 %, its share up to 100 %"
        )

    def weight(rank: Floats, count: Floats) -> Floats:
        import numpy as np

        hot_values = np.maximum(1, np.rint(part * count))
        cold_values = np.maximum(count - hot_values, 1)
        return np.where(rank < hot_values, share / hot_values, (1 - share) / cold_values)

    return weight


def _top(percents: str, rest: str | None) -> Shares:
    first = [float(p) / 100 for p in re.findall(_PERCENT, percents)]
    if sum(first) > 1 + 1e-9 or min(first) <= 0:
        raise ValueError(f"'top({percents.strip()})': shares must be above 0 and sum to at most 100 %")
    tail = _zipf(rest) if rest else _uniform()

    def weight(rank: Floats, count: Floats) -> Floats:
        import numpy as np

        rank, count = np.broadcast_arrays(rank, count)
        named = np.minimum(rank, len(first) - 1).astype(int)
        others = _tail_total(tail, count - len(first), rest is not None)
        behind = tail(np.maximum(rank - len(first), 0), count) / others * max(0.0, 1 - sum(first))
        return np.where(rank < len(first), np.array(first)[named], behind)

    return weight


def _tail_total(tail: Shares, counts: Floats, skewed: bool) -> Floats:
    """The sum of the tail's weights for each number of remaining values, at least 1."""
    import numpy as np

    if not skewed or not counts.size:
        return np.maximum(counts, 1)
    most = max(int(counts.max()), 1)
    totals = np.cumsum(tail(np.arange(most, dtype=float), np.full(most, float(most))))
    return totals[np.clip(counts.astype(int), 1, most) - 1]


_POPULARITIES: list[tuple[str, Callable[..., Shares]]] = [
    (r"uniform", _uniform),
    (r"latest", _latest),
    (rf"zipf\(\s*{_DECIMAL}\s*\)", _zipf),
    (rf"hotset\(\s*{_PERCENT}\s+takes\s+{_PERCENT}(?:\s+moving\s+([0-9]+(?:s|min|h|d)))?\s*\)", _hotset),
    (
        rf"top\(((?:\s*{_PERCENT})+)\s*(?:zipf\(\s*{_DECIMAL}\s*\))?\s*\)",
        lambda all_, _last, rest: _top(all_, rest),
    ),
]
