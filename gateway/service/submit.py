"""Submit: examine, claim and commit a payment; or refuse it, and keep the fact."""

from __future__ import annotations

import asyncio
import hashlib
import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from enum import StrEnum
from typing import ClassVar, Final

from gateway.domain.identity import delivery_id_of, payment_id_of, slot_of
from gateway.domain.payment import FundsHolder, IdempotencyKey, Payment, Rail, TenantId
from gateway.domain.transitions import Effect
from gateway.service.admission import Admission
from gateway.service.both_regions import Durability, OneRegion
from gateway.service.days import LostDays
from gateway.service.directory import ParticipantDirectory
from gateway.service.group_commit import GroupCommit, OverloadedError
from gateway.service.liquidity import LIQUIDITY_REQUEST_TYPE, LiquidityRequest, LiquidityTransfer, taken
from gateway.service.pace import Pace
from gateway.service.ports import (
    Accepted,
    AcceptKind,
    ClaimStore,
    Clock,
    ElsewhereError,
    Identifiers,
    Leg,
    MessageClass,
    MessageDirection,
    NewPayment,
    Observer,
    OutboundDelivery,
    PaymentStore,
    Queue,
    QueueDirection,
    RawMessage,
    Refusal,
    Vault,
)
from gateway.service.rail_protocol import XML_TYPE, RailProtocol
from gateway.service.relay import Forward, leave_to_the_relay
from gateway.service.requests import PaymentRequest
from iso20022 import (
    BusinessHeader,
    CustomerCreditTransfer,
    Finding,
    InstitutionCreditTransfer,
    Report,
    Severity,
    content_fingerprint_source,
    guess_rail,
)
from iso20022.messages import pacs008, pacs009

JSON_TYPE: Final = "application/json"

REQUEST_TYPE: Final = "payment-request.v1"
"""The message type of a payment that was asked for in JSON."""

_TYPES: Final = {
    (XML_TYPE, False): pacs008.MESSAGE_TYPE,
    (XML_TYPE, True): pacs009.MESSAGE_TYPE,
    (JSON_TYPE, False): REQUEST_TYPE,
    (JSON_TYPE, True): LIQUIDITY_REQUEST_TYPE,
}
"""The type under which a client's message is kept, by its form and whether it is a liquidity transfer."""

_INSTRUCTION_ID_PATH: Final = "/Document/FIToFICstmrCdtTrf/CdtTrfTxInf/PmtId/InstrId"

PACE_S: Final = 0.010
BURST_MAX: Final = 64
BURST_WAITING_MAX: Final = 256
"""Submissions go on in bursts so far apart, of at most so many; who comes first goes at once. More than that do not
wait to be looked at: they are turned away, which costs a fraction."""

ACCEPT_MAX: Final = 64
"""Submissions are committed together, at most so many: those of a burst, and what came during the last commit."""

EXPLANATIONS_MAX: Final = 2
"""Refused messages that are explained at once, each in a thread: the explanation costs a hundred times the verdict."""


EXPLANATIONS_WAITING_MAX: Final = 64
"""Refused messages whose explanation is made or waited for. More are turned away unexplained."""


class UnexplainedError(OverloadedError):
    """So many messages with faults have come that this one's cannot be told now: nothing was done."""

    shown: ClassVar[str] = "Too many messages with faults have come at once for this one's to be told now"


class RefusalKind(StrEnum):
    """Why nothing was accepted; the edge makes a status code of it."""

    RAIL_NOT_SERVED = "rail_not_served"
    """The payment names, or shows, a rail that this gateway does not serve."""

    INVALID = "invalid"
    """The message breaks the schema or the rail's rules."""

    UNREADABLE = "unreadable"
    """The bytes are no message that we read at all."""

    NOT_REACHED = "not_reached"
    """By the rail's participant directory it would refuse the payment."""

    DIRECTORY_STALE = "directory_stale"
    """The rail's participant directory is not fresh, and nothing is sent without."""

    LIQUIDITY_NOT_ALLOWED = "liquidity_not_allowed"
    """The tenant may not move the institution's own money."""

    KEY_DIFFERS = "key_differs"
    """A header names another idempotency key than the message's own id."""

    OTHER_CONTENT = "other_content"
    """The key belongs to a payment with other content."""

    MESSAGE_ID_TAKEN = "message_id_taken"
    """Another payment goes to the rail under this message id already."""

    INSTRUCTION_ID_TAKEN = "instruction_id_taken"
    """Another payment goes to the rail under this instruction id already, and the rail tells copies by it."""


@dataclass(frozen=True, slots=True)
class Refused:
    """Nothing was accepted: the kind, and every finding at once."""

    kind: RefusalKind
    findings: tuple[Finding, ...] = ()
    payment: Payment | None = None


@dataclass(frozen=True, slots=True)
class Submitted:
    """The payment, and whether this submission made it or a former one had."""

    payment: Payment
    created: bool
    warnings: tuple[Finding, ...] = ()


class _OfUnknownDayError(Exception):
    """A lost region may have named it on another day; nothing was accepted."""

    def __init__(self, new: NewPayment, asked_from: datetime) -> None:
        super().__init__(f"the day of payment {new.payment_id} is unknown")
        self.new = new
        self.asked_from = asked_from


class Intake:
    """Takes submissions for the rails that are served; `accepts.run` must be running.

    A payment goes over the rail that the client names, else over the one that its message shows, else over
    `default_rail`. Liquidity is moved by `liquidity_tenants` alone; None: by all, as for what is run again.
    """

    def __init__(
        self,
        *,
        rails: Mapping[Rail, RailProtocol],
        default_rail: Rail,
        store: PaymentStore,
        accepts: GroupCommit[NewPayment, Accepted],
        admission: Admission,
        clock: Clock,
        identifiers: Identifiers,
        vault: Vault,
        observer: Observer,
        forward: Forward = leave_to_the_relay,
        durability: Durability | None = None,
        directory: ParticipantDirectory | None = None,
        liquidity_tenants: Collection[TenantId] | None = frozenset(),
        days: LostDays | None = None,
        pace_s: float = 0.0,
    ) -> None:
        self._rails = rails
        self._default_rail = default_rail
        self._store = store
        self._accepts = accepts
        self._admission = admission
        self._clock = clock
        self._identifiers = identifiers
        self._vault = vault
        self._observer = observer
        self._forward = forward
        self._durability = durability or OneRegion()
        self._directory = directory
        self._liquidity_tenants = liquidity_tenants
        self._days = days
        self._pace = Pace(pace_s, burst_max=BURST_MAX, waiting_max=BURST_WAITING_MAX)
        self._explaining = asyncio.Semaphore(EXPLANATIONS_MAX)
        self._unexplained = 0

    async def submit_message(
        self,
        tenant_id: TenantId,
        body: bytes,
        *,
        header_key: str | None,
        received_at: datetime,
        named: Rail | None = None,
    ) -> Submitted | Refused:
        """Submit an ISO 20022 message; its own message id is the idempotency key. A repeat is safe.

        `named` is the rail that the client named, if it did.

        Raises:
            OverloadedError: too much waits already, or for too long; nothing was done.
            ElsewhereError: the key's home is another region: nothing was done here.
            NotServingError: this region may not accept anything now; nothing was done.
            UnavailableError: the store does not answer; whether it was accepted is unknown, repeat under the same key.
            NotInBothError: accepted, and not known to be in the other region: likewise.

        """
        await self._admitted()
        chosen, report = self._examined(body, named)
        rail = self._rails.get(chosen)
        if rail is None:
            return await self._refuse(tenant_id, body, _not_served(chosen, self._rails), received_at)
        transfer, document = _transfer_in(report, rail), report.document
        if transfer is None or document is None:
            return await self._refuse(tenant_id, body, await self._unacceptable(rail, report), received_at)
        if header_key is not None and header_key != transfer.message_id:
            return await self._refuse(tenant_id, body, Refused(RefusalKind.KEY_DIFFERS), received_at)
        new = self._new_payment(
            rail,
            tenant_id,
            IdempotencyKey(transfer.message_id),
            transfer,
            header=report.header,
            body=body,
            content=b"xml:" + content_fingerprint_source(document),
            content_type=XML_TYPE,
            received_at=received_at,
            business_date=rail.business_date(received_at),
        )
        if not self._may_move(new):
            return await self._accept_if_known(new, body, Refused(RefusalKind.LIQUIDITY_NOT_ALLOWED))
        stale = rail.check_date(transfer.message_id, at=received_at) if report.valid else ()
        if report.valid and isinstance(transfer, LiquidityTransfer):
            stale += rail.check_liquidity_hours(at=received_at)
        refused = self._not_reached(rail, transfer) if report.valid and not stale else None
        if report.valid and not stale and refused is None:
            return await self._accept(new, body, _warnings(report.findings))
        if not report.valid:
            return await self._accept_if_known(new, body, await self._unacceptable(rail, report))
        refused = refused or Refused(RefusalKind.INVALID, stale)
        return await self._accept_unless_free(new, body, refused, _warnings(report.findings))

    async def _admitted(self) -> None:
        """Return when a submission may be examined: with the next burst. Raises OverloadedError where it may not."""
        self._admission.admit()
        await self._pace.turn()

    def _may_move(self, new: NewPayment) -> bool:
        """Whether the money is the tenant's to move: the institution's own is not every tenant's."""
        is_own = new.funds_holder is FundsHolder.INSTITUTION
        return not is_own or self._liquidity_tenants is None or new.tenant_id in self._liquidity_tenants

    def _not_reached(self, rail: RailProtocol, transfer: CustomerCreditTransfer | LiquidityTransfer) -> Refused | None:
        """Why the rail would refuse a well-formed transfer, by its directory: of liquidity that says nothing."""
        if self._directory is None or isinstance(transfer, LiquidityTransfer):
            return None
        unreached = self._directory.of_transfer(rail.rail, transfer)
        if unreached is None:
            return None
        kind = RefusalKind.DIRECTORY_STALE if unreached.is_ours else RefusalKind.NOT_REACHED
        return Refused(kind, (unreached.finding,))

    def _examined(self, body: bytes, named: Rail | None) -> tuple[Rail, Report]:
        """The rail that the message goes over, and the verdict of its rules where it is served."""
        presumed = named if named is not None and named in self._rails else self._default_rail
        report = self._rails[presumed].examine(body)
        shown = None if report.envelope is None else guess_rail(report.envelope)
        chosen = named or (presumed if shown is None else Rail(shown))
        if chosen is presumed or chosen not in self._rails:
            return chosen, report
        return chosen, self._rails[chosen].examine(body)

    async def _unacceptable(self, rail: RailProtocol, report: Report) -> Refused:
        """Every finding of a message that is no valid transfer; made in a thread.

        Raises:
            UnexplainedError: too many wait for theirs.

        """
        if report.valid:
            return Refused(RefusalKind.INVALID, (_not_a_transfer(report),))
        if self._unexplained >= EXPLANATIONS_WAITING_MAX:
            raise UnexplainedError(f"{self._unexplained} messages wait for their findings")
        self._unexplained += 1
        try:
            async with self._explaining:
                explained = await asyncio.to_thread(rail.explain, report)
        finally:
            self._unexplained -= 1
        kind = RefusalKind.INVALID if explained.readable else RefusalKind.UNREADABLE
        return Refused(kind, explained.findings)

    async def submit_payment(
        self,
        tenant_id: TenantId,
        key: IdempotencyKey,
        request: PaymentRequest | LiquidityRequest,
        body: bytes,
        *,
        received_at: datetime,
        of_day: date | None = None,
    ) -> Submitted | Refused:
        """Submit a payment, or a liquidity transfer, asked for in JSON, read from `body`, under the client's key.

        The rail's ids of it are functions of the key and the day: that on which it was received, or `of_day`. A repeat
        is safe.

        Raises:
            DayUnknownError: a lost region may have accepted the key on another day, and nobody can be asked about that.
            OverloadedError, ElsewhereError, NotServingError, UnavailableError, NotInBothError: as `submit_message`.

        """
        await self._admitted()
        chosen = request.rail or self._default_rail
        rail = self._rails.get(chosen)
        if rail is None:
            return await self._refuse(tenant_id, body, _not_served(chosen, self._rails), received_at)
        if isinstance(request, LiquidityRequest) and not rail.carries_liquidity:
            return await self._refuse(tenant_id, body, _without_liquidity(chosen, self._rails), received_at)
        day, known_to = of_day or rail.business_date(received_at), None
        while True:
            try:
                return await self._submit_of_day(
                    rail, tenant_id, key, request, body, day=day, known_to=known_to, received_at=received_at
                )
            except _OfUnknownDayError as unknown:
                assert self._days is not None, "only a region that has a peer takes slots over"
                known_to = unknown.asked_from
                if await self._store.find_claim(unknown.new) is None:  # else it is a repeat: its payment has its day
                    day = await self._days.day_of(rail, key, asked_from=known_to, at=received_at)

    async def _submit_of_day(
        self,
        rail: RailProtocol,
        tenant_id: TenantId,
        key: IdempotencyKey,
        request: PaymentRequest | LiquidityRequest,
        body: bytes,
        *,
        day: date,
        known_to: datetime | None,
        received_at: datetime,
    ) -> Submitted | Refused:
        """Submit it under the ids of a day, which was chosen in view of a takeover, or of none."""
        transfer, findings, untimely = _made(rail, tenant_id, key, request, day=day, at=received_at)
        new = self._new_payment(
            rail,
            tenant_id,
            key,
            transfer,
            header=None,
            body=body,
            content=b"json:" + json.dumps(request.as_json(), sort_keys=True, separators=(",", ":")).encode(),
            content_type=JSON_TYPE,
            received_at=received_at,
            business_date=day,
        )
        new = replace(new, is_named_by_day=True, day_known_to=known_to)
        if not self._may_move(new):
            return await self._accept_if_known(new, body, Refused(RefusalKind.LIQUIDITY_NOT_ALLOWED))
        if any(finding.severity is Severity.ERROR for finding in findings):
            return await self._accept_if_known(new, body, Refused(RefusalKind.INVALID, findings))
        refused = Refused(RefusalKind.INVALID, untimely) if untimely else self._not_reached(rail, transfer)
        if refused is not None:
            return await self._accept_unless_free(new, body, refused, _warnings(findings))
        return await self._accept(new, body, _warnings(findings))

    async def _accept_unless_free(
        self, new: NewPayment, body: bytes, refused: Refused, warnings: tuple[Finding, ...]
    ) -> Submitted | Refused:
        """Refuse what was right another day, or may be: where a lost region may have accepted it then, the rail knows.

        It is accepted there: the rail is asked before anything is sent, and whoever sends looks into the directory.
        """
        if await self._store.asks_first(new):
            return await self._accept(new, body, warnings)
        return await self._accept_if_known(new, body, refused)

    async def _accept_if_known(self, new: NewPayment, body: bytes, refused: Refused) -> Submitted | Refused:
        """Refuse what is new; what was accepted once is a repeat, whatever the rules have become meanwhile.

        To be told "nothing was accepted" of a payment that was, a client would pay again.
        """
        if await self._store.find_claim(new) is None:
            return await self._refuse(new.tenant_id, body, refused, new.accepted_at)
        return await self._accept(new, body, ())

    def _new_payment(
        self,
        rail: RailProtocol,
        tenant_id: TenantId,
        key: IdempotencyKey,
        transfer: CustomerCreditTransfer | LiquidityTransfer,
        *,
        header: BusinessHeader | None,
        body: bytes,
        content: bytes,
        content_type: str,
        received_at: datetime,
        business_date: date,
    ) -> NewPayment:
        payment_id = payment_id_of(tenant_id, key, business_date)
        deadline_at = rail.timing.deadline(received_at)
        is_liquidity = isinstance(transfer, LiquidityTransfer)
        return NewPayment(
            payment_id=payment_id,
            tenant_id=tenant_id,
            idempotency_key=key,
            slot=slot_of(key),
            content_digest=self._vault.blind_index("content", content),
            rail=rail.rail,
            message_id=transfer.message_id,
            end_to_end_id=transfer.end_to_end_id,
            instruction_id=transfer.instruction_id,
            uetr=transfer.uetr,
            amount=transfer.amount,
            debtor_agent=transfer.debtor_agent,
            creditor_agent=transfer.creditor_agent,
            debtor_account_index=account_index(self._vault, transfer.debtor_agent, transfer.debtor_account.reveal()),
            creditor_account_index=account_index(
                self._vault, transfer.creditor_agent, transfer.creditor_account.reveal()
            ),
            business_date=business_date,
            accepted_at=received_at,
            deadline_at=deadline_at,
            timer_at=rail.timing.decided_by(deadline_at),
            message=RawMessage(
                message_id=self._identifiers.new_uuid(),
                direction=MessageDirection.CLIENT_IN,
                message_type=_TYPES[content_type, is_liquidity],
                business_message_id=header.business_message_id if header else transfer.message_id,
                content_type=content_type,
                body=body,
                at=received_at,
            ),
            outbox=(
                OutboundDelivery(
                    delivery_id_of(payment_id, Effect.QUEUE_TRANSFER, 1),
                    Queue.of(rail.rail, QueueDirection.OUT, MessageClass.VALUE),
                    payment_id,
                    deadline_at,
                ),
            ),
            funds_holder=FundsHolder.INSTITUTION if is_liquidity else None,
        )

    async def _accept(self, new: NewPayment, body: bytes, warnings: tuple[Finding, ...]) -> Submitted | Refused:
        if (home := await self._store.home_elsewhere(new)) is not None:  # and does not wait for a window here
            raise ElsewhereError(home, new.idempotency_key, body)
        self._durability.demand(new.tenant_id)
        started_s = self._clock.monotonic_s()
        accepted = await self._accepts.submit(new)
        self._observer.leg(Leg.COMMIT, self._clock.monotonic_s() - started_s)
        self._observer.leg(Leg.INTAKE, (self._clock.now() - new.accepted_at).total_seconds())
        match accepted.kind:
            case AcceptKind.OTHER_CONTENT:
                refused = Refused(RefusalKind.OTHER_CONTENT, payment=accepted.payment)
                return await self._refuse(new.tenant_id, body, refused, new.accepted_at)
            case AcceptKind.MESSAGE_ID_TAKEN:
                refused = Refused(RefusalKind.MESSAGE_ID_TAKEN)
                return await self._refuse(new.tenant_id, body, refused, new.accepted_at)
            case AcceptKind.INSTRUCTION_ID_TAKEN:
                refused = Refused(RefusalKind.INSTRUCTION_ID_TAKEN, (_instruction_id_taken(new),))
                return await self._refuse(new.tenant_id, body, refused, new.accepted_at)
            case AcceptKind.ELSEWHERE:
                assert accepted.home is not None
                raise ElsewhereError(accepted.home, new.idempotency_key, body)
            case AcceptKind.DAY_UNKNOWN:
                assert accepted.asked_from is not None
                raise _OfUnknownDayError(new, accepted.asked_from)
            case AcceptKind.CREATED | AcceptKind.REPLAYED:
                assert accepted.payment is not None
                # A repeat waits as well: it may come while the first does.
                await self._durability.wait(new.tenant_id, new.idempotency_key)
                if accepted.kind is AcceptKind.CREATED:
                    self._forward(new.outbox)
                self._observer.payment_accepted(accepted)
                return Submitted(accepted.payment, created=accepted.kind is AcceptKind.CREATED, warnings=warnings)

    async def _refuse(self, tenant_id: TenantId, body: bytes, refused: Refused, at: datetime) -> Refused:
        await self.record_refusal(
            tenant_id,
            codes=tuple(finding.code for finding in refused.findings) or (refused.kind.value,),
            content_digest=hashlib.sha256(body).digest(),
            size=len(body),
            at=at,
        )
        return refused

    async def record_refusal(
        self, tenant_id: TenantId, *, codes: Sequence[str], content_digest: bytes, size: int, at: datetime
    ) -> None:
        """Keep the fact of a refusal: who, when, why, and the digest of what was sent."""
        refusal = Refusal(self._identifiers.new_uuid(), tenant_id, at, content_digest, size, tuple(codes))
        await self._store.refuse([refusal])
        self._observer.request_refused(refusal)


def _made(
    rail: RailProtocol,
    tenant_id: TenantId,
    key: IdempotencyKey,
    request: PaymentRequest | LiquidityRequest,
    *,
    day: date,
    at: datetime,
) -> tuple[CustomerCreditTransfer | LiquidityTransfer, tuple[Finding, ...], tuple[Finding, ...]]:
    """What a JSON request moves, and what the rail would refuse in the message made of it: at any time, and now."""
    if not isinstance(request, LiquidityRequest):
        transfer = rail.transfer_from_request(
            request, tenant_id=tenant_id, idempotency_key=key, business_date=day, at=at
        )
        return transfer, rail.check_transfer(transfer), ()
    message = rail.liquidity_from_request(request, tenant_id=tenant_id, idempotency_key=key, business_date=day, at=at)
    liquidity = taken(message)
    assert liquidity is not None, "what we have made names its institutions"
    return liquidity, rail.check_transfer(message), rail.check_liquidity_hours(at=at)


def _transfer_in(report: Report, rail: RailProtocol) -> CustomerCreditTransfer | LiquidityTransfer | None:
    """What a client's message moves; None where it is no message that is taken, or does not say whose money."""
    message = report.message
    if isinstance(message, InstitutionCreditTransfer):
        return taken(message) if rail.carries_liquidity else None
    return message if isinstance(message, CustomerCreditTransfer) else None


def account_index(vault: Vault, agent: str, account: str) -> bytes:
    """Return the blind index of an account at an institution: the same for what is sent and what is received."""
    return vault.blind_index("account", f"{agent}:{account}".encode())


def _not_served(rail: Rail, served: Collection[Rail]) -> Refused:
    """What neither a repeat nor another try mends: whoever runs the gateway must give the rail an address."""
    finding = Finding(
        code="RAIL_NOT_SERVED",
        value=rail.value,
        rule=f"A payment goes over a rail that this gateway serves: {' or '.join(served)}.",
        hint=f"Send it over {' or '.join(served)}, or have FIFTEEN_{rail.upper()}__URL set where the gateway runs.",
    )
    return Refused(RefusalKind.RAIL_NOT_SERVED, (finding,))


def _without_liquidity(rail: Rail, rails: Mapping[Rail, RailProtocol]) -> Refused:
    carrying = " or ".join(each for each, protocol in rails.items() if protocol.carries_liquidity)
    finding = Finding(
        code="RAIL_WITHOUT_LIQUIDITY",
        value=rail.value,
        rule=f"Liquidity transfers go by this gateway over {carrying or 'no rail'} alone.",
        hint=f"Send it over {carrying}." if carrying else "Have a rail served that carries them.",
    )
    return Refused(RefusalKind.INVALID, (finding,))


def _instruction_id_taken(new: NewPayment) -> Finding:
    return Finding(
        code="INSTRUCTION_ID_TAKEN",
        xpath=_INSTRUCTION_ID_PATH,
        value=new.instruction_id,
        rule="No two payments over this rail share an instruction id: the rail tells a repeat from a new payment by "
        "it, and would answer for the second what became of the first.",
        hint="Give each payment an instruction id of its own, or in JSON leave it out: the gateway makes one.",
    )


def _not_a_transfer(report: Report) -> Finding:
    return Finding(
        code="NOT_A_TRANSFER",
        xpath="/",
        value=report.message_type,
        rule=f"What is submitted is a {pacs008.MESSAGE_TYPE}, a customer credit transfer, or on a rail that carries it "
        f"by this gateway a {pacs009.MESSAGE_TYPE}, a liquidity transfer.",
        hint="Submit the transfer alone; the gateway sends status requests and reads the rail's answers by itself.",
    )


def _warnings(findings: Sequence[Finding]) -> tuple[Finding, ...]:
    return tuple(finding for finding in findings if finding.severity is Severity.WARNING)


def grouped_accepts(store: ClaimStore) -> GroupCommit[NewPayment, Accepted]:
    """Return the group commit of the intake; its `run` must be running."""
    return GroupCommit(store.accept, window_s=0, batch_max=ACCEPT_MAX)
