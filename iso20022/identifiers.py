"""Identifiers of messages, payments and institutions: one type each, and the checks that are public.

Sources: FedNow Operating Procedures (2024 edition) for its message id; the public schemas and identifiers of RTP's
releases 2.9 and 3.0 (``moov-io/rtp20022``) for RTP's; the ABA routing number policy for the check digit; ISO 20022's
UUIDv4Identifier for the UETR, AnyBICDec2014Identifier for the BIC; ISO 17442 for the LEI.
"""

import re
from datetime import date, datetime
from functools import lru_cache
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
"""Who is connected to the rail (``AppHdr/Fr``, ``AppHdr/To``): on FedNow nine digits or capitals, by default a routing
number; on RTP eleven, nine of the institution and two of its own."""

_ROUTING_NUMBER: Final = re.compile(r"[0-9]{9}")
_UETR: Final = re.compile(r"[a-f0-9]{8}-[a-f0-9]{4}-4[a-f0-9]{3}-[89ab][a-f0-9]{3}-[a-f0-9]{12}")
_CONNECTION_PARTY: Final = re.compile(r"[0-9A-Z]{9}")
_FEDNOW_MESSAGE_ID: Final = re.compile(r"([0-9]{4})([0-9]{2})([0-9]{2})([0-9A-Z]{9})[0-9A-Za-z]{1,18}")
_FEDNOW_REFERENCE: Final = re.compile(r"[0-9A-Za-z]{1,18}")


_RTP_PARTICIPANT: Final = re.compile(r"[0-9A-Z]{11}")
_RTP_ID: Final = re.compile(r"([A-Z]?)([0-9]{4})([0-9]{2})([0-9]{2})([0-9A-Z]{11}).*")
_RTP_ADMINISTRATION_ID: Final = re.compile(
    r"([0-9]{4})([0-9]{2})([0-9]{2})([0-9]{2})([0-9]{2})([0-9]{2})[0-9A-Z]{11}.*"
)
_RTP_ID_LENGTH_MAX: Final = 35
_RTP_SERIAL_MAX: Final = 10**11 - 1
_BIC: Final = re.compile(r"[A-Z0-9]{4}[A-Z]{2}[A-Z0-9]{2}(?:[A-Z0-9]{3})?")
_LEI: Final = re.compile(r"[A-Z0-9]{18}[0-9]{2}")


def is_routing_number(text: str) -> bool:
    """Whether the text is nine digits; the check digit is a question of its own."""
    return _ROUTING_NUMBER.fullmatch(text) is not None


@lru_cache(maxsize=4_096)  # the same institutions again and again
def has_aba_check_digit(text: str) -> bool:
    """Whether the text is nine digits whose sum, weighted 3-7-1, is a multiple of ten."""
    if _ROUTING_NUMBER.fullmatch(text) is None:
        return False
    a, b, c, d, e, f, g, h, i = map(int, text)
    return (3 * (a + d + g) + 7 * (b + e + h) + (c + f + i)) % 10 == 0


def is_uetr(text: str) -> bool:
    """Whether the text is a version 4 UUID in lower case, as ISO 20022's UUIDv4Identifier demands."""
    return _UETR.fullmatch(text) is not None


def is_bic(text: str) -> bool:
    """Whether the text has the form of a BIC: 8 or 11 characters, the fifth and sixth letters of a country."""
    return _BIC.fullmatch(text) is not None


def is_lei(text: str) -> bool:
    """Whether the text is a legal entity identifier whose two check digits hold (ISO 17442, modulo 97)."""
    return _LEI.fullmatch(text) is not None and int("".join(str(int(character, 36)) for character in text)) % 97 == 1


def is_connection_party_id(text: str) -> bool:
    """Whether the text is nine digits or capital letters."""
    return _CONNECTION_PARTY.fullmatch(text) is not None


@lru_cache(maxsize=256)  # several rules look at one id
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


def is_rtp_participant_id(text: str) -> bool:
    """Whether the text is eleven digits or capitals: an institution's nine, and two of its own."""
    return _RTP_PARTICIPANT.fullmatch(text) is not None


def is_rtp_message_id(text: str) -> bool:
    """Whether the text is ``M``, a real date, eleven digits or capitals, and the rest, 35 characters at most."""
    return _is_rtp_id(text, "M")


def is_rtp_business_message_id(text: str) -> bool:
    """Whether the text is ``B``, a real date, eleven digits or capitals, and the rest, 35 characters at most."""
    return _is_rtp_id(text, "B")


def is_rtp_instruction_id(text: str) -> bool:
    """Whether the text is a real date, eleven digits or capitals, and the rest, 35 characters at most."""
    return _is_rtp_id(text, "")


def is_rtp_administration_id(text: str) -> bool:
    """Whether the text is a real date and time to the second, eleven digits or capitals, and the rest."""
    match = _RTP_ADMINISTRATION_ID.fullmatch(text)
    return (
        match is not None
        and len(text) <= _RTP_ID_LENGTH_MAX
        and _is_date(year=int(match[1]), month=int(match[2]), day=int(match[3]))
        and (int(match[4]) < 24 and int(match[5]) < 60 and int(match[6]) < 60)
    )


def rtp_message_id(*, business_date: date, participant: ConnectionPartyId, source: str, serial: int) -> MessageId:
    """A Document's id on RTP: ``M``, date, participant, four characters of whose source, eleven digits of a serial.

    ``source`` begins with ``B`` for a bank. The same arguments always give the same id. Raises ValueError when a part
    has the wrong form.
    """
    return MessageId("M" + _rtp_id(business_date, participant, source, serial, source_length=4))


def rtp_business_message_id(
    *, business_date: date, participant: ConnectionPartyId, source: str, serial: int
) -> BusinessMessageId:
    """A header's id on RTP: as :func:`rtp_message_id`, beginning with ``B``."""
    return BusinessMessageId("B" + _rtp_id(business_date, participant, source, serial, source_length=4))


def rtp_instruction_id(
    *, business_date: date, participant: ConnectionPartyId, source: str, serial: int
) -> InstructionId:
    """A payment's instruction id on RTP: date, participant, five characters of whose source, eleven digits."""
    return InstructionId(_rtp_id(business_date, participant, source, serial, source_length=5))


def rtp_administration_id(*, local_time: datetime, participant: ConnectionPartyId, reference: str) -> MessageId:
    """The id of an administration message: US Eastern time to the second, participant, up to ten letters or digits.

    The same arguments always give the same id. Raises ValueError when a part has the wrong form.
    """
    if not is_rtp_participant_id(participant):
        raise ValueError(f"a participant id is eleven digits or capitals: {participant[:40]!r}")
    if re.fullmatch(r"[0-9A-Za-z]{0,10}", reference) is None:
        raise ValueError(f"a reference is up to ten letters or digits: {reference[:40]!r}")
    return MessageId(f"{local_time:%Y%m%d%H%M%S}{participant}{reference}")


def _rtp_id(business_date: date, participant: str, source: str, serial: int, *, source_length: int) -> str:
    if not is_rtp_participant_id(participant):
        raise ValueError(f"a participant id is eleven digits or capitals: {participant[:40]!r}")
    if re.fullmatch(rf"[BH][0-9A-Z]{{{source_length - 1}}}", source) is None:
        raise ValueError(f"a source is B or H and {source_length - 1} digits or capitals: {source[:40]!r}")
    if not 0 <= serial <= _RTP_SERIAL_MAX:
        raise ValueError(f"a serial has at most eleven digits: {serial}")
    return f"{business_date:%Y%m%d}{participant}{source}{serial:011d}"


def _is_rtp_id(text: str, letter: str) -> bool:
    match = _RTP_ID.fullmatch(text)
    return (
        match is not None
        and match[1] == letter
        and len(text) <= _RTP_ID_LENGTH_MAX
        and _is_date(year=int(match[2]), month=int(match[3]), day=int(match[4]))
    )


def _is_date(*, year: int, month: int, day: int) -> bool:
    try:
        date(year, month, day)
    except ValueError:
        return False
    return True
