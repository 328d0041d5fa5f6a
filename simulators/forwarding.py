"""Payments that come *from* the network: ordered by a test, forwarded to their receiver, settled on its answer.

Pure: what a network's messages look like is its `ForwardingRules`. A receiver's answer counts once, and only while the
rail's clock runs; what comes later changes nothing.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import Final, Protocol

from iso20022 import Amount, ConnectionPartyId, PaymentStatusReport, RoutingNumber, TransactionStatus
from simulators.facts import (
    AnswerQueued,
    Fact,
    ForwardingCompleted,
    ForwardingStatus,
    PaymentBooked,
    ReceiverAnswered,
    TransferForwarded,
)

ANSWERS: Final = frozenset({TransactionStatus.ACTC, TransactionStatus.ACWP, TransactionStatus.RJCT})
"""What a receiver may answer."""

TRUTH: Final = "truth"
NONE: Final = "none"
OPPOSITE: Final = "opposite"
UNREADABLE: Final = "unreadable"
ADVICES: Final = frozenset({TRUTH, NONE, OPPOSITE, UNREADABLE})
"""What the receiver is told of the end: what is so, nothing (only a pacs.028 finds it), the contrary, or no message."""


SMALL: Final = Amount(5174)
"""What an order pays that names no amount."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """One payment that is to come from the network, and what happens on its way.

    ``spent_s`` of the rail's clock is over when it is forwarded. It is delivered ``copies`` times, byte for byte, so
    many seconds apart; with ``again_after_s`` once more under a header of its own (RTP: marked DUPL). The receiver is
    told ``advice`` so late, ``advice_copies`` times. One that is ``swallowed`` settles, and its receiver knows nothing
    of it: as when everything was lost where it had been received and answered.

    ``writes`` are texts that stand in its Document instead of others, each by its path below the message's element
    (None: the element is left out): so it breaks a rule that the rail lets pass.

    With ``liquidity`` it is a liquidity transfer: it has settled when it is forwarded, and nobody answers it.

    With ``returns``, the message id of a payment that a participant has sent, it is the return of that: of all, or of
    ``returned``, for this ``reason``. Who pays whom is then the other way round, whatever the order says.
    """

    amount: Amount = SMALL
    debtor_agent: RoutingNumber
    creditor_agent: RoutingNumber
    debtor_account: str = "200000000001"
    creditor_account: str = "100000007777"
    debtor_name: str = "Sample Debtor"
    creditor_name: str = "Sample Creditor"
    remittance: str = "Sample remittance"
    end_to_end_id: str | None = None
    spent_s: float = 0.0
    copies: int = 1
    copy_after_s: float = 0.0
    again_after_s: float | None = None
    advice: str = TRUTH
    advice_after_s: float = 0.0
    advice_copies: int = 1
    returns: str | None = None
    returned: Amount | None = None
    reason: str = "AC03"
    swallowed: bool = False
    liquidity: bool = False
    writes: Mapping[str, str | None] = field(default_factory=dict)


@dataclass(slots=True)
class Forwarded:
    """A forwarded payment as it stands; ``completed`` is None while its clock runs and nobody has answered."""

    forwarded: TransferForwarded
    answers: list[ReceiverAnswered] = field(default_factory=list)
    completed: ForwardingCompleted | None = None
    statuses: list[ForwardingStatus] = field(default_factory=list)

    @property
    def is_settled(self) -> bool:
        """Whether money has moved."""
        return self.completed is not None and self.completed.status is not TransactionStatus.RJCT


class ForwardingRules(Protocol):
    """How one network forwards a payment, and tells its receiver what became of it."""

    @property
    def settled(self) -> TransactionStatus:
        """What a payment is once its receiver has said ACTC."""
        ...

    def forward(
        self,
        order: Order,
        number: int,
        *,
        recipient: ConnectionPartyId,
        now: datetime,
        original: PaymentBooked | None = None,
    ) -> TransferForwarded:
        """The payment of an order, or the return of `original`, with the bytes of its message."""
        ...

    def again(self, forwarded: TransferForwarded, *, now: datetime) -> bytes:
        """The same payment under another header."""
        ...

    def advice(
        self,
        forwarded: TransferForwarded,
        status: TransactionStatus,
        reasons: Sequence[str],
        *,
        settlement_date: date | None,
        at: datetime,
    ) -> bytes:
        """What the receiver is told of the end."""
        ...

    def ask_back(
        self, forwarded: TransferForwarded, reason: str, *, days_later: int, is_unknown: bool, now: datetime
    ) -> bytes:
        """The sender's request for the return of a payment that was forwarded."""
        ...

    def timed_out(self) -> str:
        """The rail's reason for a payment whose receiver has not answered."""
        ...

    def not_reached(self) -> str:
        """The rail's reason for a payment whose receiver is signed off."""
        ...

    def completion_date(self, instant: datetime) -> date:
        """The settlement date of what completes at this instant."""
        ...


def queued_on(report: PaymentStatusReport, record: Forwarded, *, at: datetime, rules: ForwardingRules) -> list[Fact]:
    """The facts that a receiver's pacs.002 leads to, but for the messages."""
    codes = tuple(reason.code or reason.proprietary or "" for reason in report.reasons)
    message_id = record.forwarded.message_id
    if record.completed is None and report.status in ANSWERS:
        status = rules.settled if report.status is TransactionStatus.ACTC else report.status
        settlement_date = None if status is TransactionStatus.RJCT else rules.completion_date(at)
        return [
            ReceiverAnswered(message_id, at, report.status, codes, counts=True),
            ForwardingCompleted(message_id, at, status, codes, settlement_date),
        ]
    if record.is_settled and report.status not in {TransactionStatus.ACTC, TransactionStatus.ACWP}:
        return [ForwardingStatus(message_id, at, report.status, codes)]
    return [ReceiverAnswered(message_id, at, report.status, codes, counts=False)]


def opposite_of(status: TransactionStatus, *, settled: TransactionStatus) -> TransactionStatus:
    """The contrary of what is so."""
    return settled if status is TransactionStatus.RJCT else TransactionStatus.RJCT


def deliveries(forwarded: TransferForwarded, receipts: Sequence[str], again: bytes | None) -> list[Fact]:
    """What is put in the recipient's queue, and when: each copy, and the one under another header."""
    bodies = [forwarded.body] * forwarded.copies
    found: list[Fact] = [
        AnswerQueued(
            receipts[number],
            forwarded.recipient,
            forwarded.forwarded_at + timedelta(seconds=number * forwarded.copy_after_s),
            body,
        )
        for number, body in enumerate(bodies)
    ]
    if again is not None and forwarded.again_after_s is not None:
        at = forwarded.forwarded_at + timedelta(seconds=forwarded.again_after_s)
        found.append(AnswerQueued(receipts[-1], forwarded.recipient, at, again))
    return found
