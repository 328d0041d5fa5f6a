"""A small honest FedNow: it answers as the rail would, and counts the money of every copy that reaches it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Final

from gateway.domain.payment import Payment
from gateway.service.ports import MessageClass
from iso20022 import (
    BusinessHeader,
    ConnectionPartyId,
    CustomerCreditTransfer,
    Direction,
    EndToEndId,
    FedNowProfile,
    MessageId,
    PaymentReturn,
    PaymentStatusReport,
    PaymentStatusRequest,
    ReceiptAcknowledgement,
    RequestForPaymentCancellation,
    Resolution,
    TransactionStatus,
    examine,
)
from iso20022.messages import pacs004
from iso20022.messages.admi004 import SystemEventNotification
from iso20022.messages.pain013 import RequestForPayment
from iso20022.messages.pain014 import RequestForPaymentResponse
from simulators.facts import PaymentBooked, ReasonSource
from simulators.fednow.answers import AnswerWriter
from simulators.fednow.decide import cycle_day
from simulators.fednow.settings import FedNowSimulatorSettings, RejectCodes
from simulators.fednow.value import Value, value_of
from simulators.message_ids import MessageIds
from tests.acceptance.payments import SENDER
from tests.fakes.rail import InMemoryRail
from tests.simulation.incoming import Forwardings
from tests.simulation.scenario import IncomingPlan, Treatment, Verdict
from tests.simulation.talk_plans import TalkPlan
from tests.simulation.talks import Talks

PARTY: Final = ConnectionPartyId(SENDER)

SETTINGS: Final = FedNowSimulatorSettings()
CODES: Final = RejectCodes()

DEFINITE: Final = "SIM-DEFINITE"
"""The refusal of a message that an institution has found out to be definite."""

UNEXPLAINED: Final = "SIM-UNEXPLAINED"
NOT_PROCESSED: Final = "E402"

VISIBILITY_S: Final = 5.0
"""What was fetched and is not acknowledged comes again after it."""

POSTING_S: Final = 90.0
"""What the creditor's institution says of the posting comes so long after the sender has heard of the settlement."""

_DECIDED: Final = {
    Verdict.SETTLES: TransactionStatus.ACSC,
    Verdict.REJECTS: TransactionStatus.RJCT,
    Verdict.SETTLES_WITHOUT_POSTING: TransactionStatus.ACWP,
    Verdict.POSTS_LATER: TransactionStatus.ACWP,
    Verdict.REFUSES_TO_POST: TransactionStatus.ACWP,
}
_POSTED: Final = {
    Verdict.POSTS_LATER: TransactionStatus.ACCC,
    Verdict.REFUSES_TO_POST: TransactionStatus.RJCT,
}


@dataclass(slots=True)
class Account:
    """What the rail knows of one payment: its copies, its outcome, and how often money moved."""

    treatment: Treatment
    copies: int = 0
    moved: int = 0
    is_refused: bool = False
    booked: PaymentBooked | None = None
    original_id: MessageId | None = None
    """Of a return: which payment that we have brought it gives back."""
    is_complete: bool = False
    answers: int = 0
    replies: int = 0

    @property
    def will_move(self) -> bool:
        """Whether money has moved, or is going to."""
        return self.booked is not None and self.booked.status is not TransactionStatus.RJCT


@dataclass(slots=True, kw_only=True)
class RailSurroundings:
    """What the rail needs of the world."""

    now: Callable[[], datetime]
    later: Callable[[float, Callable[[], None]], None]
    tell: Callable[[str], None]
    treatment_of: Callable[[str], Treatment]
    coming_back: Callable[[str], Sequence[IncomingPlan]]
    delay_s: Callable[[float, float, str], float]
    changed: Callable[[], None]
    acknowledging: Callable[[Sequence[bytes]], None]
    requests: Mapping[TalkPlan, EndToEndId] = field(default_factory=dict)


@dataclass(slots=True)
class _Book:
    accounts: dict[str, Account] = field(default_factory=dict)
    by_message_id: dict[str, str] = field(default_factory=dict)


class SimulatedRail(InMemoryRail):
    """The queue of the rail's messages to us, and the rail behind it; ``under_way`` is what it is still about to do.

    Payments are told apart by their end-to-end id, which no copy can change, and copies by their message id, as the
    rail does. A copy whose id was used before is refused, as the rail would; the money that it would have moved without
    that refusal is counted all the same, so that a double shows.
    """

    def __init__(self, surroundings: RailSurroundings) -> None:
        super().__init__(answering=self.hear, visibility_s=VISIBILITY_S)
        self.swallowed: set[bytes] = set()
        """What a link seemed to have handed over, and has not."""
        self._around = surroundings
        self._book = _Book()
        self._writer = AnswerWriter(SETTINGS.profile, MessageIds(started_at=surroundings.now()))
        self._told = 0
        self.under_way = 0
        self.forwarding = Forwardings.of(self)
        self.talks = Talks.of(self, surroundings.requests)

    def account_of(self, end_to_end_id: str) -> Account:
        """Return what is known of a payment; of one that never came, an account without copies."""
        account = self._book.accounts.get(end_to_end_id)
        if account is None:
            account = self._book.accounts[end_to_end_id] = Account(self._around.treatment_of(end_to_end_id))
        return account

    def return_account(self, message_id: str, *, end_to_end_id: str) -> Account:
        """Return what is known of a return of a payment that we have brought; returns are told apart by their ids."""
        account = self._book.accounts.get(message_id)
        if account is None:
            record = self.forwarding.received_as(end_to_end_id)
            plan, original_id = self.forwarding.plans[record.forwarded.message_id], record.forwarded.message_id
            number = len(self.returns_of(original_id))
            treatment = plan.returns[number] if number < len(plan.returns) else Treatment()
            account = self._book.accounts[message_id] = Account(treatment, original_id=original_id)
        return account

    def returns_of(self, original_id: MessageId) -> list[Account]:
        """Return the returns of a payment that we have brought."""
        return [account for account in self._book.accounts.values() if account.original_id == original_id]

    def account_for(self, payment: Payment) -> Account:
        """Return what is known of a payment of the gateway's, or of a return."""
        if payment.is_return:
            return self.return_account(payment.message_id, end_to_end_id=payment.end_to_end_id)
        return self.account_of(payment.end_to_end_id)

    def hear(self, body: bytes, message_class: MessageClass) -> Sequence[bytes]:
        """Take one copy of a message; what it leads to comes later."""
        report = examine(body, profile=SETTINGS.profile, direction=Direction.TO_RAIL)
        assert report.header is not None, "we send no message without a header"
        if not report.valid:
            self._say(f"a message that breaks the rules: {report.findings[0].code}")
            self._refuse(report.header.business_message_id, CODES.schema)
            return ()
        match report.message:
            case (CustomerCreditTransfer() | PaymentReturn()) as transfer:
                self._hear_transfer(value_of(transfer), report.header)
                self._around.changed()
            case PaymentStatusReport() as answer:
                if not self.forwarding.hear_answer(answer, report.header):
                    self._refuse(report.header.business_message_id, CODES.duplicate)
                self._around.changed()
            case PaymentStatusRequest() as request if request.original_message_id in self.forwarding.records:
                self._hear_receiver(request, report.header)
            case PaymentStatusRequest() as request:
                self._hear_question(request, report.header)
            case (
                RequestForPayment()
                | RequestForPaymentResponse()
                | RequestForPaymentCancellation()
                | Resolution()
                | ReceiptAcknowledgement()
            ) as said:
                if not self.talks.hear(said, report.header):
                    self._refuse(report.header.business_message_id, CODES.duplicate)
                self._around.changed()
            case SystemEventNotification() as event:
                self._say("hears a PING")
                reference = report.header.business_message_id
                self._tell(
                    self._writer.acknowledge(event, reference=reference, recipient=PARTY, now=self._around.now()),
                    "admi.011: it is there",
                )
            case other:
                self.hear_other(other, report.header)
        return ()

    def hear_other(self, message: object, header: BusinessHeader) -> None:
        """Take what is sent in some worlds alone."""
        raise AssertionError(f"{header.message_type} is nothing that we send: {message}")

    async def acknowledge(self, receipts: Sequence[str]) -> None:
        """Forget these; whoever watches sees first what they were."""
        self._around.acknowledging(
            [self._waiting[receipt].delivery.body for receipt in receipts if receipt in self._waiting]
        )
        await super().acknowledge(receipts)

    # --- transfers ---

    def _hear_transfer(self, transfer: Value, header: BusinessHeader) -> None:
        now, reference = self._around.now(), transfer.end_to_end_id
        account = (
            self.return_account(transfer.message_id, end_to_end_id=reference)
            if transfer.is_return
            else self.account_of(reference)
        )
        account.copies += 1
        what = "return" if transfer.is_return else "transfer"
        self._say(f"hears the {what} {reference}, copy {account.copies}")
        clock_ends_at = (header.creation_time + SETTINGS.rail_clock).astimezone(UTC)
        is_in_time = clock_ends_at - now >= timedelta(seconds=SETTINGS.receiver_reserve_s)
        if transfer.message_id in self._book.by_message_id:
            if account.will_move and is_in_time:
                account.moved += 1
            self._refuse(transfer.message_id, CODES.duplicate)
            return
        self._book.by_message_id[transfer.message_id] = transfer.message_id if transfer.is_return else reference
        treatment = account.treatment
        if treatment.verdict in {Verdict.REFUSED, Verdict.REFUSED_DEFINITELY}:
            account.is_refused = True
            self._refuse(
                transfer.message_id, DEFINITE if treatment.verdict is Verdict.REFUSED_DEFINITELY else UNEXPLAINED
            )
            return
        decided_at = now + timedelta(seconds=treatment.decides_after_s)
        reasons: tuple[str, ...] = (CODES.timed_out,)
        status, completes_at, source = TransactionStatus.RJCT, now, ReasonSource.RAIL
        if is_in_time:
            completes_at = min(decided_at, clock_ends_at)
            if treatment.verdict in _DECIDED and decided_at <= clock_ends_at:
                status, reasons, source = _DECIDED[treatment.verdict], (), ReasonSource.RAIL
                if status is TransactionStatus.RJCT:
                    reasons, source = ("AC04",), ReasonSource.CREDITOR_AGENT
        account.booked = PaymentBooked.of(
            transfer,
            header,
            copy=account.copies,
            received_at=now,
            clock_ends_at=clock_ends_at,
            behaviour="",
            completes_at=completes_at,
            status=status,
            reasons=reasons,
            reason_source=source,
        )
        booked = account.booked
        self._later((completes_at - now).total_seconds(), lambda: self._complete(account, booked))

    def _complete(self, account: Account, booked: PaymentBooked) -> None:
        account.is_complete = True
        if account.will_move:
            account.moved += 1
            self._say(f"moves the money of {booked.end_to_end_id}")
        else:
            self._say(f"rejects {booked.end_to_end_id}")
        treatment = account.treatment
        if account.answers < treatment.answers_lost:
            self._say(f"loses its answer about {booked.end_to_end_id}")
        else:
            self._tell(
                self._status(booked),
                f"pacs.002 {booked.status} about {booked.end_to_end_id}",
                late_s=treatment.answer_late_s,
            )
            if treatment.answer_repeated:
                self._tell(
                    self._status(booked),
                    f"pacs.002 {booked.status} about {booked.end_to_end_id}, under another id",
                    late_s=3,
                )
        account.answers += 1
        if treatment.verdict in _POSTED and account.will_move:
            self._later(POSTING_S, lambda: self._post(account, booked))
        for plan in self._around.coming_back(booked.end_to_end_id) if account.original_id is None else ():
            self._later(plan.at_s, partial(self.forwarding.bring, plan, booked))
        self._around.changed()

    def _post(self, account: Account, booked: PaymentBooked) -> None:
        """Say what became of the posting, once nothing that we said before is still under way."""
        if self.unacknowledged:
            self._later(VISIBILITY_S, lambda: self._post(account, booked))
            return
        status = _POSTED[account.treatment.verdict]
        body = self._writer.later_status(booked, status, now=self._around.now())
        self._tell(body, f"pacs.002 {status} about {booked.end_to_end_id}, of the posting")

    def _status(self, booked: PaymentBooked, *, is_asked: bool = False) -> bytes:
        """Its status; asked, the rail says it for itself of one payment, and relays it again of another."""
        is_own = is_asked and sum(booked.message_id.encode()) % 2 == 0
        day, now = cycle_day(booked.completes_at), self._around.now()
        return self._writer.status(booked, settlement_date=day, now=now, is_asked=is_own)

    # --- questions ---

    def _hear_question(self, request: PaymentStatusRequest, header: BusinessHeader) -> None:
        now, about = self._around.now(), request.original_end_to_end_id
        assert about is not None, "we name the end-to-end id in every question"
        self._say(f"is asked about {about}")
        is_return = request.original_message_name == pacs004.MESSAGE_TYPE
        account = (
            self.return_account(request.original_message_id, end_to_end_id=about)
            if is_return
            else self.account_of(about)
        )
        account.replies += 1
        known = self._book.by_message_id.get(request.original_message_id) is not None
        if account.replies <= account.treatment.replies_lost:
            self._say(f"loses its reply about {about}")
            return
        late_s = account.treatment.reply_late_s
        started = request.original_creation_time
        if not known and started is not None and now >= started + SETTINGS.rail_clock:
            self._reply(request, header, CODES.not_found, about, late_s)
        elif known and account.is_refused:
            self._reply(request, header, NOT_PROCESSED, about, late_s)
        elif not account.is_complete or account.replies <= account.treatment.in_process:
            self._reply(request, header, CODES.still_in_process, about, late_s)
        else:
            assert account.booked is not None
            self._tell(
                self._status(account.booked, is_asked=True),
                f"pacs.002 {account.booked.status} about {about}, asked",
                late_s=late_s,
            )

    def _reply(
        self, request: PaymentStatusRequest, header: BusinessHeader, code: str, about: str, late_s: float
    ) -> None:
        body = self._writer.enquiry_refused(
            request, message_type=header.message_type, code=code, recipient=PARTY, now=self._around.now()
        )
        self._tell(body, f"pacs.002 RJCT {code} about the question after {about}", late_s=late_s)

    def _hear_receiver(self, request: PaymentStatusRequest, header: BusinessHeader) -> None:
        """A receiver asks what became of a payment that we brought it."""
        refused = self.forwarding.hear_question(request)
        if refused:
            about = request.original_end_to_end_id or ""
            self._reply(request, header, CODES.still_in_process, about, 0.0)

    # --- what payments from the network need ---

    def now(self) -> datetime:
        """Return the present instant."""
        return self._around.now()

    def say(self, words: str) -> None:
        """Tell whoever watches."""
        self._say(words)

    def tell(self, body: bytes, words: str, *, late_s: float = 0.0) -> None:
        """Put a message into the participant's queue."""
        self._tell(body, words, late_s=late_s)

    def do_later(self, seconds: float, callback: Callable[[], object]) -> None:
        """Do something later; until then the rail is not done."""
        self._later(seconds, callback)

    def refuse(self, message_id: str, code: str) -> None:
        """Refuse a message."""
        self._refuse(message_id, code)

    def changed(self) -> None:
        """Have the promises looked at."""
        self._around.changed()

    # --- both ---

    def _refuse(self, message_id: str, code: str) -> None:
        body = self._writer.reject(
            related_reference=message_id, code=code, description=code, recipient=PARTY, now=self._around.now()
        )
        self._tell(body, f"admi.002 {code} about message {message_id}")

    def _tell(self, body: bytes, words: str, *, late_s: float = 0.0) -> None:
        self._told += 1
        self._say(f"answers: {words}" + (f" ({late_s:.1f} s late)" if late_s else ""))
        delay_s = late_s + self._around.delay_s(0.002, 0.2, f"answer {self._told}")
        self._later(delay_s, lambda: self.deliver(body))

    def _later(self, seconds: float, callback: Callable[[], object]) -> None:
        """Do something later; until then the rail is not done."""
        self.under_way += 1

        def due() -> None:
            self.under_way -= 1
            callback()

        self._around.later(seconds, due)

    def _say(self, words: str) -> None:
        self._around.tell(words)


def profile() -> FedNowProfile:
    """Return the rail's rules as the gateway has them."""
    return FedNowProfile(own_connection_party=PARTY)
