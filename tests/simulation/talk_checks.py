"""What must hold of conversations, after each step of a world and at its end."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import TYPE_CHECKING, Final

from gateway.domain.conversation import Act, Conversation, ConversationId, ConversationState, RecordedAct
from gateway.domain.payment import PaymentId
from gateway.service.ports import MessageDirection
from iso20022.messages.pain014 import RequestStatus
from tests.simulation.check import Check
from tests.simulation.talk_plans import TalkPlan
from tests.simulation.talks import Spoken
from tests.simulation.witness import Asked, Witnessed

if TYPE_CHECKING:
    from tests.simulation.world import World

_S = ConversationState

OVER: Final = {_S.EXPIRED, _S.REFUSED, _S.WITHDRAWN, _S.PAID}
"""Where a request is over, written down here once more; money is money, and may come all the same."""

NEEDS: Final = {
    _S.ACCEPTED: Act.ACCEPTED,
    _S.WITHDRAWING_ACCEPTED: Act.ACCEPTED,
    _S.REFUSED: Act.REFUSED,
    _S.WITHDRAWN: Act.WITHDRAWAL_AGREED,
    _S.PAID: Act.PAID,
    _S.EXPIRED: Act.EXPIRED,
    _S.FAILED: Act.OPENING_REFUSED,
}
"""What must have happened where a request says that it has: also with its opening, where nobody was to be asked."""

DECIDED_BY_US: Final = {RequestStatus.ACTC: Act.ACCEPTED, RequestStatus.RJCT: Act.REFUSED}
UNDECIDED: Final = {_S.REQUESTED, _S.PRESENTED, _S.WITHDRAWING}


def talks(world: World) -> Iterator[tuple[Conversation, Spoken, Sequence[RecordedAct]]]:
    """Yield every conversation with what the rail knows of it, and its history."""
    rows = world.conversations.rows
    for conversation_id, known in rows.conversations.items():
        yield known, world.rail.talks.of_reference(known.end_to_end_id), rows.events[conversation_id]


def _moved(world: World, plan: TalkPlan) -> PaymentId | None:
    """The payment, or the transfer, that is there for a request, if its money has moved by the rail's book."""
    reference = world.rail.talks.references[plan.number]
    if plan.is_ours:
        for transfer in world.incoming.rows.transfers.values():
            if transfer.end_to_end_id == reference and world.rail.forwarding.record_of(transfer).is_settled:
                return transfer.payment_id
        return None
    paid = next((each for each in world.payments if each.end_to_end_id == reference and not each.is_return), None)
    return paid.payment_id if paid is not None and world.rail.account_for(paid).moved else None


class ConversationsFold(Check):
    """Acts are only added, without a gap, each where the one before it ended; and they make the state."""

    promise = "the history of a conversation is whole, and makes its state"

    def __init__(self) -> None:
        self._known: dict[ConversationId, list[RecordedAct]] = {}

    def on_step(self, world: World, _changed: Sequence[PaymentId]) -> Iterator[str]:
        for known, spoken, events in talks(world):
            words, before = spoken.plan.words, self._known.get(known.conversation_id, [])
            if before != list(events[: len(before)]):
                yield f"{words}: its history was rewritten"
            self._known[known.conversation_id] = list(events)
            if [event.sequence for event in events] != list(range(1, len(events) + 1)):
                yield f"{words}: its history has a gap, or a number twice"
            if (known.version, known.state) != (len(events), events[-1].state_after):
                yield f"{words}: its state is not what its history says"
            for earlier, later in pairwise(events):
                if later.state_before is not earlier.state_after:
                    yield f"{words}: {later.act} begins in {later.state_before}, not {earlier.state_after}"


class ARequestIsOne(Check):
    """However often it is ordered, or delivered: one conversation, opened by one message."""

    promise = "a request for payment is one conversation, opened once"

    def on_step(self, world: World, _changed: Sequence[PaymentId]) -> Iterator[str]:
        counts = Counter(spoken.plan.number for _, spoken, _ in talks(world))
        yield from (f"request {number} is {count} conversations" for number, count in counts.items() if count > 1)
        for spoken in world.rail.talks.each():
            if len(spoken.openings) > 1:
                yield f"{spoken.plan.words} was opened by {len(spoken.openings)} messages"


class WordsCountOnce(Check):
    """However often the rail delivers them."""

    promise = "a message counts once in a conversation"

    def on_step(self, world: World, _changed: Sequence[PaymentId]) -> Iterator[str]:
        for known, spoken, _ in talks(world):
            heard = Counter(
                message.business_message_id
                for message in world.conversations.rows.messages[known.conversation_id]
                if message.direction is MessageDirection.RAIL_IN
            )
            yield from (f"{spoken.plan.words}: {one} counted {n} times" for one, n in heard.items() if n > 1)


class OneAnswer(Check):
    """Of two that are given at once one is sent; and it is the one that is kept."""

    promise = "what we were asked has one answer"

    def on_step(self, world: World, _changed: Sequence[PaymentId]) -> Iterator[str]:
        for spoken in world.rail.talks.each():
            if spoken.plan.is_ours:
                continue
            said = sorted(spoken.decisions.values())
            if len(said) > 1:
                yield f"{spoken.plan.words} was answered {', '.join(said)}"
            if len(spoken.closings) > 1 and set(spoken.closings.values()) != {"PDCR"}:
                yield f"the withdrawal of {spoken.plan.words} was answered {', '.join(spoken.closings.values())}"
        for _, spoken, events in talks(world):
            kept = [event.act for event in events] + [Act.REFUSED] * (events[0].state_after is _S.REFUSED)
            for status in spoken.decisions.values():
                if not spoken.plan.is_ours and DECIDED_BY_US[status] not in kept:
                    yield f"{spoken.plan.words} was answered {status}, and its history does not say so"


class WhatIsOverIsNotPromised(Check):
    """Neither by us, nor on the other side's late word; money that comes all the same is for a person."""

    promise = "what is over is not promised, and what is paid all the same is looked at"

    def on_step(self, world: World, _changed: Sequence[PaymentId]) -> Iterator[str]:
        for known, spoken, events in talks(world):
            for event in events:
                is_late = known.expires_at is not None and event.at > known.expires_at
                if event.act is Act.ACCEPTED and is_late and not spoken.plan.is_ours:
                    yield f"{spoken.plan.words} was accepted at {event.at}, and had expired"
                if event.state_before not in OVER or event.state_after is event.state_before:
                    continue
                if event.state_after is not _S.PAID or not event.is_strange:
                    yield f"{spoken.plan.words} was {event.state_before}, and is {event.state_after} by {event.act}"


class NothingContradictoryGoesUnseen(Check):
    """Both yes and no: kept, and marked for a person; but for a no to what both have taken back meanwhile."""

    promise = "who contradicts themselves is looked at"

    def on_end(self, world: World) -> Iterator[str]:
        for known, spoken, events in talks(world):
            said = [event.act for event in events]
            is_both = Act.ACCEPTED in said and any(
                event.act is Act.REFUSED and event.state_before is not _S.WITHDRAWN for event in events
            )
            if is_both and spoken.plan.is_ours and not known.needs_attention:
                yield f"{spoken.plan.words} was accepted and refused, and nobody will look"


class StatesOfTalksTellTheTruth(Check):
    """What a request says has happened has: nobody's answer is made up, and paid is what the rail's book says."""

    promise = "a request says what was said, and is paid when money has moved"

    def on_step(self, world: World, _changed: Sequence[PaymentId]) -> Iterator[str]:
        linked = Counter(known.payment_id for known, _, _ in talks(world) if known.payment_id is not None)
        yield from (f"{payment_id} has paid {count} requests" for payment_id, count in linked.items() if count > 1)
        for known, spoken, events in talks(world):
            needed, said = NEEDS.get(known.state), [event.act for event in events]
            if needed is not None and needed not in said and events[0].state_after is not known.state:
                yield f"{spoken.plan.words} is {known.state}, without {needed}"
            if said.count(Act.PAID) > 1:
                yield f"{spoken.plan.words} was paid {said.count(Act.PAID)} times"
            if known.state is _S.PAID and known.payment_id != _moved(world, spoken.plan):
                yield f"{spoken.plan.words} is {known.state}, and no money has moved"


class NothingSaidIsLost(Check):
    """What somebody of ours was told is there, leaves, and is answered to; and what is due is done."""

    promise = "what was asked or answered is kept, and reaches the other side"

    def __init__(self) -> None:
        self._told: dict[int, ConversationId] = {}

    def on_witnessed(self, world: World, witnessed: Witnessed) -> Iterator[str]:
        if isinstance(witnessed, Asked):
            named = witnessed.conversation.conversation_id
            if self._told.setdefault(witnessed.plan.number, named) != named:
                yield f"{witnessed.plan.words} was acknowledged as two conversations"
            if named not in world.conversations.rows.conversations:
                yield f"{witnessed.plan.words} was acknowledged, and is not in the store"

    def on_end(self, world: World) -> Iterator[str]:
        for number, named in self._told.items():
            spoken = world.rail.talks.spoken[number]
            if named not in world.conversations.rows.conversations:
                yield f"{spoken.plan.words} was acknowledged, and is lost"
            if not spoken.openings and not _is_swallowed(world, named):
                yield f"{spoken.plan.words} was acknowledged, and has not reached the rail"
        for known, spoken, events in talks(world):
            words, plan = spoken.plan.words, spoken.plan
            answered = [act for act in world.people.answered[plan.number] if act in {Act.ACCEPTED, Act.REFUSED}]
            if (
                answered
                and not plan.is_ours
                and not spoken.decisions
                and not _is_swallowed(world, known.conversation_id)
            ):
                yield f"{words} was answered, and the rail has not heard it"
            if known.state in UNDECIDED and known.expires_at is not None and known.expires_at < world.now():
                yield f"{words} is {known.state}, and its time is over"
            paid_at = [event.at for event in events if event.act is Act.PAID]
            if not paid_at and _is_to_be_linked(world, known, plan):
                yield f"{words} is {known.state}, and its money has moved"
            if world.conversations.rows.unsent[known.conversation_id]:
                yield f"{words}: what was said has not left"
        for spoken in world.rail.talks.each():
            if not spoken.plan.is_ours and spoken.openings and not _is_known(world, spoken):
                yield f"{spoken.plan.words} was brought, and is not known"


def _is_to_be_linked(world: World, known: Conversation, plan: TalkPlan) -> bool:
    moved = _moved(world, plan)
    if moved is None:
        return False
    came = world.incoming.rows.transfers.get(moved)
    began_at = came.received_at if came is not None else world.store.rows.payments[moved].accepted_at
    return began_at >= known.opened_at


def _is_known(world: World, spoken: Spoken) -> bool:
    return any(each is spoken for _, each, _ in talks(world))


def _is_swallowed(world: World, named: ConversationId) -> bool:
    """Whether a link seemed to have handed over a message of it, and has lost it: nobody answers, so nobody knows."""
    return any(message.body in world.rail.swallowed for message in world.conversations.rows.messages[named])


TALK_CHECKS: Final[tuple[type[Check], ...]] = (
    ConversationsFold,
    ARequestIsOne,
    WordsCountOnce,
    OneAnswer,
    WhatIsOverIsNotPromised,
    NothingContradictoryGoesUnseen,
    StatesOfTalksTellTheTruth,
    NothingSaidIsLost,
)
"""Every promise about conversations."""
