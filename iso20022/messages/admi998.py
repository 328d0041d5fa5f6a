"""FedNow's participant file, admi.998.001.02: who takes part, under which routing number, in which services.

The Document is in a namespace of SWIFT's, the file inside it in one of the Federal Reserve's (published sample).
"""

from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from typing import Final

from lxml import etree

from iso20022.fields import FieldReader
from iso20022.identifiers import RoutingNumber
from iso20022.layout import Layout
from iso20022.messages.shape import DATE, TEXT, Shape, enumerated, layout_of, read_message

MESSAGE_TYPE: Final = "admi.998.001.02"
"""The message identifier that this module reads and builds."""

PARTICIPANT_FILE: Final = "FPFL"
"""The type of the proprietary data: a participant file."""

_DATA: Final = "PrtryData/Data"
_FILE_ROOT: Final = "Document"
_FILE_BASE: Final = "admi998SuplDataV01"
_FILE: Final = f"{_DATA}/{_FILE_ROOT}/{_FILE_BASE}/"


class ParticipantService(StrEnum):
    """What a participant may do (FedNow Operating Procedures, October 2024, and the published sample)."""

    CTRO = "CTRO"
    """Receives customer credit transfers."""
    CTSR = "CTSR"
    """Sends and receives customer credit transfers."""
    RFPR = "RFPR"
    """Receives requests for payment."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Participant:
    """One participant. The name is an institution's, and public."""

    routing_number: RoutingNumber
    name: str
    services: tuple[ParticipantService, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ParticipantFile:
    """All participants as of a business day; says nothing of who is signed on."""

    data_type: str = PARTICIPANT_FILE
    business_day: date
    participants: tuple[Participant, ...]
    carries_all: bool = True


PARTICIPANT: Final = Shape(
    Participant,
    (("Id", "routing_number", TEXT), ("Nm", "name", TEXT), ("Svcs", "services", enumerated(ParticipantService))),
)
"""One participant."""

SHAPE: Final = Shape(
    ParticipantFile,
    (
        ("PrtryData/Tp", "data_type", TEXT),
        (f"{_FILE}PtcptFile/BizDay", "business_day", DATE),
        (f"{_FILE}PtcptFile/PtcptPrfl", "participants", PARTICIPANT),
    ),
)
"""The file as the content of its element."""

LAYOUT: Final = layout_of(SHAPE, message_type=MESSAGE_TYPE, base="AdmstnPrtryMsg")
"""Where each field stands; rules see the outer Document alone, the file inside it has another namespace."""

_INNER: Final = Layout(namespace=f"urn:fed:xsd:{MESSAGE_TYPE}", root=_FILE_ROOT, base=_FILE_BASE, paths={})


def parse(document: etree._Element) -> ParticipantFile:
    """The file in the Document. Raises RemoteProtocolError naming the first element that cannot be read."""
    return read(FieldReader(LAYOUT, document))


def read(reader: FieldReader) -> ParticipantFile:
    """As :func:`parse`, from fields that were read before."""
    return read_message(SHAPE, reader)


def build(file: ParticipantFile) -> etree._Element:
    """The Document of a file; the same value always gives the same bytes. Raises LocalProtocolError."""
    rows = list(SHAPE.rows("", file))
    outside = [(path, text) for path, text in rows if not path.startswith(_FILE)]
    inside = [(path.removeprefix(_FILE), text) for path, text in rows if path.startswith(_FILE)]
    document = LAYOUT.build([*outside, (_DATA, "")])
    (data,) = LAYOUT.elements(document, _DATA)
    data.append(_INNER.build(inside))
    return document


def summary(file: ParticipantFile) -> str:
    """The file in a line for people: ``Participant file of 2026-01-31: 1,203 participants, 640 receive requests``."""
    requests = sum(ParticipantService.RFPR in participant.services for participant in file.participants)
    return (
        f"Participant file of {file.business_day}: {len(file.participants):,} participants, "
        f"{requests:,} receive requests for payment"
    )
