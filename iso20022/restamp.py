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
from iso20022.identifiers import ConnectionPartyId, RoutingNumber, fednow_message_id
from iso20022.paths import local_name, named_xpath
from iso20022.reader import read

_ALPHABET: Final = string.digits + string.ascii_uppercase
_TIMES: Final = frozenset({"CreDtTm", "CreDt"})
_DATES: Final = frozenset({"IntrBkSttlmDt"})
_MESSAGE_IDS: Final = frozenset({"MsgId", "BizMsgIdr"})
_PAYMENT_IDS: Final = {"InstrId": "I", "EndToEndId": "E", "TxId": "T"}
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

    `now` is in the rail's zone. The same arguments give the same bytes.

    Raises:
        RemoteProtocolError: the body cannot be read as a message.

    """
    root = read(body)
    envelope = unwrap(root)
    reference = _reference(unique)
    message_id = fednow_message_id(business_date=now.date(), connection_party=connection_party, reference=reference)
    mapped = map_routing_numbers(_routing_numbers(root))
    fresh = _Fresh(now, connection_party, message_id, reference, str(UUID(int=unique % 2**128, version=4)), mapped)
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
    now: datetime
    connection_party: ConnectionPartyId
    message_id: str
    reference: str
    uetr: str
    mapped: Mapping[str, RoutingNumber]

    def of(self, element: etree._Element, before: str) -> str:
        """The text that an element gets; its own where there is nothing to renew."""
        name = local_name(str(element.tag))
        fixed = {
            **dict.fromkeys(_TIMES, self.now.isoformat(timespec="milliseconds")),
            **dict.fromkeys(_DATES, self.now.date().isoformat()),
            **dict.fromkeys(_MESSAGE_IDS, self.message_id),
            **{tag: letter + self.reference for tag, letter in _PAYMENT_IDS.items()},
            "UETR": self.uetr,
        }
        if name == "MmbId":
            is_sender = next(element.iterancestors("{*}Fr"), None) is not None
            return self.connection_party if is_sender else self.mapped.get(before.strip(), before)
        return fixed.get(name, before)


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
    if envelope.kind in {EnvelopeKind.FEDNOW_INCOMING, EnvelopeKind.FEDNOW_OUTGOING}:
        assert envelope.header is not None
        assert envelope.document is not None
        return wrap(envelope.kind, envelope.header, envelope.document, wrapper=envelope.wrapper)
    return serialise(root)
