"""Lifetimes: when an item expires by its TTL attribute, and which values never do.

TTL is an attribute of the table's choice that holds the time at which an item expires: a Number, in seconds since 1970.
What is past is deleted some time later, typically within days, and until then every read returns it. What is no Number
is ignored, so that the item stays for good; so is a time more than five years past, which guards against a wrong
attribute deleting a whole table; and a time in milliseconds is a time some 50,000 years ahead. None of it is reported.
(AWS: TTL, time-to-live-ttl-before-you-start, time-to-live-ttl-how-to.)
"""

from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Literal

from workbench.sizes import tagging

YEAR_SECONDS = 31_556_952  # the mean of the Gregorian calendar: 365.2425 days
OLDEST_YEARS = 5
MILLISECONDS = 100_000_000_000  # from here, as seconds, the year 5138: what is meant are milliseconds


@dataclass(frozen=True)
class Expiry:
    """What TTL makes of a value: `live`, `expired` (returned until it is deleted) or `never`, and why."""

    state: Literal["live", "expired", "never"]
    why: str


def expiry(value: Any, now: int) -> Expiry:
    """What TTL makes of the value of an item's TTL attribute at `now`, epoch seconds; None: the item lacks it.

    The value is Python's or tagged, as {"N": "1767225600"}.

    >>> expiry(1_767_225_600, now=1_767_225_600)
    Expiry(state='expired', why='it expired 0 s ago: deleted within days, returned until then')
    >>> expiry("1767225600", now=1_767_225_600).why
    'S is ignored: TTL takes a Number of epoch seconds'
    """
    if value is None:
        return Expiry("never", "it lacks the attribute")
    tag, content = tagging({"ttl": value})(value)
    if tag != "N":
        return Expiry("never", f"{tag} is ignored: TTL takes a Number of epoch seconds")
    return _of_time(Decimal(content), now)


def _of_time(at: Decimal, now: int) -> Expiry:
    if at >= MILLISECONDS:
        year = 1970 + int(at / YEAR_SECONDS)
        return Expiry("never", f"it expires in the year {year:,}: milliseconds, where TTL takes seconds")
    if at > now:
        return Expiry("live", f"it expires in {at - now:,f} s")
    if now - at > OLDEST_YEARS * YEAR_SECONDS:
        return Expiry("never", f"it is more than {OLDEST_YEARS} years past: TTL leaves it alone")
    return Expiry("expired", f"it expired {now - at:,f} s ago: deleted within days, returned until then")
