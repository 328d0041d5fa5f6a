"""Planted bugs of returns: each builds one part wrongly, as a plausible slip would. The simulation must find each."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import replace
from datetime import datetime
from typing import Any
from uuid import UUID

from gateway.domain.incoming import INCOMING_TRANSITIONS, IncomingEffect, IncomingEvent
from gateway.domain.incoming_transfer import IncomingFact, IncomingTransfer, InstitutionAnswer, Verdict
from gateway.domain.payment import PaymentId, Reason
from gateway.service.incoming.come_back import NOT_SETTLED, TOO_MUCH, ComingBack
from gateway.service.incoming.desk import IncomingDesk
from gateway.service.incoming.give_back import GivingBack
from gateway.service.ports import NewPayment
from iso20022 import Amount, CustomerCreditTransfer
from tests.simulation.build import Build


class _BegunAnew(GivingBack):
    """Makes a return of its own each time that it sees to the one under way."""

    def _new(
        self, transfer: IncomingTransfer, message: CustomerCreditTransfer, reason: Reason, *, started_at: datetime
    ) -> NewPayment:
        counted = replace(transfer, returns=1_000 + transfer.version)
        return super()._new(counted, message, reason, started_at=started_at)


class ReturnBegunAnew(Build):
    def giving_back(self, *parts: Any) -> GivingBack:
        return _BegunAnew(*parts)


class _EndIsSettlement(GivingBack):
    async def _end(self, transfer: IncomingTransfer, fact: IncomingFact) -> None:
        await super()._end(transfer, replace(fact, kind=IncomingEvent.RETURN_SETTLED))


class RefusedReturnTakenForSettled(Build):
    def giving_back(self, *parts: Any) -> GivingBack:
        return _EndIsSettlement(*parts)


class _TellsEveryTime(ComingBack):
    """Books what has come back under an inbox id that no other telling has."""

    async def tell_original(self, transfer: IncomingTransfer) -> None:
        later = replace(
            transfer, payment_id=PaymentId(UUID(int=transfer.payment_id.int ^ int(self.clock.monotonic_s() * 1000)))
        )
        self.messages.keep(later.payment_id, await self.messages.received(transfer))
        await super().tell_original(later)


class ReturnBookedTwice(Build):
    def coming_back(self, *parts: Any) -> ComingBack:
        return _TellsEveryTime(*parts)


class _Lenient(ComingBack):
    """Takes what is refused for one reason."""

    forgiven = TOO_MUCH

    async def judge(self, transfer: IncomingTransfer) -> InstitutionAnswer | None:
        answer = await super().judge(transfer)
        is_forgiven = answer is not None and answer.text == self.forgiven
        return InstitutionAnswer(Verdict.ACCEPT) if is_forgiven else answer


class ReturnsBeyondTheSum(Build):
    def coming_back(self, *parts: Any) -> ComingBack:
        return _Lenient(*parts)


class _TakesUnsettled(_Lenient):
    forgiven = NOT_SETTLED


class ReturnOfTheUnsettled(Build):
    def coming_back(self, *parts: Any) -> ComingBack:
        return _TakesUnsettled(*parts)


class _Keyless(IncomingDesk):
    """Starts a return at every order."""

    async def give_back(
        self, payment_id: PaymentId, amount: Amount | None, *, key: str, **order: Any
    ) -> IncomingTransfer:
        return await super().give_back(payment_id, amount, key=f"{key}, {self.decisions.clock.monotonic_s()}", **order)


class ReturnsOrderedWithoutKeys(Build):
    def desk(self, *parts: Any) -> IncomingDesk:
        return _Keyless(*parts)


@contextmanager
def _silent_ends() -> Iterator[None]:
    pairs = [pair for pair, row in INCOMING_TRANSITIONS.items() if IncomingEffect.TELL_RETURN in row.effects]
    before = {pair: INCOMING_TRANSITIONS[pair] for pair in pairs}
    for pair, row in before.items():
        effects = tuple(effect for effect in row.effects if effect is not IncomingEffect.TELL_RETURN)
        INCOMING_TRANSITIONS[pair] = replace(row, effects=effects)
    try:
        yield
    finally:
        INCOMING_TRANSITIONS.update(before)


class ReturnEndsUntold(Build):
    def planted(self) -> AbstractContextManager[None]:
        return _silent_ends()
