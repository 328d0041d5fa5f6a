"""What breaks a rule of its rail, and can be read all the same, is answered in time; nobody is asked, nothing moves."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Final

import pytest

from gateway.domain.events import FINDINGS
from gateway.domain.incoming import IncomingEvent, IncomingState
from gateway.domain.incoming_transfer import IncomingTransfer
from gateway.domain.payment import Rail, ReasonOrigin
from gateway.service.ports import RailDelivery
from iso20022 import Amount, Direction, FedNowProfile, PaymentStatusReport, RtpProfile, examine
from iso20022.profiles.profile import Profile
from simulators.forwarding import Order
from tests.fakes.incoming_rail import PARTY, REASONS, receiving_rail
from tests.unit.service.incoming_world import AGENT, IncomingWorld, Spoken, fednow_spoken, incoming_world
from tests.unit.service.test_coming_back import SETTLING, booked_as, sent
from tests.unit.service.test_incoming_over_rtp import OTHER, rtp_spoken

SPOKEN: Final = {Rail.FEDNOW: fednow_spoken, Rail.RTP: rtp_spoken}
PROFILES: Final[Mapping[Rail, Profile]] = {
    Rail.FEDNOW: FedNowProfile(own_connection_party=PARTY),
    Rail.RTP: RtpProfile(),
}

Writes = Mapping[str, str | None]

PAYMENT: Final = "CdtTrfTxInf"
MEMBER: Final = "FinInstnId/ClrSysMmbId/MmbId"
CHARGES: Final[Writes] = {f"{PAYMENT}/ChrgBr": "DEBT"}
NO_SENDER: Final[Writes] = {f"{PAYMENT}/InstgAgt/{MEMBER}": "12345"}
TWO_PAYMENTS: Final[Writes] = {"GrpHdr/NbOfTxs": "2"}


def forwarded(earth: IncomingWorld, writes: Writes, *, cents: int = 5_174, liquidity: bool = False) -> bytes:
    """A payment as the rail has just forwarded it, with these texts in place of its own."""
    order = Order(
        amount=Amount(cents), debtor_agent=OTHER, creditor_agent=AGENT, writes=dict(writes), liquidity=liquidity
    )
    return earth.writer.forward(order, 1, recipient=earth.party, now=earth.clock.now()).body


@asynccontextmanager
async def asking(spoken: Spoken) -> AsyncIterator[IncomingWorld]:
    """A world that decides on what comes."""
    async with incoming_world(spoken=spoken) as earth, asyncio.TaskGroup() as group:
        loop = group.create_task(earth.receiving.asker.run())
        yield earth
        loop.cancel()


async def come(earth: IncomingWorld, *bodies: bytes) -> None:
    """Have the rail bring this, and wait until it is decided on."""
    for number, body in enumerate(bodies):
        await earth.sending.apply([RailDelivery(str(number), body)])
    async with asyncio.timeout(5):
        while earth.receiving.asker.in_hand:
            await asyncio.sleep(0)


def only(earth: IncomingWorld) -> IncomingTransfer:
    """The one transfer that came."""
    (transfer,) = earth.store.rows.transfers.values()
    return transfer


def said(earth: IncomingWorld) -> list[tuple[str, str | None]]:
    """The statuses that the rail was told, with their reasons; each keeps the rail's own rules."""
    found = []
    for each in earth.rail.sent:
        report = examine(each.body, profile=PROFILES[earth.hearing.rail.rail], direction=Direction.TO_RAIL)
        assert report.valid, report.findings
        assert isinstance(report.message, PaymentStatusReport)
        found += [(report.message.status.value, reason.code) for reason in report.message.reasons or (None,) if reason]
    return found


@pytest.mark.parametrize(
    ("rail", "writes", "cents", "code", "finding"),
    [
        (Rail.FEDNOW, CHARGES, 5_174, "NARR", "FEDNOW_CHARGE_BEARER"),
        (Rail.FEDNOW, {f"{PAYMENT}/PmtTpInf/CtgyPurp/Prtry": "GIFT"}, 5_174, "NARR", "FEDNOW_CATEGORY_PURPOSE"),
        (Rail.FEDNOW, {f"{PAYMENT}/PmtId/UETR": None}, 5_174, "NARR", "FEDNOW_PAYMENT_ID"),
        (Rail.FEDNOW, {"GrpHdr/SttlmInf/ClrSys/Cd": "TCH"}, 5_174, "NARR", "FEDNOW_CLEARING_SYSTEM"),
        (Rail.FEDNOW, {"GrpHdr/MsgId": "HOUSE-1"}, 5_174, "FF02", "FEDNOW_MESSAGE_ID"),
        (Rail.FEDNOW, {}, 10_000_000_01, "AM13", "FEDNOW_NETWORK_LIMIT"),
        (Rail.FEDNOW, {f"{PAYMENT}/DbtrAgt/{MEMBER}": "990001107"}, 5_174, "RC03", "FEDNOW_ABA_CHECK_DIGIT"),
        (Rail.FEDNOW, {f"{PAYMENT}/CdtrAgt/{MEMBER}": "12345"}, 5_174, "RC04", "FEDNOW_AGENT_ROUTING_NUMBER"),
        (Rail.FEDNOW, {f"{PAYMENT}/Dbtr/Nm": None}, 5_174, "NARR", "FEDNOW_DEBTOR"),
        (Rail.FEDNOW, {f"{PAYMENT}/DbtrAcct": None}, 5_174, "AC02", "FEDNOW_DEBTOR"),
        (Rail.FEDNOW, {f"{PAYMENT}/CdtrAcct": None}, 5_174, "AC03", "FEDNOW_CREDITOR"),
        # The first that has a code of its own decides, whatever stands before it.
        (Rail.FEDNOW, CHARGES, 10_000_000_01, "AM13", "FEDNOW_CHARGE_BEARER"),
        (Rail.RTP, CHARGES, 5_174, "NARR", "RTP_CHARGE_BEARER"),
        (Rail.RTP, {f"{PAYMENT}/PmtTpInf/LclInstrm/Prtry": "FDNA"}, 5_174, "NARR", "RTP_LOCAL_INSTRUMENT"),
        (Rail.RTP, {f"{PAYMENT}/PmtTpInf/SvcLvl/Cd": "URGP"}, 5_174, "NARR", "RTP_SERVICE_LEVEL"),
        (Rail.RTP, {"GrpHdr/MsgId": "HOUSE-1"}, 5_174, "FF02", "RTP_MESSAGE_ID"),
        (Rail.RTP, {f"{PAYMENT}/Cdtr/Nm": None}, 5_174, "NARR", "RTP_MISSING"),
        (Rail.RTP, {f"{PAYMENT}/DbtrAcct": None}, 5_174, "AC02", "RTP_MISSING"),
        (Rail.RTP, {f"{PAYMENT}/CdtrAcct": None}, 5_174, "AC03", "RTP_MISSING"),
        (Rail.RTP, {}, 10_000_000_01, "AM13", "RTP_NETWORK_LIMIT"),
        (Rail.RTP, {f"{PAYMENT}/DbtrAgt/{MEMBER}": "12345"}, 5_174, "RC03", "RTP_AGENT_ID"),
        (Rail.RTP, {f"{PAYMENT}/CdtrAgt/{MEMBER}": "12345"}, 5_174, "RC04", "RTP_AGENT_ID"),
    ],
)
async def test_a_payment_that_breaks_a_rule_is_rejected_for_the_reason_that_fits(
    rail: Rail, writes: Writes, cents: int, code: str, finding: str
) -> None:
    """At once, with words; the institution is not asked, nothing is booked, and the history has what was found."""
    async with asking(SPOKEN[rail]()) as earth:
        await come(earth, forwarded(earth, writes, cents=cents))

        transfer = only(earth)
        _, rejected = await earth.store.events(transfer.payment_id)
        assert (transfer.state, transfer.answer, said(earth)) == (IncomingState.REJECTED, "RJCT", [("RJCT", code)])
        assert transfer.reason is not None
        assert (transfer.reason.code, transfer.reason.origin) == (code, ReasonOrigin.GATEWAY)
        assert transfer.reason.text
        assert finding in rejected.fact.details[FINDINGS]
        assert "/FIToFICstmrCdtTrf/" in rejected.fact.details[FINDINGS]
        assert not earth.institution.asked
        assert not earth.store.store.rows.quarantine
        assert not earth.store.store.rows.outbox


@pytest.mark.parametrize("rail", SPOKEN)
async def test_a_payment_that_keeps_the_rules_is_asked_about(rail: Rail) -> None:
    """The control: by the same way, with nothing written over."""
    async with asking(SPOKEN[rail]()) as earth:
        await come(earth, forwarded(earth, {}))

        assert only(earth).state is IncomingState.ACCEPTED
        assert sum(earth.institution.asked.values()) == 1


@pytest.mark.parametrize("rail", SPOKEN)
async def test_the_same_broken_message_again_has_the_same_answer(rail: Rail) -> None:
    """Byte for byte, under its id: the rail may have missed it. It is one transfer, rejected once."""
    async with asking(SPOKEN[rail]()) as earth:
        body = forwarded(earth, CHARGES)
        await come(earth, body, body)
        sender = asyncio.ensure_future(earth.receiving.sender.run())
        async with asyncio.timeout(5):
            while len(earth.rail.sent) < 2:
                earth.clock.advance(0.1)
                await asyncio.sleep(0)
        sender.cancel()

        first, again = earth.rail.sent
        assert first.body == again.body
        kinds = [each.fact.kind for each in await earth.store.events(only(earth).payment_id)]
        assert kinds == [IncomingEvent.RECEIVED, IncomingEvent.REJECTION_DECIDED, IncomingEvent.RECEIVED_AGAIN]


@pytest.mark.parametrize(
    ("rail", "writes", "finding"),
    [
        (Rail.FEDNOW, TWO_PAYMENTS, "FEDNOW_ONE_PAYMENT"),
        (Rail.FEDNOW, {f"{PAYMENT}/IntrBkSttlmAmt": "0.00"}, "FEDNOW_AMOUNT_LEAST"),
        (Rail.FEDNOW, NO_SENDER, "FEDNOW_AGENT_ROUTING_NUMBER"),
        (Rail.FEDNOW, {f"{PAYMENT}/CdtrAcct": None, "GrpHdr/NbOfTxs": "2"}, "FEDNOW_CREDITOR"),
        (Rail.FEDNOW, {f"{PAYMENT}/CdtrAcct": None, f"{PAYMENT}/IntrBkSttlmDt": None}, "FEDNOW_CREDITOR"),
        (Rail.RTP, TWO_PAYMENTS, "RTP_ONE_PAYMENT"),
        (Rail.RTP, {"GrpHdr/TtlIntrBkSttlmAmt": "51.75"}, "RTP_TOTAL"),
        (Rail.RTP, NO_SENDER, "RTP_AGENT_ID"),
        (Rail.RTP, {f"{PAYMENT}/PmtId/InstrId": None}, "RTP_MISSING"),
    ],
)
async def test_what_cannot_be_answered_is_kept_for_a_person(rail: Rail, writes: Writes, finding: str) -> None:
    """Which money it is, or whom to answer, is not said; or our answer would break the rail's rules itself."""
    async with asking(SPOKEN[rail]()) as earth:
        await come(earth, forwarded(earth, writes))

        (kept,) = earth.store.store.rows.quarantine.values()
        assert finding in kept.codes
        assert not earth.store.rows.transfers
        assert not earth.rail.sent


async def test_another_currency_is_no_amount_that_could_be_written_down() -> None:
    """The amounts of the store are dollars: it is kept for a person."""
    async with asking(fednow_spoken()) as earth:
        await come(earth, forwarded(earth, {}).replace(b'Ccy="USD"', b'Ccy="EUR"'))

        assert [each.codes for each in earth.store.store.rows.quarantine.values()] == [("FEDNOW_CURRENCY",)]
        assert not earth.rail.sent


async def test_a_liquidity_transfer_that_breaks_a_rule_is_answered_by_nobody() -> None:
    """It has settled when it comes: no answer is owed."""
    async with asking(fednow_spoken()) as earth:
        await come(earth, forwarded(earth, {"GrpHdr/MsgId": "HOUSE-1"}, liquidity=True))

        assert [each.codes for each in earth.store.store.rows.quarantine.values()] == [("FEDNOW_MESSAGE_ID",)]
        assert not earth.rail.sent


@pytest.mark.parametrize("rail", SPOKEN)
@pytest.mark.parametrize("writes", [{}, CHARGES])
async def test_who_takes_it_over_does_not_stand_in_for_the_institution(rail: Rail, writes: Writes) -> None:
    """A worker that dies before it has decided leaves it to another, whose stand-in would accept: the control."""
    async with incoming_world(spoken=SPOKEN[rail]()) as earth:
        await earth.hearing.arrive([earth.read(forwarded(earth, writes))])
        earth.receiving.messages._kept.clear()

        await earth.fire_timers(after_s=4.5)

        assert only(earth).state is (IncomingState.REJECTED if writes else IncomingState.ACCEPTED)
        assert [status for status, _ in said(earth)] == (["RJCT"] if writes else [])


async def test_the_reason_without_a_code_is_a_setting() -> None:
    """An institution's list may want another."""
    spoken = fednow_spoken()
    receiving = receiving_rail(spoken.protocol, reasons=replace(REASONS, broken_rule="MS03"))
    async with asking(replace(spoken, receiving=receiving)) as earth:
        await come(earth, forwarded(earth, CHARGES))

        assert said(earth) == [("RJCT", "MS03")]


@pytest.mark.parametrize(
    ("writes", "state", "code"),
    [({}, IncomingState.ACCEPTED, None), ({"TxInf/ChrgBr": "DEBT"}, IncomingState.REJECTED, "NARR")],
)
async def test_a_return_that_breaks_a_rule_is_rejected_whatever_it_returns(
    writes: Writes, state: IncomingState, code: str | None
) -> None:
    """A pacs.004 for a payment that has settled: without the fault it is taken, which is the control."""
    async with asking(fednow_spoken()) as earth:
        payment = (await sent(earth, *SETTLING)).payment
        now = earth.clock.now()
        order = Order(debtor_agent=AGENT, creditor_agent=AGENT, returns=payment.message_id, writes=writes)
        booked = booked_as(payment, now=now)
        await come(earth, earth.writer.forward(order, 1, recipient=PARTY, now=now, original=booked).body)

        transfer = only(earth)
        assert (transfer.state, transfer.is_return) == (state, True)
        assert (transfer.reason and transfer.reason.code) == code
        assert earth.store.store.rows.payments[payment.payment_id].returned_cents == 0
        assert not earth.institution.asked


async def test_a_return_that_does_not_say_who_returns_is_kept_for_a_person() -> None:
    """Nobody can be answered."""
    async with asking(fednow_spoken()) as earth:
        payment = (await sent(earth, *SETTLING)).payment
        now = earth.clock.now()
        writes = {"TxInf/InstgAgt": None}
        order = Order(debtor_agent=AGENT, creditor_agent=AGENT, returns=payment.message_id, writes=writes)
        booked = booked_as(payment, now=now)
        await come(earth, earth.writer.forward(order, 1, recipient=PARTY, now=now, original=booked).body)

        assert len(earth.store.store.rows.quarantine) == 1
        assert not earth.rail.sent
