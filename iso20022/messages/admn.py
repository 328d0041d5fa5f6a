"""RTP's administration, admn.001 to admn.008: sign-on, sign-off, echo, and who is available.

Eight message types of one make: a request names an instruction, its response names it again and says what became of it.
Facts: public RTP samples and the public record of its release 2.9/3.0.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from types import MappingProxyType
from typing import Any, Final

from lxml import etree

from iso20022.fields import FieldReader
from iso20022.identifiers import ConnectionPartyId, InstructionId, MessageId
from iso20022.layout import Layout
from iso20022.messages.agents import MEMBER_PATH
from iso20022.messages.shape import TEXT, TIME, Shape, ShapeRow, enumerated, layout_of, read_message

ECHO: Final = "731"
"""The function code of an echo."""

AVAILABILITY: Final = "AVLBTY"
"""The code of the only report that is public."""


class SignOnStatus(StrEnum):
    """What becomes of a sign-on or a sign-off (``Sts``)."""

    ACTC = "ACTC"
    """Accepted."""
    RJCT = "RJCT"
    """Rejected, with a reason."""


class EchoStatus(StrEnum):
    """What becomes of an echo, or of a question for a report (``TxSts``): neither is ever rejected."""

    ACTC = "ACTC"
    """Accepted."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Administration:
    message_id: MessageId
    creation_time: datetime
    instructing_agent: ConnectionPartyId
    instructed_agent: ConnectionPartyId


@dataclass(frozen=True, slots=True, kw_only=True)
class SignOnRequest(_Administration):
    """A participant asks to be signed on, admn.001.001.01."""

    instruction_id: InstructionId
    carries_all: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class SignOffRequest(_Administration):
    """A participant asks to be signed off, admn.003.001.01."""

    instruction_id: InstructionId
    carries_all: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class EchoRequest(_Administration):
    """A question whether the other side is there, admn.005.001.01; either side may ask."""

    instruction_id: InstructionId
    function_code: str = ECHO
    carries_all: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class AvailabilityRequest(_Administration):
    """A participant asks who is not available, admn.007.001.01."""

    instruction_id: InstructionId
    report_code: str = AVAILABILITY
    carries_all: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class _Response(_Administration):
    original_instruction_id: InstructionId


@dataclass(frozen=True, slots=True, kw_only=True)
class SignOnResponse(_Response):
    """The answer to a sign-on, admn.002.001.01; a rejection has a reason (9946, 9948, 9964, DS0H, RC02)."""

    status: SignOnStatus
    reason: str | None = None
    carries_all: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class SignOffResponse(_Response):
    """The answer to a sign-off, admn.004.001.01; reasons as for a sign-on."""

    status: SignOnStatus
    reason: str | None = None
    carries_all: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class EchoResponse(_Response):
    """The answer to an echo, admn.006.001.01."""

    status: EchoStatus = EchoStatus.ACTC
    function_code: str = ECHO
    carries_all: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Unavailable:
    """Connections, and participants that are signed off or suspended; perhaps none at all."""

    connections: tuple[str, ...] = ()
    signed_off: tuple[ConnectionPartyId, ...] = ()
    suspended: tuple[ConnectionPartyId, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class AvailabilityReport(_Response):
    """Who is not available, admn.008.001.01."""

    status: EchoStatus = EchoStatus.ACTC
    report_code: str = AVAILABILITY
    unavailable: Unavailable
    carries_all: bool = True


AdministrationMessage = (
    SignOnRequest
    | SignOnResponse
    | SignOffRequest
    | SignOffResponse
    | EchoRequest
    | EchoResponse
    | AvailabilityRequest
    | AvailabilityReport
)
"""Any of the eight."""


@dataclass(frozen=True, slots=True)
class AdministrationKind:
    """One of the message types: what its values are, and where their fields stand."""

    shape: Shape[Any]
    layout: Layout
    words: str

    @property
    def value_type(self) -> type[AdministrationMessage]:
        """The type of the values."""
        value_type: type[AdministrationMessage] = self.shape.value_type
        return value_type


_HEADER: Final[tuple[ShapeRow, ...]] = (("GrpHdr/MsgId", "message_id", TEXT), ("GrpHdr/CreDtTm", "creation_time", TIME))
_ECHO_STATUS: Final = enumerated(EchoStatus)


def _agents(details: str) -> tuple[ShapeRow, ...]:
    return (
        (f"{details}/InstgAgt/{MEMBER_PATH}", "instructing_agent", TEXT),
        (f"{details}/InstdAgt/{MEMBER_PATH}", "instructed_agent", TEXT),
    )


def _sign_request(details: str) -> tuple[ShapeRow, ...]:
    return (*_HEADER, (f"{details}/InstrId", "instruction_id", TEXT), *_agents(details))


def _sign_response(details: str) -> tuple[ShapeRow, ...]:
    return (
        *_HEADER,
        (f"{details}/OrgnlInstrId", "original_instruction_id", TEXT),
        *_agents(details),
        (f"{details}/Sts", "status", enumerated(SignOnStatus)),
        (f"{details}/StsRsnInf/Rsn/Prtry", "reason", TEXT),
    )


_ECHO_REQUEST: Final[tuple[ShapeRow, ...]] = (
    *_HEADER,
    ("EchoTxInf/FnctnCd", "function_code", TEXT),
    ("EchoTxInf/InstrId", "instruction_id", TEXT),
    *_agents("EchoTxInf"),
)
_ECHO_RESPONSE: Final[tuple[ShapeRow, ...]] = (
    *_HEADER,
    *_agents("EchoResponse"),
    ("EchoResponse/OrgnlInstrId", "original_instruction_id", TEXT),
    ("EchoResponse/FnctnCd", "function_code", TEXT),
    ("EchoResponse/TxSts", "status", _ECHO_STATUS),
)
_AVAILABILITY_REQUEST: Final[tuple[ShapeRow, ...]] = (
    *_HEADER,
    ("DBRptInf/RptCd", "report_code", TEXT),
    ("DBRptInf/InstrId", "instruction_id", TEXT),
    *_agents("DBRptInf"),
)
_UNAVAILABLE: Final = Shape(
    Unavailable,
    (
        ("Cnnctn/CnnctnId", "connections", TEXT),
        ("AvlbtyPtcpt/PtcptSgnOff/PtcptId", "signed_off", TEXT),
        ("AvlbtyPtcpt/PtcptSspd/PtcptId", "suspended", TEXT),
    ),
)
_AVAILABILITY_REPORT: Final[tuple[ShapeRow, ...]] = (
    *_HEADER,
    ("DBRptRspn/OrgnlInstrId", "original_instruction_id", TEXT),
    ("DBRptRspn/RptCd", "report_code", TEXT),
    *_agents("DBRptRspn"),
    ("DBRptRspn/TxSts", "status", _ECHO_STATUS),
    ("AvlbtyRpt", "unavailable", _UNAVAILABLE),
)


def _kind(
    message_type: str, value_type: type[Any], base: str, rows: tuple[ShapeRow, ...], words: str
) -> tuple[str, AdministrationKind]:
    shape: Shape[Any] = Shape(value_type, rows)
    return message_type, AdministrationKind(shape, layout_of(shape, message_type=message_type, base=base), words)


KINDS: Final[Mapping[str, AdministrationKind]] = MappingProxyType(
    dict(
        (
            _kind("admn.001.001.01", SignOnRequest, "AdmnSignOnReq", _sign_request("SignOnReq"), "Sign-on request"),
            _kind("admn.002.001.01", SignOnResponse, "AdmnSignOnResp", _sign_response("SignOnResp"), "Sign-on"),
            _kind("admn.003.001.01", SignOffRequest, "AdmnSignOffReq", _sign_request("SignOffReq"), "Sign-off request"),
            _kind("admn.004.001.01", SignOffResponse, "AdmnSignOffResp", _sign_response("SignOffResp"), "Sign-off"),
            _kind("admn.005.001.01", EchoRequest, "AdmnEchoReq", _ECHO_REQUEST, "Echo request"),
            _kind("admn.006.001.01", EchoResponse, "AdmnEchoResp", _ECHO_RESPONSE, "Echo"),
            _kind("admn.007.001.01", AvailabilityRequest, "DBRptReq", _AVAILABILITY_REQUEST, "Availability request"),
            _kind("admn.008.001.01", AvailabilityReport, "DBAvlbtyRpt", _AVAILABILITY_REPORT, "Availability report"),
        )
    )
)
"""The message types by their identifier."""

_BY_NAMESPACE: Final = {kind.layout.namespace: kind for kind in KINDS.values()}
_BY_VALUE_TYPE: Final = {kind.value_type: kind for kind in KINDS.values()}


def parse(document: etree._Element) -> AdministrationMessage:
    """The message in the Document, whichever of the eight its namespace names.

    Raises RemoteProtocolError naming the first element that cannot be read, KeyError for another message type.
    """
    return read(FieldReader(_BY_NAMESPACE[str(document.tag)[1:].partition("}")[0]].layout, document))


def read(reader: FieldReader) -> AdministrationMessage:
    """As :func:`parse`, from fields that were read before; the reader's layout says which of the eight it is."""
    message: AdministrationMessage = read_message(_BY_NAMESPACE[reader.layout.namespace].shape, reader)
    return message


def build(message: AdministrationMessage) -> etree._Element:
    """The Document of a message; the same value always gives the same bytes. Raises LocalProtocolError."""
    kind = _BY_VALUE_TYPE[type(message)]
    return kind.layout.build(kind.shape.rows("", message))


def summary(message: AdministrationMessage) -> str:
    """The message in a line for people: ``Sign-on from 990000001T1 to 990000013A1: ACTC``."""
    line = f"{_BY_VALUE_TYPE[type(message)].words} from {message.instructing_agent} to {message.instructed_agent}"
    match message:
        case SignOnResponse() | SignOffResponse():
            return f"{line}: {' '.join(filter(None, (message.status.value, message.reason)))}"
        case EchoResponse() | AvailabilityReport():
            return f"{line}: {message.status}"
        case _:
            return line
