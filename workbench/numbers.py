"""Numbers as DynamoDB keeps them: up to 38 significant digits, one byte for two of them, in the order of their value.

A number costs a byte for its sign and magnitude and one for every two significant digits; zeros before and after cost
nothing. The guide says "approximately"; the rule here is the one measured on the service. As a key it is hashed in a
form whose bytes stand in the order of the numbers. (AWS: CapacityUnitCalculations, HowItWorks.NamingRulesDataTypes.)
"""

import re
from decimal import Decimal
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from workbench import limits

_NUMBER = re.compile(r"([+-]?)([0-9]*)\.?([0-9]*)(?:[eE]([+-]?[0-9]{1,18}))?").fullmatch
_LOWEST, _HIGHEST = limits.NUMBER_EXPONENTS


def number_size(number: str | int | Decimal) -> int:
    """Bytes of a number: one, and one for each pair of digits either side of the decimal point; a minus costs one.

    The pairs are the digits of base 100, zeros at both ends dropped; 21 bytes at most. ValueError for more than 38
    significant digits or a magnitude outside 1E-130..9.99E+125.

    >>> [number_size(n) for n in ("0", "15", "1.5", "-42", "1E125", "120")]
    [1, 2, 3, 3, 2, 3]
    """
    text = number if type(number) is str else _number_text(number)
    if text.isdigit() and text.isascii() and len(text) <= limits.NUMBER_DIGITS:
        digits = text.rstrip("0")  # the common case: a whole number, in range as it stands
        shift = (len(text) - len(digits)) & 1
        count = len(digits.lstrip("0"))
        return 1 + (count + shift + 1) // 2 if count else 1
    negative, digits, power = parsed_number(text)
    if not digits:
        return 1
    pairs = (len(digits) + (power & 1) + 1) // 2
    return 1 + pairs + (negative and pairs < 20)


def parsed_number(number: Any) -> tuple[bool, str, int]:
    """Whether it is negative, its significant digits, and the power of ten of the last one."""
    text = _number_text(number)
    found = _NUMBER(text)
    if not found or not (found[2] or found[3]):
        raise ValueError(f"{short(text)} is not a number: digits, one point, an exponent")
    sign, whole, fraction, exponent = found.groups()
    written = (whole + fraction).lstrip("0")
    digits = written.rstrip("0")
    if len(digits) > limits.NUMBER_DIGITS:
        raise ValueError(f"{short(text)} has {len(digits)} significant digits; at most {limits.NUMBER_DIGITS} fit")
    power = int(exponent or 0) - len(fraction) + len(written) - len(digits)
    # The service checks a zero by the exponent it is written with: 0E126 is refused.
    magnitude = power + len(digits) - 1 if digits else int(exponent or 0)
    if not _LOWEST <= magnitude <= _HIGHEST:
        raise ValueError(f"{short(text)} is outside the range of numbers, 1E{_LOWEST} to 9.99E+{_HIGHEST}")
    return (sign == "-", digits, power) if digits else (False, "", 0)


def _number_text(number: Any) -> str:
    if isinstance(number, str):
        return number
    if isinstance(number, int) and not isinstance(number, bool):
        bits = number.bit_length()  # Python refuses to write out an integer of thousands of digits
        return str(number) if bits < 1000 else f"1E{bits * 3 // 10}"
    if isinstance(number, Decimal):
        return str(number)
    raise ValueError(float_refused(number) if isinstance(number, float) else f"{short(number)} is not a number")


def number_text(number: str | int | Decimal) -> str:
    """The number as DynamoDB gives it back: plain digits, without leading and trailing zeros.

    >>> number_text("0042.1200"), number_text("-0"), len(number_text("1E125"))
    ('42.12', '0', 126)
    """
    negative, digits, power = parsed_number(number)
    return format(Decimal((negative, tuple(map(int, digits or "0")), power)), "f")


def number_key_bytes(number: str | int | Decimal) -> bytes:
    """The bytes that stand for a number when it is hashed as a partition key: base 100, its exponent in front.

    Negative numbers are complemented and, unless 20 pairs fill it, closed by 102. Hashed as MD5("Outliers" + bytes)
    they reproduce the order in which the service scans numeric keys; reverse-engineered, no contract.

    >>> number_key_bytes(1).hex(), number_key_bytes("-0.09").hex(), number_key_bytes(0).hex()
    ('c102', '3f5c66', '80')
    """
    negative, digits, power = parsed_number(number)
    if not digits:
        return b"\x80"
    digits += "0" * (power & 1)
    digits = digits.rjust(len(digits) + 1 & ~1, "0")
    pairs = [int(digits[i : i + 2]) for i in range(0, len(digits), 2)]
    first = 0xC0 + (power - (power & 1)) // 2 + len(pairs)
    if not negative:
        return bytes([first, *(pair + 1 for pair in pairs)])
    return bytes([first ^ 0xFF, *(101 - pair for pair in pairs), *([102] if len(pairs) < 20 else [])])


_BASE_100 = 100 ** np.arange(1, 10, dtype=np.uint64)


def integer_sizes(integers: ArrayLike) -> NDArray[np.int64]:
    """Bytes of each whole number: `number_size` of an array. TypeError unless it holds integers.

    >>> integer_sizes([0, 15, -42, 120, 10_000]).tolist()
    [1, 2, 3, 3, 2]
    """
    array = np.atleast_1d(integers)
    if array.dtype.kind not in "iu":
        raise TypeError(f"integer_sizes takes an array of integers, not of {array.dtype}")
    wide = array.astype(np.int64) if array.dtype.kind == "i" else array
    absolute = np.abs(wide).astype(np.uint64)  # right for the lowest int64 too, whose absolute value wraps to itself
    sizes = np.searchsorted(_BASE_100, absolute, side="right") + 2 + (array < 0)
    divisible = np.flatnonzero(absolute % 100 == 0)
    for power in _BASE_100:
        divisible = divisible[absolute.flat[divisible] % power == 0]
        sizes.flat[divisible] -= 1
        if not divisible.size:
            break
    sizes[absolute == 0] = 1
    return sizes


def float_refused(value: float) -> str:
    """What is said of a float, which has no exact decimal digits."""
    return f"{short(value)} is a float; DynamoDB's numbers are decimal: write Decimal('{value}')"


def short(value: Any) -> str:
    text = repr(value) if isinstance(value, str | bytes | list | dict) else str(value)
    return text if len(text) <= 60 else f"{text[:50]}… ({len(text)} characters)"
