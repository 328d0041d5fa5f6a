"""A stored message is made fit for today: fresh ids, times and numbers in the rail's own forms, the rest untouched."""

from collections.abc import Iterable, Mapping
from datetime import UTC, date, datetime, timedelta, timezone
from zoneinfo import ZoneInfo

import pytest

from iso20022 import ConnectionPartyId, CustomerCreditTransfer, FedNowProfile, RoutingNumber, RtpProfile, examine
from iso20022.local_time import EASTERN
from iso20022.profiles.profile import Profile
from iso20022.restamp import restamp
from tests.unit.iso20022.samples import golden
from tests.unit.iso20022.test_rtp_rules import golden_rtp

NOW = datetime(2026, 7, 4, 9, 30, 5, 250_000, tzinfo=timezone(timedelta(hours=-4)))
UNIQUE = 2**127 + 12_345


def unchanged(numbers: Iterable[str]) -> Mapping[str, RoutingNumber]:
    """Every institution keeps its number."""
    return {number: RoutingNumber(number) for number in numbers}


@pytest.mark.parametrize(
    ("body", "party", "profile"),
    [
        (golden("pacs008_incoming.xml"), ConnectionPartyId("990000107"), FedNowProfile()),
        (golden_rtp("pacs008"), ConnectionPartyId("990000013A1"), RtpProfile()),
    ],
    ids=["fednow", "rtp"],
)
def test_a_restamped_message_is_valid_today(body: bytes, party: ConnectionPartyId, profile: Profile) -> None:
    """Header and Document have fresh ids of the rail's form, and today's time and date; twice the same."""
    before = examine(body, profile=profile)

    made = restamp(body, now=NOW, connection_party=party, unique=UNIQUE, map_routing_numbers=unchanged)
    after = examine(made.body, profile=profile)

    assert after.valid, after.findings
    assert isinstance(before.message, CustomerCreditTransfer)
    assert isinstance(after.message, CustomerCreditTransfer)
    assert after.header is not None
    assert after.header.sender == party
    assert after.message.settlement_date == date(2026, 7, 4)
    assert after.message.creation_time.replace(microsecond=0) == NOW.replace(microsecond=0)
    assert after.header.creation_time.astimezone(UTC).date() == date(2026, 7, 4)
    assert (after.message.amount, after.message.debtor) == (before.message.amount, before.message.debtor)
    assert {after.message.message_id, after.message.uetr, after.message.instruction_id}.isdisjoint(
        {before.message.message_id, before.message.uetr, before.message.instruction_id}
    )
    assert made == restamp(body, now=NOW, connection_party=party, unique=UNIQUE, map_routing_numbers=unchanged)


def test_the_clock_of_rtp_is_eastern() -> None:
    """A restamped message of RTP states the local time, without an offset."""
    now = datetime(2026, 1, 31, 9, 30, tzinfo=ZoneInfo(EASTERN))

    made = restamp(
        golden_rtp("pacs008"),
        now=now,
        connection_party=ConnectionPartyId("990000013A1"),
        unique=UNIQUE,
        map_routing_numbers=unchanged,
    )

    assert made.body.count(b">2026-01-31T09:30:00<") == 2
