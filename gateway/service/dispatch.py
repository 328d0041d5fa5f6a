"""Dispatch: a payment's transfer goes to the rail, once. SENDING is saved before the first byte leaves."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Final

from gateway.domain.doubt import DAY_ENDED, EXPIRED, Enquiry, asks_first
from gateway.domain.events import Event, EventKind
from gateway.domain.history import counts_transfer, standing_hold
from gateway.domain.payment import Payment, PaymentId, PaymentState, Rail, Reason, ReasonOrigin
from gateway.domain.screening import HELD_UNTIL
from gateway.domain.settlement import settlement_details
from gateway.domain.transitions import ASKABLE, SENDABLE
from gateway.service.decide import Decisions, decide
from gateway.service.directory import ParticipantDirectory, Unreached
from gateway.service.funds import Funds
from gateway.service.group_commit import GroupCommit
from gateway.service.ports import (
    Clock,
    Decision,
    Delivery,
    Identifiers,
    Leg,
    MessageDirection,
    NotSentError,
    Observer,
    PaymentStore,
    RailLink,
    RawMessage,
    UnavailableError,
)
from gateway.service.rail_protocol import OutboundMessage, RailProtocol
from gateway.service.screening import CLEAR, Screening, ToSend, must_pass

RETRY_PAUSE_S: Final = 0.2
"""Between two tries to reach a rail that surely got nothing."""

_ASKED: Final = {
    Enquiry.STATUS_REQUEST: EventKind.STATUS_REQUESTED,
    Enquiry.REPEAT: EventKind.TRANSFER_REPEATED,
}

UNREACHED: Final = Reason("AB11", ReasonOrigin.GATEWAY, "The rail could not be reached in time; nothing was sent.")

DAY_OVER: Final = Reason(
    "AB11", ReasonOrigin.GATEWAY, "The rail's day ends before a person could look at it; nothing was sent."
)
"""Why a return that screening would hold is rejected: the next one follows, under the ids of another day."""

PING_PAUSE_S: Final = 60.0
"""A PING is not to be sent with any regularity (FedNow Operating Procedures v2.1): many payments in doubt share one."""

LOAD_WINDOW_S: Final = 0.001
LOADS_MAX: Final = 64
"""Payments that are taken up at about the same moment are read together."""

Loads = GroupCommit[tuple[PaymentId, MessageDirection], tuple[Payment, RawMessage] | None]
"""Reads of payments with a raw message of theirs, many in one statement."""


@dataclass(frozen=True, slots=True)
class Dispatcher:
    """Handles the deliveries of a rail's value, inquiry and system queues; `loads.run` must be running."""

    decisions: Decisions
    loads: Loads
    rails: Mapping[Rail, RailProtocol]
    links: Mapping[Rail, RailLink]
    clock: Clock
    identifiers: Identifiers
    observer: Observer
    funds: Funds
    screening: Screening | None = None
    directory: ParticipantDirectory | None = None
    pinged_at: dict[Rail, datetime] = field(default_factory=dict)

    async def transfer(self, delivery: Delivery) -> None:
        """Send the transfer of a payment that waits to be sent; leave any other alone, so that a repeat is safe.

        Whom the rail would refuse by its participant directory is sent nothing: the payment is rejected. Whoever the
        tenant has look at its payments looks at it first: what they find is held for a person. Where the
        institution's core holds the debtor's money, it reserves it then, or the payment is rejected. What has less time
        left than the legs still before it need is rejected at once: nobody is asked about it, and it is not sent.
        Of all the workers that hold the same delivery, one alone saves SENDING, and that one sends. Returning settles
        the delivery: from SENDING on, the timer and the rail's answer carry the payment, never a second delivery.

        Raises:
            UnavailableError: store, screening or core do not answer; nothing was sent, the delivery comes again.
            LookupError: no such payment.

        """
        loaded, received = await self._load(delivery, MessageDirection.CLIENT_IN)
        if loaded.state is PaymentState.HELD:
            return  # when it is released it has a delivery of its own
        timing = self.rails[loaded.rail].timing
        reserving, signing = (timing.latest_start(leg, loaded) for leg in (Leg.FUNDS, Leg.SIGN))
        is_asked_about, came_too_late = asks_first(loaded), self.clock.now() >= reserving
        unreached = None if is_asked_about or self.directory is None else self.directory.of_payment(loaded)
        is_unasked = is_asked_about or came_too_late or unreached is not None
        screened = CLEAR if is_unasked else await self._screened(loaded, received, until=reserving)
        is_let_alone = is_unasked or screened.held is not None
        unreserved = None if is_let_alone else await self.funds.reserve(loaded, received, until=signing)
        message: OutboundMessage | None = None

        async def choose(payment: Payment) -> Decision | None:
            nonlocal message
            if payment.state not in SENDABLE:
                return None
            rail, now = self.rails[payment.rail], self.clock.now()
            if asks_first(payment):
                return decide(payment, Event(EventKind.TAKEN_OVER), at=now, timing=rail.timing)
            if (too_late := _too_late(payment, rail, at=now)) is not None:
                return decide(payment, too_late, at=now, timing=rail.timing)
            if is_asked_about or (payment.state, payment.transfers) != (loaded.state, loaded.transfers):
                raise UnavailableError(f"payment {payment.payment_id} has changed: it is looked at, and reserved, anew")
            if came_too_late:  # nobody was asked about it: a clock that is set back meanwhile must not have it sent
                return decide(payment, Event(EventKind.DEADLINE_PASSED, reason=EXPIRED), at=now, timing=rail.timing)
            if (refused := _refused(payment, unreached, unreserved)) is not None:
                return decide(payment, refused, at=now, timing=rail.timing)
            if must_pass(payment) and screened.held is not None:
                return _held(payment, screened, at=now, rail=rail)
            started_s = self.clock.monotonic_s()
            message = rail.transfer_message(payment, received, at=now)
            self.observer.leg(Leg.SIGN, self.clock.monotonic_s() - started_s)
            return self._with_message(payment, _sending(payment, message, screened), message, now)

        decision = await self.decisions.take(delivery.payment_id, choose, loaded=loaded)
        if decision is not None and message is not None and decision.state is PaymentState.SENDING:
            if not decision.payment.transfers:
                self.observer.leg(Leg.QUEUE, (decision.at - decision.payment.accepted_at).total_seconds())
            await self._send(decision, message)

    async def enquiry(self, delivery: Delivery) -> None:
        """Ask the rail what became of a payment in doubt; raises as `transfer`. A lost question is put again later."""
        loaded, sent = await self._load_to_ask(delivery)
        message: OutboundMessage | None = None

        async def choose(payment: Payment) -> Decision | None:
            nonlocal message
            rail, now = self.rails[payment.rail], self.clock.now()
            if payment.state not in ASKABLE or not rail.is_looked_back_to(payment, at=now):
                return None
            if payment.ask_after is not None and now < payment.ask_after:
                return None  # its timer asks
            message = rail.enquiry(payment, sent, at=now)
            kind = _ASKED[rail.doubt.enquiry]
            event = Event(kind, business_message_id=message.business_message_id)
            return self._with_message(payment, event, message, now)

        decision = await self.decisions.take(delivery.payment_id, choose, loaded=loaded)
        if decision is not None and message is not None:
            await self._ask(decision, message)

    async def ping(self, delivery: Delivery) -> None:
        """Ask whether the rail is there at all; raises as `transfer`. Payments in doubt share one PING a minute."""
        message: OutboundMessage | None = None

        async def choose(payment: Payment) -> Decision | None:
            nonlocal message
            rail, now = self.rails[payment.rail], self.clock.now()
            if payment.state is not PaymentState.IN_DOUBT:
                return None
            last = self.pinged_at.get(payment.rail)
            is_own = message is not None  # of this very call, which was overtaken before it could be saved
            if last is not None and now - last < timedelta(seconds=PING_PAUSE_S) and not is_own:
                shared = Event(EventKind.PINGED, details={"shared_since": last.isoformat()})
                return decide(payment, shared, at=now, timing=rail.timing)
            message = rail.ping(payment, at=now)
            self.pinged_at[payment.rail] = now
            event = Event(EventKind.PINGED, business_message_id=message.business_message_id)
            return self._with_message(payment, event, message, now)

        decision = await self.decisions.take(delivery.payment_id, choose)
        if decision is not None and message is not None:
            await self._ask(decision, message)

    async def _screened(self, payment: Payment, received: RawMessage, *, until: datetime) -> ToSend:
        """What screening says of a payment, now or when it was held: what nobody has released is held again."""
        if must_pass(payment) and payment.state is not PaymentState.RECEIVED:  # it was taken over: see its history
            holding = standing_hold(await self.decisions.store.events(payment.payment_id))
            if holding is not None:
                return ToSend(holding.reason, 0, holding.details)
        if self.screening is None:
            return CLEAR
        return await self.screening.outgoing(payment, received, until=until)

    async def _load(self, delivery: Delivery, direction: MessageDirection) -> tuple[Payment, RawMessage]:
        found = await self.loads.submit((delivery.payment_id, direction))
        if found is None:
            raise LookupError(f"no payment {delivery.payment_id} with a message {direction}")
        return found

    async def _load_to_ask(self, delivery: Delivery) -> tuple[Payment, RawMessage]:
        """Return a payment with what was sent of it; where nothing was from here, with what would be.

        Its ids are those that the region which had it before would have given it. Where the rail is asked by a repeat,
        which may settle, the debtor's money has to be reserved first.
        """
        found = await self.loads.submit((delivery.payment_id, MessageDirection.RAIL_OUT))
        if found is not None and found[0].transfers:
            return found
        payment, received = await self._load(delivery, MessageDirection.CLIENT_IN)
        rail, now = self.rails[payment.rail], self.clock.now()
        at = payment.accepted_at
        if rail.doubt.enquiry is Enquiry.REPEAT:
            at = now
            until = rail.timing.resending_ends(now)
            if (await self._screened(payment, received, until=until)).held is not None:
                raise UnavailableError(f"payment {payment.payment_id} did not pass screening: it is not repeated")
            if await self.funds.reserve(payment, received, until=until) is not None:
                raise UnavailableError(f"the money of payment {payment.payment_id} is not reserved: it is not repeated")
        return payment, rail.transfer_message(payment, received, at=at).kept(self.identifiers.new_uuid(), at=at)

    async def _ask(self, decision: Decision, message: OutboundMessage) -> None:
        try:
            if counts_transfer(decision.event.kind):
                await self._demand_open(decision)
            await self.links[decision.payment.rail].send(message.body, message_class=message.message_class)
        except UnavailableError as error:
            self.observer.fault("question", error)

    async def _demand_open(self, decision: Decision) -> None:
        """Return if a repeat may leave still: while it was held up, time or a person may have decided what it is about.

        Raises:
            NotSentError: it may not; nothing was sent, and where the doubt goes on, its timer asks.
            UnavailableError: the store does not answer; likewise.

        """
        payment = decision.payment
        now = (await self.decisions.store.load([payment.payment_id]))[payment.payment_id]
        if now.state not in ASKABLE:
            raise NotSentError(f"payment {payment.payment_id} is {now.state} meanwhile: it is not repeated")
        if self.clock.now() >= self.rails[payment.rail].timing.repeatable_until(decision.at):
            raise NotSentError(
                f"payment {payment.payment_id} was to be repeated at {decision.at}: that is too long ago"
            )

    def _with_message(self, payment: Payment, event: Event, message: OutboundMessage, now: datetime) -> Decision:
        rail = self.rails[payment.rail]
        raw = message.kept(self.identifiers.new_uuid(), at=now)
        return decide(payment, event, at=now, timing=rail.timing, messages=(raw,))

    async def _send(self, decision: Decision, message: OutboundMessage) -> None:
        """Send while it makes sense; every pass begins with the certainty that no byte has left yet."""
        payment = decision.payment
        link = self.links[payment.rail]
        sendable_until = self.rails[payment.rail].timing.sendable_until(payment, decision.at)
        while self.clock.now() < sendable_until:
            try:
                await link.send(message.body, message_class=message.message_class)
            except NotSentError as error:
                self.observer.fault("send", error)
                await self.clock.pause(RETRY_PAUSE_S)
                if not await self._is_sending(payment):
                    break
            except UnavailableError as error:
                self.observer.fault("send", error)  # the rail may have it: only its answer, or asking, can tell
                return
            else:
                return
        await self._abandon(payment)

    async def _is_sending(self, payment: Payment) -> bool:
        """Whether this copy still is ours to send: a timer, or the rail's word, may have come first."""
        now = (await self.decisions.store.load([payment.payment_id]))[payment.payment_id]
        return now.state is PaymentState.SENDING and now.transfers == payment.transfers + 1

    async def _abandon(self, payment: Payment) -> None:
        rail = self.rails[payment.rail]

        async def choose(current: Payment) -> Decision | None:
            if current.transfers != payment.transfers + 1:
                return None  # another copy may have left meanwhile: of that one nothing is certain here
            event = Event(EventKind.SENDING_ABANDONED, reason=UNREACHED)
            return decide(current, event, at=self.clock.now(), timing=rail.timing)

        await self.decisions.take(payment.payment_id, choose)


def _sending(payment: Payment, message: OutboundMessage, screened: ToSend) -> Event:
    """The event with which a transfer leaves: what was found of it, and what it takes to make it again."""
    settles = settlement_details(message.settlement_date, business_date=payment.business_date)
    return Event(
        EventKind.SENDING_STARTED,
        business_message_id=message.business_message_id,
        details={**screened.details, **settles},
    )


def _refused(payment: Payment, unreached: Unreached | None, unreserved: Reason | None) -> Event | None:
    """What it means that the directory, or the core, speaks against a payment of which no copy has left."""
    if payment.transfers:
        return None
    if unreached is not None:
        return Event(EventKind.DIRECTORY_REFUSED, reason=unreached.reason)
    return None if unreserved is None else Event(EventKind.FUNDS_REFUSED, reason=unreserved)


def _held(payment: Payment, screened: ToSend, *, at: datetime, rail: RailProtocol) -> Decision:
    """Hold it for a person, but not past the day: a message id of yesterday is not sent for the first time.

    What was held before is so no longer than then. A return that could not wait for anybody ends as one that came too
    late does: nobody has decided of it, and the next is of another day.
    """
    day_ends = rail.day_ends(at) - timedelta(seconds=rail.timing.promise_s)
    until = min(at + timedelta(seconds=screened.hold_s), day_ends.astimezone(UTC))
    if payment.is_return and until <= at:
        too_late = Event(EventKind.DEADLINE_PASSED, reason=DAY_OVER, details=dict(screened.details))
        return decide(payment, too_late, at=at, timing=rail.timing)
    details = {HELD_UNTIL: until.isoformat(), **screened.details}
    event = Event(EventKind.SCREENING_HELD, reason=screened.held, details=details)
    return decide(payment, event, at=at, timing=rail.timing)


def _too_late(payment: Payment, rail: RailProtocol, *, at: datetime) -> Event | None:
    """What it means that a payment may not be sent any more, if it may not.

    A copy that follows another leaves on the day of its ids, or not at all.
    """
    if at >= rail.timing.latest_start(Leg.SIGN, payment):
        return Event(EventKind.DEADLINE_PASSED, reason=EXPIRED)
    if payment.transfers and not rail.is_of_today(payment, at=at):
        return Event(EventKind.RESENDING_TOO_LATE, reason=DAY_ENDED)
    return None


def grouped_loads(store: PaymentStore, *, window_s: float = LOAD_WINDOW_S) -> Loads:
    """Return the grouped reads of a dispatcher; its `run` must be running."""

    async def load(
        wanted: Sequence[tuple[PaymentId, MessageDirection]],
    ) -> Sequence[tuple[Payment, RawMessage] | None]:
        found = await store.load_with_message(wanted)
        return [found.get(payment_id) for payment_id, _ in wanted]

    return GroupCommit(load, window_s=window_s, batch_max=LOADS_MAX, key=lambda wanted: wanted[0])
