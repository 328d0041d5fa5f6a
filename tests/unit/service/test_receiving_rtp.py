"""RTP as its receivers speak it: every message is in good form, and every word of the rail means one thing."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Final
from uuid import UUID

import pytest

from gateway.domain.incoming import IncomingEvent, IncomingState
from gateway.domain.incoming_transfer import IncomingTransfer
from gateway.domain.payment import Rail, Reason, ReasonOrigin
from gateway.domain.receiving_time import ReceivingTiming
from gateway.domain.timing import Timing
from gateway.service.dialect import document_in
from gateway.service.incoming.rail import ReasonCodes
from gateway.service.incoming.rtp import ReceiverHabits, RtpReceiving
from gateway.service.ports import MessageClass, MessageDirection, RawMessage
from gateway.service.rail_protocol import OutboundMessage
from gateway.service.rtp import RtpAddress, RtpDialect, rtp_protocol
from gateway.service.screening import names_in
from iso20022 import (
    Amount,
    ConnectionPartyId,
    CustomerCreditTransfer,
    Direction,
    InstructionId,
    PaymentAcknowledgement,
    PaymentCancellationRequest,
    PaymentStatusReport,
    PaymentStatusRequest,
    Personal,
    Report,
    RoutingNumber,
    RtpProfile,
    TransactionStatus,
    examine,
)
from iso20022.messages.actors import PartyDetails
from iso20022.reader import LIMITS
from simulators.forwarding import Order
from simulators.message_ids import MessageIds
from simulators.rtp.answers import AnswerWriter
from simulators.rtp.forward import RtpForwarding
from simulators.rtp.requests import RequestWriter
from simulators.rtp.settings import RtpSimulatorSettings
from tests.unit.domain.transfers import ARRIVED, transfer

PARTICIPANT: Final = ConnectionPartyId("990000107A1")
AT: Final = ARRIVED + timedelta(seconds=1)
SETTINGS: Final = RtpSimulatorSettings()
WRITER: Final = AnswerWriter(SETTINGS, MessageIds(started_at=ARRIVED))
NETWORK: Final = RtpForwarding(SETTINGS, WRITER)


def receiving(habits: ReceiverHabits | None = None) -> RtpReceiving:
    """RTP's receiving side, with an institution's habits."""
    address = RtpAddress(participant=PARTICIPANT)
    return RtpReceiving(
        RtpDialect(RtpProfile(), address),
        rtp_protocol(RtpProfile(), address=address, timing=Timing()),
        timing=ReceivingTiming(),
        reasons=ReasonCodes(unanswered="NARR", unknown_agent="RC04"),
        habits=habits or ReceiverHabits(),
    )


RAIL: Final = receiving()
FORWARDED: Final = NETWORK.forward(
    Order(debtor_agent=RoutingNumber("990001106"), creditor_agent=RoutingNumber("990000107")),
    1,
    recipient=PARTICIPANT,
    now=ARRIVED,
)


def received(*, state: IncomingState = IncomingState.ACCEPTED, answer: str | None = "ACTC") -> IncomingTransfer:
    """The transfer that the simulated rail has forwarded, as we have it."""
    return replace(
        transfer(state=state, answer=answer),
        rail=Rail.RTP,
        message_id=FORWARDED.message_id,
        message_created_at=FORWARDED.document_creation_time,
        instruction_id=FORWARDED.instruction_id,
        end_to_end_id=FORWARDED.end_to_end_id,
        transaction_id=FORWARDED.transaction_id,
        amount=FORWARDED.amount,
    )


def in_form(message: OutboundMessage) -> Report:
    """What the rail reads of a message of ours: without any finding."""
    report = examine(message.body, profile=RtpProfile(), direction=Direction.TO_RAIL)
    assert report.findings == ()
    return report


@pytest.mark.parametrize(
    ("status", "code", "text", "stated"),
    [
        ("ACTC", None, None, []),
        ("ACWP", None, None, []),
        ("RCVD", None, None, []),
        ("RJCT", "AC04", None, [("AC04", None, ())]),
        ("RJCT", "NOAT", None, [(None, "NOAT", ())]),
        ("RJCT", "NARR", "Nobody decided.", [("NARR", None, ("Nobody decided.",))]),
        ("RJCT", "MS03", None, [("NARR", None, ("MS03",))]),
        ("RJCT", "AB05", "x" * 105, [("NARR", None, (f"AB05: {'x' * 99}",))]),
    ],
)
def test_every_answer_is_in_the_rails_form(
    status: str, code: str | None, text: str | None, stated: list[tuple[str | None, str | None, tuple[str, ...]]]
) -> None:
    """About the sender's message, with a reason of RTP's list: another goes as words, and the answer still counts."""
    message = RAIL.answer(received(), status, code, text, at=AT)

    said = in_form(message).message
    assert isinstance(said, PaymentStatusReport)
    assert (said.status, said.original_message_id) == (status, FORWARDED.message_id)
    assert (said.instructing_agent, said.instructed_agent) == ("990000107", "990001106")
    assert [(each.code, each.proprietary, each.additional) for each in said.reasons] == stated
    assert message.message_class is MessageClass.NONVALUE


def test_the_question_is_in_the_rails_form_and_numbered() -> None:
    """pacs.028 to the rail, with the original's amount and settlement date; each has an id of its own."""
    doubtful = received(state=IncomingState.IN_DOUBT)

    message = RAIL.enquiry(doubtful, brought(), at=AT)
    second = RAIL.enquiry(replace(doubtful, status_requests=1), brought(), at=AT)

    said = in_form(message).message
    assert isinstance(said, PaymentStatusRequest)
    assert (said.instructed_agent, said.original_amount) == ("990000001", FORWARDED.amount)
    assert message.message_class is MessageClass.INQUIRY
    assert second.business_message_id != message.business_message_id


def brought() -> CustomerCreditTransfer:
    """The message that brought the transfer."""
    message = RAIL.read(FORWARDED.body).transfer
    assert isinstance(message, CustomerCreditTransfer)
    return message


def test_of_the_posting_the_sender_hears_after_acwp_and_else_where_the_institution_wants_it() -> None:
    """camt.035; RTP has no word for what is held, blocked or refused."""
    held, plain, eager = received(answer="ACWP"), received(), receiving(ReceiverHabits(acknowledges_posting=True))

    told = RAIL.posting_status(held, "ACCC", None, None, at=AT)
    of_any = eager.posting_status(plain, "ACCC", None, None, at=AT)

    kinds = []
    for message in (told, of_any):
        assert message is not None
        said = in_form(message).message
        assert isinstance(said, PaymentAcknowledgement)
        kinds.append(said.kind.value)
    assert kinds == ["ACWP", "ACK"]
    assert RAIL.posting_status(plain, "ACCC", None, None, at=AT) is None
    assert all(RAIL.posting_status(held, word, "AC06", None, at=AT) is None for word in ("PDNG", "BLCK", "RJCT"))


def test_a_time_out_is_confirmed_unless_the_institution_does_not() -> None:
    """A pacs.002 with RCVD."""
    confirmed = RAIL.time_out_confirmed(received(), at=AT)

    assert confirmed is not None
    assert b"RCVD" in confirmed.body
    assert receiving(ReceiverHabits(confirms_time_out=False)).time_out_confirmed(received(), at=AT) is None


def status(word: str, *codes: str) -> bytes:
    """The rail's pacs.002 about the transfer."""
    return NETWORK.status(FORWARDED, TransactionStatus(word), codes, at=AT)


def given_up() -> bytes:
    """The rail's camt.056 about it."""
    return NETWORK.advice(FORWARDED, TransactionStatus.RJCT, ("DS24",), settlement_date=None, at=AT)


def asked_back() -> bytes:
    """The sender's."""
    return RequestWriter(WRITER).asked(FORWARDED, "DUPL", days_later=0, is_unknown=False, now=AT)


@pytest.mark.parametrize(
    ("said", "kind", "code"),
    [
        (lambda: status("ACTC"), IncomingEvent.SETTLEMENT_ADVISED, None),
        (lambda: status("ACWP"), IncomingEvent.ACCEPTANCE_WITHOUT_POSTING_ADVISED, None),
        (lambda: status("RJCT", "AC04"), IncomingEvent.REJECTION_ADVISED, "AC04"),
        (lambda: status("RJCT", "DS24"), IncomingEvent.REJECTION_ADVISED, "DS24"),
        (lambda: status("RJCT", "DUPL"), IncomingEvent.ANSWER_REFUSED, "DUPL"),
        (lambda: status("RCVD"), IncomingEvent.STILL_IN_PROCESS_REPORTED, None),
        (given_up, IncomingEvent.TIME_OUT_ADVISED, "DS24"),
        (asked_back, IncomingEvent.RETURN_REQUESTED, "DUPL"),
    ],
)
def test_what_the_rail_says_of_a_transfer(said: Callable[[], bytes], kind: IncomingEvent, code: str | None) -> None:
    """ACTC, ACWP, RJCT and DS24 decide; whatever else is said decides nothing."""
    reading = RAIL.read(said())

    assert reading.codes == ()
    assert RAIL.mismatches(reading, received()) == ()
    fact = RAIL.fact(reading, received())
    assert (fact.kind, None if fact.reason is None else fact.reason.code) == (kind, code)


def test_what_is_said_of_a_question_or_an_answer_of_ours_says_nothing_of_the_money() -> None:
    """Money that has settled would be called not settled; and an ACTC of a question is no settlement."""
    doubtful = replace(received(state=IncomingState.IN_DOUBT), status_requests=2)
    question = RAIL.enquiry(replace(doubtful, status_requests=1), brought(), at=AT)
    request = in_form(question).message
    assert isinstance(request, PaymentStatusRequest)

    reading = RAIL.read(NETWORK.question_refused(request, recipient=PARTICIPANT, at=AT))
    of_answer = replace(reading, about=RAIL.answer(received(), "ACTC", None, None, at=AT).business_message_id)

    assert reading.about == question.business_message_id, "what we have sent is found by its header's id"
    assert RAIL.fact(reading, doubtful).kind is IncomingEvent.STATUS_REQUEST_UNANSWERED
    assert RAIL.fact(of_answer, doubtful).kind is IncomingEvent.ANSWER_REFUSED


def test_references_that_are_not_the_transfers_are_named() -> None:
    """What does not fit is put in quarantine, and changes nothing."""
    reading = RAIL.read(status("ACTC"))
    other = replace(received(), instruction_id=InstructionId("ANOTHER"), amount=Amount(1))

    assert RAIL.mismatches(reading, other) == ("ORIGINAL_INSTRUCTION_ID_DIFFERS", "ORIGINAL_AMOUNT_DIFFERS")


def test_a_repeat_says_that_it_is_one() -> None:
    """The same Document under the same ids, marked DUPL."""
    first, again = RAIL.read(FORWARDED.body), RAIL.read(NETWORK.again(FORWARDED, now=AT))

    assert (first.is_marked_repeat, again.is_marked_repeat) == (False, True)
    assert (again.business_message_id, again.transfer) == (first.business_message_id, first.transfer)


@pytest.mark.parametrize(
    ("came_at", "forwarded_at"),
    [
        (datetime(2026, 11, 1, 5, 30, 2, tzinfo=UTC), datetime(2026, 11, 1, 5, 30, tzinfo=UTC)),
        (datetime(2026, 11, 1, 6, 30, 2, tzinfo=UTC), datetime(2026, 11, 1, 6, 30, tzinfo=UTC)),
        (datetime(2026, 11, 1, 6, 29, 59, tzinfo=UTC), datetime(2026, 11, 1, 6, 30, tzinfo=UTC)),
        (datetime(2026, 7, 1, 5, 30, 2, tzinfo=UTC), datetime(2026, 7, 1, 5, 30, tzinfo=UTC)),
    ],
)
def test_in_the_hour_that_autumn_repeats_a_header_is_read_as_the_instant_nearer_to_its_arrival(
    came_at: datetime, forwarded_at: datetime
) -> None:
    """1.30 a.m. is said twice that night: taken for the first, what comes in the second would be an hour too late."""
    order = Order(debtor_agent=RoutingNumber("990001106"), creditor_agent=RoutingNumber("990000107"))
    body = NETWORK.forward(order, 2, recipient=PARTICIPANT, now=forwarded_at).body
    reading = RAIL.read(body)
    assert reading.created_at is not None

    assert RAIL.forwarded_at(reading.created_at, received_at=came_at) == forwarded_at


def test_a_return_is_a_payment_that_refers_to_what_it_gives_back() -> None:
    """RTP has no pacs.004: RTRN with the original's instruction id, the reason in words, the parties swapped."""
    made = RAIL.return_of(
        received(state=IncomingState.POSTED),
        brought(),
        amount=Amount(2_000),
        reason=Reason("CUST", ReasonOrigin.INSTITUTION, "Asked for."),
        reference="ABC000000000000001",
        business_date=AT.date(),
        at=AT,
    )

    report = examine(made.body, profile=RtpProfile(), direction=Direction.TO_RAIL)
    said = report.message
    assert report.findings == ()
    assert isinstance(said, CustomerCreditTransfer)
    assert said.carries_all
    assert (said.returned_instruction_id, said.instruction_id) == (FORWARDED.instruction_id, made.instruction_id)
    assert (said.debtor_agent, said.creditor_agent, said.amount) == ("990000107", "990001106", Amount(2_000))
    assert [line.reveal() for line in said.remittance] == ["CUST: Asked for."]


def test_a_payment_that_refers_to_an_invoice_gives_nothing_back() -> None:
    """The control of the test above: only RTRN does."""
    body = RAIL.return_of(
        received(),
        brought(),
        amount=Amount(1),
        reason=Reason("CUST", ReasonOrigin.INSTITUTION),
        reference="ABC000000000000001",
        business_date=AT.date(),
        at=AT,
    ).body

    said = examine(body.replace(b">RTRN<", b">CINV<"), profile=RtpProfile(), direction=Direction.TO_RAIL).message

    assert isinstance(said, CustomerCreditTransfer)
    assert (said.returned_instruction_id, said.carries_all) == (None, False)


def test_the_payment_that_comes_back_is_known_by_an_instruction_id_of_ours() -> None:
    """One that a client chose says no message id: it is looked for by its end-to-end id."""
    ours = RAIL.return_of(
        received(),
        brought(),
        amount=Amount(1),
        reason=Reason("CUST", ReasonOrigin.INSTITUTION),
        reference="ABC000000000000001",
        business_date=AT.date(),
        at=AT,
    )
    back = replace(brought(), returned_instruction_id=ours.instruction_id)

    assert RAIL.returned_message_id(back) == ours.message_id
    assert RAIL.returned_message_id(replace(back, returned_instruction_id=InstructionId("A-CLIENTS"))) is None
    assert RAIL.returned_message_id(brought()) is None


def test_requests_and_their_answers_are_in_the_rails_form() -> None:
    """camt.056, camt.029, and a pacs.002 for each: RTP has no admi.007."""
    theirs = RAIL.read(asked_back()).statement
    assert isinstance(theirs, PaymentCancellationRequest)
    requests = RAIL.requests

    refused = requests.answer(theirs, "RJCR", Reason("CUST", ReasonOrigin.INSTITUTION), at=AT)
    agreed = requests.answer(theirs, "IPAY", None, at=AT)
    receipt = requests.receipt(theirs, at=AT)
    assert receipt is not None
    taken = in_form(receipt).message

    assert all(in_form(message).valid for message in (refused, agreed))
    assert isinstance(taken, PaymentStatusReport)
    assert (taken.original_message_id, taken.status) == (theirs.message_id, "ACTC")
    assert "DS24" not in requests.reasons, "that one is the rail's own"
    nameless = replace(theirs, assigner=PartyDetails(name=Personal("Ada Invented")))
    assert requests.receipt(nameless, at=AT) is None, "there is nobody to tell"


def test_what_was_accepted_of_the_rail_can_be_read_again_however_long_it_is() -> None:
    """Who took it up to the rail's limits must be able to answer it, and screening to find its names."""
    long = asked_back().replace(b"><", b">" + b" " * 20_000 + b"<", 20)
    raw = RawMessage(UUID(int=1), MessageDirection.RAIL_IN, "camt.056.001.08", "LONG", "application/xml", long, AT)

    assert len(long) > LIMITS.bytes_max
    assert RAIL.read(long).statement is not None
    assert document_in(raw).tag.endswith("Document")
    assert names_in(long) == ()


def test_the_reserve_runs_from_the_rails_header() -> None:
    """Its creation time, cut off to the second: so the reserve is never thought longer than it is."""
    late = NETWORK.forward(
        Order(debtor_agent=RoutingNumber("990001106"), creditor_agent=RoutingNumber("990000107"), spent_s=3),
        3,
        recipient=PARTICIPANT,
        now=ARRIVED + timedelta(milliseconds=900),
    )

    reading = RAIL.read(late.body)

    assert reading.created_at == ARRIVED
    assert isinstance(reading.transfer, CustomerCreditTransfer)
    assert reading.transfer.creation_time == ARRIVED - timedelta(seconds=3)
