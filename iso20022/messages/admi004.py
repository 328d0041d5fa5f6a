"""The system event notification, admi.004.001.02: a ping, a sign-on, a sign-off, or news from the rail.

Sources of the event codes: FedNow Operating Procedures (October 2024) and published samples; for RTP the public samples
and an integrator's public guide. A code outside these tables is read all the same: a rail may add events.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from types import MappingProxyType
from typing import Final

from lxml import etree

from iso20022.fields import FieldReader
from iso20022.messages.shape import TEXT, TIME, Shape, layout_of, read_message

MESSAGE_TYPE: Final = "admi.004.001.02"
"""The message identifier that this module reads and builds."""

PING: Final = "PING"
"""FedNow: is anybody there? The only message that is not signed; the answer is an admi.011."""

FEDNOW_EVENTS: Final[Mapping[str, str]] = MappingProxyType(
    {
        PING: "asks whether FedNow is reachable",
        "FPON": "signs on a participant profile, or without a parameter the whole connection party",
        "FPOF": "signs off a participant profile, or without a parameter the whole connection party",
        "FPCD": "disconnects one connection point",
        "FPCR": "reconnects one connection point",
        "EXTN": "extends the cycle day, once, without a new time",
        "ROLL": "begins a new cycle day",
        "FNKY": "announces a new key of FedNow's",
        "ADHC": "is a text in free form",
    }
)
"""What each event of FedNow's public documents and samples means; of FPRE and SITL, also seen, it is not public."""

RTP_EVENTS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "960": "connectivity of a participant",
        "971": "status of the system or of a participant",
        "972": "suspension of a participant",
        "975": "settlement limit",
        "976": "security limit",
        "981": "a message in free form",
        "982": "sign-on or sign-off of a participant",
        "993": "warning about the prefunded position",
        "994": "breach of the prefunded position",
        "996": "changed prefunding requirement",
        "998": "changed prefunded balance",
        "999": "reconciliation",
    }
)
"""What each event of RTP's means, as an integrator's public guide has it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SystemEventNotification:
    """An event of the system. What the parameters mean depends on the code."""

    event_code: str
    parameters: tuple[str, ...] = ()
    description: str | None = None
    event_time: datetime | None = None
    carries_all: bool = True


SHAPE: Final = Shape(
    SystemEventNotification,
    (
        ("EvtInf/EvtCd", "event_code", TEXT),
        ("EvtInf/EvtParam", "parameters", TEXT),
        ("EvtInf/EvtDesc", "description", TEXT),
        ("EvtInf/EvtTm", "event_time", TIME),
    ),
)
"""What the value says, in the schema's order."""

LAYOUT: Final = layout_of(SHAPE, message_type=MESSAGE_TYPE, base="SysEvtNtfctn")
"""Where each field stands."""


def parse(document: etree._Element) -> SystemEventNotification:
    """The event in the Document. Raises RemoteProtocolError naming the first element that cannot be read."""
    return read(FieldReader(LAYOUT, document))


def read(reader: FieldReader) -> SystemEventNotification:
    """As :func:`parse`, from fields that were read before."""
    return read_message(SHAPE, reader)


def build(event: SystemEventNotification) -> etree._Element:
    """The Document of an event; the same value always gives the same bytes. Raises LocalProtocolError."""
    return LAYOUT.build(SHAPE.rows("", event))


def summary(event: SystemEventNotification) -> str:
    """The message in a line for people: ``System event FPOF 990000013: signs off …``."""
    meaning = FEDNOW_EVENTS.get(event.event_code) or RTP_EVENTS.get(event.event_code) or "of unknown meaning"
    return f"System event {' '.join((event.event_code, *event.parameters))}: {meaning}"
