"""The machine's clock and identifiers."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from itertools import pairwise

from adapters.system import SystemClock, SystemIdentifiers


def test_now_is_aware_and_in_utc() -> None:
    """An instant without a zone must not exist anywhere."""
    now = SystemClock().now()

    assert now.tzinfo is UTC


async def test_sleeping_until_an_instant_ends_then_and_not_before() -> None:
    """A deadline is kept to some milliseconds, and one that has passed is no wait at all."""
    clock = SystemClock()
    start_s = clock.monotonic_s()

    await clock.sleep_until(clock.now() + timedelta(milliseconds=50))
    slept_s = clock.monotonic_s() - start_s
    async with asyncio.timeout(0.5):
        await clock.sleep_until(clock.now() - timedelta(hours=1))

    assert 0.05 <= slept_s < 0.5


def test_identifiers_are_version_7_fresh_and_in_the_order_of_time() -> None:
    """Keys that grow keep indexes small and pages warm; RFC 9562 says what the bits are."""
    identifiers = [SystemIdentifiers().new_uuid() for _ in range(2_000)]

    assert {(identifier.version, identifier.variant) for identifier in identifiers} == {(7, "specified in RFC 4122")}
    assert len(set(identifiers)) == len(identifiers)
    prefixes = [identifier.int >> 64 for identifier in identifiers]
    assert all(earlier <= later for earlier, later in pairwise(prefixes))
    age = datetime.now(UTC) - datetime.fromtimestamp((identifiers[0].int >> 80) / 1000, UTC)
    assert abs(age) < timedelta(seconds=10)
