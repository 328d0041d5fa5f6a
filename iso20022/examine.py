"""One verdict on one message: read it, take it out of its envelope, hold it against schema and rail.

:func:`examine` is quick and never raises for what a peer sent. :func:`explain` takes a refused message's report and
says everything that is wrong with it, element by element.
"""

from dataclasses import dataclass, field, replace
from itertools import islice
from typing import Final
from zoneinfo import ZoneInfo

from lxml import etree

from iso20022 import header as headers
from iso20022.codes import Direction
from iso20022.envelope import Envelope, EnvelopeKind, rail_of_envelope, unwrap
from iso20022.errors import RemoteProtocolError
from iso20022.fields import FieldReader
from iso20022.findings import Finding, Severity, has_error, with_columns
from iso20022.header import HEADER_LAYOUTS, BusinessHeader
from iso20022.layout import Fields, Layout
from iso20022.local_time import time_findings, with_offsets
from iso20022.messages.registry import MESSAGE_KINDS, Message
from iso20022.paths import line_of, local_name
from iso20022.profiles.fednow import FedNowProfile
from iso20022.profiles.profile import Facts, Profile, element_findings, finding_of, violated
from iso20022.reader import LIMITS, Limits, read
from iso20022.schema_errors import schema_findings
from iso20022.walk import walk


@dataclass(frozen=True, slots=True)
class _Part:
    """A header or a Document under examination."""

    message_type: str
    schema_id: str
    layout: Layout
    element: etree._Element
    fields: Fields
    is_header: bool


_FINDINGS_MAX: Final = 200  # what a person can read; hostile input makes thousands
_EITHER_WAY: Final = frozenset(Direction)
_ENVELOPE_WORDS: Final = {
    EnvelopeKind.FEDNOW_INCOMING: "FedNow's envelope for messages to the rail",
    EnvelopeKind.FEDNOW_OUTGOING: "FedNow's envelope for messages from the rail",
    EnvelopeKind.RTP_MESSAGE: "RTP's Message",
}
_DIRECTION_WORDS: Final = {Direction.TO_RAIL: "to the rail", Direction.FROM_RAIL: "from the rail"}

SUPPORTED_MESSAGES: Final = frozenset(MESSAGE_KINDS)
"""The message types that are validated and read."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """What is known of one body.

    ``readable`` is False when it is not even hardened XML. ``valid`` means no finding is an error; only then may
    ``header`` and ``message`` be acted upon. Both are there whenever they could be read completely, so that a refusal
    can name the payment it refuses. ``message`` is None for a bare header. ``refusable`` is the message where it lacks
    only what its rail's rules demand beyond the schema, with `NOT_PROVIDED` in the place of that: good for a refusal.
    """

    valid: bool
    readable: bool = True
    message_type: str | None = None
    direction: Direction | None = None
    envelope: Envelope | None = None
    header: BusinessHeader | None = None
    message: Message | None = None
    refusable: Message | None = None
    findings: tuple[Finding, ...] = ()
    body: bytes = field(repr=False, default=b"")
    profile: Profile = field(repr=False, default_factory=FedNowProfile)

    @property
    def document(self) -> etree._Element | None:
        """The Document element, None where there is none."""
        return None if self.envelope is None else self.envelope.document


def examine(body: bytes, *, profile: Profile, direction: Direction | None = None, limits: Limits = LIMITS) -> Report:
    """The report on a body. Never raises for bad input; touches nothing outside; the same body gives the same report.

    Without a direction the envelope's counts, and on RTP, whose envelope has none, what the header says of the rail
    itself; where neither knows, rules of one direction only are left out.
    """
    try:
        root = read(body, limits)
    except RemoteProtocolError as error:
        findings = with_columns(error.findings, body)
        return Report(valid=False, readable=False, findings=findings, body=body, profile=profile)
    try:
        envelope = unwrap(root)
    except RemoteProtocolError as error:
        findings = with_columns(error.findings, body)
        return Report(valid=False, direction=direction, findings=findings, body=body, profile=profile)
    parts = _parts(envelope, profile)
    towards = direction or envelope.direction or _direction_by_header(parts, profile)
    known = _envelope_findings(envelope, profile, towards)
    header: BusinessHeader | None = None
    message: Message | None = None
    readable: list[_Part] = []
    if has_error(known):
        findings = known
    else:
        refused = [schema_findings(part.element, profile.schemas.validator(part.schema_id)) for part in parts]
        readable = [part for part, objections in zip(parts, refused, strict=True) if not objections]
        findings = (*known, *(finding for objections in refused for finding in objections))
        if len(readable) == len(parts):
            findings += _profile_findings(envelope, profile, towards, parts)
        header, message, unread = _values(readable, profile, findings)
        findings += unread
    return Report(
        valid=not has_error(findings),
        message_type=envelope.message_type or envelope.header_type,
        direction=towards,
        envelope=envelope,
        header=header,
        message=message,
        refusable=None if message is not None else _refusable(readable, profile),
        findings=_located(findings, envelope, body, profile) if findings else (),
        body=body,
        profile=profile,
    )


def explain(report: Report) -> Report:
    """The report with every finding there is: all that the schema and, as far as can still be told, the rail object to.

    Slower than :func:`examine` by an order of magnitude, linear in the size of the message, and only of use for one
    that the schema refused; others are returned as they are. A report may be explained again, to the same result.
    """
    envelope = report.envelope
    if envelope is None or not any(finding.code.startswith("XSD_") for finding in report.findings):
        return report
    parts = _parts(envelope, report.profile)
    walked = tuple(finding for part in parts for finding in _walked(part, report.profile))
    broken = tuple(finding.xpath for finding in walked)
    known = _envelope_findings(envelope, report.profile, report.direction)
    objections = _profile_findings(envelope, report.profile, report.direction, parts)
    unbroken = [finding for finding in objections if not _concerns(finding.xpath, broken)]
    return replace(report, findings=_located((*known, *walked, *unbroken), envelope, report.body, report.profile))


def _parts(envelope: Envelope, profile: Profile) -> list[_Part]:
    release, parts = profile.release, []
    if envelope.header is not None and envelope.header_type is not None:
        layout, header_type = HEADER_LAYOUTS[envelope.header_type], envelope.header_type
        schema_id, fields = release.schema_id(header_type), layout.read(envelope.header)
        parts.append(_Part(header_type, schema_id, layout, envelope.header, fields, is_header=True))
    kind = MESSAGE_KINDS.get(envelope.message_type or "")
    if envelope.document is not None and kind is not None:
        schema_id, fields = release.schema_id(kind.message_type), kind.layout.read(envelope.document)
        parts.append(_Part(kind.message_type, schema_id, kind.layout, envelope.document, fields, is_header=False))
    return parts


def _direction_by_header(parts: list[_Part], profile: Profile) -> Direction | None:
    """Which way a message travels whose header names the rail itself; a neutral root says nothing of a rail."""
    if not profile.release.has_local_times or not parts or not parts[0].is_header:
        return None
    texts = parts[0].fields.texts
    if texts["sender"] in profile.rail_ids:
        return Direction.FROM_RAIL
    return Direction.TO_RAIL if texts["receiver"] in profile.rail_ids else None


def _envelope_findings(envelope: Envelope, profile: Profile, direction: Direction | None) -> tuple[Finding, ...]:
    """What can be said before looking into the message. Errors among it end the examination."""
    release, message_type = profile.release, envelope.message_type
    rail = rail_of_envelope(envelope.kind)
    if rail not in {None, profile.rail}:
        return (_wrong_rail(envelope, profile),)
    if direction is not None and envelope.direction not in {None, direction}:
        return (_wrong_direction(envelope, direction),)
    if envelope.header is not None and envelope.header_type != release.header_type:
        return (_wrong_header(envelope.header, profile),)
    if message_type is None or envelope.document is None:
        return (_header_only(envelope),)
    if message_type not in profile.message_types or message_type not in MESSAGE_KINDS:
        return (_unsupported(message_type, envelope.document, profile),)
    if direction is not None and direction not in release.directions.get(message_type, _EITHER_WAY):
        return (_wrong_way(message_type, direction, envelope.document, profile),)
    return ()


def _profile_findings(
    envelope: Envelope, profile: Profile, direction: Direction | None, parts: list[_Part]
) -> tuple[Finding, ...]:
    """What the rail objects to; the header's rules may look at the Document's texts and the other way round."""
    release, message_type = profile.release, envelope.message_type
    texts = {part.is_header: part.fields.texts for part in parts}
    id_field = MESSAGE_KINDS[message_type].id_field if message_type is not None else ""
    document = texts.get(False, {})
    facts = Facts(
        texts=document,
        header=texts.get(True),
        profile=profile,
        direction=direction,
        message_type=message_type or release.header_type,
        message_id=document[id_field] if id_field else "",
        wrapper=envelope.wrapper,
    )
    findings: list[Finding] = []
    for part in parts:
        findings += [
            finding_of(rule, layout=part.layout, element=part.element, fields=part.fields, profile=profile)
            for rule in violated(release.checks(part.message_type, direction), part.fields.texts, facts)
        ]
        if part.is_header:
            findings += release.further_header_findings(part.element, part.fields.others, direction)
        elif release.element_rules:
            findings += element_findings(
                release.element_rules, element=part.element, message_type=part.message_type, profile=profile
            )
        if release.has_local_times:
            findings += time_findings(part.element, part.schema_id, ZoneInfo(profile.time_zone))
    return tuple(findings)


def _values(
    readable: list[_Part], profile: Profile, findings: tuple[Finding, ...]
) -> tuple[BusinessHeader | None, Message | None, tuple[Finding, ...]]:
    """The values of the parts that can be read, and why others cannot, unless a rule has said so."""
    header: BusinessHeader | None = None
    message: Message | None = None
    unread: tuple[Finding, ...] = ()
    for part in readable:
        try:
            if part.is_header:
                header = headers.read(_reader(part, profile))
            else:
                message = MESSAGE_KINDS[part.message_type].read(_reader(part, profile))
        except RemoteProtocolError as error:
            said = {finding.xpath for finding in findings if finding.severity is Severity.ERROR}
            unread += tuple(finding for finding in error.findings if finding.xpath not in said)
    return header, message, unread


def _refusable(readable: list[_Part], profile: Profile) -> Message | None:
    """The message, read without what only its rail demands; None where it is not there, or lacks more."""
    for part in readable:
        if not part.is_header and (spared := MESSAGE_KINDS[part.message_type].spared):
            try:
                return MESSAGE_KINDS[part.message_type].read(_reader(part, profile, spared=spared))
            except RemoteProtocolError:
                return None
    return None


def _reader(part: _Part, profile: Profile, *, spared: frozenset[str] = frozenset()) -> FieldReader:
    """The part's fields; local times become the instants that they name, so that values know nothing of zones."""
    if not profile.release.has_local_times:
        return FieldReader(part.layout, part.element, part.fields, spared=spared)
    element = with_offsets(part.element, part.schema_id, ZoneInfo(profile.time_zone))
    return FieldReader(part.layout, element, spared=spared)


def _walked(part: _Part, profile: Profile) -> tuple[Finding, ...]:
    """The walk's findings, as many as help; libxml2's own where it refuses and the walk sees nothing, or cannot see."""
    schema = profile.schemas.model(part.schema_id)
    if schema is None:
        return schema_findings(part.element, profile.schemas.validator(part.schema_id))
    found = tuple(islice(walk(part.element, schema), _FINDINGS_MAX + 1))
    if len(found) > _FINDINGS_MAX:
        return (*found[:_FINDINGS_MAX], _more(part))
    return found or schema_findings(part.element, profile.schemas.validator(part.schema_id))


def _located(findings: tuple[Finding, ...], envelope: Envelope, body: bytes, profile: Profile) -> tuple[Finding, ...]:
    """The findings under the name that the Document has in the text, with their columns and the rail's answer."""
    schema_code = profile.release.schema_reject_code
    if schema_code is not None:
        findings = tuple(
            replace(finding, reject_code=schema_code) if finding.code.startswith("XSD_") else finding
            for finding in findings
        )
    if envelope.document_name != "Document":
        findings = tuple(
            replace(finding, xpath=f"/{envelope.document_name}{finding.xpath.removeprefix('/Document')}")
            if finding.xpath.startswith("/Document")
            else finding
            for finding in findings
        )
    return with_columns(findings, body)


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


def _root_of(envelope: Envelope) -> etree._Element:
    part = envelope.header if envelope.document is None else envelope.document
    assert part is not None
    return part.getroottree().getroot()


def _wrong_rail(envelope: Envelope, profile: Profile) -> Finding:
    root = _root_of(envelope)
    return Finding(
        code="ENVELOPE_RAIL",
        xpath=f"/{local_name(str(root.tag))}",
        line=line_of(root),
        rule=f"A message of {profile.name} has no other rail's envelope.",
        hint=f"This one is {_ENVELOPE_WORDS[envelope.kind]}: validate it for the rail that it belongs to.",
    )


def _wrong_direction(envelope: Envelope, direction: Direction) -> Finding:
    root = _root_of(envelope)
    return Finding(
        code="ENVELOPE_DIRECTION",
        xpath=f"/{local_name(str(root.tag))}",
        line=line_of(root),
        rule=f"A message {_DIRECTION_WORDS[direction]} has the envelope of that direction.",
        hint=f"This one is {_ENVELOPE_WORDS[envelope.kind]}: it travels the other way.",
    )


def _wrong_way(message_type: str, direction: Direction, element: etree._Element, profile: Profile) -> Finding:
    return Finding(
        code="MESSAGE_DIRECTION",
        xpath="/Document",
        line=line_of(element),
        value=message_type,
        rule=f"On {profile.name} a {message_type} does not travel {_DIRECTION_WORDS[direction]}.",
        hint="Check which message is meant, and which way it goes.",
    )


def _wrong_header(element: etree._Element, profile: Profile) -> Finding:
    return Finding(
        code="HEADER_VERSION",
        xpath="/AppHdr",
        line=line_of(element),
        rule=f"A message of {profile.name} has the header {profile.release.header_type}.",
        hint="Use that header, or validate the message for the rail that it belongs to.",
    )


def _header_only(envelope: Envelope) -> Finding:
    assert envelope.header is not None
    is_bare = envelope.kind is EnvelopeKind.HEADER
    return Finding(
        code="HEADER_ONLY",
        severity=Severity.WARNING if is_bare else Severity.ERROR,
        xpath="/AppHdr",
        line=line_of(envelope.header),
        rule="A message is a header and the Document it announces; here is a header alone.",
        hint="Send the Document with it.",
    )


def _unsupported(message_type: str, element: etree._Element, profile: Profile) -> Finding:
    family = message_type[:8]
    known = profile.message_types & SUPPORTED_MESSAGES
    versions = sorted(version for version in known if version.startswith(family))
    hint = f"{profile.name} uses {versions[0]}." if versions else f"Known are {', '.join(sorted(known)) or 'none'}."
    return Finding(
        code="UNSUPPORTED_VERSION" if versions else "UNSUPPORTED_MESSAGE",
        xpath="/Document",
        line=line_of(element),
        value=message_type,
        rule="The message is of a type and version that is read and validated here.",
        hint=hint,
    )
