"""The facts that can befall an outgoing credit transfer."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Final

from gateway.domain.payment import Reason

FINDINGS: Final = "findings"
"""Under this the details of an event, outgoing or incoming, have what was found strange in the message, by its code
(`fifteen explain` tells it) and, of rules that it breaks, the elements."""


class EventKind(StrEnum):
    """What happened, in the past tense. The value is what the event table keeps for years: never rename one."""

    ACCEPTED = "PaymentAccepted"
    """The gateway has made the payment durable."""

    FUNDS_REFUSED = "FundsRefused"
    """The institution's core does not reserve the debtor's money: nothing was sent."""

    DIRECTORY_REFUSED = "DirectoryRefused"
    """By the rail's participant directory it would refuse the payment: nothing was sent."""

    SCREENING_HELD = "ScreeningHeld"
    """Screening found something, or could not look, and a person is to decide: nothing was sent."""

    HOLD_RELEASED = "HoldReleased"
    """A person has looked, and has it sent."""

    HOLD_REJECTED = "HoldRejected"
    """A person has looked, and has it rejected: nothing was sent."""

    SENDING_STARTED = "SendingStarted"
    """The bytes are about to leave; saved first."""

    SENDING_ABANDONED = "SendingAbandoned"
    """It is certain that no byte reached the rail (no connection was ever made)."""

    DEADLINE_PASSED = "DeadlinePassed"
    """The answer's time, or the payment's, has run out."""

    SETTLEMENT_REPORTED = "SettlementReported"
    """The rail: ACSC, or on RTP ACTC, which is the sender's positive answer there."""

    ACCEPTANCE_WITHOUT_POSTING_REPORTED = "AcceptanceWithoutPostingReported"
    """The rail: ACWP, settled but not posted."""

    POSTING_REPORTED = "PostingReported"
    """The creditor's institution: ACCC, the creditor has the money."""

    POSTING_PENDING_REPORTED = "PostingPendingReported"
    """The creditor's institution: PDNG, or BLCK, after ACWP."""

    PROGRESS_REPORTED = "ProgressReported"
    """The rail: RCVD, or ACTC on a rail that settles with ACSC. Nothing is decided by it."""

    TIME_OUT_REPORTED = "TimeOutReported"
    """The rail gave the payment up because an answer did not come in time (RTP: camt.056, or RJCT, with DS24)."""

    REJECTION_REPORTED = "RejectionReported"
    """The rail, or the creditor's institution through it: RJCT of the payment itself."""

    REFUSAL_UNPLACED = "RefusalUnplaced"
    """The creditor's institution: RJCT, of a payment in doubt, and it cannot be told when it was said: before the
    settlement, so that no money moved, or after an ACWP that was not heard here, so that it has."""

    POSTING_REFUSAL_PLACED = "PostingRefusalPlaced"
    """The rail: ACWP, of what the creditor's institution has refused since: settled, and owed back."""

    TRANSFER_REFUSED = "TransferRefused"
    """The rail: admi.002 with a code that is known to be definite: the message was not processed."""

    REFUSAL_UNEXPLAINED = "RefusalUnexplained"
    """The rail: admi.002 with a code that is not known to be definite, or an RJCT that refuses a copy as a duplicate;
    another copy may have been processed."""

    STATUS_REQUEST_DUE = "StatusRequestDue"
    """The rail's own clock has surely run out: it may be asked now."""

    STATUS_REQUESTED = "StatusRequested"
    """A pacs.028 is about to leave; saved first."""

    NOT_FOUND_REPORTED = "NotFoundReported"
    """The rail, asked: it has no such message, and a straggler's time has expired."""

    RESENDING_CHOSEN = "ResendingChosen"
    """The rail, asked: no such message; its sender has it sent again while its ids are of today."""

    RESENDING_TOO_LATE = "ResendingTooLate"
    """The rail, asked: no such message; its sender wants it sent again, but its ids are of a day that is over."""

    NOT_PROCESSED_REPORTED = "NotProcessedReported"
    """The rail, asked: it has the message and did not process it."""

    STILL_IN_PROCESS_REPORTED = "StillInProcessReported"
    """The rail, asked: not yet decided."""

    STATUS_REQUEST_UNANSWERED = "StatusRequestUnanswered"
    """The rail, or a receiver, refused the question (too early, not traceable): that says nothing of the payment."""

    NOT_AUTHORISED_REPORTED = "NotAuthorisedReported"
    """The rail, asked: not ours to ask. Asking again would be answered alike; that says nothing of the payment."""

    QUESTIONS_EXHAUSTED = "QuestionsExhausted"
    """The rail was asked as often as foreseen, and did not tell."""

    LOOK_BACK_ENDED = "LookBackEnded"
    """The rail is not asked any more: it looks back no further than to the day before, or a repeat could settle."""

    PING_DUE = "PingDue"
    """Questions stay unanswered: is the rail there at all?"""

    PINGED = "Pinged"
    """A PING is about to leave; saved first."""

    TRANSFER_REPEATED = "TransferRepeated"
    """The identical message, marked as a duplicate, is about to leave; saved first. So RTP is asked."""

    TAKEN_OVER = "TakenOver"
    """The payment, or the key under which it was accepted, was another region's: what that one sent last may not be
    known here, and the rail is asked before anything is sent."""
    RETURN_ASKED = "ReturnAsked"
    """We ask for the money back: a camt.056 is about to leave; saved first."""

    RETURN_RECEIPT_REPORTED = "ReturnReceiptReported"
    """The rail, or the receiver: the request has arrived (admi.007). That says nothing of what comes of it."""

    RETURN_RECEIPT_MISSED = "ReturnReceiptMissed"
    """Our own clock: the request has left, and nobody has said that it arrived."""

    RETURN_REQUEST_REFUSED = "ReturnRequestRefused"
    """The rail: admi.002 about the request; it was not forwarded."""

    RETURN_PENDING_REPORTED = "ReturnPendingReported"
    """The receiver: PDCR, it is looked into."""

    RETURN_AGREED_REPORTED = "ReturnAgreedReported"
    """The receiver: IPAY or PECR, the money is being returned."""

    RETURN_REFUSED_REPORTED = "ReturnRefusedReported"
    """The receiver, or the rail in its place: RJCR."""

    POSTING_ASKED = "PostingAsked"
    """We ask the receiver what became of the posting: a pacs.028 to it is about to leave; saved first."""

    POSTING_QUESTION_RECEIVED = "PostingQuestionReceived"
    """The rail, or the receiver: our question about the posting has arrived (admi.007). No more is said by it."""

    POSTING_REFUSAL_UNCLEAR = "PostingRefusalUnclear"
    """The receiver, asked: RJCT in words (NARR), named by the transfer: of the posting, or of the question."""

    PART_RETURNED = "PartReturned"
    """A part of the money has come back: a return of this payment has settled."""

    RETURNED = "PaymentReturned"
    """All of the money has come back: the return that was missing for it has settled."""

    OPERATOR_ASKED = "OperatorAsked"
    """A person has the rail asked once more."""

    OPERATOR_RECORDED_SETTLEMENT = "OperatorRecordedSettlement"
    """A person has the rail's word, on another way, that the payment settled; or stands by it, where that is
    contradicted.
    """

    OPERATOR_RECORDED_REJECTION = "OperatorRecordedRejection"
    """A person has the rail's word, on another way, that the payment did not settle and cannot any more; or stands by
    it, where that is contradicted.
    """


@dataclass(frozen=True, slots=True)
class Event:
    """One fact: its kind, the reason that came with it, and the ISO status and message id where it came from a message.

    ``details`` holds what else the record needs, as plain text; never names, accounts or remittance text.
    """

    kind: EventKind
    reason: Reason | None = None
    status: str | None = None
    business_message_id: str | None = None
    details: dict[str, str] = field(default_factory=dict)

    def says_the_same_as(self, other: Event) -> bool:
        """Whether both are one fact, findings aside: what is found strange depends on what is known at the time."""
        return _plain(self) == _plain(other)


def _plain(event: Event) -> Event:
    return replace(event, details={name: value for name, value in event.details.items() if name != FINDINGS})
