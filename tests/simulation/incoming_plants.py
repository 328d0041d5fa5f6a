"""Planted bugs of receiving: each builds one part wrongly, as a plausible slip would. The simulation must find each."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, Any
from uuid import UUID

from gateway.domain.incoming import (
    INCOMING_TRANSITIONS,
    IncomingEffect,
    IncomingEvent,
    IncomingState,
    IncomingTransition,
)
from gateway.domain.payment import PaymentId
from gateway.service.ports import Admitted, IncomingDecision, NewTransfer, Unsent
from tests.fakes.incoming import InMemoryIncoming
from tests.simulation.build import Build

if TYPE_CHECKING:
    from tests.simulation.world import World


@contextmanager
def _rows(rows: Mapping[tuple[IncomingState, IncomingEvent], IncomingTransition]) -> Iterator[None]:
    before = {pair: INCOMING_TRANSITIONS[pair] for pair in rows}
    INCOMING_TRANSITIONS.update(rows)
    try:
        yield
    finally:
        INCOMING_TRANSITIONS.update(before)


class PostedOnAGuess(Build):
    def planted(self) -> AbstractContextManager[None]:
        posting = (IncomingEffect.QUEUE_POSTING, IncomingEffect.AWAIT_POSTING)
        guess = IncomingTransition(IncomingState.SETTLED, posting)
        return _rows({(IncomingState.ACCEPTED, IncomingEvent.ADVICE_OVERDUE): guess})


class SilenceMeansNotSettled(Build):
    def planted(self) -> AbstractContextManager[None]:
        gone = INCOMING_TRANSITIONS[IncomingState.IN_DOUBT, IncomingEvent.REJECTION_ADVISED]
        return _rows({(IncomingState.ACCEPTED, IncomingEvent.ADVICE_OVERDUE): gone})


class _AdmitsEveryDelivery(InMemoryIncoming):
    def _admit_one(self, new: NewTransfer) -> Admitted:
        if new.payment_id in self.rows.transfers:
            number = len(self.rows.transfers)
            new = replace(new, payment_id=PaymentId(UUID(int=new.payment_id.int + number)))
            known, self.rows.transfers = self.rows.transfers, {}
            try:
                return super()._admit_one(new)
            finally:
                self.rows.transfers = {**known, **self.rows.transfers}
        return super()._admit_one(new)


class DeliveriesNotDeduplicated(Build):
    def incoming_store(self, world: World) -> InMemoryIncoming:
        return _AdmitsEveryDelivery(world.store)


class _SavesWhatever(InMemoryIncoming):
    def _save_one(self, decision: IncomingDecision) -> bool:
        now = self.rows.transfers[decision.transfer.payment_id]
        return super()._save_one(replace(decision, transfer=replace(decision.transfer, version=now.version)))


class IncomingVersionCheckOff(Build):
    def incoming_store(self, world: World) -> InMemoryIncoming:
        return _SavesWhatever(world.store)


class _Forgetful(InMemoryIncoming):
    async def take_unsent(self, now: Any, *, again_at: Any, limit: int) -> Sequence[Unsent]:
        taken = await super().take_unsent(now, again_at=again_at, limit=limit)
        await super().sent(taken)
        return []


class UnsentForgotten(Build):
    def incoming_store(self, world: World) -> InMemoryIncoming:
        return _Forgetful(world.store)


class _AnswersFirst(InMemoryIncoming):
    """Lets every decision of the institution pass as saved, whoever was first."""

    def _save_one(self, decision: IncomingDecision) -> bool:
        held = super()._save_one(decision)
        return held or decision.fact.kind in {
            IncomingEvent.ACCEPTANCE_DECIDED,
            IncomingEvent.REJECTION_DECIDED,
        }


class AnsweredWithoutTheSave(Build):
    def incoming_store(self, world: World) -> InMemoryIncoming:
        return _AnswersFirst(world.store)
