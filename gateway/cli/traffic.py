"""Payments for benchmarks and drills: each distinct, all of one form, made in microseconds. Nobody in them exists."""

from __future__ import annotations

from datetime import datetime
from typing import Final
from zoneinfo import ZoneInfo

from gateway.cli.installation import RECEIVER, SENDER
from iso20022 import (
    FEDNOW_ID,
    FEDNOW_PRACTICE,
    Amount,
    BusinessHeader,
    BusinessMessageId,
    CustomerCreditTransfer,
    EndToEndId,
    EnvelopeKind,
    Party,
    Personal,
    Uetr,
    fednow_message_id,
    header,
    pacs008,
    wrap,
)

EASTERN: Final = ZoneInfo("America/New_York")
"""The rail's zone: its message ids begin with its date."""

NUMBER_DIGITS: Final = 12
"""Payments are counted with so many digits, in message id, end-to-end id and UETR alike."""

MESSAGE_BYTES: Final = 4_000
"""The size of a rich pacs.008 in its envelope: remittance lines fill the message up to it."""

_PLACE: Final = "8" * NUMBER_DIGITS
"""Stands for the number in the template; no id or prefix before it ends in its digit."""
_LINE: Final = Personal("x" * 140)
_LINE_BYTES: Final = 160
"""A remittance line with its element."""


class Messages:
    """Numbered pacs.008 messages in FedNow's envelope, equal but for their ids."""

    def __init__(self, *, created: datetime, prefix: str = "", creditor_account: str = "200000000001") -> None:
        self._message_id, body = _template(created, prefix, creditor_account)
        self._parts = body.split(_PLACE.encode())

    def message_id(self, number: int) -> str:
        """Return the message id of the `number`-th message: its idempotency key."""
        return self._message_id.replace(_PLACE, _digits(number))

    def body(self, number: int) -> bytes:
        """Return the bytes of the `number`-th message."""
        return _digits(number).encode().join(self._parts)


def _digits(number: int) -> str:
    return f"{number:0{NUMBER_DIGITS}}"


def _template(created: datetime, prefix: str, creditor_account: str) -> tuple[str, bytes]:
    bare = _message(created, prefix, creditor_account, lines=0)[1]
    return _message(created, prefix, creditor_account, lines=max(MESSAGE_BYTES - len(bare), 0) // _LINE_BYTES)


def _message(created: datetime, prefix: str, creditor_account: str, *, lines: int) -> tuple[str, bytes]:
    now = created.astimezone(EASTERN).replace(microsecond=0)
    message_id = fednow_message_id(
        business_date=now.date(), connection_party=SENDER.connection_party, reference=f"{prefix}{_PLACE}"
    )
    transfer = CustomerCreditTransfer(
        message_id=message_id,
        creation_time=now,
        end_to_end_id=EndToEndId(f"E2E{prefix}{_PLACE}"),
        uetr=Uetr(f"00000000-0000-4000-8000-{_PLACE}"),
        local_instrument="FDNA",
        category_purpose="CONS",
        amount=Amount(5174),
        settlement_date=now.date(),
        instructing_agent=SENDER.routing_number,
        instructed_agent=RECEIVER.routing_number,
        debtor=Party(name=Personal("Debtor Sample")),
        debtor_account=Personal("100000000001"),
        debtor_agent=SENDER.routing_number,
        creditor=Party(name=Personal("Creditor Sample")),
        creditor_account=Personal(creditor_account),
        creditor_agent=RECEIVER.routing_number,
        remittance=(_LINE,) * lines,
    )
    app_header = BusinessHeader(
        sender=SENDER.connection_party,
        receiver=FEDNOW_ID,
        business_message_id=BusinessMessageId(message_id),
        message_type=pacs008.MESSAGE_TYPE,
        market_practice=FEDNOW_PRACTICE,
        creation_time=now,
    )
    return message_id, wrap(EnvelopeKind.FEDNOW_INCOMING, header.build(app_header), pacs008.build(transfer))
