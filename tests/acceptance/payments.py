"""Payments to send: made-up people, invented accounts, the simulator's institutions."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from itertools import count
from typing import Any, Final
from zoneinfo import ZoneInfo

from iso20022 import (
    FEDNOW_ID,
    FEDNOW_PRACTICE,
    Amount,
    BusinessHeader,
    BusinessMessageId,
    ConnectionPartyId,
    CustomerCreditTransfer,
    EndToEndId,
    EnvelopeKind,
    Party,
    Personal,
    RoutingNumber,
    TransactionId,
    Uetr,
    fednow_message_id,
    header,
    pacs008,
    rtp_instruction_id,
    rtp_message_id,
    wrap,
)
from iso20022.header import RTP_HEADER_TYPE

SENDER: Final = "990000107"
PARTICIPANT: Final = ConnectionPartyId("990000107A1")
RECEIVER: Final = "990001203"
EASTERN: Final = ZoneInfo("America/New_York")
_numbers = count(1)


def transfer(
    *, creditor_account: str = "200000000001", cents: int = 5174, created: datetime | None = None
) -> CustomerCreditTransfer:
    """A transfer with fresh ids, created now or at another time."""
    number, now = next(_numbers), (created or datetime.now(UTC)).astimezone(EASTERN).replace(microsecond=0)
    return CustomerCreditTransfer(
        message_id=fednow_message_id(
            business_date=now.date(), connection_party=ConnectionPartyId(SENDER), reference=f"TEST{number:06}"
        ),
        creation_time=now,
        end_to_end_id=EndToEndId(f"E2E-{number:06}"),
        uetr=Uetr(f"00000000-0000-4000-8000-{number:012}"),
        local_instrument="FDNA",
        category_purpose="CONS",
        amount=Amount(cents),
        settlement_date=now.date(),
        instructing_agent=RoutingNumber(SENDER),
        instructed_agent=RoutingNumber(RECEIVER),
        debtor=Party(name=Personal("Canary Debtor Sample")),
        debtor_account=Personal("100000007777"),
        debtor_agent=RoutingNumber(SENDER),
        creditor=Party(name=Personal("Canary Creditor Sample")),
        creditor_account=Personal(creditor_account),
        creditor_agent=RoutingNumber(RECEIVER),
        remittance=(Personal("Canary remittance text"),),
    )


def message(payment: CustomerCreditTransfer, *, created: datetime | None = None) -> bytes:
    """The transfer in FedNow's envelope; `created` gives header and group header another creation time."""
    stamped = payment if created is None else replace(payment, creation_time=created)
    app_header = BusinessHeader(
        sender=ConnectionPartyId(SENDER),
        receiver=FEDNOW_ID,
        business_message_id=BusinessMessageId(stamped.message_id),
        message_type=pacs008.MESSAGE_TYPE,
        market_practice=FEDNOW_PRACTICE,
        creation_time=stamped.creation_time,
    )
    return wrap(EnvelopeKind.FEDNOW_INCOMING, header.build(app_header), pacs008.build(stamped))


def rtp_transfer(
    *, creditor_account: str = "200000000001", cents: int = 5174, created: datetime | None = None
) -> CustomerCreditTransfer:
    """A transfer as RTP has it, with fresh ids, created now or at another time."""
    plain = transfer(creditor_account=creditor_account, cents=cents, created=created)
    number = next(_numbers)
    message_id = rtp_message_id(
        business_date=plain.creation_time.date(), participant=PARTICIPANT, source="BTST", serial=number
    )
    instruction_id = rtp_instruction_id(
        business_date=plain.creation_time.date(), participant=PARTICIPANT, source="BTEST", serial=number
    )
    return replace(
        plain,
        message_id=message_id,
        instruction_id=instruction_id,
        transaction_id=TransactionId(instruction_id),
        service_level="SDVA",
        local_instrument="STANDARD",
        category_purpose="CONSUMER",
        clearing_system="TCH",
        agent_clearing_system=None,
        states_group=True,
    )


def rtp_message(payment: CustomerCreditTransfer) -> bytes:
    """The transfer in RTP's Message."""
    app_header = BusinessHeader(
        sender=PARTICIPANT,
        receiver=ConnectionPartyId("990000001T1"),
        business_message_id=BusinessMessageId(f"B{payment.message_id[1:]}"),
        message_type=pacs008.MESSAGE_TYPE,
        creation_time=payment.creation_time,
    )
    built = header.build(app_header, header_type=RTP_HEADER_TYPE)
    return wrap(EnvelopeKind.RTP_MESSAGE, built, pacs008.build(payment))


def json_payment(*, creditor_account: str = "200000000001", amount: str = "51.74") -> dict[str, Any]:
    """The same as the JSON API takes it."""
    return {
        "amount": amount,
        "currency": "USD",
        "debtor": {"name": "Canary Debtor Sample"},
        "debtor_account": "100000007777",
        "debtor_agent": SENDER,
        "creditor": {"name": "Canary Creditor Sample"},
        "creditor_account": creditor_account,
        "creditor_agent": RECEIVER,
        "remittance": ["Canary remittance text"],
    }
