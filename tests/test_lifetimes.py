"""What TTL makes of a value: AWS's rules, both sides of each boundary.

https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/time-to-live-ttl-before-you-start.html
"""

from datetime import UTC, datetime
from decimal import Decimal

import pytest

from workbench.lifetimes import YEAR_SECONDS, expiry

NOW = 1_767_225_600  # 2026-01-01T00:00:00Z


@pytest.mark.parametrize(
    ("seconds", "state"),
    [(1, "live"), (0, "expired"), (-1, "expired"), (-4.99 * YEAR_SECONDS, "expired"), (-5.01 * YEAR_SECONDS, "never")],
)
def test_an_item_expires_at_its_time_and_is_left_alone_more_than_five_years_later(seconds, state):
    assert expiry(NOW + int(seconds), NOW).state == state


@pytest.mark.parametrize("value", [NOW - 1, Decimal(NOW - 1), {"N": str(NOW - 1)}, {"N": f"{NOW - 1}.5"}])
def test_a_number_is_a_time_in_whichever_way_it_is_given(value):
    assert expiry(value, NOW).state == "expired"


@pytest.mark.parametrize(
    ("value", "tag"),
    [
        (str(NOW), "S"),
        ({"S": str(NOW)}, "S"),
        ("2025-12-31T00:00:00Z", "S"),
        (b"1", "B"),
        (True, "BOOL"),
        ([NOW], "L"),
        ({1, 2}, "NS"),
    ],
)
def test_what_is_no_number_is_ignored_and_its_type_named(value, tag):
    assert expiry(value, NOW).state == "never"
    assert expiry(value, NOW).why == f"{tag} is ignored: TTL takes a Number of epoch seconds"


def test_an_item_without_the_attribute_never_expires():
    assert expiry(None, NOW).why == "it lacks the attribute"


def test_milliseconds_are_a_time_in_a_far_year_which_is_named():
    found = expiry(NOW * 1000, NOW)
    # by the calendar: 400 years have 146,097 days
    years = 1970 + NOW * 1000 / 86_400 / 146_097 * 400
    assert found.state == "never" and f"in the year {int(years):,}: milliseconds" in found.why
    assert int(years) == 57_971


def test_the_farthest_time_that_a_calendar_has_is_still_a_time():
    last = int(datetime(3000, 1, 1, tzinfo=UTC).timestamp())
    assert expiry(last, NOW).state == "live"
