"""Identifiers of messages, payments and institutions: one type each, and the checks that are public.

Sources: FedNow Operating Procedures (2024 edition) for the message id; the ABA routing number policy for the check
digit; ISO 20022 UUIDv4Identifier for the UETR.
"""

import re
from datetime import date
from typing import Final, NewType

MessageId = NewType("MessageId", str)
"""A Document's own id (``GrpHdr/MsgId``)."""

BusinessMessageId = NewType("BusinessMessageId", str)
"""The header's id of a message (``AppHdr/BizMsgIdr``)."""

InstructionId = NewType("InstructionId", str)
"""The instructing agent's id of a payment (``PmtId/InstrId``)."""

EndToEndId = NewType("EndToEndId", str)
"""The debtor's id of a payment, unchanged from end to end (``PmtId/EndToEndId``)."""

TransactionId = NewType("TransactionId", str)
"""The first instructing agent's id of a payment (``PmtId/TxId``)."""

Uetr = NewType("Uetr", str)
"""The unique end-to-end transaction reference: a version 4 UUID in lower case (``PmtId/UETR``)."""

RoutingNumber = NewType("RoutingNumber", str)
"""A nine-digit ABA routing number (``ClrSysMmbId/MmbId`` under ``USABA``)."""

ConnectionPartyId = NewType("ConnectionPartyId", str)
"""Who is connected to the rail: nine digits or capitals, by default a routing number (``AppHdr/Fr``, ``AppHdr/To``)."""

_ROUTING_NUMBER: Final = re.compile(r"[0-9]{9}")
_UETR: Final = re.compile(r"[a-f0-9]{8}-[a-f0-9]{4}-4[a-f0-9]{3}-[89ab][a-f0-9]{3}-[a-f0-9]{12}")
_CONNECTION_PARTY: Final = re.compile(r"[0-9A-Z]{9}")
_FEDNOW_MESSAGE_ID: Final = re.compile(r"([0-9]{4})([0-9]{2})([0-9]{2})([0-9A-Z]{9})[0-9A-Za-z]{1,18}")
_FEDNOW_REFERENCE: Final = re.compile(r"[0-9A-Za-z]{1,18}")


def is_routing_number(text: str) -> bool:
    """Whether the text is nine digits; the check digit is a question of its own."""
    return _ROUTING_NUMBER.fullmatch(text) is not None


def has_aba_check_digit(text: str) -> bool:
    """Whether the text is nine digits whose sum, weighted 3-7-1, is a multiple of ten."""
    if _ROUTING_NUMBER.fullmatch(text) is None:
        return False
    a, b, c, d, e, f, g, h, i = map(int, text)
    return (3 * (a + d + g) + 7 * (b + e + h) + (c + f + i)) % 10 == 0


def is_uetr(text: str) -> bool:
    """Whether the text is a version 4 UUID in lower case, as ISO 20022's UUIDv4Identifier demands."""
    return _UETR.fullmatch(text) is not None


def is_connection_party_id(text: str) -> bool:
    """Whether the text is nine digits or capital letters."""
    return _CONNECTION_PARTY.fullmatch(text) is not None


def is_fednow_message_id(text: str) -> bool:
    """Whether the text is CCYYMMDD (a real date), a connection party id of 9, and 1-18 letters or digits."""
    match = _FEDNOW_MESSAGE_ID.fullmatch(text)
    return match is not None and _is_date(year=int(match[1]), month=int(match[2]), day=int(match[3]))


def connection_party_of(message_id: str) -> ConnectionPartyId | None:
    """The connection party written into a FedNow message id; None where the id has another form."""
    match = _FEDNOW_MESSAGE_ID.fullmatch(message_id)
    return None if match is None else ConnectionPartyId(match[4])


def fednow_message_id(*, business_date: date, connection_party: ConnectionPartyId, reference: str) -> MessageId:
    """The message id made of date, connection party and reference (1-18 letters or digits).

    The same arguments always give the same id. Raises ValueError when a part has the wrong form.
    """
    if not is_connection_party_id(connection_party):
        raise ValueError(f"a connection party id is nine digits or capitals: {connection_party[:40]!r}")
    if _FEDNOW_REFERENCE.fullmatch(reference) is None:
        raise ValueError(f"a message reference is 1 to 18 letters or digits: {reference[:40]!r}")
    return MessageId(f"{business_date:%Y%m%d}{connection_party}{reference}")


def _is_date(*, year: int, month: int, day: int) -> bool:
    try:
        date(year, month, day)
    except ValueError:
        return False
    return True
