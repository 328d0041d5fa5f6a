"""The debit and credit notification, camt.054.001.08: FedNow tells a correspondent what has settled for it."""

from dataclasses import dataclass
from datetime import datetime
from typing import Final

from lxml import etree

from iso20022.fields import FieldReader
from iso20022.identifiers import RoutingNumber
from iso20022.messages.entries import ENTRY, PAGE, Entry, Page
from iso20022.messages.shape import TEXT, TIME, Shape, layout_of, read_message

MESSAGE_TYPE: Final = "camt.054.001.08"
"""The message identifier that this module reads and builds."""

NOTIFICATION_KIND: Final = "ADCN"
"""What stands in GrpHdr/MsgId (FedNow Operating Procedures, October 2024)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountNotification:
    """What was booked on one account. The account is an institution's, by its routing number."""

    notification_id: str
    account: RoutingNumber
    entries: tuple[Entry, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class DebitCreditNotification:
    """Settled items, as they settle. ``kind`` stands where other messages have their id."""

    kind: str = NOTIFICATION_KIND
    creation_time: datetime
    page: Page | None = None
    notifications: tuple[AccountNotification, ...]
    carries_all: bool = True


NOTIFICATION: Final = Shape(
    AccountNotification,
    (
        ("Id", "notification_id", TEXT),
        ("Acct/Id/Othr/Id", "account", TEXT),
        ("Ntry", "entries", ENTRY),
    ),
)
"""One notification."""

SHAPE: Final = Shape(
    DebitCreditNotification,
    (
        ("GrpHdr/MsgId", "kind", TEXT),
        ("GrpHdr/CreDtTm", "creation_time", TIME),
        ("GrpHdr/MsgPgntn", "page", PAGE),
        ("Ntfctn", "notifications", NOTIFICATION),
    ),
)
"""What the value says, in the schema's order."""

LAYOUT: Final = layout_of(SHAPE, message_type=MESSAGE_TYPE, base="BkToCstmrDbtCdtNtfctn")
"""Where each field stands."""


def parse(document: etree._Element) -> DebitCreditNotification:
    """The notification in the Document. Raises RemoteProtocolError naming the first element that cannot be read."""
    return read(FieldReader(LAYOUT, document))


def read(reader: FieldReader) -> DebitCreditNotification:
    """As :func:`parse`, from fields that were read before."""
    return read_message(SHAPE, reader)


def build(message: DebitCreditNotification) -> etree._Element:
    """The Document of a notification; the same value always gives the same bytes. Raises LocalProtocolError."""
    return LAYOUT.build(SHAPE.rows("", message))


def summary(message: DebitCreditNotification) -> str:
    """The message in a line for people: ``Notification for 990000013: DBIT 51.74 BOOK``."""
    booked = (
        f"for {notification.account}: "
        + ", ".join(f"{entry.side} {entry.amount} {entry.status}" for entry in notification.entries)
        for notification in message.notifications
    )
    return f"Notification {'; '.join(booked)}"
