"""One verdict on one message: read it, take it out of its envelope, hold it against schema and rail.

:func:`examine` is quick and never raises for what a peer sent. :func:`explain` takes a refused message's report and
says everything that is wrong with it, element by element.
"""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from itertools import islice
from typing import Final

from lxml import etree

from iso20022 import header as headers
from iso20022.codes import Direction
from iso20022.envelope import Envelope, unwrap
from iso20022.errors import RemoteProtocolError
from iso20022.fields import FieldReader
from iso20022.findings import Finding, Severity, has_error, with_columns
from iso20022.header import BusinessHeader
from iso20022.layout import Fields, Layout
from iso20022.messages import admi002, pacs002, pacs008, pacs028
from iso20022.messages.admi002 import MessageReject
from iso20022.messages.pacs002 import PaymentStatusReport
from iso20022.messages.pacs008 import CustomerCreditTransfer
from iso20022.messages.pacs028 import PaymentStatusRequest
from iso20022.paths import line_of
from iso20022.profiles.fednow import FedNowProfile
from iso20022.profiles.fednow_header_rules import HEADER_RULES, unused_header_elements
from iso20022.profiles.fednow_rules import DOCUMENT_RULES
from iso20022.profiles.profile import Facts, finding_of, violated
from iso20022.reader import LIMITS, Limits, read
from iso20022.schema_errors import schema_findings
from iso20022.schemas import model, validator
from iso20022.walk import walk

Message = CustomerCreditTransfer | PaymentStatusReport | PaymentStatusRequest | MessageReject
"""The messages that are read into values."""


@dataclass(frozen=True, slots=True)
class _Part:
    """A header or a Document under examination."""

    message_type: str
    layout: Layout
    element: etree._Element
    fields: Fields


@dataclass(frozen=True, slots=True)
class _MessageKind:
    layout: Layout
    read: Callable[[FieldReader], Message]


_KINDS: Final[dict[str, _MessageKind]] = {
    pacs008.MESSAGE_TYPE: _MessageKind(pacs008.LAYOUT, pacs008.read),
    pacs002.MESSAGE_TYPE: _MessageKind(pacs002.LAYOUT, pacs002.read),
    pacs028.MESSAGE_TYPE: _MessageKind(pacs028.LAYOUT, pacs028.read),
    admi002.MESSAGE_TYPE: _MessageKind(admi002.LAYOUT, admi002.read),
}

_FINDINGS_MAX: Final = 200  # what a person can read; hostile input makes thousands
_DIRECTION_WORDS: Final = {Direction.TO_RAIL: "to the rail", Direction.FROM_RAIL: "from the rail"}

SUPPORTED_MESSAGES: Final = frozenset(_KINDS)
"""The message types that are validated and read."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """What is known of one body.

    ``readable`` is False when it is not even hardened XML. ``valid`` means no finding is an error; only then may
    ``header`` and ``message`` be acted upon. Both are there whenever they could be read completely, so that a refusal
    can name the payment it refuses. ``message`` is None for a bare header.
    """

    valid: bool
    readable: bool = True
    message_type: str | None = None
    direction: Direction | None = None
    envelope: Envelope | None = None
    header: BusinessHeader | None = None
    message: Message | None = None
    findings: tuple[Finding, ...] = ()
    body: bytes = field(repr=False, default=b"")
    profile: FedNowProfile = field(repr=False, default_factory=FedNowProfile)

    @property
    def document(self) -> etree._Element | None:
        """The Document element, None where there is none."""
        return None if self.envelope is None else self.envelope.document


def examine(
    body: bytes, *, profile: FedNowProfile, direction: Direction | None = None, limits: Limits = LIMITS
) -> Report:
    """The report on a body. Never raises for bad input; touches nothing outside; the same body gives the same report.

    Without a direction the envelope's counts; where that has none either, rules of one direction only are left out.
    """
    try:
        root = read(body, limits)
    except RemoteProtocolError as error:
        return Report(valid=False, readable=False, findings=error.findings, body=body, profile=profile)
    try:
        envelope = unwrap(root)
    except RemoteProtocolError as error:
        findings = with_columns(error.findings, body)
        return Report(valid=False, direction=direction, findings=findings, body=body, profile=profile)
    known = _envelope_findings(envelope, profile, direction)
    report = Report(
        valid=False,
        message_type=_message_type(envelope),
        direction=direction or envelope.direction,
        envelope=envelope,
        body=body,
        profile=profile,
    )
    if has_error(known):
        return replace(report, findings=with_columns(known, body))
    parts = _parts(envelope)
    refused = {part.layout.root: schema_findings(part.element, validator(part.message_type)) for part in parts}
    findings = (*known, *(finding for part in parts for finding in refused[part.layout.root]))
    readable = [part for part in parts if not refused[part.layout.root]]
    if len(readable) == len(parts):
        findings += _profile_findings(report, readable)
    return _with_values(report, readable, findings)


def explain(report: Report) -> Report:
    """The report with every finding there is: all that the schema and, as far as can still be told, the rail object to.

    Slower than :func:`examine` by an order of magnitude, linear in the size of the message, and only of use for one
    that the schema refused; others are returned as they are. A report may be explained again, to the same result.
    """
    envelope = report.envelope
    if envelope is None or not any(finding.code.startswith("XSD_") for finding in report.findings):
        return report
    parts = _parts(envelope)
    walked = tuple(finding for part in parts for finding in _walked(part))
    broken = tuple(finding.xpath for finding in walked)
    known = _envelope_findings(envelope, report.profile, report.direction)
    unbroken = [finding for finding in _profile_findings(report, parts) if not _concerns(finding.xpath, broken)]
    return replace(report, findings=with_columns((*known, *walked, *unbroken), report.body))


def _message_type(envelope: Envelope) -> str:
    return envelope.message_type or headers.HEADER_TYPE


def _parts(envelope: Envelope) -> list[_Part]:
    parts = []
    if envelope.header is not None:
        parts.append(_part(headers.HEADER_TYPE, headers.LAYOUT, envelope.header))
    if envelope.document is not None and envelope.message_type is not None:
        parts.append(_part(envelope.message_type, _KINDS[envelope.message_type].layout, envelope.document))
    return parts


def _part(message_type: str, layout: Layout, element: etree._Element) -> _Part:
    return _Part(message_type, layout, element, layout.read(element))


def _envelope_findings(envelope: Envelope, profile: FedNowProfile, direction: Direction | None) -> tuple[Finding, ...]:
    """What can be said before looking into the message. Errors among it end the examination."""
    message_type, element = envelope.message_type, envelope.document
    if direction is not None and envelope.direction not in {None, direction}:
        return (_wrong_direction(envelope, direction),)
    if element is None:
        return (_header_only(envelope),)
    if message_type not in profile.message_types or message_type not in _KINDS:
        return (_unsupported(str(message_type), element, profile),)
    return ()


def _profile_findings(report: Report, parts: list[_Part]) -> tuple[Finding, ...]:
    """What the rail objects to, header first."""
    texts = {part.layout.root: part.fields.texts for part in parts}
    header_texts = texts.get(headers.LAYOUT.root)
    facts = Facts(
        texts=texts.get("Document", {}),
        header=header_texts,
        profile=report.profile,
        direction=report.direction,
        message_type=str(report.message_type),
    )
    findings: list[Finding] = []
    for part in parts:
        is_header = part.layout is headers.LAYOUT
        rules = HEADER_RULES if is_header else DOCUMENT_RULES[part.message_type]
        findings += [
            finding_of(rule, layout=part.layout, element=part.element, fields=part.fields, profile=report.profile)
            for rule in violated(rules, part.fields.texts, facts)
        ]
        if is_header:
            findings += unused_header_elements(part.element, part.fields.others, report.direction)
    return tuple(findings)


def _with_values(report: Report, readable: list[_Part], findings: tuple[Finding, ...]) -> Report:
    """The report with the values of the parts that can be read; what cannot is a finding, unless a rule said so."""
    header: BusinessHeader | None = None
    message: Message | None = None
    for part in readable:
        reader = FieldReader(part.layout, part.element, part.fields)
        try:
            if part.layout is headers.LAYOUT:
                header = headers.read(reader)
            else:
                message = _KINDS[part.message_type].read(reader)
        except RemoteProtocolError as error:
            said = {finding.xpath for finding in findings if finding.severity is Severity.ERROR}
            findings += tuple(finding for finding in error.findings if finding.xpath not in said)
    return replace(
        report,
        valid=not has_error(findings),
        header=header,
        message=message,
        findings=with_columns(findings, report.body) if findings else (),
    )


def _walked(part: _Part) -> tuple[Finding, ...]:
    """The walk's findings, as many as help; libxml2's own where it refuses and the walk sees nothing."""
    found = tuple(islice(walk(part.element, model(part.message_type)), _FINDINGS_MAX + 1))
    if len(found) > _FINDINGS_MAX:
        return (*found[:_FINDINGS_MAX], _more(part))
    return found or schema_findings(part.element, validator(part.message_type))


def _more(part: _Part) -> Finding:
    return Finding(
        code="XSD_MORE",
        xpath=f"/{part.layout.root}",
        line=line_of(part.element),
        rule=f"Only the first {_FINDINGS_MAX} findings of a message are listed.",
        hint="Mend these and validate again.",
    )


def _concerns(xpath: str, broken: tuple[str, ...]) -> bool:
    return any(xpath == path or xpath.startswith(f"{path}/") for path in broken)


def _wrong_direction(envelope: Envelope, direction: Direction) -> Finding:
    return Finding(
        code="ENVELOPE_DIRECTION",
        rule=f"A message {_DIRECTION_WORDS[direction]} has the envelope of that direction.",
        hint=f"This one is {envelope.kind.value}: it travels the other way.",
    )


def _header_only(envelope: Envelope) -> Finding:
    assert envelope.header is not None
    return Finding(
        code="HEADER_ONLY",
        severity=Severity.WARNING,
        xpath="/AppHdr",
        line=line_of(envelope.header),
        rule="A message is a header and the Document it announces; here is a header alone.",
        hint="Send the Document with it.",
    )


def _unsupported(message_type: str, element: etree._Element, profile: FedNowProfile) -> Finding:
    family = message_type[:8]
    versions = sorted(known for known in profile.message_types & SUPPORTED_MESSAGES if known.startswith(family))
    hint = f"The rail uses {versions[0]}." if versions else f"Known are {', '.join(sorted(SUPPORTED_MESSAGES))}."
    return Finding(
        code="UNSUPPORTED_VERSION" if versions else "UNSUPPORTED_MESSAGE",
        xpath="/Document",
        line=line_of(element),
        value=message_type,
        rule="The message is of a type and version that is read and validated here.",
        hint=hint,
    )
