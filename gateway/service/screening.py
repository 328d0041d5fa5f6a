"""Screening: before a payment is sent, and before money is accepted, whoever the tenant names looks at it.

It fails closed. What was not looked at whole, in time, by everyone whom the rules name, has not passed: it is not sent
(`gateway.service.dispatch`), and not accepted (`gateway.service.incoming.ask`). A tenant without rules costs one look
into a dictionary.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final, Protocol

from gateway.domain.incoming_transfer import IncomingTransfer
from gateway.domain.payment import Payment, PaymentState, Reason, TenantId
from gateway.domain.screening import (
    HELD_BY_A_HIT,
    HELD_UNSCREENED,
    NOTHING_SCREENED,
    PASSED,
    WINDOW_S_MAX,
    Screened,
    ScreeningHit,
    ScreeningPolicy,
    ScreeningRules,
    Side,
    Source,
    Subject,
    Unanswered,
    Way,
)
from gateway.service.incoming.money import account_number
from gateway.service.ports import (
    Clock,
    Movement,
    RawMessage,
    Screener,
    ScreeningStore,
    UnavailableError,
    Vault,
)
from gateway.service.requests import PaymentRequest
from gateway.service.submit import JSON_TYPE, account_index
from gateway.service.supervise import Verdict
from iso20022 import RAIL_LIMITS, Amount, CustomerCreditTransfer, PaymentReturn, Personal, read, unwrap
from iso20022.messages import pacs004, pacs008
from iso20022.messages.actors import Actor, Agent

UNNAMED: Final = "it does not name who pays back"
"""Why nobody could look at a return."""

REFRESH_S: Final = 5.0
"""How old what is known of tenants' rules may be: what was changed holds after it."""

FORGET_PAUSE_S: Final = 3_600.0
"""Between two times that movements are forgotten which no window reaches."""

_NAMED: Final = "}Nm"
_PARTIES: Final = ("}Dbtr", "}Cdtr", "}UltmtDbtr", "}UltmtCdtr", "}InitgPty")
"""Whose names are in a message, by the end of the element's name: nobody else's is a party's."""


class ScreeningObserver(Protocol):
    """Is told facts; turns them into logs and metrics. It never raises and never sees personal data."""

    def screened(self, way: Way, screened: Screened, seconds: float) -> None:
        """Something was screened, and this came of it."""
        ...

    def fault(self, where: str, error: BaseException) -> None:
        """The world failed somewhere, or we did; the loop goes on."""
        ...


@dataclass(frozen=True, slots=True)
class ToSend:
    """What screening says of a payment that is about to leave: ``held``, for ``hold_s`` at the most, or nothing."""

    held: Reason | None = None
    hold_s: int = 0
    details: Mapping[str, str] = field(default_factory=dict)


def must_pass(payment: Payment) -> bool:
    """Whether a payment is screened before it leaves: a customer's, of which no copy has left, and nobody released.

    A return is, but for limits: to whom it goes may be on a list by now. A liquidity transfer names no customer.
    """
    return not (
        payment.is_liquidity or payment.transfers or payment.state.is_final or payment.state is PaymentState.RELEASED
    )


CLEAR: Final = ToSend()
"""Of what nobody wants looked at, and of what has passed before."""


@dataclass(slots=True)
class Screening:
    """Has payments looked at, as each tenant wants; `run` keeps what they want fresh."""

    store: ScreeningStore
    screeners: Mapping[Source, Screener]
    clock: Clock
    observer: ScreeningObserver
    policies: Mapping[TenantId, ScreeningPolicy] = field(default_factory=dict)
    is_read: bool = False

    async def run(self) -> None:
        """Keep the rules fresh until cancelled."""
        while True:
            await self.refresh()
            await self.clock.pause(REFRESH_S)

    async def forget(self) -> None:
        """Forget what no limit counts any more, until cancelled."""
        while True:
            await self.store.forget_movements(self.clock.now() - timedelta(seconds=WINDOW_S_MAX))
            await self.clock.pause(FORGET_PAUSE_S)

    async def refresh(self) -> None:
        """Read the rules anew, and report those that are none: nothing of their tenants passes until they are mended.

        Raises:
            UnavailableError: the database does not answer; what was known stays.

        """
        self.policies, self.is_read = await self.store.screening_policies(), True
        for tenant_id, policy in sorted(self.policies.items()):
            if policy.fault is not None:
                self.observer.fault("screening", ValueError(f"tenant {tenant_id}: {policy.fault}"))

    async def rules_of(self, tenant_id: TenantId, way: Way) -> ScreeningRules | None:
        """Return what a tenant wants looked at, one way; None: nothing.

        Raises:
            UnavailableError: that is not known, or cannot be read: nothing of the tenant passes.

        """
        if not self.is_read:
            await self.refresh()  # nothing passes because we do not know yet
        policy = self.policies.get(tenant_id, NOTHING_SCREENED)
        if policy.fault is not None:
            raise UnavailableError(f"the screening rules of tenant {tenant_id} cannot be read: {policy.fault}")
        return policy.of(way)

    async def look_at(self, rules: ScreeningRules, subject: Subject, *, within_s: float) -> Screened:
        """Have everyone look whom the rules name, all at once, and return what came of it. A repeat is safe."""
        started_s = self.clock.monotonic_s()
        within_s = max(min(within_s, rules.budget_ms / 1000), 0.0)
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(self._asked(each, rules, subject, within_s)) for each in rules.sources]
            late = (await asyncio.wait(tasks, timeout=within_s))[1]
            for task in late:
                task.cancel()
        hits: list[ScreeningHit] = []
        faults: list[str] = []
        for source, task in zip(rules.sources, tasks, strict=True):
            found = "no answer in time" if task.cancelled() else task.result()
            if isinstance(found, str):
                faults.append(f"{source}: {found}")
            else:
                hits += found
        screened = Screened(tuple(hits), rules.sources, "; ".join(faults) or None, rules.unanswered_reason_code)
        self.observer.screened(subject.way, screened, self.clock.monotonic_s() - started_s)
        return screened

    async def _asked(
        self, source: Source, rules: ScreeningRules, subject: Subject, within_s: float
    ) -> Sequence[ScreeningHit] | str:
        """What one has found; or, as text, why it has not looked: also by a fault of ours, which lets nothing pass."""
        found: Sequence[ScreeningHit] | str = "it failed"
        verdict = Verdict()
        async with verdict:
            found = await self.screeners[source].screen(rules, subject, within_s=within_s)
        if verdict.fault is not None:
            self.observer.fault("screening", verdict.fault)
            return str(verdict.fault) if isinstance(verdict.fault, UnavailableError) else "it failed"
        return found

    async def outgoing(self, payment: Payment, received: RawMessage, *, until: datetime) -> ToSend:
        """Have a payment looked at that is about to be sent for the first time, while there is time for it.

        Raises:
            UnavailableError: it was not looked at whole, and the tenant has such ones wait: it has not passed.

        """
        rules = await self.rules_of(payment.tenant_id, Way.OUTGOING) if must_pass(payment) else None
        if rules is not None and payment.is_return:
            rules = rules.of_returns
        if rules is None or not rules.sources:
            return CLEAR
        within_s = (until - self.clock.now()).total_seconds()
        screened = await self.look_at(rules, _of_payment(payment, received), within_s=within_s)
        if screened.hits:
            return ToSend(HELD_BY_A_HIT, rules.hold_s, screened.details)
        if screened.fault is None:
            return ToSend(details=screened.details)
        if rules.unanswered is Unanswered.HOLD:
            return ToSend(HELD_UNSCREENED, rules.hold_s, screened.details)
        raise UnavailableError(f"payment {payment.payment_id} is not screened: {screened.fault}")

    async def wants(self, tenant_id: TenantId, way: Way) -> bool:
        """Whether a tenant has anything looked at, one way: also where that cannot be told."""
        try:
            return await self.rules_of(tenant_id, way) is not None
        except UnavailableError:
            return True

    async def incoming(
        self,
        transfer: IncomingTransfer,
        message: CustomerCreditTransfer | PaymentReturn,
        bodies: Sequence[bytes],
        *,
        within_s: float,
    ) -> Screened:
        """Have a transfer looked at that is about to be accepted; `bodies` is what it came in, where it says more.

        Of a return those are looked at who pay back and are paid back, by its own words.

        Raises:
            UnavailableError: it is not known what the tenant wants: it has not passed.

        """
        rules = await self.rules_of(transfer.tenant_id, Way.INCOMING)
        if rules is None:
            return PASSED
        others = tuple(name for body in bodies for name in names_in(body))
        parties = _parties_of(message)
        if parties is None:
            return Screened((), rules.sources, UNNAMED, rules.unanswered_reason_code)
        return await self.look_at(rules, _of_transfer(transfer, parties, others), within_s=within_s)


@dataclass(frozen=True, slots=True)
class VelocityScreener:
    """Implements `Screener` by counting: how often, and how much, an account has moved in a window.

    What is looked at counts from then on, whatever becomes of it: attempts are what a limit is about.
    """

    store: ScreeningStore
    vault: Vault

    async def screen(self, rules: ScreeningRules, subject: Subject, *, within_s: float) -> Sequence[ScreeningHit]:  # noqa: ARG002
        """Count it, and return the limits that it is above; see the port."""
        hits: list[ScreeningHit] = []
        for side in Side:
            limits = [(number, rule) for number, rule in enumerate(rules.velocity) if rule.account is side]
            if not limits:
                continue
            moved = await self.store.count_movement(
                self._movement(subject, side), [rule.window_s for _, rule in limits]
            )
            for (number, rule), of_window in zip(limits, moved, strict=True):
                above = (
                    rule.count_max is not None
                    and of_window.count > rule.count_max
                    and f"{of_window.count} payments of at most {rule.count_max}",
                    rule.cents_max is not None
                    and of_window.cents > rule.cents_max
                    and f"{Amount(of_window.cents).text} USD of at most {Amount(rule.cents_max).text}",
                )
                hits += [
                    ScreeningHit(
                        Source.VELOCITY,
                        f"limit {number + 1}",
                        f"{side} account",
                        text=f"{what} in {rule.window_s} s",
                    )
                    for what in above
                    if what
                ]
        return hits

    def _movement(self, subject: Subject, side: Side) -> Movement:
        of_side = {
            Side.DEBTOR: (subject.debtor_agent, subject.debtor_account),
            Side.CREDITOR: (subject.creditor_agent, subject.creditor_account),
        }
        agent, account = of_side[side]
        # The side is part of what is counted: what an account pays is not what it is paid.
        index = account_index(self.vault, agent, f"{side}:{account.reveal()}")
        return Movement(
            tenant_id=subject.tenant_id,
            way=subject.way,
            account_index=index,
            payment_id=subject.payment_id,
            amount=subject.amount,
            at=subject.at,
        )


def names_in(body: bytes) -> tuple[Personal, ...]:
    """Return the names of all parties in a message, the ultimate ones too."""
    document = unwrap(read(body, RAIL_LIMITS)).document
    if document is None:
        return ()
    found: dict[str, Personal] = {}
    for element in document.iter():
        is_name = str(element.tag).endswith(_NAMED) and element.text
        if is_name and any(str(above.tag).endswith(_PARTIES) for above in element.iterancestors()):
            found.setdefault(str(element.text), Personal(str(element.text)))
    return tuple(found.values())


def _of_payment(payment: Payment, received: RawMessage) -> Subject:
    """What the client sent, or we give back, as it is looked at: the gateway keeps no name and no account in clear."""
    others: tuple[Personal, ...] = ()
    parties: _Parties | None
    if received.content_type == JSON_TYPE:
        said = PaymentRequest.from_json(json.loads(received.body))
        parties = _Parties(
            said.debtor_name, said.debtor_account, said.creditor_name, said.creditor_account, said.remittance
        )
    else:
        document = unwrap(read(received.body)).document
        assert document is not None, "a payment was accepted from a message without a Document"
        is_pacs004 = received.message_type == pacs004.MESSAGE_TYPE
        message = pacs004.parse(document) if is_pacs004 else pacs008.parse(document)
        parties = _parties_of(message)
        others = () if message.carries_all else names_in(received.body)
    assert parties is not None, "a return of ours names who pays back"
    return Subject(
        way=Way.OUTGOING,
        payment_id=payment.payment_id,
        tenant_id=payment.tenant_id,
        rail=payment.rail,
        amount=payment.amount,
        debtor=parties.debtor,
        debtor_account=parties.debtor_account,
        debtor_agent=payment.debtor_agent,
        creditor=parties.creditor,
        creditor_account=parties.creditor_account,
        creditor_agent=payment.creditor_agent,
        end_to_end_id=payment.end_to_end_id,
        uetr=payment.uetr,
        at=payment.accepted_at,
        other_names=others,
        remittance=parties.remittance,
    )


@dataclass(frozen=True, slots=True)
class _Parties:
    """Who pays whom, by a message."""

    debtor: Personal
    debtor_account: Personal
    creditor: Personal
    creditor_account: Personal
    remittance: tuple[Personal, ...] = ()


def _parties_of(message: CustomerCreditTransfer | PaymentReturn) -> _Parties | None:
    """Whom a message names; None where a return does not name who pays back: then nobody could look."""
    if isinstance(message, CustomerCreditTransfer):
        return _Parties(
            message.debtor.name,
            message.debtor_account,
            message.creditor.name,
            message.creditor_account,
            message.remittance,
        )
    chain = message.return_chain
    debtor = None if chain is None else _name_of(chain.debtor)
    if chain is None or debtor is None:
        return None
    return _Parties(
        debtor,
        Personal(account_number(chain.debtor_account)),
        _name_of(chain.creditor) or Personal(""),
        Personal(account_number(chain.creditor_account)),
    )


def _name_of(actor: Actor) -> Personal | None:
    """A customer's name; an institution that acts for itself has none that lists of persons know."""
    return Personal("") if isinstance(actor, Agent) else actor.name


def _of_transfer(transfer: IncomingTransfer, parties: _Parties, others: tuple[Personal, ...]) -> Subject:
    return Subject(
        way=Way.INCOMING,
        payment_id=transfer.payment_id,
        tenant_id=transfer.tenant_id,
        rail=transfer.rail,
        amount=transfer.amount,
        debtor=parties.debtor,
        debtor_account=parties.debtor_account,
        debtor_agent=transfer.debtor_agent,
        creditor=parties.creditor,
        creditor_account=parties.creditor_account,
        creditor_agent=transfer.creditor_agent,
        end_to_end_id=transfer.end_to_end_id,
        uetr=transfer.uetr,
        at=transfer.received_at,
        other_names=others,
        remittance=parties.remittance,
    )
