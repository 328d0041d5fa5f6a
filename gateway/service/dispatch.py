"""Dispatch: a payment's transfer goes to the rail, once. SENDING is saved before the first byte leaves."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from gateway.domain.events import Event, EventKind
from gateway.domain.payment import Payment, PaymentState, Rail, Reason, ReasonOrigin
from gateway.service.decide import Decisions, decide
from gateway.service.ports import (
    Clock,
    Decision,
    Delivery,
    Identifiers,
    Leg,
    MessageClass,
    MessageDirection,
    NotSentError,
    Observer,
    RailLink,
    RawMessage,
    UnavailableError,
)
from gateway.service.rail_protocol import OutboundMessage, RailProtocol
from gateway.service.submit import XML_TYPE
from gateway.service.timers import EXPIRED

RETRY_PAUSE_S: Final = 0.2
"""Between two tries to reach a rail that surely got nothing."""

UNREACHED: Final = Reason("AB11", ReasonOrigin.GATEWAY, "The rail could not be reached in time; nothing was sent.")


@dataclass(frozen=True, slots=True)
class Dispatcher:
    """Handles the deliveries of a rail's value and inquiry queues."""

    decisions: Decisions
    rails: dict[Rail, RailProtocol]
    links: dict[Rail, RailLink]
    clock: Clock
    identifiers: Identifiers
    observer: Observer

    async def transfer(self, delivery: Delivery) -> None:
        """Send the transfer of a payment that is still RECEIVED; leave any other alone, so that a repeat is safe.

        Of all the workers that hold the same delivery, one alone saves SENDING, and that one sends. Returning settles
        the delivery: from SENDING on, the timer and the rail's answer carry the payment, never a second delivery.

        Raises:
            UnavailableError: the store does not answer; nothing was sent, the delivery comes again.
            LookupError: no such payment.

        """
        message: OutboundMessage | None = None

        async def choose(payment: Payment) -> Decision | None:
            nonlocal message
            if payment.state is not PaymentState.RECEIVED:
                return None
            rail, now = self.rails[payment.rail], self.clock.now()
            if now >= rail.timing.latest_sending(payment):
                event = Event(EventKind.DEADLINE_PASSED, reason=EXPIRED)
                return decide(payment, event, at=now, timing=rail.timing, inquiry_queue=rail.inquiry_queue)
            received = await self._raw(payment, MessageDirection.CLIENT_IN)
            message = rail.transfer_message(payment, received, at=now)
            event = Event(EventKind.SENDING_STARTED, business_message_id=message.business_message_id)
            return self._with_message(payment, event, message, now)

        decision = await self.decisions.take(delivery.payment_id, choose)
        if decision is not None and message is not None and decision.state is PaymentState.SENDING:
            self.observer.leg(Leg.QUEUE, (decision.at - decision.payment.accepted_at).total_seconds())
            await self._send(decision, message)

    async def status_request(self, delivery: Delivery) -> None:
        """Ask the rail what became of a payment in doubt; raises as `transfer`. A lost question is put again later."""
        message: OutboundMessage | None = None

        async def choose(payment: Payment) -> Decision | None:
            nonlocal message
            if payment.state is not PaymentState.IN_DOUBT:
                return None
            rail, now = self.rails[payment.rail], self.clock.now()
            sent = await self._raw(payment, MessageDirection.RAIL_OUT)
            message = rail.status_request(payment, sent, number=payment.status_requests + 1, at=now)
            event = Event(EventKind.STATUS_REQUESTED, business_message_id=message.business_message_id)
            return self._with_message(payment, event, message, now)

        decision = await self.decisions.take(delivery.payment_id, choose)
        if decision is not None and message is not None:
            try:
                await self.links[decision.payment.rail].send(message.body, message_class=MessageClass.INQUIRY)
            except UnavailableError as error:
                self.observer.fault("status request", error)

    async def _raw(self, payment: Payment, direction: MessageDirection) -> RawMessage:
        messages = await self.decisions.store.messages(payment.payment_id)
        return next(message for message in messages if message.direction is direction)

    def _with_message(self, payment: Payment, event: Event, message: OutboundMessage, now: datetime) -> Decision:
        rail = self.rails[payment.rail]
        raw = RawMessage(
            message_id=self.identifiers.new_uuid(),
            direction=MessageDirection.RAIL_OUT,
            message_type=message.message_type,
            business_message_id=message.business_message_id,
            content_type=XML_TYPE,
            body=message.body,
            at=now,
        )
        return decide(payment, event, at=now, timing=rail.timing, inquiry_queue=rail.inquiry_queue, messages=(raw,))

    async def _send(self, decision: Decision, message: OutboundMessage) -> None:
        """Send while it makes sense; every pass begins with the certainty that no byte has left yet."""
        payment = decision.payment
        link = self.links[payment.rail]
        sendable_until = self.rails[payment.rail].timing.sendable_until(payment, decision.at)
        while self.clock.now() < sendable_until:
            try:
                await link.send(message.body, message_class=MessageClass.VALUE)
            except NotSentError as error:
                self.observer.fault("send", error)
                await self.clock.sleep_until(self.clock.now() + timedelta(seconds=RETRY_PAUSE_S))
                if not await self._is_sending(payment):
                    break
            except UnavailableError as error:
                self.observer.fault("send", error)  # the rail may have it: only its answer, or asking, can tell
                return
            else:
                return
        await self._abandon(payment)

    async def _is_sending(self, payment: Payment) -> bool:
        """Whether it still is ours to send: a timer, or the rail's word, may have come first."""
        now = await self.decisions.store.load([payment.payment_id])
        return now[payment.payment_id].state is PaymentState.SENDING

    async def _abandon(self, payment: Payment) -> None:
        rail = self.rails[payment.rail]

        async def choose(current: Payment) -> Decision | None:
            event = Event(EventKind.SENDING_ABANDONED, reason=UNREACHED)
            return decide(current, event, at=self.clock.now(), timing=rail.timing, inquiry_queue=rail.inquiry_queue)

        await self.decisions.take(payment.payment_id, choose)
