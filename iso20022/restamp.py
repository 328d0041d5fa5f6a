"""Make a stored message fit to be sent today: fresh ids, times and dates, other routing numbers; the rest stays."""

from __future__ import annotations

import string
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Final
from uuid import UUID

from lxml import etree

from iso20022.envelope import Envelope, EnvelopeKind, serialise, unwrap, wrap
from iso20022.identifiers import (
    ConnectionPartyId,
    RoutingNumber,
    fednow_message_id,
    rtp_business_message_id,
    rtp_instruction_id,
    rtp_message_id,
)
from iso20022.paths import local_name, named_xpath
from iso20022.reader import read

_ALPHABET: Final = string.digits + string.ascii_uppercase
_TIMES: Final = frozenset({"CreDtTm", "CreDt"})
_DATES: Final = frozenset({"IntrBkSttlmDt"})
_RTP_SERIALS: Final = 10**11
_AGENT_TAGS: Final = ("InstgAgt", "InstdAgt", "DbtrAgt", "CdtrAgt")

RoutingNumberMap = Callable[[Iterable[str]], Mapping[str, RoutingNumber]]
"""Gives each routing number, in the order of the message, the one to be used in its place."""


@dataclass(frozen=True, slots=True)
class Change:
    """One element that was renewed."""

    xpath: str
    before: str
    after: str


@dataclass(frozen=True, slots=True)
class Restamped:
    """The renewed message, in the envelope that it came in, and every change that was made."""

    body: bytes
    changes: tuple[Change, ...]


def restamp(
    body: bytes,
    *,
    now: datetime,
    connection_party: ConnectionPartyId,
    unique: int,
    map_routing_numbers: RoutingNumberMap,
) -> Restamped:
    """Return the message with ids made of `unique` (at least 128 random bits), and the times and dates of `now`.

    `now` is in the rail's zone, `connection_party` who sends: nine characters on FedNow, eleven on RTP, told by the
    envelope. The same arguments give the same bytes.

    Raises:
        RemoteProtocolError: the body cannot be read as a message.

    """
    root = read(body)
    envelope = unwrap(root)
    is_rtp = envelope.kind is EnvelopeKind.RTP_MESSAGE
    ids = (_rtp_ids if is_rtp else _fednow_ids)(now, connection_party, unique)
    mapped = map_routing_numbers(_routing_numbers(root))
    texts = {
        **ids,
        **dict.fromkeys(_TIMES, now.replace(tzinfo=None).isoformat(timespec="seconds") if is_rtp else _instant(now)),
        **dict.fromkeys(_DATES, now.date().isoformat()),
        "UETR": str(UUID(int=unique % 2**128, version=4)),
    }
    fresh = _Fresh(texts, connection_party, mapped)
    changes = []
    for element in root.iter("{*}*"):
        before = element.text or ""
        if len(element) or not before.strip():
            continue
        after = fresh.of(element, before)
        if after != before:
            element.text = after
            changes.append(Change(named_xpath(element, root), before, after))
    return Restamped(_written(envelope, root), tuple(changes))


@dataclass(frozen=True, slots=True)
class _Fresh:
    texts: Mapping[str, str]
    connection_party: ConnectionPartyId
    mapped: Mapping[str, RoutingNumber]

    def of(self, element: etree._Element, before: str) -> str:
        """The text that an element gets; its own where there is nothing to renew."""
        name = local_name(str(element.tag))
        if name == "MmbId":
            is_sender = next(element.iterancestors("{*}Fr"), None) is not None
            return self.connection_party if is_sender else self.mapped.get(before.strip(), before)
        return self.texts.get(name, before)


def _fednow_ids(now: datetime, connection_party: ConnectionPartyId, unique: int) -> dict[str, str]:
    """The texts of the elements that hold ids, on FedNow: header and Document have one message id."""
    reference = _reference(unique)
    message_id = fednow_message_id(business_date=now.date(), connection_party=connection_party, reference=reference)
    payment = {"InstrId": f"I{reference}", "EndToEndId": f"E{reference}", "TxId": f"T{reference}"}
    return {"MsgId": message_id, "BizMsgIdr": message_id, **payment}


def _rtp_ids(now: datetime, participant: ConnectionPartyId, unique: int) -> dict[str, str]:
    """The texts of the elements that hold ids, on RTP: each kind has a form of its own."""
    reference = _reference(unique)
    day, serial, source = now.date(), unique % _RTP_SERIALS, f"B{reference[:3]}"
    instruction = rtp_instruction_id(
        business_date=day, participant=participant, source=f"B{reference[:4]}", serial=serial
    )
    return {
        "MsgId": rtp_message_id(business_date=day, participant=participant, source=source, serial=serial),
        "BizMsgIdr": rtp_business_message_id(business_date=day, participant=participant, source=source, serial=serial),
        "InstrId": instruction,
        "EndToEndId": f"E{reference}",
        "TxId": instruction,
    }


def _instant(now: datetime) -> str:
    return now.isoformat(timespec="milliseconds")


def _routing_numbers(root: etree._Element) -> list[str]:
    """The agents' numbers in the message, the debtor's side first."""
    numbers = []
    for tag in _AGENT_TAGS:
        for agent in root.iter(f"{{*}}{tag}"):
            numbers += [str(member.text).strip() for member in agent.iter("{*}MmbId") if member.text]
    return numbers


def _reference(unique: int) -> str:
    characters = []
    for _ in range(17):
        unique, index = divmod(unique, len(_ALPHABET))
        characters.append(_ALPHABET[index])
    return "".join(characters)


def _written(envelope: Envelope, root: etree._Element) -> bytes:
    if envelope.kind in {EnvelopeKind.FEDNOW_INCOMING, EnvelopeKind.FEDNOW_OUTGOING, EnvelopeKind.RTP_MESSAGE}:
        assert envelope.header is not None
        assert envelope.document is not None
        return wrap(envelope.kind, envelope.header, envelope.document, wrapper=envelope.wrapper)
    return serialise(root)
