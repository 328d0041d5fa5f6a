"""Replay of incoming transfers: what the rail brought and said is read anew, what we said is built anew.

What institutions, their stand-ins, operators and our own clock decided is no message of the rail's: it is taken from
the record, and the state table is asked again what follows from it; see `gateway.service.replay`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Final
from uuid import UUID

from gateway.domain.attention import late_verdict_in
from gateway.domain.incoming import IncomingEvent, IncomingState
from gateway.domain.incoming_transfer import (
    ANSWERED_AS,
    CONTRADICTS,
    IncomingFact,
    IncomingTransfer,
    RecordedFact,
    as_heard,
)
from gateway.domain.payment import Rail
from gateway.service.decide import until_one_holds
from gateway.service.group_commit import GroupCommit
from gateway.service.incoming.decide import IncomingDecider
from gateway.service.incoming.hear import Arrived, new_transfer
from gateway.service.incoming.kept import request_in
from gateway.service.incoming.rail import Brought, ReceivingRail
from gateway.service.incoming.requests import ANSWER_TO_REQUEST, CONFIRMATION
from gateway.service.ports import (
    IncomingDecision,
    IncomingHistory,
    IncomingStore,
    MessageDirection,
    RawMessage,
    Vault,
)
from gateway.service.rail_protocol import OutboundMessage
from gateway.service.replay import DivergedError, Given, demand

_NO_MESSAGE: Final = Given(UUID(int=0))
"""Gives the id of a message that nothing is kept of: that one is made all the same is found out."""


@dataclass(frozen=True, slots=True)
class IncomingReplay:
    """Runs incoming transfers again; the group commit `saves` must be running."""

    rails: Mapping[Rail, ReceivingRail]
    store: IncomingStore
    saves: GroupCommit[IncomingDecision, bool]
    vault: Vault

    async def run(self, history: IncomingHistory) -> None:
        """Bring one transfer from its arrival to where it stands; several at once may run.

        Raises:
            DivergedError: it comes out otherwise than it is kept.
            IllegalTransitionError: the state table no longer knows a fact that is kept.
            UnavailableError: the database does not answer; begin anew with an empty one.

        """
        await self._arrive(history)
        for recorded in history.events[1:]:
            await self._repeat(history, recorded)

    async def _arrive(self, history: IncomingHistory) -> None:
        transfer, first = history.transfer, _heard_with(history, history.events[0])
        payment_id = transfer.payment_id
        if first is None:
            raise DivergedError(
                payment_id, "the message that brought it", kept="nothing", found="an event that it came"
            )
        reading = self.rails[transfer.rail].read(first.body)
        was_accepted = transfer.answer not in {None, ANSWERED_AS[IncomingState.REJECTED]}
        if reading.transfer is None or (reading.broken and was_accepted):
            found = reading.codes or "no transfer"
            raise DivergedError(payment_id, "the message that brought it", kept="taken", found=found)
        arrived = Arrived(first, reading, self._digest(first))
        new = new_transfer(
            self.rails[transfer.rail],
            arrived,
            reading.transfer,
            keeper=transfer.tenant_id,
            vault=self.vault,
            original_id=transfer.original_id,
            end_to_end_id=transfer.end_to_end_id,
        )
        demand(payment_id, "the transfer's id", kept=payment_id, found=new.payment_id)
        (admitted,) = await self.store.admit([new])
        if not admitted.is_new:
            raise DivergedError(payment_id, "the database", kept="a fresh one", found="the transfer is there")

    async def _repeat(self, history: IncomingHistory, recorded: RecordedFact) -> None:
        async def choose(current: IncomingTransfer) -> IncomingDecision:
            decision = self._decision(history, recorded, current)
            what = f"the state after event {recorded.sequence}, {recorded.fact.kind}"
            demand(current.payment_id, what, kept=recorded.state_after, found=decision.state)
            return decision

        await until_one_holds(history.transfer.payment_id, self.store.load, choose, self.saves.submit)

    def _decision(
        self, history: IncomingHistory, recorded: RecordedFact, current: IncomingTransfer
    ) -> IncomingDecision:
        heard, sent, rail = _heard_with(history, recorded), _sent_with(history, recorded), self.rails[current.rail]
        decider = IncomingDecider(self.rails, _NO_MESSAGE if sent is None else Given(sent.message_id))
        own: tuple[RawMessage, ...] = ()
        if recorded.fact.kind is IncomingEvent.STATUS_REQUESTED:
            brought = self._brought(history)
            own = (decider.raw(rail.enquiry(current, brought, at=recorded.at), at=recorded.at),)
        elif recorded.fact.kind in ANSWER_TO_REQUEST:
            own = (decider.raw(_answer_to_request(history, recorded, current, rail), at=recorded.at),)
        decision = decider.decide(
            current,
            recorded.fact if heard is None else self._heard(heard, recorded, current),
            at=recorded.at,
            messages=own if heard is None else (heard,),
            inbox_id=None if heard is None else heard.business_message_id,
            inbox_digest=None if heard is None else self._digest(heard),
            is_strange=_is_strange(recorded.fact, current),
        )
        said = next((each for each in decision.messages if each.direction is MessageDirection.RAIL_OUT), None)
        demand(
            current.payment_id,
            f"the bytes that left with event {recorded.sequence}, {recorded.fact.kind}",
            kept=None if sent is None else sent.body,
            found=None if said is None else said.body,
        )
        return decision

    def _brought(self, history: IncomingHistory) -> Brought:
        """The message that brought the transfer, read again."""
        first = _heard_with(history, history.events[0])
        message = None if first is None else self.rails[history.transfer.rail].read(first.body).transfer
        assert message is not None, "a transfer arrives before anything befalls it"
        return message

    def _heard(self, heard: RawMessage, recorded: RecordedFact, current: IncomingTransfer) -> IncomingFact:
        """What the rail's message means, read again."""
        if recorded.fact.kind is IncomingEvent.RECEIVED_AGAIN:
            return recorded.fact
        rail, what = self.rails[current.rail], f"the rail's message {heard.business_message_id}"
        reading = rail.read(heard.body)
        strange = reading.codes or rail.mismatches(reading, current)
        if reading.statement is None or strange:
            raise DivergedError(current.payment_id, what, kept="acted upon", found=strange or "says nothing")
        fact = as_heard(current, rail.fact(reading, current))
        demand(current.payment_id, f"what {what} means", kept=recorded.fact, found=fact)
        return fact

    def _digest(self, heard: RawMessage) -> bytes:
        return self.vault.blind_index("rail-message", heard.body)


def comparable(history: IncomingHistory) -> IncomingHistory:
    """Return a history without what is no history: whether a message has left, and who has an undecided one in hand."""
    transfer = replace(history.transfer, unsent_at=None)
    if transfer.state is IncomingState.RECEIVED:
        transfer = replace(transfer, next_step_at=None)
    return replace(history, transfer=transfer)


def _is_strange(fact: IncomingFact, current: IncomingTransfer) -> bool:
    """Whether an institution said, too late, something else than was answered; or what was found cannot be."""
    if fact.details.get(CONTRADICTS) == "yes":
        return True
    return late_verdict_in(current, fact) is not None


def _answer_to_request(
    history: IncomingHistory, recorded: RecordedFact, current: IncomingTransfer, rail: ReceivingRail
) -> OutboundMessage:
    """Our camt.029, made anew of the request as the rail has brought it."""
    request = request_in(history.messages, current.request.message_id)
    if request is None:
        what = f"the request that event {recorded.sequence} answers"
        raise DivergedError(current.payment_id, what, kept="nothing", found="an answer to it")
    stated = recorded.fact.reason if recorded.fact.kind is not IncomingEvent.RETURN_AGREED else None
    return rail.requests.answer(request, recorded.fact.details[CONFIRMATION], stated, at=recorded.at)


def _heard_with(history: IncomingHistory, recorded: RecordedFact) -> RawMessage | None:
    """The rail's message that a fact was made of: the first that bears its id; a repeat is not kept again."""
    inbox_id = recorded.fact.business_message_id
    first = next((each for each in history.events if each.fact.business_message_id == inbox_id), None)
    if inbox_id is None or first is not recorded:
        return None
    return next(
        (
            raw
            for raw in history.messages
            if raw.direction is MessageDirection.RAIL_IN and raw.business_message_id == inbox_id
        ),
        None,
    )


def _sent_with(history: IncomingHistory, recorded: RecordedFact) -> RawMessage | None:
    return next(
        (raw for raw in history.messages if raw.direction is MessageDirection.RAIL_OUT and raw.at == recorded.at),
        None,
    )
