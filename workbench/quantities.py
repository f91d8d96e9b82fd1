"""Quantities: whether something that was given is the number that is needed, before anything is computed with it."""

from math import isfinite
from numbers import Integral, Real
from typing import TypeGuard


def is_whole(value: object, least: int | None = None) -> TypeGuard[int]:
    """Whether something is a whole number, from `least` on; a truth value is none.

    >>> is_whole(3), is_whole(2.5), is_whole(True), is_whole(0, 1)
    (True, False, False, False)
    """
    return isinstance(value, Integral) and not isinstance(value, bool) and (least is None or int(value) >= least)


def is_quantity(value: object) -> TypeGuard[float]:
    """Whether something is a finite number from 0.

    >>> is_quantity(0.5), is_quantity(-1), is_quantity(float("inf")), is_quantity("3"), is_quantity(None)
    (True, False, False, False, False)
    """
    return isinstance(value, Real) and not isinstance(value, bool) and isfinite(value) and float(value) >= 0
