"""A status request to an institution: the network plays it, and says the latest; or it is there, and answers itself."""

from __future__ import annotations

from dataclasses import replace

import pytest

from iso20022 import (
    EnvelopeKind,
    MessageId,
    PaymentStatusReport,
    RoutingNumber,
    StatusReason,
    TransactionStatus,
    header,
    pacs002,
    wrap,
)
from iso20022.messages import pacs028, pain013
from iso20022.messages.actors import Agent
from iso20022.messages.original import PaymentType
from iso20022.messages.pain013 import RequestForPayment
from iso20022.messages.shape import Proprietary
from simulators.conversations import Asking, account, request_asked
from tests.unit.simulators.test_relay import answered, paid
from tests.unit.simulators.world import (
    ACWP,
    OTHER_SENDER,
    RECEIVER,
    RJCT,
    SENDER,
    STRANGER,
    Told,
    World,
    header_of,
)

THERE = OTHER_SENDER
PAYMENT_TYPE = PaymentType(local_instrument=Proprietary("FDNA"), category_purpose=Proprietary("CONS"))


def agent_of(number: RoutingNumber) -> Agent:
    """An institution, by its number."""
    return Agent(member_id=number)


def asked(world: World, original: MessageId) -> tuple[MessageId, list[Told]]:
    """What the sender of a payment is told when it asks the receiver; the receipts of both come first."""
    world.bodies()
    question = world.ask(original, asked=RECEIVER.routing_number)
    receipts = [Told(question, "admi.007", ("TS01",))] * 2
    told = world.answers()
    assert told[:2] == receipts
    return question, told[2:]


@pytest.mark.parametrize(
    ("account", "status", "codes"),
    [
        ("SIMASKACCC", "ACCC", ()),
        ("SIMASKPDNG", "PDNG", ()),
        ("SIMASKBLCK", "BLCK", ("AC06",)),
        ("SIMASKRJCT", "RJCT", ("AC06",)),
        # Without an order of its own it says what it has said last, or what it did.
        ("SIMACWP", "ACWP", ()),
        ("SIMACWPBLCK", "BLCK", ("AC06",)),
        ("SIMSETTLE", "ACCC", ()),
        ("SIMRJCTAC04", "RJCT", ("AC04",)),
    ],
)
def test_the_latest_status_is_told(world: World, account: str, status: str, codes: tuple[str, ...]) -> None:
    """Of the payment, by its own message id."""
    message_id = world.pay(account)
    world.pass_time(30)

    _, told = asked(world, message_id)

    assert told == [Told(message_id, status, codes)]


def test_what_was_told_meanwhile_counts_from_then_on(world: World) -> None:
    """Before the institution has said by itself that it blocks the money, the latest is ACWP."""
    message_id = world.pay("SIMACWPBLCK")

    _, first = asked(world, message_id)
    world.pass_time(2)
    _, second = asked(world, message_id)

    assert [each.status for each in (*first, *second)] == ["ACWP", "BLCK"]


@pytest.mark.parametrize("code", ["AG09", "NARR"])
def test_what_cannot_be_traced_is_said_of_the_question(world: World, code: str) -> None:
    """RJCT about the pacs.028, in the institution's name: taken for the payment's it would be a refusal to post."""
    question, told = asked(world, world.pay(f"SIMASK{code}"))

    assert told == [Told(question, RJCT, (code,))]


def test_silence_and_the_same_answer_twice(world: World) -> None:
    """Nothing but the receipts; and one answer, byte for byte again."""
    assert asked(world, world.pay("SIMASKNONE"))[1] == []

    message_id = world.pay("SIMASKTWICE")
    world.bodies()
    world.ask(message_id, asked=RECEIVER.routing_number)
    *_, first, second = world.bodies()
    assert first == second
    assert world.told(first) == Told(message_id, "ACCC")


def test_what_never_arrived_or_is_a_strangers_is_not_traceable(world: World) -> None:
    """Nothing sent; refused by the network; asked of another institution; asked by another one."""
    refused = world.pay(amount="10000000.01")
    good = world.pay("SIMACWP")

    for original in (world.new_message_id(), refused):
        question, told = asked(world, original)
        assert told == [Told(question, RJCT, ("AG09",))]
    for asker, other in ((SENDER, STRANGER), (OTHER_SENDER, RECEIVER)):
        question = world.ask(
            good, connection_party=asker.connection_party, agent=asker.routing_number, asked=other.routing_number
        )
        assert world.answers(asker.connection_party)[-1] == Told(question, RJCT, ("AG09",))


@pytest.mark.parametrize(
    ("asked_is", "message_class", "status"),
    [
        (RECEIVER.routing_number, "nonvalue", "PDNG"),
        (RECEIVER.routing_number, "inquiry", "admi.002"),
        (None, "inquiry", ACWP),
        (None, "nonvalue", "admi.002"),
    ],
)
def test_each_question_has_its_class(
    world: World, asked_is: RoutingNumber | None, message_class: str, status: str
) -> None:
    """To an institution that of what has no money, to the network that of inquiries; its own answer stays ACWP."""
    message_id = world.pay("SIMASKPDNG")
    world.pass_time(30)
    world.bodies()

    world.ask(message_id, asked=asked_is, message_class=message_class)

    assert world.answers()[-1].status == status


def request(world: World, debtor_account: str) -> MessageId:
    """A participant's request for payment to an institution that the network plays."""
    message_id = world.new_message_id()
    asking = Asking(
        kind="request_for_payment",
        debtor_agent=RECEIVER.routing_number,
        creditor_agent=SENDER.routing_number,
    )
    made = request_asked(asking, message_id, PAYMENT_TYPE, agent=agent_of, today=world.now.date(), now=world.now)
    document = pain013.build(_of(made, debtor_account))
    app_header = header_of(pain013.MESSAGE_TYPE, message_id, sender=SENDER.connection_party, created_at=world.now)
    world.send(wrap(EnvelopeKind.FEDNOW_INCOMING, header.build(app_header), document), message_class="nonvalue")
    return message_id


def _of(made: RequestForPayment, debtor_account: str) -> RequestForPayment:
    return replace(made, debtor_account=account(debtor_account))


@pytest.mark.parametrize(
    ("debtor_account", "status"), [("SIMSILENT", "RCVD"), ("SIMPRESENT", "PRES"), ("SIMREFUSE", RJCT)]
)
def test_how_a_request_for_payment_stands_is_told_also_after_a_restart(
    world: World, debtor_account: str, status: str
) -> None:
    """By pain.014, to who has made it."""
    message_id = request(world, debtor_account)
    world.restart()

    _, told = asked(world, message_id)

    assert told == [Told(message_id, status)]


def test_a_request_for_payment_that_is_not_known_there(world: World) -> None:
    """AG09 about the question."""
    question, told = asked(world, request(world, "SIMUNTRACED"))

    assert told == [Told(question, RJCT, ("AG09",))]


def test_who_is_there_is_asked_and_what_it_says_of_the_question_is_handed_on() -> None:
    """The network hands question and refusal on; a status of the payment it tells the sender by itself."""
    world = World()
    world.rail.attended = frozenset({THERE.routing_number})
    message_id = paid(world)
    answered(world, message_id, TransactionStatus.ACWP)
    world.bodies()
    world.bodies(THERE.connection_party)

    question = world.ask(message_id, asked=THERE.routing_number)
    (brought,) = world.bodies(THERE.connection_party)
    refuse(world, question)
    refused = world.answers()
    answered(world, message_id, TransactionStatus.PDNG)

    assert pacs028.MESSAGE_TYPE.encode() in brought
    assert refused == [Told(question, RJCT, ("AG09",))]
    assert world.answers() == [Told(message_id, "PDNG")]


def refuse(world: World, question: MessageId) -> None:
    """Have the payee say that it cannot trace what it is asked about."""
    report_id = world.new_message_id(THERE.connection_party)
    report = PaymentStatusReport(
        message_id=report_id,
        creation_time=world.now,
        original_message_id=question,
        original_message_name=pacs028.MESSAGE_TYPE,
        original_creation_time=world.now,
        status=TransactionStatus.RJCT,
        reasons=(StatusReason(code="AG09"),),
        instructing_agent=THERE.routing_number,
        instructed_agent=RoutingNumber(SENDER.routing_number),
    )
    app_header = header_of(pacs002.MESSAGE_TYPE, report_id, sender=THERE.connection_party, created_at=world.now)
    body = wrap(EnvelopeKind.FEDNOW_INCOMING, header.build(app_header), pacs002.build(report))
    world.send(body, message_class="nonvalue", connection_party=THERE.connection_party)


def test_a_restarted_network_answers_as_before(world: World) -> None:
    """What a payment is asked about is in the journal."""
    message_id = world.pay("SIMASKPDNG")
    world.restart()

    assert asked(world, message_id)[1] == [Told(message_id, "PDNG")]
