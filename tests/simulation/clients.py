"""Those outside: clients that submit, repeat themselves and wait, and the operator whom a doubt that lasts is for."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final, TypeVar

from gateway.domain.doubt import NotFoundPolicy
from gateway.domain.incoming import IncomingState
from gateway.domain.incoming_transfer import Attention, IncomingTransfer
from gateway.domain.payment import IdempotencyKey, Payment, PaymentState, Reason, ReasonOrigin, TenantId
from gateway.service.group_commit import OverloadedError
from gateway.service.incoming.desk import NotReturnableError
from gateway.service.operate import NotAwaitingOperatorError, NotHeldError, OperatorAction
from gateway.service.ports import UnavailableError
from gateway.service.requests import PaymentRequest
from gateway.service.submit import Refused
from gateway.service.supervise import Verdict
from iso20022 import Amount, EndToEndId, Personal, RoutingNumber, Uetr, fednow_message_id
from tests.acceptance.payments import EASTERN, RECEIVER, SENDER, message, transfer
from tests.simulation.incoming import ENDS, TENANT
from tests.simulation.rail import PARTY
from tests.simulation.scenario import IncomingPlan, PaymentPlan
from tests.simulation.witness import Told

if TYPE_CHECKING:
    from tests.simulation.build import GatewayLife
    from tests.simulation.world import World

Result = TypeVar("Result")

TENANTS: Final = {policy: TenantId(policy.value) for policy in NotFoundPolicy}
"""Two tenants: one whose payments are rejected when the rail has no such message, and one whose are sent again."""

WAIT_S: Final = 15.0
TRIES_MAX: Final = 16
"""How often a client tries to get an answer before it gives up; it has been promised nothing then."""

PAUSE_MAX_S: Final = 10.0

OPERATOR_PAUSE_S: Final = 45.0

RETURNS_MAX: Final = 4
"""How often a part is ordered back whose return has failed."""

LOOK_PAUSE_S: Final = 2.0
"""How often an institution looks what has become of a transfer."""

DECIDED_BY_THE_RAIL_S: Final = 120.0
"""So long after the last copy left, the rail's support desk can say what became of it for good."""

NO_ANSWER: Final = (UnavailableError, OverloadedError, ConnectionError, TimeoutError)
"""What a client takes for "ask again"."""


EXPECTED: Final = (UnavailableError, OverloadedError, NotAwaitingOperatorError, NotHeldError, NotReturnableError)
"""What a request, or a loop, may well end with in a bad world."""


class Gateway:
    """A gateway as clients see it: lives come and go behind it."""

    def __init__(self, world: World, name: str) -> None:
        self.name = name
        self._world = world
        self.current: GatewayLife | None = None

    async def ask(self, what: str, work: Callable[[GatewayLife], Awaitable[Result]]) -> Result:
        """Have a piece of work done and return its answer, as over a connection of its own.

        Raises:
            ConnectionError: nobody listens, or the process has died meanwhile.

        """
        world, gateway = self._world, self.current
        await asyncio.sleep(world.chance.delay_s(0.0005, 0.02, self.name, what, world.loop.time()))
        if gateway is None or gateway.group is None or not gateway.life.is_alive:
            raise ConnectionRefusedError(f"{self.name} does not listen")
        answer: asyncio.Future[Result] = world.loop.create_future()
        life = gateway.life
        life.last_wills.append(lambda: _break_off(answer))

        async def served() -> None:
            verdict = Verdict()
            result: Any = None
            async with verdict:
                result = await work(gateway)
            if answer.done() or not life.is_alive:
                return
            if verdict.fault is None:
                answer.set_result(result)
                return
            if not isinstance(verdict.fault, EXPECTED):
                world.fault(f"{self.name}: {what} ended with {verdict.fault!r}")
            answer.set_exception(verdict.fault)

        life.spawn(gateway.group, served())
        return await answer


def _break_off(answer: asyncio.Future[Any]) -> None:
    if not answer.done():
        answer.set_exception(ConnectionResetError("the process has died"))


class Orders:
    """What the clients send: bodies are made once, at the first try, and repeated byte for byte."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._bodies: dict[int, bytes] = {}

    async def submit(self, gateway: GatewayLife, plan: PaymentPlan) -> Payment | Refused:
        """Submit the payment at a gateway, wait as the plan says, and return what the client is answered."""
        now = gateway.life.clock.now()
        tenant_id, body = TENANTS[plan.not_found] if plan.answers is None else TENANT, self._body(plan)
        if plan.is_json:
            key, request = IdempotencyKey(f"key-{plan.number}"), PaymentRequest.from_json(json.loads(body))
            outcome = await gateway.intake.submit_payment(tenant_id, key, request, body, received_at=now)
        else:
            outcome = await gateway.intake.submit_message(tenant_id, body, header_key=None, received_at=now)
        if isinstance(outcome, Refused):
            return outcome
        payment = outcome.payment
        if plan.waits:
            await gateway.waiting.until_final(payment.payment_id, until=now + timedelta(seconds=WAIT_S))
            return (await gateway.store.load([payment.payment_id]))[payment.payment_id]
        return payment

    def _body(self, plan: PaymentPlan) -> bytes:
        if plan.number not in self._bodies:
            self._bodies[plan.number] = self._json(plan) if plan.is_json else self._xml(plan)
        return self._bodies[plan.number]

    def _xml(self, plan: PaymentPlan) -> bytes:
        now, reference = self._world.now(), self._world.reference(plan.number)
        message_id = fednow_message_id(
            business_date=now.astimezone(EASTERN).date(), connection_party=PARTY, reference=f"SIM{plan.number:06}"
        )
        order = transfer(cents=1000 + plan.number, created=now)
        uetr = Uetr(f"00000000-0000-4000-8000-{plan.number:012}")
        return message(replace(order, message_id=message_id, end_to_end_id=reference, uetr=uetr))

    def _json(self, plan: PaymentPlan) -> bytes:
        return json.dumps(
            PaymentRequest(
                amount=Amount(1000 + plan.number),
                debtor_name=Personal("Debtor Sample"),
                debtor_account=Personal("100000007777"),
                debtor_agent=RoutingNumber(SENDER),
                creditor_name=Personal("Creditor Sample"),
                creditor_account=Personal("200000000001"),
                creditor_agent=RoutingNumber(RECEIVER),
                end_to_end_id=EndToEndId(self._world.reference(plan.number)),
            ).as_json()
        ).encode()


async def client(world: World, plan: PaymentPlan, number: int) -> None:
    """One client of one payment: tries until it has an answer, and then perhaps once more."""
    chance, who = world.chance, f"client {plan.number}"
    await asyncio.sleep(plan.at_s + chance.delay_s(0, 0.01, who, number))
    for turn in range(1 + plan.repeats):
        for attempt in range(TRIES_MAX):
            gateway = world.gateways[(plan.number + number + turn + attempt) % len(world.gateways)]
            world.trace.tell(who, f"submits payment {plan.number} at {gateway.name}")
            world.asked[plan.number] += 1
            try:
                async with asyncio.timeout(plan.patience_s if attempt < 3 else WAIT_S * 2):
                    answer = await gateway.ask(f"payment {plan.number}", _submission(world, plan))
            except NO_ANSWER as error:
                world.trace.tell(who, f"has no answer: {type(error).__name__}")
                await asyncio.sleep(
                    min(0.1 * 2**attempt, PAUSE_MAX_S) * (1 + chance.number(who, number, turn, attempt))
                )
                continue
            finally:
                world.asked[plan.number] -= 1
            if isinstance(answer, Refused):
                world.trace.tell(who, f"is refused: {answer.kind}")
                return
            world.trace.tell(who, f"is told that payment {plan.number} is {answer.state}")
            world.witness(Told(plan.number, answer))
            break
        await asyncio.sleep(chance.delay_s(0.01, 20, who, number, turn))


def _submission(world: World, plan: PaymentPlan) -> Callable[[GatewayLife], Awaitable[Payment | Refused]]:
    return lambda gateway: world.orders.submit(gateway, plan)


async def operator(world: World) -> None:
    """Look at the list from time to time; have the rail asked, or ask its support desk and record what it says."""
    for visit in range(1_000_000):
        await asyncio.sleep(OPERATOR_PAUSE_S * (1 + world.chance.number("operator", visit)))
        for payment in world.payments:
            if payment.state is PaymentState.AWAITING_OPERATOR:
                await _look_into(world, payment, visit)
        for owed in list(world.incoming.rows.transfers.values()):
            if owed.state is IncomingState.RETURN_DUE and owed.attention is Attention.RETURN_FAILED:
                plan = world.rail.forwarding.plan_of(owed)
                await _order(world, plan, None, key=f"operator {visit}, {plan.number}", turn=visit)


async def giving_back(world: World, plan: IncomingPlan) -> None:
    """The institution gives back what it has posted, part by part: under a key each, as often as it has no answer."""
    for part, cents in enumerate(plan.gives_back):
        for attempt in range(RETURNS_MAX):
            before = await _posted(world, plan)
            if before is None:
                return
            key = f"give back {plan.number}, {part}, {attempt}"
            for turn in range(plan.orders):
                await _order(world, plan, Amount(cents), key=key, turn=turn)
                await asyncio.sleep(world.chance.delay_s(0.01, 20, "institution", key, turn))
            after = await _posted(world, plan)
            if after is not None and after.returned_cents > before.returned_cents:
                break


async def _posted(world: World, plan: IncomingPlan) -> IncomingTransfer | None:
    """The transfer once it is posted, and no return of it is under way; None where it is not posted at its end."""
    while True:
        received = world.received(plan)
        if received is not None and received.state in ENDS and not received.returning_cents:
            return received if received.state is IncomingState.POSTED else None
        await asyncio.sleep(LOOK_PAUSE_S)


async def _order(world: World, plan: IncomingPlan, amount: Amount | None, *, key: str, turn: int) -> None:
    """Order a return until there is an answer to it."""
    received = world.received(plan)
    assert received is not None, "it was posted"
    reason = None if amount is None else Reason("CUST", ReasonOrigin.INSTITUTION)
    for attempt in range(TRIES_MAX):
        gateway = world.gateways[(plan.number + turn + attempt) % len(world.gateways)]
        world.trace.tell("institution", f"orders the return of {amount or 'all'} of {plan.words}, under {key}")
        try:
            await gateway.ask(
                key, lambda at: at.desk.give_back(received.payment_id, amount, key=key, reason=reason, by="them")
            )
        except NO_ANSWER as error:
            world.trace.tell("institution", f"has no answer: {type(error).__name__}")
            await asyncio.sleep(min(0.1 * 2**attempt, PAUSE_MAX_S))
        except NotReturnableError as error:
            world.trace.tell("institution", f"is refused: {error}")
            return
        else:
            return


async def _look_into(world: World, payment: Payment, visit: int) -> None:
    action = OperatorAction.ASK
    is_of_today = payment.business_date == world.now().astimezone(EASTERN).date()
    left_at = payment.creation_time or (None if is_of_today else payment.accepted_at)  # from elsewhere, before then
    if left_at is not None and world.chance.number("asks", visit) < 0.6:
        is_decided = world.now() - left_at > timedelta(seconds=DECIDED_BY_THE_RAIL_S)
        if is_decided:
            moved = world.rail.account_for(payment).moved
            action = OperatorAction.RECORD_SETTLEMENT if moved else OperatorAction.RECORD_REJECTION
    gateway = world.gateways[visit % len(world.gateways)]
    world.trace.tell("operator", f"acts on {world.words(payment)}: {action}")
    try:
        await gateway.ask(
            "the operator", lambda at: at.operators.act(payment.payment_id, action, note="said so", by="a person")
        )
    except (*NO_ANSWER, NotAwaitingOperatorError) as error:
        world.trace.tell("operator", f"has not done it: {type(error).__name__}")
