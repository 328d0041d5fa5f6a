"""The last look before the bytes: a region whose lease is over sends nothing, and settles what is another's."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Final
from uuid import UUID

import pytest

from gateway.domain.payment import PaymentId
from gateway.service.fencing import HeldLink, at_home
from gateway.service.ports import (
    Alone,
    Delivery,
    MessageClass,
    NotHomeError,
    NotSentError,
    NotServingError,
    Queue,
    UnavailableError,
)
from tests.fakes.rail import InMemoryRail

BODY: Final = b"<FedNowIncoming/>"
DELIVERY: Final = Delivery(
    UUID(int=1), Queue.FEDNOW_OUT_VALUE, PaymentId(UUID(int=2)), datetime(2026, 11, 20, 17, tzinfo=UTC), attempt=1
)


class Over:
    """A tenure that has ended."""

    def demand(self) -> None:
        """Refuse."""
        raise NotServingError("its lease has run out")


async def test_a_region_without_its_lease_sends_no_byte_and_says_so() -> None:
    """The sender knows that nothing has left, and may try again while it makes sense."""
    rail = InMemoryRail()

    with pytest.raises(NotSentError):
        await HeldLink(rail, Over()).send(BODY, message_class=MessageClass.VALUE)

    assert rail.sent == []


async def test_a_region_with_its_lease_sends() -> None:
    """The control."""
    rail = InMemoryRail()

    await HeldLink(rail, Alone()).send(BODY, message_class=MessageClass.VALUE)

    assert [sent.body for sent in rail.sent] == [BODY]


async def test_a_delivery_about_another_regions_payment_is_settled() -> None:
    """It would come again and again, and never be anything here."""

    async def elsewhere(delivery: Delivery) -> None:
        raise NotHomeError("the payment's home is another region")

    async def unavailable(delivery: Delivery) -> None:
        raise UnavailableError("the store does not answer")

    await at_home(elsewhere)(DELIVERY)
    with pytest.raises(UnavailableError):
        await at_home(unavailable)(DELIVERY)
