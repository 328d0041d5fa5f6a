"""Hearing the rail: the transfers that it brings, and what it says of those that we have answered."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from itertools import count
from typing import Final

from gateway.domain.history import events_that_count
from gateway.domain.identity import incoming_id_of, incoming_slot_of
from gateway.domain.incoming import IncomingEvent
from gateway.domain.incoming_transfer import IncomingFact, IncomingTransfer, as_heard
from gateway.domain.payment import Payment, PaymentId, Rail, RegionId, TenantId
from gateway.domain.transitions import IllegalTransitionError
from gateway.service.group_commit import OverloadedError
from gateway.service.incoming.ask import Asker
from gateway.service.incoming.decide import IncomingDecisions
from gateway.service.incoming.messages import ReceivedMessages, received_in
from gateway.service.incoming.money import Money, between_institutions, receiver_of, returned, sent
from gateway.service.incoming.observer import IncomingObserver
from gateway.service.incoming.rail import Brought, ReceivingRail
from gateway.service.incoming.requests import ReturnRequests
from gateway.service.ports import (
    Admitted,
    Clock,
    FaultyRowError,
    IncomingDecision,
    NewTransfer,
    NotHomeError,
    PartlyFaultyError,
    PaymentStore,
    RawMessage,
    UnavailableError,
    Vault,
)
from gateway.service.rail_protocol import Reading
from gateway.service.submit import account_index
from gateway.service.supervise import Verdict
from iso20022 import (
    CustomerCreditTransfer,
    EndToEndId,
    Finding,
    InstitutionCreditTransfer,
    MessageId,
    PaymentReturn,
    PaymentStatusReport,
)

FAULT: Final = "FAULT_OF_OURS"
"""The quarantine's code for a message that a fault of ours kept from being applied."""

LOOK_BACK: Final = timedelta(days=1)
"""What a header says of its creation is believed as far as this back, and never beyond its arrival."""

CANDIDATES_MAX: Final = 100
"""Payments under one end-to-end id among which the one that is given back is looked for: clients may repeat one."""

ID_REUSED: Final = "MESSAGE_ID_REUSED"
"""The quarantine's code for other bytes, or another transfer, under an id that is known."""


NOT_KEPT: Final = RegionId("")
"""The region of a transfer that nobody has made durable."""


@dataclass(frozen=True, slots=True)
class Arrived:
    """One message of the rail: its bytes as they are kept, how it was read, and the keyed digest of the bytes."""

    raw: RawMessage
    reading: Reading
    digest: bytes


@dataclass(frozen=True, slots=True)
class Hearing:
    """Applies to incoming transfers what one rail says."""

    decisions: IncomingDecisions
    store: PaymentStore
    asker: Asker
    messages: ReceivedMessages
    requests: ReturnRequests
    rail: ReceivingRail
    vault: Vault
    clock: Clock
    observer: IncomingObserver

    async def arrive(self, arrived: Sequence[Arrived]) -> Sequence[str | NotHomeError | None]:
        """Make the transfers durable, and have those that are new decided on.

        Returns, in order, the code of what is wrong with each, None where it is saved; `NotHomeError` where another
        region is to have it.

        Raises:
            UnavailableError: the store does not answer; nothing may be acknowledged.

        """
        await self.asker.tenants.ensure()
        new: dict[int, NewTransfer] = {}
        codes: list[str | NotHomeError | None] = [FAULT] * len(arrived)
        for number, each in enumerate(arrived):
            async with self._apart():
                message = each.reading.transfer
                assert message is not None, "only transfers arrive"
                keeper = self.asker.tenants.keeper_of(receiver_of(message))
                original = await self._original_of(message, keeper)
                transfer = new_transfer(
                    self.rail,
                    each,
                    message,
                    keeper=keeper if original is None else original.tenant_id,
                    vault=self.vault,
                    original_id=None if original is None else original.payment_id,
                    end_to_end_id=None if original is None else original.end_to_end_id,
                )
                if each.reading.broken and not self._is_answerable(transfer, each.reading.broken):
                    codes[number] = each.reading.broken[0].code
                    continue
                new[number] = transfer
        outcomes: Sequence[object]
        try:
            outcomes = await self.decisions.store.admit(list(new.values()))
        except PartlyFaultyError as error:
            outcomes = error.outcomes
        for (number, transfer), outcome in zip(new.items(), outcomes, strict=True):
            async with self._apart():
                if isinstance(outcome, NotHomeError):
                    codes[number] = outcome
                    continue
                if not isinstance(outcome, Admitted):
                    raise FaultyRowError(str(outcome))
                codes[number] = await self._admitted_at_home(arrived[number], transfer, outcome)
        return codes

    def _is_answerable(self, new: NewTransfer, broken: Sequence[Finding]) -> bool:
        """Whether a no to what breaks these rules would keep the rail's rules itself."""
        received = new.received(region=NOT_KEPT)
        return self.rail.refusal(received, broken, at=new.received_at) is not None

    async def _admitted_at_home(
        self, arrived: Arrived, new: NewTransfer, admitted: Admitted
    ) -> str | NotHomeError | None:
        try:
            return await self._admitted(arrived, new, admitted)
        except NotHomeError as error:  # it came again, and its home has changed since it was looked up
            return error

    @asynccontextmanager
    async def _apart(self) -> AsyncIterator[None]:
        """Whatever is done for one transfer: a fault of ours is reported, and stops that one alone."""
        verdict = Verdict(but=(UnavailableError, OverloadedError))
        async with verdict:
            yield
        if verdict.fault is not None:
            self.observer.fault("arrive", verdict.fault)

    async def _admitted(self, arrived: Arrived, new: NewTransfer, admitted: Admitted) -> str | None:
        if admitted.is_new:
            received = received_in(arrived.reading)
            self.messages.keep(admitted.transfer.payment_id, received)
            self.asker.take_up(admitted.transfer, received)
            return None
        inbox_id = arrived.reading.business_message_id
        seen = await self.store.seen(self.rail.rail, [inbox_id])
        is_repeat = arrived.reading.is_marked_repeat or seen.get(inbox_id, arrived.digest) == arrived.digest
        if not (is_repeat and _is_same(new, admitted.transfer)):
            return ID_REUSED
        self.observer.duplicate_ignored(self.rail.rail, inbox_id)

        async def choose(current: IncomingTransfer) -> IncomingDecision | None:
            fact = IncomingFact(IncomingEvent.RECEIVED_AGAIN, business_message_id=inbox_id)
            at = self.clock.now()
            if inbox_id in await self.store.seen(self.rail.rail, [inbox_id]):
                return self.decisions.decider.decide(current, fact, at=at)
            return self.decisions.decider.decide(
                current, fact, at=at, messages=(arrived.raw,), inbox_id=inbox_id, inbox_digest=arrived.digest
            )

        await self.decisions.take(admitted.transfer.payment_id, choose, loaded=admitted.transfer)
        return None

    async def find(self, about: Sequence[str]) -> Mapping[str, IncomingTransfer]:
        """Return the transfers that statements are about."""
        return await self.decisions.store.find_by_message_id(self.rail.rail, about) if about else {}

    def just_answered(self, readings: Sequence[Reading]) -> Mapping[str, IncomingTransfer]:
        """Return the transfers that this process has just answered and that nothing but their advice is about.

        The advice is the rail's status, and to the receiver alone: whoever sent the transfer, it says nothing to them.
        """
        rail, recent = self.rail.rail, self.decisions.recent
        found = recent.answered(rail, [reading.about for reading in readings if reading.about is not None])
        others = {reading.about for reading in readings if not _is_advice(reading, found)}
        return {about: transfer for about, transfer in found.items() if about not in others}

    async def hear(self, arrived: Arrived, transfer: IncomingTransfer, *, inbox_id: str | None = None) -> bool:
        """Apply what the rail says of a transfer; False where another delivery of the same message was first.

        `inbox_id` is under what it counts once, where its header's id has another effect.

        Raises:
            IllegalTransitionError: it cannot befall the transfer: a fault of ours.
            NotHomeError: another region decides on the transfer; nothing was done.
            UnavailableError: the store does not answer.

        """
        if transfer.is_liquidity:
            await self.asker.credit(transfer)  # it had settled before anything is said of it
        counted, tries = inbox_id or arrived.reading.business_message_id, count()

        async def choose(current: IncomingTransfer) -> IncomingDecision | None:
            is_first_try = next(tries) == 0
            if not is_first_try and counted in await self.store.seen(self.rail.rail, [counted]):
                return None
            try:
                return self.decisions.decider.decide(
                    current,
                    as_heard(current, self.rail.fact(arrived.reading, current)),
                    at=self.clock.now(),
                    messages=(arrived.raw,) if inbox_id is None else (),
                    inbox_id=counted,
                    inbox_digest=arrived.digest,
                )
            except IllegalTransitionError as error:
                if is_first_try or not await self._is_behind(current):
                    raise  # the first time on what it was: it is read again
                raise NotHomeError(f"more is known of incoming transfer {current.payment_id} at its home") from error

        return await self.decisions.take(transfer.payment_id, choose, loaded=transfer) is not None

    async def _is_behind(self, transfer: IncomingTransfer) -> bool:
        """Whether a transfer's events, as they are here, are not folded yet: who has written them decides on it."""
        events = await self.decisions.store.events(transfer.payment_id)
        return bool(events) and events_that_count(events)[-1].sequence != transfer.version

    async def _original_of(self, message: Brought, keeper: TenantId) -> Payment | None:
        """The payment of ours that a message gives back, if it does, and one is known; each is read for itself."""
        message_id = self.rail.returned_message_id(message)
        if message_id is not None:
            found = (await self.store.find_by_message_id(self.rail.rail, [message_id])).get(message_id)
            if found is not None:
                return found
        if not isinstance(message, CustomerCreditTransfer) or message.returned_instruction_id is None:
            return None
        candidates = await self.store.find(keeper, end_to_end_id=message.end_to_end_id, limit=CANDIDATES_MAX)
        return next(
            (
                each
                for each in candidates
                if (each.rail, each.instruction_id) == (self.rail.rail, message.returned_instruction_id)
            ),
            None,
        )


def new_transfer(
    rail: ReceivingRail,
    arrived: Arrived,
    message: Brought,
    *,
    keeper: TenantId,
    vault: Vault,
    original_id: PaymentId | None = None,
    end_to_end_id: EndToEndId | None = None,
) -> NewTransfer:
    """Return the transfer that `message`, which has just `arrived`, becomes; it is the tenant `keeper`'s. Pure.

    A return names the payment of ours that comes back, and has its end-to-end id where it does not say it.
    """
    forwarded_at, received_at = arrived.reading.created_at, arrived.raw.at
    assert forwarded_at is not None, "a header has a creation time"
    forwarded_at = rail.forwarded_at(forwarded_at, received_at=received_at)
    forwarded_at = min(max(forwarded_at, received_at - LOOK_BACK), received_at)
    money = _money_in(message, end_to_end_id)
    answer_by = rail.timing.answer_by(forwarded_at, money.instructed_agent)
    return NewTransfer(
        payment_id=incoming_id_of(rail.rail, money.message_id, money.creation_time.date()),
        tenant_id=keeper,
        slot=slot_of(rail.rail, message),
        rail=rail.rail,
        message_id=money.message_id,
        message_created_at=money.creation_time,
        instruction_id=money.instruction_id,
        end_to_end_id=money.end_to_end_id,
        transaction_id=money.transaction_id,
        uetr=money.uetr,
        amount=money.amount,
        instructing_agent=money.instructing_agent,
        instructed_agent=money.instructed_agent,
        debtor_agent=money.debtor_agent,
        creditor_agent=money.creditor_agent,
        debtor_account_index=account_index(vault, money.debtor_agent, money.debtor_account),
        creditor_account_index=account_index(vault, money.creditor_agent, money.creditor_account),
        forwarded_at=forwarded_at,
        received_at=received_at,
        answer_by=answer_by,
        timer_at=rail.timing.take_over(
            received_at=received_at, answer_by=answer_by, institution=money.instructed_agent
        ),
        inbox_id=arrived.reading.business_message_id,
        inbox_digest=arrived.digest,
        message=arrived.raw,
        message_type=arrived.raw.message_type,
        original_id=original_id,
    )


def _money_in(message: Brought, end_to_end_id: EndToEndId | None) -> Money:
    if isinstance(message, PaymentReturn):
        return returned(message, end_to_end_id)
    return between_institutions(message) if isinstance(message, InstitutionCreditTransfer) else sent(message)


def slot_of(rail: Rail, message: Brought) -> int:
    """Return the slot of what a message brings. All returns of one payment have one: they are judged together."""
    if isinstance(message, PaymentReturn):
        original = message.original_message
        return incoming_slot_of(rail, message.message_id if original is None else original.message_id)
    if isinstance(message, InstitutionCreditTransfer):
        return incoming_slot_of(rail, message.message_id)
    return incoming_slot_of(rail, MessageId(message.returned_instruction_id or message.message_id))


def _is_advice(reading: Reading, transfers: Mapping[str, IncomingTransfer]) -> bool:
    transfer = None if reading.about is None else transfers.get(reading.about)
    said = reading.statement
    return (
        transfer is not None
        and isinstance(said, PaymentStatusReport)
        and not reading.gives_up
        and said.instructed_agent == transfer.instructed_agent != transfer.instructing_agent
    )


def _is_same(new: NewTransfer, known: IncomingTransfer) -> bool:
    """Whether a transfer that came again is the one that is known: same money, same people's agents and account."""
    return (
        new.message_type == known.message_type
        and new.amount == known.amount
        and new.end_to_end_id == known.end_to_end_id
        and new.instruction_id == known.instruction_id
        and new.uetr == known.uetr
        and new.instructing_agent == known.instructing_agent
        and new.instructed_agent == known.instructed_agent
        and new.creditor_agent == known.creditor_agent
        and new.creditor_account_index == known.creditor_account_index
    )
