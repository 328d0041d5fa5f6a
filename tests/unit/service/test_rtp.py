"""RTP: ACTC is the yes, an unanswered message is repeated as it was, and what is not known is in doubt."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import datetime
from itertools import count
from typing import Final

import pytest

from gateway.domain.events import Event
from gateway.domain.payment import IdempotencyKey, Payment, PaymentState, Rail
from gateway.domain.timing import Timing
from gateway.service.dialect import DialectProtocol
from gateway.service.fednow import fednow_protocol
from gateway.service.ports import MessageClass, Queue
from gateway.service.posting_questions import PostingNotAskableError, PostingQuestions
from gateway.service.rail_protocol import Reading
from gateway.service.requests import PaymentRequest
from gateway.service.rtp import DEFAULT_DOUBT, RTP_RAIL_ID, RtpAddress, RtpDialect, rtp_protocol
from gateway.service.submit import RefusalKind, Refused, Submitted
from iso20022 import (
    Amount,
    BusinessHeader,
    BusinessMessageId,
    ConnectionPartyId,
    CustomerCreditTransfer,
    Direction,
    EchoRequest,
    EchoResponse,
    Element,
    EnvelopeKind,
    FedNowProfile,
    InstructionId,
    MessageId,
    MessageReject,
    PaymentAcknowledgement,
    PaymentCancellationRequest,
    PaymentStatusReport,
    Personal,
    Report,
    RoutingNumber,
    RtpProfile,
    StatusReason,
    TransactionId,
    TransactionStatus,
    admi002,
    examine,
    header,
    pacs002,
    wrap,
)
from iso20022.header import RTP_HEADER_TYPE
from iso20022.messages import admn, camt035, camt056
from iso20022.messages.actors import Agent
from iso20022.messages.camt035 import AcknowledgementKind
from iso20022.messages.investigation import Case, GroupCancellation
from iso20022.messages.original import Reason
from iso20022.messages.shape import Code
from tests.unit.service.world import PARTY, TENANT, Numbered, World, world

PARTICIPANT: Final = ConnectionPartyId("990000107A1")
ADDRESS: Final = RtpAddress(participant=PARTICIPANT)
KEY: Final = IdempotencyKey("invoice-2291")
INSTRUCTION_ID: Final = InstructionId("20261120990000107A1BOWN000000000009")
TIMING: Final = Timing(rail_clock_s=15, status_request_wait_s=20, status_request_interval_s=20)
REQUEST: Final = PaymentRequest(
    amount=Amount(5174),
    debtor_name=Personal("Debtor Sample"),
    debtor_account=Personal("100000000001"),
    debtor_agent=RoutingNumber("990000107"),
    creditor_name=Personal("Creditor Sample"),
    creditor_account=Personal("200000000001"),
    creditor_agent=RoutingNumber("990001203"),
    remittance=(Personal("Invoice 2291"),),
)
numbers = count(1)


@pytest.fixture
async def earth() -> AsyncIterator[World]:
    """A world whose one rail is RTP."""
    protocol = rtp_protocol(
        RtpProfile(),
        address=ADDRESS,
        timing=TIMING,
        definite_refusals=frozenset({"650"}),
    )
    async with world(protocol=protocol) as made:
        yield made


async def submitted(earth: World, request: PaymentRequest = REQUEST, key: IdempotencyKey = KEY) -> Payment:
    """A payment that was asked for in JSON."""
    outcome = await earth.intake.submit_payment(TENANT, key, request, _json(request), received_at=earth.clock.now())
    assert isinstance(outcome, Submitted), outcome
    return outcome.payment


async def sent(earth: World) -> Payment:
    """A payment that was sent."""
    payment = await submitted(earth)
    await earth.dispatch(payment)
    return await earth.now(payment)


async def in_doubt(earth: World, *, repeats: int = 0) -> Payment:
    """A payment that was sent, and repeated so often, without any word."""
    payment = await sent(earth)
    await earth.fire_timers(after_s=15)
    for _ in range(repeats):
        await earth.fire_timers(after_s=120)
        await earth.ask(payment)
    return await earth.now(payment)


def said(earth: World, number: int) -> Report:
    """The `number`-th message that the rail got, as it is valid there."""
    report = examine(earth.rail.sent[number].body, profile=RtpProfile(), direction=Direction.TO_RAIL)
    assert report.valid, report.findings
    return report


def status(
    earth: World,
    payment: Payment,
    word: TransactionStatus,
    *,
    reason: StatusReason | None = None,
    about: str | None = None,
    amount: Amount | None = None,
) -> bytes:
    """A pacs.002 from the rail about a payment."""
    report = PaymentStatusReport(
        message_id=_message_id(),
        creation_time=earth.clock.now(),
        original_message_id=MessageId(about or payment.message_id),
        original_message_name="pacs.008.001.08",
        original_creation_time=earth.clock.now(),
        original_instruction_id=payment.instruction_id,
        original_uetr=payment.uetr,
        original_amount=amount,
        status=word,
        reasons=() if reason is None else (reason,),
        acceptance_time=earth.clock.now(),
        instructing_agent=payment.creditor_agent,
        instructed_agent=payment.debtor_agent,
        agent_clearing_system=None,
        states_group=True,
    )
    return incoming(earth, pacs002.MESSAGE_TYPE, pacs002.build(report))


def given_up(earth: World, payment: Payment, *, code: str = "DS24", name: str = "pacs.008.001.08") -> bytes:
    """A camt.056 from the rail."""
    agent = _agent(RTP_RAIL_ID[:9])
    request = PaymentCancellationRequest(
        message_id=_message_id(),
        assigner=agent,
        assignee=_agent(payment.debtor_agent),
        creation_time=earth.clock.now(),
        case=Case(id=_message_id(), creator=agent),
        original_group=GroupCancellation(message_id=payment.message_id, message_name=name),
        original_instruction_id=payment.instruction_id,
        original_end_to_end_id=payment.end_to_end_id,
        original_transaction_id=TransactionId(str(payment.instruction_id)),
        original_amount=payment.amount,
        original_settlement_date=payment.business_date,
        reasons=(Reason(reason=Code(code)),),
    )
    return incoming(earth, camt056.MESSAGE_TYPE, camt056.build(request))


def posted(earth: World, payment: Payment, *, instruction_id: InstructionId | None = None) -> bytes:
    """A camt.035 of the creditor's institution, relayed."""
    agent = _agent(payment.creditor_agent)
    instruction = instruction_id or payment.instruction_id
    assert instruction is not None
    acknowledgement = PaymentAcknowledgement(
        message_id=_message_id(),
        assigner=agent,
        assignee=_agent(payment.debtor_agent),
        creation_time=earth.clock.now(),
        case=Case(id=_message_id(), creator=agent),
        kind=AcknowledgementKind.ACWP,
        original_instruction_id=instruction,
        original_end_to_end_id=payment.end_to_end_id,
        original_transaction_id=TransactionId(instruction),
    )
    return incoming(earth, camt035.MESSAGE_TYPE, camt035.build(acknowledgement))


def refused(earth: World, reference: str, code: str) -> bytes:
    """An admi.002 from the rail."""
    reject = MessageReject(related_reference=reference, reason_code=code, rejection_time=earth.clock.now())
    return incoming(earth, admi002.MESSAGE_TYPE, admi002.build(reject))


def incoming(earth: World, message_type: str, document: Element, *, sender: str = RTP_RAIL_ID) -> bytes:
    """A message from the rail in its envelope."""
    app_header = BusinessHeader(
        sender=ConnectionPartyId(sender),
        receiver=PARTICIPANT,
        business_message_id=BusinessMessageId(f"B{_message_id()[1:]}"),
        message_type=message_type,
        creation_time=earth.clock.now(),
    )
    return wrap(EnvelopeKind.RTP_MESSAGE, header.build(app_header, header_type=RTP_HEADER_TYPE), document)


def _agent(number: str) -> Agent:
    return Agent(member_id=RoutingNumber(number), clearing_system=None)


def _message_id() -> MessageId:
    return MessageId(f"M20261120990000001T1HTST{next(numbers):011}")


async def _submit_once_more(earth: World, instruction_id: InstructionId) -> Submitted | Refused:
    """Ask for the same payment under another key, with an instruction id of the client's."""
    request, key = replace(REQUEST, instruction_id=instruction_id), IdempotencyKey("invoice-2291-again")
    return await earth.intake.submit_payment(TENANT, key, request, _json(request), received_at=earth.clock.now())


def _json(request: PaymentRequest) -> bytes:
    return json.dumps(request.as_json()).encode()


# --- what goes to the rail ---


async def test_a_payment_in_json_becomes_a_valid_message_of_rtp(earth: World) -> None:
    """Its header, envelope, local times and ids; a consumer's payment has the rail's word for it."""
    payment = await sent(earth)

    report = said(earth, 0)

    transfer = report.message
    assert isinstance(transfer, CustomerCreditTransfer)
    assert report.header is not None
    assert (report.header.sender, report.header.receiver) == (PARTICIPANT, RTP_RAIL_ID)
    assert (transfer.message_id, transfer.amount, transfer.category_purpose) == (
        payment.message_id,
        Amount(5174),
        "CONSUMER",
    )
    assert earth.rail.sent[0].message_class is MessageClass.VALUE


async def test_the_ids_of_a_payment_are_one_number(earth: World) -> None:
    """Where message ids differ, instruction ids do: RTP tells a repeat from a new payment by the instruction id."""
    payment = await sent(earth)

    report = said(earth, 0)

    assert report.header is not None
    assert report.header.business_message_id[1:] == payment.message_id[1:]
    assert payment.instruction_id is not None
    assert payment.instruction_id[:23] + payment.instruction_id[24:] == payment.message_id[1:]


async def test_the_same_key_gives_the_same_ids_and_another_key_others(earth: World) -> None:
    """Whatever is lost on the way, a second copy carries the first one's ids."""
    first, again = await submitted(earth), await submitted(earth)
    other = await submitted(earth, key=IdempotencyKey("invoice-2292"))

    assert first == again
    assert other.message_id != first.message_id
    assert other.instruction_id != first.instruction_id


async def test_a_clients_own_message_goes_out_as_it_came_in_under_our_header(earth: World) -> None:
    """The Document is the client's word; the header is always ours."""
    await sent(earth)
    body = earth.rail.sent[0].body.replace(b"B20", b"B19").replace(KEY.encode(), b"")
    fresh = body.replace(b"M2026112", b"M2026112", 1)
    own = fresh.replace(str(said(earth, 0).message.message_id).encode(), b"M20261120990000107A1BOWN00000000001")  # type: ignore[union-attr]
    own = own.replace(str(said(earth, 0).message.instruction_id).encode(), b"20261120990000107A1BOWN000000000001")  # type: ignore[union-attr]

    outcome = await earth.intake.submit_message(TENANT, own, header_key=None, received_at=earth.clock.now())
    assert isinstance(outcome, Submitted), outcome
    await earth.dispatch(outcome.payment)

    report = said(earth, 1)
    assert report.header is not None
    assert report.header.business_message_id == "B20261120990000107A1BOWN00000000001"
    before = examine(own, profile=RtpProfile()).message
    assert report.message == before


async def test_an_instruction_id_that_has_gone_to_the_rail_is_refused_with_place_and_remedy(earth: World) -> None:
    """RTP tells a repeat from a new payment by it, and would answer for the second what became of the first."""
    await submitted(earth, replace(REQUEST, instruction_id=INSTRUCTION_ID))

    outcome = await _submit_once_more(earth, INSTRUCTION_ID)

    assert isinstance(outcome, Refused)
    assert outcome.kind is RefusalKind.INSTRUCTION_ID_TAKEN
    assert [(each.code, each.value) for each in outcome.findings] == [("INSTRUCTION_ID_TAKEN", INSTRUCTION_ID)]
    assert outcome.findings[0].xpath.endswith("/PmtId/InstrId")
    assert outcome.findings[0].hint
    assert len(earth.store.rows.payments) == 1
    assert earth.recorder.refusals[-1].codes == ("INSTRUCTION_ID_TAKEN",)


async def test_two_payments_with_one_instruction_id_would_be_one_to_the_rail(earth: World) -> None:
    """The control: without the guard the second is settled by the rail's word about the first, and nothing moved."""
    first = await submitted(earth, replace(REQUEST, instruction_id=INSTRUCTION_ID))
    await earth.dispatch(first)
    await earth.hear(status(earth, first, TransactionStatus.ACTC))
    earth.store.rows.instruction_ids.clear()

    outcome = await _submit_once_more(earth, INSTRUCTION_ID)
    assert isinstance(outcome, Submitted), outcome
    second = outcome.payment
    await earth.dispatch(second)
    await earth.hear(status(earth, second, TransactionStatus.RJCT, reason=StatusReason(code="DUPL")))
    assert (await earth.now(second)).state is PaymentState.IN_DOUBT
    await earth.fire_timers(after_s=120)
    await earth.ask(second)
    await earth.hear(status(earth, second, TransactionStatus.ACTC))

    assert (await earth.now(second)).state is PaymentState.SETTLED


async def test_what_rtp_would_refuse_is_refused_with_every_finding(earth: World) -> None:
    """RTP takes one line of remittance text."""
    two = replace(REQUEST, remittance=(Personal("one"), Personal("two")))

    outcome = await earth.intake.submit_payment(TENANT, KEY, two, _json(two), received_at=earth.clock.now())

    assert isinstance(outcome, Refused)
    assert {finding.code for finding in outcome.findings} == {"RTP_TOO_MANY", "RTP_REMITTANCE"}


# --- what the rail says ---


@pytest.mark.parametrize(
    ("word", "reason", "state"),
    [
        (TransactionStatus.ACTC, None, PaymentState.SETTLED),
        (TransactionStatus.ACWP, None, PaymentState.ACCEPTED_WITHOUT_POSTING),
        (TransactionStatus.RJCT, StatusReason(code="AC04"), PaymentState.REJECTED),
        (TransactionStatus.RJCT, StatusReason(proprietary="9910"), PaymentState.REJECTED),
        (TransactionStatus.RJCT, StatusReason(code="DS24"), PaymentState.REJECTED),
        (TransactionStatus.RCVD, None, PaymentState.SENDING),
    ],
)
async def test_the_rails_word_ends_a_payment(
    earth: World, word: TransactionStatus, reason: StatusReason | None, state: PaymentState
) -> None:
    """ACTC is the sender's positive answer on RTP; on FedNow it decides nothing."""
    payment = await sent(earth)

    await earth.hear(status(earth, payment, word, reason=reason))

    assert (await earth.now(payment)).state is state


async def test_a_time_out_of_the_rail_is_a_rejection(earth: World) -> None:
    """camt.056 with DS24: the rail gave the payment up, and rejects a later acceptance."""
    payment = await sent(earth)

    await earth.hear(given_up(earth, payment))

    rejected = await earth.now(payment)
    assert rejected.state is PaymentState.REJECTED
    assert rejected.reason is not None
    assert rejected.reason.code == "DS24"


@pytest.mark.parametrize(("code", "name"), [("CUST", "pacs.008.001.08"), ("DS24", "pain.013.001.07")])
async def test_a_camt_056_that_is_no_time_out_of_the_payment_decides_nothing(
    earth: World, code: str, name: str
) -> None:
    """A request to return money, or the end of a request for payment: a person's to look at."""
    payment = await sent(earth)

    await earth.hear(given_up(earth, payment, code=code, name=name))

    assert (await earth.now(payment)).state is PaymentState.SENDING
    assert len(earth.recorder.quarantines) == 1


async def test_an_unknown_reason_is_in_doubt_with_a_finding(earth: World) -> None:
    """Nothing is read into a code that is not on the list; the list is a setting."""
    payment = await sent(earth)

    await earth.hear(status(earth, payment, TransactionStatus.RJCT, reason=StatusReason(code="ZZ99")))
    await earth.fire_timers(after_s=15)

    assert (await earth.now(payment)).state is PaymentState.IN_DOUBT
    assert [quarantined.codes for quarantined in earth.recorder.quarantines] == [("RTP_REASON_CODE",)]


async def test_control_a_reason_on_the_list_is_final() -> None:
    """The test above can fail: once the reason is on the list, the rejection is believed."""
    known = RtpProfile(status_reasons=RtpProfile().status_reasons | {"ZZ99"})
    async with world(protocol=rtp_protocol(known, address=ADDRESS, timing=TIMING)) as earth:
        payment = await sent(earth)

        await earth.hear(status(earth, payment, TransactionStatus.RJCT, reason=StatusReason(code="ZZ99")))

        assert (await earth.now(payment)).state is PaymentState.REJECTED
        assert earth.recorder.quarantines == []


async def test_an_unknown_status_is_in_doubt_with_a_finding(earth: World) -> None:
    """ACSC is FedNow's yes: on RTP nobody says it."""
    payment = await sent(earth)

    await earth.hear(status(earth, payment, TransactionStatus.ACSC))

    assert (await earth.now(payment)).state is PaymentState.SENDING
    assert [quarantined.codes for quarantined in earth.recorder.quarantines] == [("RTP_STATUS",)]


async def test_a_copy_that_was_refused_as_a_duplicate_says_nothing_of_the_payment(earth: World) -> None:
    """RJCT DUPL: the other copy counts, and may have settled."""
    payment = await sent(earth)

    await earth.hear(status(earth, payment, TransactionStatus.RJCT, reason=StatusReason(code="DUPL")))

    doubtful = await earth.now(payment)
    assert doubtful.state is PaymentState.IN_DOUBT
    assert doubtful.next_step_at is not None


@pytest.mark.parametrize(
    ("code", "repeats", "state"),
    [
        ("650", 0, PaymentState.REJECTED),
        ("650", 1, PaymentState.IN_DOUBT),
        ("999", 0, PaymentState.IN_DOUBT),
    ],
)
async def test_a_refused_message_is_rejected_only_where_no_other_copy_left(
    earth: World, code: str, repeats: int, state: PaymentState
) -> None:
    """650: the schema is broken, so this copy was not processed; of another copy that says nothing."""
    payment = await in_doubt(earth, repeats=repeats)

    await earth.hear(refused(earth, f"B{payment.message_id[1:]}", code))

    assert (await earth.now(payment)).state is state


class _ForgetsCopies(DialectProtocol):
    """Takes a refusal of a message for one of the only copy."""

    def event(self, reading: Reading, payment: Payment, *, at: datetime) -> Event:
        return super().event(reading, replace(payment, transfers=1), at=at)


@pytest.mark.parametrize(("code", "repeats"), [("650", 1), ("999", 0)])
async def test_control_without_the_count_of_copies_or_the_list_of_codes_both_are_rejected(
    code: str, repeats: int
) -> None:
    """What the test above would find of each guard: a payment that may have settled by another copy, or at all."""
    protocol = _ForgetsCopies(
        RtpDialect(RtpProfile(), ADDRESS), timing=TIMING, doubt=DEFAULT_DOUBT, definite_refusals=frozenset({code})
    )
    async with world(protocol=protocol) as earth:
        payment = await in_doubt(earth, repeats=repeats)

        await earth.hear(refused(earth, f"B{payment.message_id[1:]}", code))

        assert (await earth.now(payment)).state is PaymentState.REJECTED


async def test_an_answer_over_another_amount_is_set_aside(earth: World) -> None:
    """What names the payment and contradicts it is a person's to look at."""
    payment = await sent(earth)

    await earth.hear(status(earth, payment, TransactionStatus.ACTC, amount=Amount(5175)))

    assert (await earth.now(payment)).state is PaymentState.SENDING
    assert [quarantined.codes for quarantined in earth.recorder.quarantines] == [("ORIGINAL_AMOUNT_DIFFERS",)]


async def test_an_answer_that_is_not_the_rails_is_set_aside(earth: World) -> None:
    """Who speaks for the rail is a setting; nobody else's word moves a payment."""
    payment = await sent(earth)
    own = status(earth, payment, TransactionStatus.ACTC).replace(RTP_RAIL_ID.encode(), b"990001203A1", 1)

    await earth.hear(own)

    assert (await earth.now(payment)).state is PaymentState.SENDING
    assert "HEADER_NOT_FOR_US" in earth.recorder.quarantines[0].codes


async def test_an_acknowledgement_ends_what_was_accepted_without_posting(earth: World) -> None:
    """camt.035: the creditor's institution has posted. It names the payment by its instruction id alone."""
    payment = await sent(earth)
    await earth.hear(status(earth, payment, TransactionStatus.ACWP))

    await earth.hear(posted(earth, payment))

    assert (await earth.now(payment)).state is PaymentState.SETTLED


async def test_no_receiver_is_asked_what_became_of_the_posting(earth: World) -> None:
    """That RTP carries such a question no public text says; so it is refused, whatever the time, and nothing leaves."""
    payment = await sent(earth)
    await earth.hear(status(earth, payment, TransactionStatus.ACWP))
    rails = {Rail.RTP: earth.receiver.rail}
    asking = PostingQuestions(earth.receiver.decisions, rails, {}, {}, earth.clock, Numbered())

    with pytest.raises(PostingNotAskableError) as refused:
        await asking.ask(payment.payment_id, tenant_id=TENANT, by="a test")

    assert (refused.value.code, refused.value.askable_from) == ("not_on_this_rail", None)
    assert len(earth.rail.sent) == 1


async def test_an_acknowledgement_of_an_id_that_is_not_ours_is_set_aside(earth: World) -> None:
    """An instruction id that a client made itself does not lead back to a message of ours."""
    payment = await sent(earth)

    await earth.hear(posted(earth, payment, instruction_id=InstructionId("20261120990000107A1BABCD00000000001")))

    assert [quarantined.codes for quarantined in earth.recorder.quarantines] == [("UNMATCHED_MESSAGE",)]


# --- doubt ---


async def test_an_unanswered_message_is_repeated_as_it_was_and_then_a_person_is_called(earth: World) -> None:
    """Never as new, never with another id or time; each repeat is saved before it leaves, for it may settle."""
    payment = await in_doubt(earth, repeats=DEFAULT_DOUBT.ping_after)
    await earth.fire_timers(after_s=120)
    await earth.dispatcher.ping(earth.delivery(payment, Queue.RTP_OUT_SYSTEM))
    for _ in range(DEFAULT_DOUBT.questions_max - DEFAULT_DOUBT.ping_after):
        await earth.fire_timers(after_s=120)
        await earth.ask(payment)

    await earth.fire_timers(after_s=120)

    called = await earth.now(payment)
    assert called.state is PaymentState.AWAITING_OPERATOR
    assert called.transfers == 1 + DEFAULT_DOUBT.questions_max
    first, *others = [said(earth, number) for number in range(len(earth.rail.sent))]
    echoes = [other for other in others if isinstance(other.message, EchoRequest)]
    repeats = [other for other in others if other not in echoes]
    assert (len(echoes), len(repeats)) == (1, DEFAULT_DOUBT.questions_max)
    for repeat in repeats:
        assert repeat.header is not None
        assert repeat.header.copy_duplicate == "DUPL"
        assert replace(repeat.header, copy_duplicate=None) == first.header
        assert repeat.message == first.message


async def test_a_repeat_waits_until_the_rails_clock_has_run_out_and_the_pauses_double(earth: World) -> None:
    """20 s after the creation time, then after 20 and 40 s: a repeat that is processed has a clock of its own."""
    payment = await in_doubt(earth)
    waits = []
    for _ in range(3):
        now = await earth.now(payment)
        assert now.next_step_at is not None
        waits.append((now.next_step_at - earth.clock.now()).total_seconds())
        await earth.fire_timers(after_s=waits[-1])
        await earth.ask(payment)

    assert [round(wait) for wait in waits] == [5, 20, 40]


async def test_the_answer_to_a_repeat_ends_the_doubt(earth: World) -> None:
    """The rail repeats its status, or processes the message if it is new to it: either is about the one payment."""
    payment = await in_doubt(earth, repeats=1)

    await earth.hear(status(earth, payment, TransactionStatus.ACTC))

    assert (await earth.now(payment)).state is PaymentState.SETTLED


async def test_nothing_is_repeated_on_another_day(earth: World) -> None:
    """Ids and settlement date are of the day on which it was made: a person is called."""
    payment = await in_doubt(earth, repeats=1)

    await earth.fire_timers(after_s=86_400)
    await earth.ask(payment)

    assert (await earth.now(payment)).state is PaymentState.AWAITING_OPERATOR
    assert len(earth.rail.sent) == 2


async def test_an_echo_that_is_answered_is_a_sign_of_life(earth: World) -> None:
    """It is about no payment."""
    payment = await in_doubt(earth, repeats=3)
    await earth.fire_timers(after_s=120)
    await earth.dispatcher.ping(earth.delivery(payment, Queue.RTP_OUT_SYSTEM))
    asked = said(earth, -1).message
    assert isinstance(asked, EchoRequest)
    answer = EchoResponse(
        message_id=MessageId("20261120150000990000001T1ECHO"),
        creation_time=earth.clock.now(),
        instructing_agent=RTP_RAIL_ID,
        instructed_agent=PARTICIPANT,
        original_instruction_id=asked.instruction_id,
    )

    await earth.hear(incoming(earth, "admn.006.001.01", admn.build(answer)))

    assert earth.recorder.signs_of_life == ["rtp"]


async def test_a_refused_echo_says_nothing_of_the_payment(earth: World) -> None:
    """The rail refuses the question, not the transfer: only what names the transfer decides about it."""
    payment = await in_doubt(earth, repeats=3)
    await earth.fire_timers(after_s=120)
    await earth.dispatcher.ping(earth.delivery(payment, Queue.RTP_OUT_SYSTEM))
    echo = said(earth, -1).header
    assert echo is not None

    await earth.hear(refused(earth, echo.business_message_id, "650"))

    assert (await earth.now(payment)).state is PaymentState.IN_DOUBT


async def test_a_message_id_of_another_day_is_refused(earth: World) -> None:
    """A new payment's id carries the day on which it is sent, as on FedNow."""
    await sent(earth)
    old = earth.rail.sent[0].body.replace(b"M20261120", b"M20261101")

    outcome = await earth.refused(old)

    assert [finding.code for finding in outcome.findings] == ["RTP_MESSAGE_ID_DATE"]


async def test_a_payment_that_named_no_rail_stays_where_it_was_when_the_default_changes(earth: World) -> None:
    """A repeat gets the first answer again: under one key there is one payment, on one rail."""
    first = await submitted(earth)
    fednow = fednow_protocol(FedNowProfile(), connection_party=PARTY, timing=TIMING)
    earth.intake._rails = {**earth.intake._rails, fednow.rail: fednow}
    earth.intake._default_rail = fednow.rail

    again = await submitted(earth)

    assert again == first
    assert again.rail is Rail.RTP
