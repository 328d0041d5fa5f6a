"""Sending what was saved: our answers, and what became of the posting. At least once, and not when it is too late."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from gateway.domain.incoming import IncomingEvent, IncomingState
from gateway.domain.incoming_transfer import IncomingFact, IncomingTransfer
from gateway.domain.payment import Rail
from gateway.domain.receiving_time import UNSENT_S
from gateway.service.group_commit import GroupCommit, OverloadedError
from gateway.service.incoming.both_regions import Acceptances
from gateway.service.incoming.decide import IncomingDecisions
from gateway.service.incoming.observer import IncomingObserver
from gateway.service.ports import (
    Clock,
    IncomingDecision,
    IncomingStore,
    MessageClass,
    MessageDirection,
    RailLink,
    RawMessage,
    UnavailableError,
    Unsent,
)
from gateway.service.supervise import Verdict, each
from iso20022.messages import camt035, pacs002

PAUSE_S: Final = 0.1
"""How often is looked for messages that were saved and may not have left."""

BATCH_MAX: Final = 100

SENT_WINDOW_S: Final = 0.02
SENT_MAX: Final = 200
"""That messages have left is noted together: nobody waits for it."""

BOTH_WAIT_S: Final = 0.4
"""How long who has saved an acceptance waits for the other region to have it: less than `UNSENT_S`, after which it is
sent by whoever finds it."""

BOTH_WAIT_AGAIN_S: Final = 0.15
"""How long who finds one waits: others wait behind it."""

BOTH_LOOK_S: Final = 0.02
"""What a look takes at the least, also where it is too late: then it says why."""

_WITHHELD_IN: Final = frozenset({IncomingState.ACCEPTED, IncomingState.ACCEPTED_WITHOUT_POSTING})

ACCEPTING: Final = frozenset({"ACTC", "ACWP"})
"""The answers that accept: sent late they would not count, and the rail is asked instead."""


_REPORTS: Final = frozenset({pacs002.MESSAGE_TYPE, camt035.MESSAGE_TYPE})
"""With what a receiver tells a rail about a transfer: its answer, and what became of the posting."""


@dataclass(frozen=True, slots=True)
class IncomingSender:
    """Sends what decisions on incoming transfers have saved; `sents.run` and `run` must be running.

    A message is sent by whoever has saved it, at once; where that is not known to have worked, by whoever finds it. So
    the rail may get it twice, under the same id, and refuses the second. What accepts does not leave before both
    regions have the acceptance: the rail's clock runs out, and nothing was answered.
    """

    decisions: IncomingDecisions
    acceptances: Acceptances
    sents: GroupCommit[Unsent, None]
    links: Mapping[Rail, RailLink]
    clock: Clock
    observer: IncomingObserver

    async def send(self, decision: IncomingDecision) -> bool:
        """Send the message that was saved with a decision, if there is one; never raises for the world's faults.

        Returns whether it has left.
        """
        message = next((each for each in decision.messages if each.direction is MessageDirection.RAIL_OUT), None)
        if message is None or decision.unsent_at is None:
            return False
        unsent = Unsent(decision.transfer.payment_id, decision.unsent_at)
        accepts = decision.transfer.answer is None and decision.answer in ACCEPTING
        return await self._send(decision.transfer, message, unsent, wait_s=BOTH_WAIT_S if accepts else None)

    async def run(self) -> None:
        """Send what may not have left, until cancelled."""
        while True:
            now = self.clock.now()
            again_at = now + timedelta(seconds=UNSENT_S)
            found = await self.decisions.store.take_unsent(now, again_at=again_at, limit=BATCH_MAX)
            await each([self._again_or_park(unsent) for unsent in found])
            if len(found) < BATCH_MAX:
                await self.clock.pause(PAUSE_S)

    async def _again_or_park(self, unsent: Unsent) -> None:
        """Send one once more; a fault of ours stops that one alone."""
        verdict = Verdict(but=(UnavailableError, OverloadedError))
        async with verdict:
            await self._again(unsent)
        if verdict.fault is not None:
            self.observer.fault("unsent", verdict.fault)
            self.observer.parked(unsent.payment_id, str(verdict.fault))

    async def _again(self, unsent: Unsent) -> None:
        transfer = (await self.decisions.store.load([unsent.payment_id])).get(unsent.payment_id)
        said = reports(await self.decisions.store.messages(unsent.payment_id))
        if transfer is None or not said:  # nothing can ever be sent: told once, and not looked for again and again
            self.observer.fault("unsent", LookupError(f"transfer {unsent.payment_id} has no message of ours to send"))
            self.observer.parked(unsent.payment_id, "it has no message of ours to send")
            await self.sents.submit(unsent)
        else:
            accepts = len(said) == 1 and transfer.answer in ACCEPTING  # the first that is said is the answer
            await self._send(transfer, said[-1], unsent, wait_s=BOTH_WAIT_AGAIN_S if accepts else None)

    async def _send(
        self, transfer: IncomingTransfer, message: RawMessage, unsent: Unsent, *, wait_s: float | None
    ) -> bool:
        """Send one; `wait_s` is of what accepts: how long is waited until both regions have it."""
        try:
            if wait_s is not None and not await self._may_accept(transfer, wait_s):
                if self.clock.now() >= transfer.answer_by:
                    await self.sents.submit(unsent)
                return False
            await self.links[transfer.rail].send(message.body, message_class=MessageClass.NONVALUE)
        except (UnavailableError, OverloadedError) as error:
            self.observer.fault("answer", error)  # whoever finds it unsent tries again, while it makes sense
            return False
        await self.sents.submit(unsent)
        return True

    async def _may_accept(self, transfer: IncomingTransfer, wait_s: float) -> bool:
        """Whether an acceptance may leave now: it is in both regions, and not too late."""
        left_s = (transfer.answer_by - self.clock.now()).total_seconds()
        within_s = max(BOTH_LOOK_S, min(wait_s, left_s))
        since_s = self.clock.monotonic_s()
        is_in_both = await self.acceptances.is_in_both(transfer.payment_id, within_s=within_s)
        self.observer.acceptance_waited(transfer.rail, self.clock.monotonic_s() - since_s)
        is_late = self.clock.now() >= transfer.answer_by
        if is_late or is_in_both:
            self.acceptances.forget(transfer.payment_id)
        if is_late and not is_in_both:
            await self.decisions.take(transfer.payment_id, self._withheld)
        return is_in_both and not is_late

    async def _withheld(self, transfer: IncomingTransfer) -> IncomingDecision | None:
        if transfer.state not in _WITHHELD_IN:
            return None
        fact = IncomingFact(IncomingEvent.ANSWER_WITHHELD)
        return self.decisions.decider.decide(transfer, fact, at=self.clock.now())


def reports(messages: Sequence[RawMessage]) -> Sequence[RawMessage]:
    """Return what we have said of the transfer, in its order: what is said before the last is said no more."""
    return [
        message
        for message in messages
        if message.direction is MessageDirection.RAIL_OUT and message.message_type in _REPORTS
    ]


def grouped_sents(store: IncomingStore, *, window_s: float = SENT_WINDOW_S) -> GroupCommit[Unsent, None]:
    """Return the group commit that notes what has left; its `run` must be running."""

    async def note(unsent: Sequence[Unsent]) -> Sequence[None]:
        await store.sent(unsent)
        return [None] * len(unsent)

    return GroupCommit(note, window_s=window_s, batch_max=SENT_MAX)
