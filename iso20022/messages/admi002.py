"""The message reject, admi.002.001.01: a message could not be processed at all."""

from dataclasses import dataclass
from datetime import datetime
from typing import Final

from lxml import etree

from iso20022.fields import FieldReader
from iso20022.layout import Layout, instant_text
from iso20022.personal import Personal

MESSAGE_TYPE: Final = "admi.002.001.01"
"""The message identifier that this module reads and builds."""

NOT_AVAILABLE: Final = "NOTAVAILABLE"
"""The related reference when the rejected message could not be read (published FedNow sample)."""

LAYOUT: Final = Layout(
    namespace=f"urn:iso:std:iso:20022:tech:xsd:{MESSAGE_TYPE}",
    root="Document",
    base=MESSAGE_TYPE,
    paths={
        "related_reference": "RltdRef/Ref",
        "reason_code": "Rsn/RjctgPtyRsn",
        "rejection_time": "Rsn/RjctnDtTm",
        "error_location": "Rsn/ErrLctn",
        "description": "Rsn/RsnDesc",
        "additional_data": "Rsn/AddtlData",
    },
)
"""Where each field stands."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MessageReject:
    """A technical refusal. ``related_reference`` is the refused message's id or ``NOTAVAILABLE``.

    ``additional_data`` may quote the refused message, so it is personal.
    """

    related_reference: str
    reason_code: str
    rejection_time: datetime | None = None
    error_location: str | None = None
    description: str | None = None
    additional_data: Personal | None = None


def parse(document: etree._Element) -> MessageReject:
    """The refusal in the Document. Raises RemoteProtocolError naming the first element that cannot be read."""
    return read(FieldReader(LAYOUT, document))


def read(reader: FieldReader) -> MessageReject:
    """As :func:`parse`, from fields that were read before."""
    return MessageReject(
        related_reference=reader.text("related_reference"),
        reason_code=reader.text("reason_code"),
        rejection_time=reader.optional_time("rejection_time"),
        error_location=reader.optional(str, "error_location"),
        description=reader.optional(str, "description"),
        additional_data=reader.optional(Personal, "additional_data"),
    )


def build(reject: MessageReject) -> etree._Element:
    """The Document of a refusal; the same value always gives the same bytes. Raises LocalProtocolError."""
    time, data = reject.rejection_time, reject.additional_data
    return LAYOUT.build(
        [
            ("RltdRef/Ref", reject.related_reference),
            ("Rsn/RjctgPtyRsn", reject.reason_code),
            ("Rsn/RjctnDtTm", None if time is None else instant_text(time)),
            ("Rsn/ErrLctn", reject.error_location),
            ("Rsn/RsnDesc", reject.description),
            ("Rsn/AddtlData", None if data is None else data.reveal()),
        ]
    )


def summary(reject: MessageReject) -> str:
    """One line about the refusal for people."""
    return f"{reject.related_reference} refused with {reject.reason_code}"
