"""FedNow as its receivers speak to it: every answer is in good form, and every word of the rail means one thing."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any, Final

import pytest

from gateway.domain.identity import incoming_reference_of
from gateway.domain.incoming import IncomingEvent, IncomingState
from gateway.domain.incoming_transfer import IncomingTransfer
from gateway.service.ports import MessageClass
from gateway.service.rail_protocol import Reading
from iso20022 import (
    Direction,
    FedNowProfile,
    MessageId,
    MessageReject,
    PaymentStatusReport,
    PaymentStatusRequest,
    RoutingNumber,
    StatusReason,
    TransactionStatus,
    Uetr,
    examine,
)
from tests.acceptance.payments import transfer as sample_transfer
from tests.fakes.incoming_rail import PARTY, receiving_rail
from tests.unit.domain.transfers import ARRIVED, transfer

RAIL: Final = receiving_rail()
AT: Final = ARRIVED + timedelta(seconds=1)
OURS: Final = FedNowProfile(own_connection_party=PARTY, own_routing_numbers=frozenset({"990000107"}))
SERVICE: Final = RoutingNumber("021150706")


@pytest.mark.parametrize(
    ("status", "code", "text"),
    [
        ("ACTC", None, None),
        ("ACWP", None, None),
        ("RJCT", "AC04", None),
        ("RJCT", "AC06", "It is blocked."),
        ("ACCC", None, None),
        ("PDNG", None, None),
        ("BLCK", "AC06", None),
    ],
)
def test_every_answer_is_in_the_rails_form(status: str, code: str | None, text: str | None) -> None:
    """From the creditor's institution to the sender, about the sender's message; no finding at all."""
    received = replace(transfer(), uetr=Uetr("7c3f0c52-5d1e-4c5b-9a52-0e6f1a2b3c4d"))

    message = RAIL.answer(received, status, code, text, at=AT)

    report = examine(message.body, profile=OURS, direction=Direction.TO_RAIL)
    said = report.message
    assert report.findings == ()
    assert isinstance(said, PaymentStatusReport)
    assert (said.status, said.original_message_id) == (status, received.message_id)
    assert (said.instructing_agent, said.instructed_agent) == ("990000107", "990001106")
    assert [reason.code for reason in said.reasons] == ([] if code is None else [code])
    assert message.message_class is MessageClass.NONVALUE


def test_the_same_transfer_is_answered_under_the_same_id_and_a_later_one_under_another() -> None:
    """Made anew after a crash it is the same message to the rail; what is said next is none."""
    received = transfer()

    first, again = (RAIL.answer(received, "ACTC", None, None, at=AT) for _ in range(2))
    later = RAIL.answer(replace(received, version=3), "ACCC", None, None, at=AT)

    assert first == again
    assert later.business_message_id != first.business_message_id


def test_the_question_is_in_the_rails_form_and_numbered() -> None:
    """pacs.028 to the service; each has an id of its own."""
    accepted = transfer(state=IncomingState.IN_DOUBT, answer="ACTC")

    message = RAIL.enquiry(accepted, sample_transfer(), at=AT)
    second = RAIL.enquiry(replace(accepted, status_requests=1), sample_transfer(), at=AT)

    report = examine(message.body, profile=OURS, direction=Direction.TO_RAIL)
    assert report.findings == ()
    assert isinstance(report.message, PaymentStatusRequest)
    assert report.message.instructed_agent == SERVICE
    assert message.message_class is MessageClass.INQUIRY
    assert second.business_message_id != message.business_message_id


def heard(statement: Any, about: str) -> Reading:
    """What the rail says, as it was read."""
    return Reading("20261123021150706SVC0001", "pacs.002.001.10", about, statement)


def report_of(status: TransactionStatus, received: IncomingTransfer, *, about: str, code: str | None = None) -> Reading:
    """The service's pacs.002 about one of these."""
    return heard(
        PaymentStatusReport(
            message_id=MessageId("20261123021150706SVC0001"),
            creation_time=AT,
            original_message_id=MessageId(about),
            original_message_name="pacs.008.001.08",
            original_end_to_end_id=received.end_to_end_id,
            status=status,
            reasons=() if code is None else (StatusReason(proprietary=code),),
            instructing_agent=SERVICE,
            instructed_agent=received.instructed_agent,
        ),
        about,
    )


@pytest.mark.parametrize(
    ("status", "code", "kind"),
    [
        ("ACSC", None, IncomingEvent.SETTLEMENT_ADVISED),
        ("ACWP", None, IncomingEvent.ACCEPTANCE_WITHOUT_POSTING_ADVISED),
        ("RJCT", "E997", IncomingEvent.REJECTION_ADVISED),
        ("RJCT", "E411", IncomingEvent.STILL_IN_PROCESS_REPORTED),
        ("ACTC", None, IncomingEvent.STILL_IN_PROCESS_REPORTED),
        ("ACCC", None, IncomingEvent.STILL_IN_PROCESS_REPORTED),
        ("PDNG", None, IncomingEvent.STILL_IN_PROCESS_REPORTED),
    ],
)
def test_what_the_rail_says_of_a_transfer(status: str, code: str | None, kind: IncomingEvent) -> None:
    """ACSC, ACWP and RJCT decide; whatever else is said decides nothing."""
    received = transfer(state=IncomingState.ACCEPTED, answer="ACTC")

    fact = RAIL.fact(report_of(TransactionStatus(status), received, about=received.message_id, code=code), received)

    assert fact.kind is kind


@pytest.mark.parametrize(
    ("code", "kind"),
    [
        ("E400", IncomingEvent.NOT_FOUND_REPORTED),
        ("E401", IncomingEvent.STATUS_REQUEST_UNANSWERED),
        ("E411", IncomingEvent.STILL_IN_PROCESS_REPORTED),
        ("E999", IncomingEvent.STATUS_REQUEST_UNANSWERED),
        (None, IncomingEvent.STATUS_REQUEST_UNANSWERED),
    ],
)
def test_the_rejection_of_a_question_is_no_rejection_of_the_transfer(code: str | None, kind: IncomingEvent) -> None:
    """Money that has settled would be called not settled."""
    doubtful = replace(transfer(state=IncomingState.IN_DOUBT, answer="ACTC"), status_requests=2)
    question = f"20261123990000107{incoming_reference_of(doubtful.payment_id, 'question', 2)}"

    fact = RAIL.fact(report_of(TransactionStatus.RJCT, doubtful, about=question, code=code), doubtful)

    assert fact.kind is kind


def test_a_refused_message_is_told_apart_by_what_it_was() -> None:
    """admi.002 about our answer, and about a question of ours."""
    doubtful = replace(transfer(state=IncomingState.IN_DOUBT, answer="ACTC"), status_requests=1)
    answer = RAIL.answer(doubtful, "ACTC", None, None, at=AT).business_message_id
    question = f"20261123990000107{incoming_reference_of(doubtful.payment_id, 'question', 1)}"

    def refused(about: str) -> IncomingEvent:
        reject = MessageReject(related_reference=about, reason_code="E100", rejection_time=AT, description=None)
        return RAIL.fact(heard(reject, about), doubtful).kind

    assert refused(answer) is IncomingEvent.ANSWER_REFUSED
    assert refused(question) is IncomingEvent.STATUS_REQUEST_UNANSWERED


@pytest.mark.parametrize("code", ["E760", "E890", "E891", "E999", None])
@pytest.mark.parametrize("status", ["RJCT", "ACSC"])
def test_what_is_said_of_our_own_answer_says_nothing_of_the_money(status: str, code: str | None) -> None:
    """A pacs.002 of ours that the rail refuses was not processed: another copy may have been, so the rail is asked."""
    accepted = transfer(state=IncomingState.ACCEPTED, answer="ACTC")
    answer = RAIL.answer(transfer(), "ACTC", None, None, at=AT).business_message_id

    fact = RAIL.fact(report_of(TransactionStatus(status), accepted, about=answer, code=code), accepted)

    assert (fact.kind, fact.status) == (IncomingEvent.ANSWER_REFUSED, None)


@pytest.mark.parametrize("code", ["E760", "E890", "E891"])
def test_a_refusal_of_our_response_under_the_transfers_id_is_no_rejection_of_it(code: str) -> None:
    """The code tells, and not the status: whether the money came is asked."""
    accepted = transfer(state=IncomingState.ACCEPTED, answer="ACTC")

    fact = RAIL.fact(report_of(TransactionStatus.RJCT, accepted, about=accepted.message_id, code=code), accepted)

    assert (fact.kind, fact.status) == (IncomingEvent.ANSWER_REFUSED, None)


def test_references_that_are_not_the_transfers_are_named() -> None:
    """What does not fit is put in quarantine, and changes nothing."""
    received = transfer(state=IncomingState.ACCEPTED, answer="ACTC")
    reading = report_of(TransactionStatus.ACSC, received, about=received.message_id)
    other = replace(received, end_to_end_id=type(received.end_to_end_id)("ANOTHER"))

    assert RAIL.mismatches(reading, received) == ()
    assert RAIL.mismatches(reading, other) == ("ORIGINAL_END_TO_END_ID_DIFFERS",)


def test_only_what_follows_acceptance_without_posting_is_told_of_a_posting_that_was_none() -> None:
    """PDNG, BLCK and RJCT are statuses after ACWP; ACCC may always be told."""
    plain, held = transfer(answer="ACTC"), transfer(answer="ACWP")

    def tells(received: IncomingTransfer, status: str) -> bool:
        return RAIL.posting_status(received, status, None, None, at=AT) is not None

    assert [tells(plain, status) for status in ("ACCC", "PDNG", "BLCK", "RJCT")] == [True] + [False] * 3
    assert all(tells(held, status) for status in ("ACCC", "PDNG", "BLCK", "RJCT"))
