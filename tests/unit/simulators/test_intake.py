"""What the rail does with a message before it looks at the payment: copies, duplicates, technical faults."""

import hashlib
import re
from dataclasses import replace
from datetime import time

import pytest

from iso20022 import (
    Amount,
    Direction,
    EndToEndId,
    EnvelopeKind,
    MessageId,
    MessageReject,
    PaymentStatusReport,
    TransactionStatus,
    admi002,
    header,
    pacs002,
    wrap,
)
from iso20022.codes import Rail
from iso20022.sample import sample
from simulators.facts import Verdict
from simulators.fednow.decide import find_business_faults
from simulators.fednow.settings import FedNowSimulatorSettings, RejectCodes
from simulators.fednow.value import Value
from simulators.standing import Standing
from tests.unit.simulators.conftest import MakeWorld
from tests.unit.simulators.world import (
    ACSC,
    NOON,
    OTHER_SENDER,
    RECEIVER,
    RJCT,
    SENDER,
    UNKNOWN_AGENT,
    Told,
    World,
    header_of,
    transfer_bytes,
)

NO_REFERENCE = "NOTAVAILABLE"
CLOSED = RejectCodes().liquidity_closed


def verdicts(world: World, message_id: str) -> list[Verdict | None]:
    """What was made of each copy of a message."""
    return [copy.judged.verdict if copy.judged else None for copy in world.rail.book.copies(message_id=message_id)]


def test_a_second_copy_is_refused_and_the_first_stands(world: World) -> None:
    """A message id is good for one message (Operating Procedures 16.1): money moves once however often it comes."""
    message_id = world.new_message_id()
    body = transfer_bytes(world.now, message_id)

    for _ in range(3):
        world.send(body)

    duplicate = Told(message_id, "admi.002", ("SIM-DUPLICATE",))
    assert sorted(world.answers(), key=str) == sorted([Told(message_id, ACSC), duplicate, duplicate], key=str)
    assert len(world.rail.book.ledger.settlements) == 1


def test_every_copy_is_counted_before_it_is_judged(world: World) -> None:
    """What was on the wire can be counted, duplicates and all, with the digest of the very bytes."""
    message_id = world.new_message_id()
    body = transfer_bytes(world.now, message_id)

    for _ in range(3):
        world.send(body)

    copies = world.rail.book.copies(message_id=message_id)
    assert verdicts(world, message_id) == [Verdict.ACCEPTED, Verdict.DUPLICATE, Verdict.DUPLICATE]
    assert {copy.received.digest for copy in copies} == {hashlib.sha256(body).hexdigest()}
    assert world.rail.book.copies(uetr="8a562c67-ca16-48ba-b074-65581be6f011") == copies


def test_without_the_check_every_copy_moves_money(make_world: MakeWorld) -> None:
    """The control: a drill with the check off sees what a gateway would have doubled."""
    world = make_world(FedNowSimulatorSettings(check_duplicates=False))
    message_id = world.new_message_id()
    body = transfer_bytes(world.now, message_id)

    world.send(body)
    world.send(body)

    assert verdicts(world, message_id) == [Verdict.ACCEPTED, Verdict.ACCEPTED]
    assert world.rail.book.ledger.positions == {SENDER.routing_number: -10348, RECEIVER.routing_number: 10348}


def test_a_refused_message_has_used_up_its_id(world: World) -> None:
    """After a refusal a new message id is due."""
    message_id = world.new_message_id()
    body = transfer_bytes(world.now, message_id)

    world.send(body, message_class="system")
    world.send(body)

    assert world.answers() == [
        Told(message_id, "admi.002", ("SIM-CLASS",)),
        Told(message_id, "admi.002", ("SIM-DUPLICATE",)),
    ]


@pytest.mark.parametrize(
    "body", [b"", b"garbage", b"\xff\xfe\x00", b"<a/>", b"<!DOCTYPE a><a/>", b"<" * 300_000], ids=repr
)
def test_what_cannot_be_read_is_refused_without_a_reference(world: World, body: bytes) -> None:
    """Whatever comes is answered by a message to the connection that it came from."""
    world.send(body)

    assert world.answers() == [Told(NO_REFERENCE, "admi.002", ("SIM-UNREADABLE",))]
    assert world.rail.book.verdicts() == {Verdict.REFUSED: 1}


def test_a_bare_document_is_refused(world: World) -> None:
    """On the rail a message has its header and FedNow's envelope."""
    body = transfer_bytes(world.now, world.new_message_id())
    start, end = body.index(b"<Document"), body.index(b"</Document>") + len(b"</Document>")

    world.send(body[start:end])

    assert [told.codes for told in world.answers()] == [("SIM-UNREADABLE",)]


def test_a_message_that_breaks_the_schema_is_refused_by_its_id(world: World) -> None:
    """The header could be read, so the refusal names the message."""
    message_id = world.new_message_id()
    body = transfer_bytes(world.now, message_id).replace(b"<ChrgBr>SLEV</ChrgBr>", b"<ChrgBr>XXXX</ChrgBr>")

    world.send(body)

    assert world.answers() == [Told(message_id, "admi.002", ("SIM-SCHEMA",))]


def test_a_message_that_breaks_the_rails_own_rules_is_refused(world: World) -> None:
    """The rail's profile is part of its schema: another clearing system is a technical fault."""
    message_id = world.new_message_id()
    body = transfer_bytes(world.now, message_id).replace(b"<Cd>FDN</Cd>", b"<Cd>TCH</Cd>")

    world.send(body)

    assert world.answers() == [Told(message_id, "admi.002", ("SIM-SCHEMA",))]


def test_a_message_in_the_name_of_another_is_refused(world: World) -> None:
    """The header's From is the connection that the message comes over."""
    message_id = world.new_message_id()

    world.send(transfer_bytes(world.now, message_id), connection_party=OTHER_SENDER.connection_party)

    assert world.answers(OTHER_SENDER.connection_party) == [Told(message_id, "admi.002", ("SIM-SENDER",))]
    assert world.answers() == []


def test_a_connection_speaks_only_for_its_own_institutions(world: World) -> None:
    """A known institution that is connected by another party is not this connection's to send for."""
    message_id = world.pay(debtor_agent=OTHER_SENDER.routing_number)

    assert world.answers() == [Told(message_id, "admi.002", ("SIM-SENDER",))]


def test_a_message_in_the_wrong_class_is_refused(world: World) -> None:
    """Value, inquiry, nonvalue and system messages have queues of their own."""
    message_id = world.new_message_id()

    world.send(transfer_bytes(world.now, message_id), message_class="nonvalue")

    assert world.answers() == [Told(message_id, "admi.002", ("SIM-CLASS",))]


def test_the_code_of_a_technical_refusal_is_a_setting(make_world: MakeWorld) -> None:
    """The rail's real codes are not public: whoever knows them can set them."""
    world = make_world(FedNowSimulatorSettings(codes=RejectCodes(unreadable="T999")))

    world.send(b"garbage")

    assert world.answers() == [Told(NO_REFERENCE, "admi.002", ("T999",))]


def test_an_unknown_receiver_is_a_business_fault(world: World) -> None:
    """Both institutions are participants, or the payment is rejected by a pacs.002."""
    message_id = world.pay(creditor_agent=UNKNOWN_AGENT)

    assert world.answers() == [Told(message_id, RJCT, ("E981",))]


def test_an_unknown_sender_is_a_business_fault(world: World) -> None:
    """As on the receiver's side."""
    message_id = world.pay(debtor_agent=UNKNOWN_AGENT)

    assert world.answers() == [Told(message_id, RJCT, ("E980",))]


def test_an_institution_that_only_receives_may_not_send(world: World) -> None:
    """Receive Only participants send no pacs.008 (Operating Procedures, appendix F)."""
    message_id = world.new_message_id(RECEIVER.connection_party)
    body = transfer_bytes(
        world.now,
        message_id,
        sender=RECEIVER.connection_party,
        debtor_agent=RECEIVER.routing_number,
        creditor_agent=SENDER.routing_number,
    )

    world.send(body, connection_party=RECEIVER.connection_party)

    assert world.answers(RECEIVER.connection_party) == [Told(message_id, RJCT, ("E980",))]


@pytest.mark.parametrize(("amount", "status"), [("10000000.00", ACSC), ("10000000.01", RJCT)])
def test_the_network_limit_is_the_most_that_goes_through(world: World, amount: str, status: str) -> None:
    """E990 where public texts have it: the amount exceeds the limit."""
    message_id = world.pay(amount=amount)

    assert world.answers() == [Told(message_id, status, ("E990",) if status == RJCT else ())]


def test_a_participants_own_reject_is_taken_and_ignored(world: World) -> None:
    """FedNow does not process an admi.002 from participants; nothing comes back, or both would reject for ever."""
    message_id = world.new_message_id()
    body = wrap(
        EnvelopeKind.FEDNOW_INCOMING,
        header.build(header_of(admi002.MESSAGE_TYPE, message_id, sender=SENDER.connection_party, created_at=world.now)),
        admi002.build(MessageReject(related_reference=NO_REFERENCE, reason_code="T505", rejection_time=world.now)),
    )

    world.send(body, message_class="system")

    assert world.answers() == []
    assert verdicts(world, message_id) == [Verdict.IGNORED]


def test_an_answer_to_what_was_never_forwarded_is_taken_and_changes_nothing(world: World) -> None:
    """A receiver's pacs.002 is about a payment from the network, or about nothing."""
    message_id = world.new_message_id()
    report = PaymentStatusReport(
        message_id=message_id,
        creation_time=world.now,
        original_message_id=world.new_message_id(),
        original_message_name="pacs.008.001.08",
        original_creation_time=world.now,
        original_end_to_end_id=EndToEndId("END-TO-END"),
        status=TransactionStatus.ACTC,
        instructing_agent=SENDER.routing_number,
        instructed_agent=RECEIVER.routing_number,
    )
    body = wrap(
        EnvelopeKind.FEDNOW_INCOMING,
        header.build(header_of(pacs002.MESSAGE_TYPE, message_id, sender=SENDER.connection_party, created_at=world.now)),
        pacs002.build(report),
    )

    world.send(body, message_class="nonvalue")

    assert world.answers() == []
    assert world.rail.book.verdicts() == {"answer": 1}


def test_a_message_that_the_rail_does_not_take_is_refused(world: World) -> None:
    """Retrieval requests are not played yet."""
    body = sample("admi.006", rail=Rail.FEDNOW, direction=Direction.TO_RAIL, at=world.now)
    sent_by = re.search(rb"<MmbId>([0-9A-Z]{9})</MmbId>", body)
    assert sent_by is not None
    body = body.replace(sent_by[0], f"<MmbId>{SENDER.connection_party}</MmbId>".encode(), 1)

    world.send(body, message_class="inquiry")

    assert [told.codes for told in world.answers()] == [("SIM-UNSUPPORTED",)]


def test_a_relayed_rejection_is_the_institutions_own(world: World) -> None:
    """The Document is the creditor's institution's, the header the service's: two ids, and only the header's is new."""
    world.pay("SIMRJCTAC04")

    (body,) = world.bodies()

    report = world.report(body)
    assert report.instructing_agent == RECEIVER.routing_number
    assert [(reason.code, reason.proprietary) for reason in report.reasons] == [("AC04", None)]
    assert f"<BizMsgIdr>{report.message_id}</BizMsgIdr>".encode() not in body


@pytest.mark.parametrize(
    ("hours", "faults"), [(None, ()), ((time(11), time(13)), ()), ((time(13), time(11)), (CLOSED,))]
)
def test_liquidity_is_taken_in_the_hours_that_are_set(hours: tuple[time, time] | None, faults: tuple[str, ...]) -> None:
    """They are US Eastern, may go past midnight, and are not public: without any it is always taken. It is noon."""
    profile = replace(FedNowSimulatorSettings().profile, lmt_hours=hours)
    settings = FedNowSimulatorSettings(profile=profile)
    moved = Value(
        message_id=MessageId("20260310990000107LIQUIDITY"),
        creation_time=NOON,
        instruction_id=None,
        end_to_end_id=EndToEndId("END-TO-END"),
        transaction_id=None,
        uetr=None,
        amount=Amount(100),
        settlement_date=None,
        instructing_agent=SENDER.routing_number,
        instructed_agent=OTHER_SENDER.routing_number,
        creditor_account="",
        is_return=False,
        is_liquidity=True,
    )
    app_header = header_of("pacs.009.001.08", moved.message_id, sender=SENDER.connection_party, created_at=NOON)

    assert find_business_faults(moved, app_header, now=NOON, settings=settings, standing=Standing({})) == faults
