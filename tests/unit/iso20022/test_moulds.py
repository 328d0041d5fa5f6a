"""Messages by mould are, byte for byte, what building them anew gives."""

from __future__ import annotations

from dataclasses import fields, replace
from datetime import UTC, date, datetime, timedelta
from typing import Any, Final
from zoneinfo import ZoneInfo

import pytest

from iso20022 import (
    Amount,
    BusinessHeader,
    BusinessMessageId,
    ConnectionPartyId,
    CustomerCreditTransfer,
    EndToEndId,
    EnvelopeKind,
    InstructionId,
    LocalProtocolError,
    MessageId,
    Party,
    PaymentStatusReport,
    Personal,
    RoutingNumber,
    StatusReason,
    TransactionId,
    TransactionStatus,
    Uetr,
    header,
    pacs002,
    pacs008,
    wrap,
)
from iso20022.moulds import MOULDS_MAX, status_moulds, transfer_moulds

AT: Final = datetime(2026, 11, 20, 12, 0, 0, 250_000, tzinfo=ZoneInfo("America/New_York"))
HEADER: Final = BusinessHeader(
    sender=ConnectionPartyId("021150706"),
    receiver=ConnectionPartyId("990000107"),
    business_message_id=BusinessMessageId("20261120021150706B1"),
    message_type=pacs002.MESSAGE_TYPE,
    creation_time=AT,
    business_processing_date=AT + timedelta(seconds=1),
)
SETTLED: Final = PaymentStatusReport(
    message_id=MessageId("20261120021150706M1"),
    creation_time=AT + timedelta(seconds=2),
    status=TransactionStatus.ACSC,
    acceptance_time=AT + timedelta(seconds=3),
    settlement_date=date(2026, 11, 20),
    original_message_id=MessageId("20261120990000107O1"),
    original_message_name="pacs.008.001.08",
    original_creation_time=datetime(2026, 11, 20, 17, tzinfo=UTC),
    original_instruction_id=InstructionId("I & <1>"),
    original_end_to_end_id=EndToEndId('E "1"'),
    original_transaction_id=TransactionId("T1"),
    original_uetr=Uetr("00000000-0000-4000-8000-000000000001"),
    instructing_agent=RoutingNumber("021150706"),
    instructed_agent=RoutingNumber("990000107"),
)
OTHER: Final[dict[str, Any]] = {
    "message_id": MessageId("20261120021150706M2"),
    "creation_time": AT.replace(microsecond=0),
    "acceptance_time": AT + timedelta(days=1),
    "settlement_date": date(2026, 11, 21),
    "original_message_id": MessageId("20261120990000107O2"),
    "original_creation_time": AT + timedelta(hours=1),
    "original_instruction_id": InstructionId("I2"),
    "original_end_to_end_id": EndToEndId("E2 & more"),
    "original_transaction_id": TransactionId("T2"),
    "original_uetr": Uetr("00000000-0000-4000-8000-000000000002"),
    "instructing_agent": RoutingNumber("990001203"),
    "instructed_agent": RoutingNumber("990000204"),
}
"""Another value for each that differs from message to message."""

SHAPES: Final = (
    SETTLED,
    replace(SETTLED, status=TransactionStatus.ACWP),
    replace(
        SETTLED,
        status=TransactionStatus.RJCT,
        reasons=(StatusReason(code="AC04"),),
        acceptance_time=None,
        settlement_date=None,
    ),
    replace(SETTLED, reasons=(StatusReason(proprietary="E997"),)),
    replace(SETTLED, original_instruction_id=None, original_transaction_id=None, original_uetr=None),
    replace(SETTLED, instructed_agent=RoutingNumber("990001203")),
)


def built(outgoing: BusinessHeader, report: PaymentStatusReport) -> bytes:
    """The message without a mould."""
    return wrap(EnvelopeKind.FEDNOW_OUTGOING, header.build(outgoing), pacs002.build(report))


@pytest.mark.parametrize("report", SHAPES)
def test_the_first_and_every_later_message_of_a_shape_is_as_if_built_anew(report: PaymentStatusReport) -> None:
    """Each value in its own place, escaped; what is absent stays absent."""
    moulds = status_moulds(EnvelopeKind.FEDNOW_OUTGOING)
    others = {name: value for name, value in OTHER.items() if getattr(report, name) is not None}
    later_header = replace(
        HEADER,
        business_message_id=BusinessMessageId("20261120021150706B2"),
        creation_time=AT + timedelta(minutes=1),
        business_processing_date=AT + timedelta(minutes=2),
    )

    made = [
        (moulds.wrapped(outgoing, one), built(outgoing, one))
        for outgoing, one in ((HEADER, report), (later_header, replace(report, **others)), (HEADER, report))
    ]

    assert all(moulded == plain for moulded, plain in made)
    assert made[0][0] != made[1][0]


def test_shapes_do_not_take_each_others_moulds() -> None:
    """One table of moulds for all."""
    moulds = status_moulds(EnvelopeKind.FEDNOW_OUTGOING)

    for _ in range(2):
        for report in SHAPES:
            assert moulds.wrapped(HEADER, report) == built(HEADER, report)


def test_every_field_of_a_report_is_a_value_or_part_of_its_shape() -> None:
    """A field that is added later is part of the shape until somebody says otherwise."""
    for field in fields(PaymentStatusReport):
        if field.name in OTHER:
            changed = replace(SETTLED, **{field.name: OTHER[field.name]})
            assert built(HEADER, changed) != built(HEADER, SETTLED), field.name


def test_past_the_bound_messages_are_built_as_they_are() -> None:
    """A stranger cannot fill the memory with shapes."""
    moulds = status_moulds(EnvelopeKind.FEDNOW_OUTGOING)

    for number in range(MOULDS_MAX + 5):
        report = replace(SETTLED, reasons=(StatusReason(proprietary=f"E{number}"),))
        assert moulds.wrapped(HEADER, report) == built(HEADER, report)


STRANGE: Final = {
    "a stand-in of another value": "E\ue00010\ue001",
    "the stand-in of its own": "\ue00023\ue001",
    "a carriage return": "E\r2",
    "a no-break space": "E\u00a02",
    "letters beyond ASCII": "Überweisung",
}


@pytest.mark.parametrize("text", STRANGE.values(), ids=STRANGE.keys())
def test_a_value_is_written_as_it_is_whatever_it_holds(text: str) -> None:
    """What a stranger puts into an id neither takes another value's place nor is written in another form."""
    moulds, report = (
        status_moulds(EnvelopeKind.FEDNOW_OUTGOING),
        replace(SETTLED, original_end_to_end_id=EndToEndId(text)),
    )

    made = [moulds.wrapped(HEADER, one) for one in (report, SETTLED, report)]

    assert made == [built(HEADER, one) for one in (report, SETTLED, report)]


def test_what_xml_cannot_carry_is_refused_by_a_mould_as_well() -> None:
    """No message leaves that nobody can read."""
    moulds, report = (
        status_moulds(EnvelopeKind.FEDNOW_OUTGOING),
        replace(SETTLED, original_end_to_end_id=EndToEndId("E\x012")),
    )
    moulds.wrapped(HEADER, SETTLED)

    with pytest.raises(LocalProtocolError):
        moulds.wrapped(HEADER, report)


def test_words_that_hold_a_stand_in_are_never_filled_in() -> None:
    """A reason's words are part of the shape; such a shape is built each time."""
    moulds = status_moulds(EnvelopeKind.FEDNOW_OUTGOING)
    report = replace(SETTLED, reasons=(StatusReason(code="NARR", additional=("it says \ue00020\ue001",)),))

    made = [moulds.wrapped(HEADER, one) for one in (report, report)]

    assert made == [built(HEADER, report)] * 2


def test_transfers_come_out_of_their_mould_as_if_built_anew() -> None:
    """Ids, creation time and settlement date are filled in; people and money are part of the shape."""
    moulds = transfer_moulds(EnvelopeKind.FEDNOW_OUTGOING)
    outgoing = replace(HEADER, message_type=pacs008.MESSAGE_TYPE)
    transfer = CustomerCreditTransfer(
        message_id=MessageId("20261120990000107O1"),
        creation_time=AT,
        instruction_id=InstructionId("I1"),
        end_to_end_id=EndToEndId("E1"),
        uetr=Uetr("00000000-0000-4000-8000-000000000001"),
        local_instrument="FDNA",
        category_purpose="CONS",
        amount=Amount(5174),
        settlement_date=date(2026, 11, 20),
        instructing_agent=RoutingNumber("990001203"),
        instructed_agent=RoutingNumber("990000107"),
        debtor=Party(name=Personal("A Debtor")),
        debtor_account=Personal("1"),
        debtor_agent=RoutingNumber("990001203"),
        creditor=Party(name=Personal("A Creditor")),
        creditor_account=Personal("2"),
        creditor_agent=RoutingNumber("990000107"),
    )
    later: dict[str, Any] = {
        "message_id": MessageId("20261120990000107O2"),
        "creation_time": AT + timedelta(seconds=1),
        "instruction_id": InstructionId("I2"),
        "end_to_end_id": EndToEndId("E2 & <more>"),
        "uetr": Uetr("00000000-0000-4000-8000-000000000002"),
        "settlement_date": date(2026, 11, 21),
    }
    all_of_them = (
        transfer,
        replace(transfer, **later),
        replace(transfer, amount=Amount(1)),
        replace(transfer, creditor=Party(name=Personal("Another"))),
        replace(transfer, uetr=None),
        transfer,
    )

    made = [moulds.wrapped(outgoing, one) for one in all_of_them]

    assert made == [
        wrap(EnvelopeKind.FEDNOW_OUTGOING, header.build(outgoing), pacs008.build(one)) for one in all_of_them
    ]
    assert len(set(made)) == len(made) - 1
