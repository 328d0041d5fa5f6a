"""The schemas that no package has: written by hand from public facts, or another schema with a rail's own changes.

Each is a value made of a compact notation: ``"MsgId:Max35Text"`` is a mandatory element and its type, ``?`` behind the
name makes it optional, ``+`` one or more, ``*`` any number. Facts: the published samples of FedNow's participant file
and of RTP's messages, and the public record of RTP's release 2.9/3.0 in ``moov-io/rtp20022``; structure only, in our
own names. An institution puts the rail's own files in its schema folder where it has a licence for them.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Final

from iso20022.schemas.model import BuiltIn, ComplexType, Content, ElementUse, Schema, SimpleType

ISO: Final = "urn:iso:std:iso:20022:tech:xsd:"
"""What every ISO 20022 message namespace begins with."""

_INSTRUCTION_CODES: Final = "Instruction3Code"
_PARTICIPANT_FILE: Final = "admi.998.001.02.data"
_OCCURRENCES: Final[dict[str, tuple[int, int | None]]] = {"?": (0, 1), "+": (1, None), "*": (0, None)}
_UUID: Final = "[a-f0-9]{8}-[a-f0-9]{4}-4[a-f0-9]{3}-[89ab][a-f0-9]{3}-[a-f0-9]{12}"

SchemaOf = Callable[[str], Schema]
"""Gives the schema of another id."""


@dataclass(frozen=True, slots=True)
class Written:
    """How a schema of ours is made, and from what."""

    make: Callable[[SchemaOf], Schema]
    origin: str


def _text(most: int, *, least: int = 1, pattern: str | None = None) -> SimpleType:
    return SimpleType(base=BuiltIn.STRING, min_length=least, max_length=most, pattern=pattern)


def _codes(*values: str) -> SimpleType:
    return SimpleType(base=BuiltIn.STRING, enumeration=values)


_SIMPLE_TYPES: Final[dict[str, SimpleType]] = {
    "Exact9NumericText": SimpleType(base=BuiltIn.STRING, pattern="[0-9]{9}"),
    "Max20AlphaNumericText": _text(20, pattern="[a-zA-Z0-9]{1,20}"),
    "Max34Text": _text(34),
    "Max35Text": _text(35),
    "Max140Text": _text(140),
    "Min11Max11Text": _text(11, least=11),
    "Max4Text": _text(4),
    "UUIDv4Identifier": SimpleType(base=BuiltIn.STRING, pattern=_UUID),
    "EchoCode": _codes("731"),
    "ReportCode": _codes("AVLBTY"),
    "SignOnReasonCode": _codes("9946", "9948", "9964", "DS0H", "RC02"),
    "SignOnStatusCode": _codes("ACTC", "RJCT"),
    "EchoStatusCode": _codes("ACTC"),
    "OriginalMessageName": _codes("pacs.008.001.08", "pain.013.001.07"),
}

_ADMINISTRATION: Final[dict[str, str]] = {
    "GroupHeader": "MsgId:Max35Text CreDtTm:xs:dateTime",
    "Participant": "FinInstnId:ParticipantInstitution",
    "ParticipantInstitution": "ClrSysMmbId:ParticipantMember",
    "ParticipantMember": "MmbId:Min11Max11Text",
}
_AGENTS: Final = "InstgAgt:Participant InstdAgt:Participant"


def _uses(notation: str) -> tuple[ElementUse, ...]:
    uses = []
    for word in notation.split():
        name, _, type_name = word.partition(":")
        least, most = _OCCURRENCES.get(name[-1], (1, 1))
        uses.append(ElementUse(name=name.rstrip("?+*"), type_name=type_name, min_occurs=least, max_occurs=most))
    return tuple(uses)


def _written(namespace: str, types: Mapping[str, str], *, choices: frozenset[str] = frozenset()) -> Schema:
    """A schema whose Document is the type ``Document``; types that start from nothing else are left out."""
    complex_types = {
        name: ComplexType(content=Content.CHOICE if name in choices else Content.SEQUENCE, elements=_uses(notation))
        for name, notation in types.items()
    }
    return _reached(
        Schema(
            namespace=namespace,
            root=ElementUse(name="Document", type_name="Document"),
            simple_types=_SIMPLE_TYPES,
            complex_types=complex_types,
        )
    )


def _reached(schema: Schema) -> Schema:
    """The schema without the types that its outermost element does not lead to, by name."""
    reached: set[str] = set()
    open_names = [schema.root.type_name]
    while open_names:
        name = open_names.pop()
        if name in reached:
            continue
        reached.add(name)
        kind = schema.complex_types.get(name)
        if kind is not None:
            open_names += [use.type_name for use in kind.elements]
            open_names += [*kind.attributes.values(), *([] if kind.text_type is None else [kind.text_type])]
    return replace(
        schema,
        simple_types={name: kind for name, kind in sorted(schema.simple_types.items()) if name in reached},
        complex_types={name: kind for name, kind in sorted(schema.complex_types.items()) if name in reached},
    )


def _with_type(schema: Schema, name: str, kind: ComplexType) -> Schema:
    return _reached(
        replace(
            schema,
            simple_types={**_SIMPLE_TYPES, **schema.simple_types},
            complex_types={**schema.complex_types, name: kind},
        )
    )


def _sequence(notation: str) -> ComplexType:
    return ComplexType(content=Content.SEQUENCE, elements=_uses(notation))


def _proprietary_investigation(schema_of: SchemaOf) -> Schema:
    """camt.035.001.05: assignment, case and supplementary data are those of camt.056.001.08."""
    shared = schema_of("camt.056.001.08")
    own = {
        "Document": _sequence("PrtryFrmtInvstgtn:ProprietaryFormatInvestigationV05"),
        "ProprietaryFormatInvestigationV05": _sequence(
            "Assgnmt:CaseAssignment5 Case?:Case5 PrtryData:ProprietaryData7 SplmtryData*:SupplementaryData1"
        ),
        "ProprietaryData7": _sequence("Tp:Max35Text Data:ProprietaryData6"),
        "ProprietaryData6": _sequence("Any:SkipPayload"),
        "SkipPayload": ComplexType(content=Content.ANY, any_namespace="##any", any_is_checked=False),
    }
    return _reached(replace(shared, namespace=f"{ISO}camt.035.001.05", complex_types={**shared.complex_types, **own}))


def _rtp_acknowledgement(schema_of: SchemaOf) -> Schema:
    """camt.035.001.05 on RTP: the original's references stand in Data itself."""
    schema = _with_type(
        schema_of("camt.035.001.05"), "ProprietaryData6", _sequence("Ustrd?:Max140Text OrigRefs:OriginalReferences")
    )
    references = _sequence("InstrId:Max35Text EndToEndId:Max35Text TxId:Max35Text UETR?:UUIDv4Identifier")
    return _with_type(schema, "OriginalReferences", references)


def _rtp_header(schema_of: SchemaOf) -> Schema:
    """head.001.001.01 on RTP: its times are local and state no zone, where ISO's end in Z."""
    schema = schema_of("head.001.001.01")
    local = {
        name: replace(
            kind,
            elements=tuple(
                replace(use, type_name="xs:dateTime") if use.name == "CreDt" else use for use in kind.elements
            ),
        )
        for name, kind in schema.complex_types.items()
    }
    return _reached(replace(schema, complex_types=local))


def _with_rtp_instructions(message_type: str) -> Callable[[SchemaOf], Schema]:
    """A message type on RTP: the instructions for the creditor's agent have code words of the rail's own."""

    def make(schema_of: SchemaOf) -> Schema:
        schema = schema_of(message_type)
        codes = {_INSTRUCTION_CODES: SimpleType(base=BuiltIn.STRING, min_length=4, max_length=4)}
        return replace(schema, simple_types={**schema.simple_types, **codes})

    return make


def _participant_file(schema_of: SchemaOf) -> Schema:
    """admi.998.001.02: a proprietary message whose data are a Document of FedNow's."""
    data = schema_of(_PARTICIPANT_FILE)
    schema = _written(
        "urn:swift:xsd:admi.998.001.02",
        {
            "Document": "AdmstnPrtryMsg:AdministrationProprietaryMessage",
            "AdministrationProprietaryMessage": "PrtryData:ProprietaryData",
            "ProprietaryData": "Tp:Max35Text Data:ProprietaryDocument",
            "ProprietaryDocument": "",
        },
    )
    foreign = ComplexType(content=Content.ANY, any_namespace=data.namespace)
    complete = _with_type(schema, "ProprietaryDocument", foreign)
    return replace(complete, imports={data.namespace: _PARTICIPANT_FILE})


def _administration(message_id: str) -> Callable[[SchemaOf], Schema]:
    authority = "ma" if message_id.startswith(("admn.007", "admn.008")) else "iso"
    namespace = f"urn:iso:std:{authority}:20022:tech:xsd:{message_id}"
    types = {**_ADMINISTRATION, **_RTP_ADMINISTRATION[message_id]}
    return lambda _schema_of: _written(namespace, types, choices=frozenset({"SignOnReason"}))


def _sign_request(element: str, inner: str) -> dict[str, str]:
    return {
        "Document": f"{element}:Request",
        "Request": f"GrpHdr:GroupHeader {inner}:RequestDetails",
        "RequestDetails": f"InstrId:Max35Text {_AGENTS}",
    }


def _sign_response(element: str, inner: str) -> dict[str, str]:
    return {
        "Document": f"{element}:Response",
        "Response": f"GrpHdr:GroupHeader {inner}:ResponseDetails",
        "ResponseDetails": f"OrgnlInstrId:Max35Text {_AGENTS} Sts:SignOnStatusCode StsRsnInf?:StatusReason",
        "StatusReason": "Rsn:SignOnReason",
        "SignOnReason": "Prtry:SignOnReasonCode",
    }


_RTP_ADMINISTRATION: Final[dict[str, dict[str, str]]] = {
    "admn.001.001.01": _sign_request("AdmnSignOnReq", "SignOnReq"),
    "admn.002.001.01": _sign_response("AdmnSignOnResp", "SignOnResp"),
    "admn.003.001.01": _sign_request("AdmnSignOffReq", "SignOffReq"),
    "admn.004.001.01": _sign_response("AdmnSignOffResp", "SignOffResp"),
    "admn.005.001.01": {
        "Document": "AdmnEchoReq:EchoRequest",
        "EchoRequest": "GrpHdr:GroupHeader EchoTxInf:EchoDetails",
        "EchoDetails": f"FnctnCd:EchoCode InstrId:Max35Text {_AGENTS}",
    },
    "admn.006.001.01": {
        "Document": "AdmnEchoResp:EchoResponse",
        "EchoResponse": "GrpHdr:GroupHeader EchoResponse:EchoDetails",
        "EchoDetails": f"{_AGENTS} OrgnlInstrId:Max35Text FnctnCd:EchoCode TxSts:EchoStatusCode",
    },
    "admn.007.001.01": {
        "Document": "DBRptReq:ReportRequest",
        "ReportRequest": "GrpHdr:GroupHeader DBRptInf:ReportRequestDetails",
        "ReportRequestDetails": f"RptCd:ReportCode InstrId:Max35Text {_AGENTS}",
    },
    "admn.008.001.01": {
        "Document": "DBAvlbtyRpt:Report",
        "Report": "GrpHdr:GroupHeader DBRptRspn:ReportDetails AvlbtyRpt:Availability",
        "ReportDetails": f"OrgnlInstrId:Max35Text RptCd:ReportCode {_AGENTS} TxSts:EchoStatusCode",
        "Availability": "Cnnctn?:Connections AvlbtyPtcpt?:UnavailableParticipants",
        "Connections": "CnnctnId+:Max20AlphaNumericText",
        "UnavailableParticipants": "PtcptSgnOff?:Participants PtcptSspd?:Participants",
        "Participants": "PtcptId+:Min11Max11Text",
    },
}

_TOKEN_IDENTIFICATION: Final[dict[str, str]] = {
    "Document": "IdModAdvc:IdentificationModificationAdvice",
    "IdentificationModificationAdvice": "Assgnmt:Assignment OrgnlTxRef:OriginalTransaction Mod:Modification",
    "Assignment": "MsgId:Max35Text CreDtTm:xs:dateTime Assgnr:Party Assgne:Party",
    "Party": "Agt:Agent",
    "Agent": "FinInstnId:Institution",
    "Institution": "ClrSysMmbId:Member",
    "Member": "MmbId:Max35Text",
    "OriginalTransaction": "MsgId:Max35Text MsgNmId:OriginalMessageName CreDtTm:xs:dateTime OrgnlTx:PaymentIds",
    "PaymentIds": "InstrId:Max35Text EndToEndId:Max35Text TxId:Max35Text",
    "Modification": (
        "Id:Max35Text OrgnlPtyAndAcctId?:Identification UpdtdPtyAndAcctId:Identification AddtlInf?:Max140Text"
    ),
    "Identification": "Acct:Account Agt:Agent",
    "Account": "Othr:OtherAccount",
    "OtherAccount": "Id:Max34Text",
}

_PARTICIPANT_FILE_DATA: Final[dict[str, str]] = {
    "Document": "admi998SuplDataV01:SupplementaryData",
    "SupplementaryData": "PtcptFile:ParticipantFile",
    "ParticipantFile": "BizDay:xs:date PtcptPrfl+:ParticipantProfile",
    "ParticipantProfile": "Id:Exact9NumericText Nm:Max140Text Svcs+:Max4Text",
}

_FROM_RTP: Final = "written by hand from the public facts of RTP's message"
_FROM_SAMPLE: Final = "written by hand from FedNow's published sample"

WRITTEN: Final[Mapping[str, Written]] = MappingProxyType(
    {
        "camt.035.001.05": Written(_proprietary_investigation, "written by hand over the types of camt.056.001.08"),
        _PARTICIPANT_FILE: Written(
            lambda _schema_of: _written("urn:fed:xsd:admi.998.001.02", _PARTICIPANT_FILE_DATA), _FROM_SAMPLE
        ),
        "admi.998.001.02": Written(_participant_file, _FROM_SAMPLE),
        "head.001.001.01.rtp": Written(_rtp_header, "head.001.001.01 with RTP's local times"),
        "camt.035.001.05.rtp": Written(_rtp_acknowledgement, "camt.035.001.05 with RTP's references in Data"),
        "pacs.008.001.08.rtp": Written(
            _with_rtp_instructions("pacs.008.001.08"), "pacs.008.001.08 with RTP's instruction codes"
        ),
        "pain.013.001.07.rtp": Written(
            _with_rtp_instructions("pain.013.001.07"), "pain.013.001.07 with RTP's instruction codes"
        ),
        "acmt.022.001.02": Written(
            lambda _schema_of: _written(
                f"{ISO}acmt.022.001.02", _TOKEN_IDENTIFICATION, choices=frozenset({"Party", "Account"})
            ),
            _FROM_RTP,
        ),
    }
    | {message_id: Written(_administration(message_id), _FROM_RTP) for message_id in _RTP_ADMINISTRATION}
)
"""Every schema of ours by its id; one that builds on another comes after it."""
