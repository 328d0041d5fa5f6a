"""Receiving over RTP: repeats that differ by their mark, time-outs that both sides hear, and returns by pacs.008."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import Final

import pytest

from gateway.domain.events import EventKind
from gateway.domain.incoming import IncomingEvent, IncomingState
from gateway.domain.incoming_transfer import IncomingTransfer, Verdict
from gateway.domain.payment import Payment, PaymentState, Rail
from gateway.domain.timing import Timing
from gateway.service.incoming.come_back import TOO_MUCH
from gateway.service.incoming.hear import ID_REUSED, Arrived
from gateway.service.ports import RailDelivery
from gateway.service.receive import UNMATCHED
from gateway.service.rtp import RtpAddress, rtp_protocol
from iso20022 import (
    Amount,
    CustomerCreditTransfer,
    Direction,
    EndToEndId,
    InstructionId,
    PaymentStatusReport,
    RoutingNumber,
    RtpProfile,
    TransactionStatus,
    examine,
)
from iso20022.findings import Severity
from iso20022.sample import sample
from simulators.facts import TransferForwarded
from simulators.forwarding import Order
from simulators.message_ids import MessageIds
from simulators.rtp.answers import AnswerWriter
from simulators.rtp.forward import RtpForwarding
from simulators.rtp.settings import RtpSimulatorSettings
from tests.fakes.clock import START
from tests.integration.store.harness import new_payment
from tests.unit.service.incoming_world import AGENT, IncomingWorld, Spoken, incoming_world
from tests.unit.service.test_coming_back import befall, booked_as
from tests.unit.service.test_receiving_rtp import PARTICIPANT, receiving

SETTINGS: Final = RtpSimulatorSettings()
OTHER: Final = RoutingNumber("990001106")


def rtp_spoken() -> Spoken:
    """RTP."""
    writer = RtpForwarding(SETTINGS, AnswerWriter(SETTINGS, MessageIds(started_at=START)))
    protocol = rtp_protocol(RtpProfile(), address=RtpAddress(participant=PARTICIPANT), timing=Timing())
    return Spoken(protocol, receiving(), writer, PARTICIPANT)


def forwarded(earth: IncomingWorld, *, amount: int = 5_174, debtor_agent: RoutingNumber = OTHER) -> TransferForwarded:
    """A payment as the rail has just forwarded it."""
    order = Order(amount=Amount(amount), debtor_agent=debtor_agent, creditor_agent=AGENT)
    return earth.writer.forward(order, 1, recipient=PARTICIPANT, now=earth.clock.now())


async def kept(earth: IncomingWorld, sent: TransferForwarded) -> IncomingTransfer:
    """The transfer that it became."""
    return next(each for each in earth.store.rows.transfers.values() if each.message_id == sent.message_id)


def said(earth: IncomingWorld) -> list[str]:
    """The statuses that the rail was told, each in good form."""
    reports = [examine(each.body, profile=RtpProfile(), direction=Direction.TO_RAIL) for each in earth.rail.sent]
    assert all(finding.severity is not Severity.ERROR for report in reports for finding in report.findings)
    return [report.message.status.value for report in reports if isinstance(report.message, PaymentStatusReport)]


async def test_a_repeat_is_known_by_its_mark_and_its_content() -> None:
    """Other bytes under the same ids: the same payment again, or, where the money is another, a matter for a person."""
    async with incoming_world(spoken=rtp_spoken()) as earth:
        sent = forwarded(earth)
        again = earth.writer.again(sent, now=earth.clock.now())
        await earth.hearing.arrive([earth.read(sent.body)])

        repeated = await earth.hearing.arrive([earth.read(again)])
        other = await earth.hearing.arrive([earth.read(again.replace(b"51.74", b"51.75"))])
        unmarked = await earth.hearing.arrive([earth.read(sent.body.replace(b"Sample Debtor", b"Simple Debtor"))])

        assert (repeated, other, unmarked) == ([None], [ID_REUSED], [ID_REUSED])
        kinds = [each.fact.kind for each in await earth.store.events((await kept(earth, sent)).payment_id)]
        assert kinds == [IncomingEvent.RECEIVED, IncomingEvent.RECEIVED_AGAIN]


@pytest.mark.parametrize("was_accepted", [False, True])
async def test_what_the_rail_gives_up_is_confirmed_at_once(*, was_accepted: bool) -> None:
    """RCVD takes the place of an answer that may not have left: an acceptance would come too late anyway."""
    async with incoming_world(spoken=rtp_spoken()) as earth:
        sent = forwarded(earth)
        await earth.hearing.arrive([earth.read(sent.body)])
        transfer = await kept(earth, sent)
        if was_accepted:
            await earth.befalls(transfer, IncomingEvent.ACCEPTANCE_DECIDED)
        given_up = earth.writer.advice(
            sent, TransactionStatus.RJCT, ("DS24",), settlement_date=None, at=earth.clock.now()
        )

        await earth.sending.apply([RailDelivery("1", given_up)])
        async with asyncio.TaskGroup() as group:
            loop = group.create_task(earth.receiving.sender.run())
            while not earth.rail.sent:
                await asyncio.sleep(0)
            loop.cancel()

        assert (await kept(earth, sent)).state is IncomingState.NOT_SETTLED
        assert said(earth) == ["RCVD"]


async def test_a_time_out_between_two_institutions_of_ours_ends_both_sides() -> None:
    """Sender and receiver hear it by one message: neither is left in doubt."""
    async with incoming_world(spoken=rtp_spoken()) as earth:
        await earth.receiving.tenants.refresh()
        sent = forwarded(earth, debtor_agent=RoutingNumber("990000204"))
        payment = await paid(earth, sent, befallen=(EventKind.SENDING_STARTED,))
        await earth.hearing.arrive([earth.read(sent.body)])
        given_up = earth.writer.advice(
            sent, TransactionStatus.RJCT, ("DS24",), settlement_date=None, at=earth.clock.now()
        )

        await earth.sending.apply([RailDelivery("1", given_up)])

        assert earth.store.store.rows.payments[payment.payment_id].state is PaymentState.REJECTED
        assert (await kept(earth, sent)).state is IncomingState.NOT_SETTLED


async def paid(
    earth: IncomingWorld, like: TransferForwarded, *, befallen: tuple[EventKind, ...], **other: object
) -> Payment:
    """A payment of ours with the references of one that was forwarded."""
    new = replace(
        new_payment("RTP", message_id=like.message_id),
        rail=Rail.RTP,
        end_to_end_id=like.end_to_end_id,
        instruction_id=like.instruction_id,
        uetr=None,
        amount=like.amount,
        debtor_agent=like.instructing_agent,
        creditor_agent=like.instructed_agent,
    )
    new = replace(new, **other)  # type: ignore[arg-type]
    await earth.store.store.accept([new])
    case = await befall(earth, new.payment_id, *befallen)
    return case.now


def coming_back(earth: IncomingWorld, payment: Payment, *, cents: int) -> Arrived:
    """The rail's pacs.008 that gives back a payment of ours."""
    now = earth.clock.now()
    order = Order(amount=Amount(1), debtor_agent=OTHER, creditor_agent=AGENT, returned=Amount(cents))
    original = booked_as(payment, now=now)
    return earth.read(earth.writer.forward(order, 9, recipient=PARTICIPANT, now=now, original=original).body)


def transfer_of(earth: IncomingWorld, arrived: Arrived) -> IncomingTransfer:
    """What it became."""
    assert isinstance(arrived.reading.transfer, CustomerCreditTransfer)
    message_id = arrived.reading.transfer.message_id
    return next(each for each in earth.store.rows.transfers.values() if each.message_id == message_id)


@pytest.mark.parametrize(
    ("instruction_id", "cents", "verdict", "text"),
    [
        (None, 5_174, Verdict.ACCEPT, None),
        (InstructionId("A-CLIENTS-OWN-ID"), 2_000, Verdict.ACCEPT, None),
        (None, 5_175, Verdict.REJECT, TOO_MUCH),
    ],
)
async def test_a_payment_that_names_one_of_ours_is_held_against_it(
    instruction_id: InstructionId | None, cents: int, verdict: Verdict, text: str | None
) -> None:
    """Found by an instruction id of ours, or by the tenant's end-to-end id where a client chose it; never too much."""
    settling = (EventKind.SENDING_STARTED, EventKind.SETTLEMENT_REPORTED)
    async with incoming_world(spoken=rtp_spoken()) as earth:
        await earth.receiving.tenants.refresh()
        out = earth.writer.forward(
            Order(amount=Amount(5_174), debtor_agent=AGENT, creditor_agent=OTHER),
            3,
            recipient=PARTICIPANT,
            now=earth.clock.now(),
        )
        other = {} if instruction_id is None else {"instruction_id": instruction_id}
        payment = await paid(earth, out, befallen=settling, end_to_end_id=EndToEndId("INVOICE-1"), **other)
        arrived = coming_back(earth, payment, cents=cents)

        assert await earth.hearing.arrive([arrived]) == [None]

        transfer = transfer_of(earth, arrived)
        judged = await earth.receiving.arrived.coming_back.judge(transfer)

        assert (transfer.original_id, transfer.is_return) == (payment.payment_id, True)
        assert judged is not None
        assert (judged.verdict, judged.text) == (verdict, text)


async def test_a_payment_that_names_none_of_ours_is_one_like_any_other() -> None:
    """The institution is asked: what is not known here may yet be money for an account there."""
    async with incoming_world(spoken=rtp_spoken()) as earth:
        await earth.receiving.tenants.refresh()
        payment = await paid(earth, forwarded(earth), befallen=())
        arrived = coming_back(earth, replace(payment, instruction_id=InstructionId("NEVER-SENT")), cents=100)

        assert await earth.hearing.arrive([arrived]) == [None]

        assert (transfer_of(earth, arrived).original_id, transfer_of(earth, arrived).is_return) == (None, False)


@pytest.mark.parametrize("message_type", ["pacs.009", "pacs.028", "acmt.022", "remt.001"])
async def test_what_no_public_text_says_the_meaning_of_is_kept_for_a_person_and_moves_nothing(
    message_type: str,
) -> None:
    """RTP has these messages; who sends them to whom, and what answers them, only its schemas hint at."""
    async with incoming_world(spoken=rtp_spoken()) as earth:
        made = sample(message_type, rail="rtp", direction=Direction.FROM_RAIL)
        body = made.replace(b"990000013", PARTICIPANT[:9].encode())

        await earth.sending.apply([RailDelivery("1", body)])

        (quarantined,) = earth.store.store.rows.quarantine.values()
        assert quarantined.message.message_type.startswith(message_type)
        assert quarantined.codes == (UNMATCHED,)
        assert earth.store.rows.transfers == {}
        assert earth.rail.sent == []
