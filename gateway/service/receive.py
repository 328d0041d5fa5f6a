"""Receive: what the rail says is saved, counted once, and only then acknowledged."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from gateway.domain.payment import Payment
from gateway.service.decide import Choice, Decisions, decide
from gateway.service.group_commit import OverloadedError
from gateway.service.ports import (
    Clock,
    Decision,
    Identifiers,
    Leg,
    MessageDirection,
    Observer,
    Quarantined,
    RailDelivery,
    RailLink,
    RawMessage,
    UnavailableError,
    Vault,
)
from gateway.service.rail_protocol import RailProtocol, Reading
from gateway.service.submit import XML_TYPE
from gateway.service.supervise import Verdict, each

MESSAGES_MAX: Final = 64
"""Messages fetched at once; their effects share commits."""

WAIT_S: Final = 10.0
"""How long a fetch waits for a first message."""

UNMATCHED: Final = "UNMATCHED_MESSAGE"
"""The quarantine's code for a readable message about nothing that we sent."""

FAULT: Final = "FAULT_OF_OURS"
"""The quarantine's code for a message that a fault of ours kept from being applied."""

ID_REUSED: Final = "MESSAGE_ID_REUSED"
"""The quarantine's code for other bytes under a header's message id that has had its effect."""


@dataclass(frozen=True, slots=True)
class Receiver:
    """Fetches one rail's messages and applies them."""

    decisions: Decisions
    rail: RailProtocol
    link: RailLink
    vault: Vault
    clock: Clock
    identifiers: Identifiers
    observer: Observer

    async def run(self) -> None:
        """Receive until cancelled.

        Raises:
            UnavailableError: link or store do not answer; nothing was acknowledged that was not saved.

        """
        while True:
            deliveries = await self.link.receive(messages_max=MESSAGES_MAX, wait_s=WAIT_S)
            if deliveries:
                await self.apply(deliveries)
                await self.link.acknowledge([delivery.receipt for delivery in deliveries])

    async def apply(self, deliveries: Sequence[RailDelivery]) -> None:
        """Save the effect of each message; a repeat is safe. Raises UnavailableError when the store does not answer."""
        read = [(delivery, self.rail.read(delivery.body)) for delivery in deliveries]
        about = [reading.about for _, reading in read if reading.about is not None]
        payments = await self.decisions.store.find_by_message_id(self.rail.rail, about) if about else {}
        await each([self._apply_or_park(delivery, reading, payments) for delivery, reading in read])

    async def _apply_or_park(self, delivery: RailDelivery, reading: Reading, payments: Mapping[str, Payment]) -> None:
        """Apply one message; a fault of ours stops that one alone, and keeps its bytes."""
        payment = payments.get(reading.about) if reading.about is not None else None
        verdict = Verdict(but=(UnavailableError, OverloadedError))
        async with verdict:
            await self._apply_one(delivery, reading, payment)
        if verdict.fault is not None:
            self.observer.fault("receive", verdict.fault)
            if payment is not None:
                self.observer.parked(payment.payment_id, str(verdict.fault))
            await self._quarantine(delivery, reading, (FAULT,))

    async def _apply_one(self, delivery: RailDelivery, reading: Reading, payment: Payment | None) -> None:
        digest = self.vault.blind_index("rail-message", delivery.body)
        known = await self._known(reading)
        if known is not None:
            if known == digest:
                self.observer.duplicate_ignored(self.rail.rail, reading.business_message_id)
            else:
                await self._quarantine(delivery, reading, (ID_REUSED,))
            return
        if reading.statement is None or payment is None:
            await self._quarantine(delivery, reading, reading.codes or (UNMATCHED,))
            return
        if mismatches := self.rail.mismatches(reading, payment):
            await self._quarantine(delivery, reading, mismatches)
            return
        decision = await self.decisions.take(payment.payment_id, self._choice(delivery, reading, digest))
        if decision is not None and decision.state.is_final and not decision.payment.state.is_final:
            sent_at = decision.payment.creation_time or decision.at
            self.observer.leg(Leg.RAIL, (decision.at - sent_at).total_seconds())

    async def _known(self, reading: Reading) -> bytes | None:
        """The digest of the message whose effect was saved under this one's id, if any was."""
        if not reading.business_message_id:
            return None
        seen = await self.decisions.store.seen(self.rail.rail, [reading.business_message_id])
        return seen.get(reading.business_message_id)

    def _choice(self, delivery: RailDelivery, reading: Reading, digest: bytes) -> Choice:
        raw = self._raw(delivery, reading)

        async def choose(current: Payment) -> Decision | None:
            if await self._known(reading) is not None:  # another delivery of it was quicker
                self.observer.duplicate_ignored(self.rail.rail, reading.business_message_id)
                return None
            now = self.clock.now()
            return decide(
                current,
                self.rail.event(reading, current, at=now),
                at=now,
                timing=self.rail.timing,
                inquiry_queue=self.rail.inquiry_queue,
                messages=(raw,),
                inbox_id=reading.business_message_id,
                inbox_digest=digest,
            )

        return choose

    async def _quarantine(self, delivery: RailDelivery, reading: Reading, codes: tuple[str, ...]) -> None:
        quarantined = Quarantined(self._raw(delivery, reading), self.rail.rail, codes)
        await self.decisions.store.quarantine([quarantined])
        self.observer.quarantined(quarantined)

    def _raw(self, delivery: RailDelivery, reading: Reading) -> RawMessage:
        return RawMessage(
            message_id=self.identifiers.new_uuid(),
            direction=MessageDirection.RAIL_IN,
            message_type=reading.message_type,
            business_message_id=reading.business_message_id,
            content_type=XML_TYPE,
            body=delivery.body,
            at=self.clock.now(),
        )
