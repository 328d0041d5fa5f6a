"""The system event acknowledgement, admi.011.001.01: FedNow's answer to a participant's admi.004."""

from dataclasses import dataclass
from datetime import datetime
from typing import Final

from lxml import etree

from iso20022.fields import FieldReader
from iso20022.identifiers import MessageId
from iso20022.messages.shape import TEXT, TIME, Shape, layout_of, read_message

MESSAGE_TYPE: Final = "admi.011.001.01"
"""The message identifier that this module reads and builds."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SystemEventAcknowledgement:
    """The event that FedNow has taken note of: code, parameters and time are those of the admi.004.

    The schema lets the event be absent; an answer without one answers nothing, and is not read.
    """

    message_id: MessageId
    originator_reference: str | None = None
    settlement_session: str | None = None
    event_code: str
    parameters: tuple[str, ...] = ()
    description: str | None = None
    event_time: datetime | None = None
    carries_all: bool = True


SHAPE: Final = Shape(
    SystemEventAcknowledgement,
    (
        ("MsgId", "message_id", TEXT),
        ("OrgtrRef", "originator_reference", TEXT),
        ("SttlmSsnIdr", "settlement_session", TEXT),
        ("AckDtls/EvtCd", "event_code", TEXT),
        ("AckDtls/EvtParam", "parameters", TEXT),
        ("AckDtls/EvtDesc", "description", TEXT),
        ("AckDtls/EvtTm", "event_time", TIME),
    ),
)
"""What the value says, in the schema's order."""

LAYOUT: Final = layout_of(SHAPE, message_type=MESSAGE_TYPE, base="SysEvtAck")
"""Where each field stands."""


def parse(document: etree._Element) -> SystemEventAcknowledgement:
    """The answer in the Document. Raises RemoteProtocolError naming the first element that cannot be read."""
    return read(FieldReader(LAYOUT, document))


def read(reader: FieldReader) -> SystemEventAcknowledgement:
    """As :func:`parse`, from fields that were read before."""
    return read_message(SHAPE, reader)


def build(answer: SystemEventAcknowledgement) -> etree._Element:
    """The Document of an answer; the same value always gives the same bytes. Raises LocalProtocolError."""
    return LAYOUT.build(SHAPE.rows("", answer))


def summary(answer: SystemEventAcknowledgement) -> str:
    """The message in a line for people: ``Event acknowledged: FPON 990000013 (2026…)``."""
    return f"Event acknowledged: {' '.join((answer.event_code, *answer.parameters))} ({answer.message_id})"
