"""Receive: what the rail says is saved, counted once, and only then acknowledged."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from gateway.domain.payment import Payment
from gateway.domain.transitions import IllegalTransitionError
from gateway.service.decide import Decisions, decide
from gateway.service.ports import (
    Clock,
    Decision,
    FaultyRowError,
    Identifiers,
    Leg,
    MessageDirection,
    Observer,
    Quarantined,
    RailDelivery,
    RailLink,
    RawMessage,
)
from gateway.service.rail_protocol import RailProtocol, Reading
from gateway.service.submit import XML_TYPE
from gateway.service.supervise import each

MESSAGES_MAX: Final = 64
"""Messages fetched at once; their effects share commits."""

WAIT_S: Final = 10.0
"""How long a fetch waits for a first message."""

UNMATCHED: Final = "UNMATCHED_MESSAGE"
"""The quarantine's code for a readable message about nothing that we sent."""

ILLEGAL: Final = "ILLEGAL_TRANSITION"
"""The quarantine's code for an answer that our own table or store does not foresee: a fault of ours."""


@dataclass(frozen=True, slots=True)
class Receiver:
    """Fetches one rail's messages and applies them."""

    decisions: Decisions
    rail: RailProtocol
    link: RailLink
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
        store = self.decisions.store
        seen = await store.seen(self.rail.rail, [reading.business_message_id for _, reading in read])
        payments = await store.find_by_message_id(self.rail.rail, about) if about else {}
        await each(
            [
                self._apply_one(delivery, reading, payments)
                for delivery, reading in read
                if not self._is_repeat(reading, seen)
            ]
        )

    def _is_repeat(self, reading: Reading, seen: frozenset[str]) -> bool:
        repeated = reading.business_message_id in seen
        if repeated:
            self.observer.duplicate_ignored(self.rail.rail, reading.business_message_id)
        return repeated

    async def _apply_one(self, delivery: RailDelivery, reading: Reading, payments: Mapping[str, Payment]) -> None:
        payment = payments.get(reading.about) if reading.about is not None else None
        if reading.statement is None or payment is None:
            await self._quarantine(delivery, reading, reading.codes or (UNMATCHED,))
            return
        raw = self._raw(delivery, reading)

        async def choose(current: Payment) -> Decision | None:
            if await self.decisions.store.seen(self.rail.rail, [reading.business_message_id]):
                self.observer.duplicate_ignored(self.rail.rail, reading.business_message_id)
                return None
            return decide(
                current,
                self.rail.event(reading, current),
                at=self.clock.now(),
                timing=self.rail.timing,
                inquiry_queue=self.rail.inquiry_queue,
                messages=(raw,),
                inbox_id=reading.business_message_id,
            )

        try:
            decision = await self.decisions.take(payment.payment_id, choose)
        except (IllegalTransitionError, FaultyRowError) as error:
            self.observer.parked(payment.payment_id, str(error))
            await self._quarantine(delivery, reading, (ILLEGAL,))
            return
        if decision is not None and decision.state.is_final and not decision.payment.state.is_final:
            sent_at = decision.payment.creation_time or decision.at
            self.observer.leg(Leg.RAIL, (decision.at - sent_at).total_seconds())

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
