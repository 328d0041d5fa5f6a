"""What surrounds a Document: nothing, a neutral root with a header, or a rail's own envelope.

Sources: public FedNow samples (``urn:fednow:incoming:v001`` carries messages to FedNow, ``urn:fednow:outgoing:v001``
from it), the public record of RTP's releases 2.9 and 3.0 (``urn:tch``), and ISO's business message envelope
nvlp.001.001.01.
"""

from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final

from lxml import etree

from iso20022.codes import Direction, Rail
from iso20022.errors import LocalProtocolError, RemoteProtocolError
from iso20022.findings import Finding
from iso20022.header import HEADER_LAYOUTS, HEADER_TYPE, RTP_HEADER_TYPE
from iso20022.identifiers import is_rtp_message_id
from iso20022.local_time import in_local_time
from iso20022.namespaces import ISO_NAMESPACE, message_type_of, namespace_of_message
from iso20022.paths import child_elements, children_named, line_of, local_name, named_xpath, namespace_of
from iso20022.wrappers import FEDNOW_WRAPPERS, RTP_WRAPPERS, Wrapper

DECLARATION: Final = b"<?xml version='1.0' encoding='UTF-8'?>\n"
"""How every message that is written here begins."""

_HEADERS: Final = {f"{{{layout.namespace}}}AppHdr": header_type for header_type, layout in HEADER_LAYOUTS.items()}


class EnvelopeKind(StrEnum):
    """The surroundings of a Document that we read."""

    DOCUMENT = "document"
    """A bare Document."""
    HEADER = "header"
    """A bare AppHdr, without a Document."""
    NEUTRAL = "neutral"
    """AppHdr and Document under a root that belongs to no rail."""
    FEDNOW_INCOMING = "fednow_incoming"
    """From a participant to FedNow."""
    FEDNOW_OUTGOING = "fednow_outgoing"
    """From FedNow to a participant."""
    RTP_MESSAGE = "rtp_message"
    """RTP's Message, either way. Its header and message elements are RTP's own; ISO's content stands in them."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Envelope:
    """A message taken out of its surroundings. The elements stay where they are in the tree that was read.

    ``message_type`` is the Document's, from its namespace; for a bare header it is None, and so is ``document``.
    ``header_type`` is the header's own, from its namespace. RTP has no Document: there the message element, such as
    ``CreditTransfer``, has been renamed to the ``Document`` that it stands for, and its header to ISO's ``AppHdr``;
    ``wrapper`` keeps the name.
    """

    kind: EnvelopeKind
    header: etree._Element | None = None
    document: etree._Element | None = None
    message_type: str | None = None
    header_type: str | None = None
    technical_header: etree._Element | None = None
    wrapper: str | None = None

    @property
    def direction(self) -> Direction | None:
        """Which way the message travels, where the envelope says so."""
        return _DIRECTIONS.get(self.kind)

    @property
    def document_name(self) -> str:
        """What the Document is called in the text that was read, for findings: on RTP its message element."""
        return self.wrapper if self.kind is EnvelopeKind.RTP_MESSAGE and self.wrapper else "Document"


_DIRECTIONS: Final = {
    EnvelopeKind.FEDNOW_INCOMING: Direction.TO_RAIL,
    EnvelopeKind.FEDNOW_OUTGOING: Direction.FROM_RAIL,
}
_RAILS: Final = {
    EnvelopeKind.FEDNOW_INCOMING: Rail.FEDNOW,
    EnvelopeKind.FEDNOW_OUTGOING: Rail.FEDNOW,
    EnvelopeKind.RTP_MESSAGE: Rail.RTP,
}
_RAIL_OF_HEADER: Final = {HEADER_TYPE: Rail.FEDNOW, RTP_HEADER_TYPE: Rail.RTP}
_RAIL_OF_CLEARING_SYSTEM: Final = {"FDN": Rail.FEDNOW, "TCH": Rail.RTP}
_MESSAGE_ID: Final = etree.XPath("string((*/*/*[local-name()='MsgId' or local-name()='Id'])[1])")
_CLEARING_SYSTEM: Final = etree.XPath("string(*/*/*[local-name()='SttlmInf']/*[local-name()='ClrSys']/*)")

_NEUTRAL_ROOTS: Final = frozenset({"BusinessMessage", "RequestPayload"})  # without a namespace
_NVLP: Final = f"{ISO_NAMESPACE}nvlp.001.001.01"
_NEUTRAL_CHILDREN: Final = ("AppHdr", "Document")
_NVLP_CHILDREN: Final = ("Hdr", "Doc")
_TECHNICAL_HEADER: Final = "FedNowTechnicalHeader"
_RTP: Final = "urn:tch"


@dataclass(frozen=True, slots=True)
class _FedNowEnvelope:
    kind: EnvelopeKind
    namespace: str
    root: str
    direction: Direction

    def tag(self, name: str) -> str:
        return f"{{{self.namespace}}}{name}"


_FEDNOW_ENVELOPES: Final = (
    _FedNowEnvelope(EnvelopeKind.FEDNOW_INCOMING, "urn:fednow:incoming:v001", "FedNowIncoming", Direction.TO_RAIL),
    _FedNowEnvelope(EnvelopeKind.FEDNOW_OUTGOING, "urn:fednow:outgoing:v001", "FedNowOutgoing", Direction.FROM_RAIL),
)
_FEDNOW_BY_TAG: Final = {envelope.tag(envelope.root): envelope for envelope in _FEDNOW_ENVELOPES}
_FEDNOW_BY_KIND: Final = {envelope.kind: envelope for envelope in _FEDNOW_ENVELOPES}
_FEDNOW_WRAPPER: Final = {wrapper.name: wrapper for wrapper in FEDNOW_WRAPPERS}
_RTP_WRAPPER: Final = {wrapper.name: wrapper for wrapper in RTP_WRAPPERS}


def unwrap(root: etree._Element) -> Envelope:
    """The message in the tree. Raises RemoteProtocolError when the surroundings are unknown or wrongly built.

    A message type of the rail that this library does not read yet is no error here: ``message_type`` names it. Of
    RTP's Message the header and the message element are renamed in the tree, as :class:`Envelope` says.
    """
    tag = str(root.tag)
    if tag in _HEADERS:
        return Envelope(kind=EnvelopeKind.HEADER, header=root, header_type=_HEADERS[tag])
    if tag in _FEDNOW_BY_TAG:
        return _unwrap_fednow(root, _FEDNOW_BY_TAG[tag])
    if tag == f"{{{_RTP}}}Message":
        return _unwrap_rtp(root)
    if tag in _NEUTRAL_ROOTS:
        header, document = _exactly(root, root, _NEUTRAL_CHILDREN)
        return _pair(EnvelopeKind.NEUTRAL, root, header, document)
    if tag == f"{{{_NVLP}}}BizMsgEnvlp":
        return _unwrap_nvlp(root)
    if local_name(tag) == "Document":
        return Envelope(kind=EnvelopeKind.DOCUMENT, document=root, message_type=_message_type(root, root))
    raise _error(
        root,
        root,
        code="ENVELOPE_UNKNOWN",
        rule="The root is a Document, an AppHdr, a rail's envelope, BusinessMessage, RequestPayload or BizMsgEnvlp.",
        hint=f"{tag[:120]} is none of these; check the root element and its namespace.",
    )


def rail_of_envelope(kind: EnvelopeKind) -> Rail | None:
    """The rail whose envelope it is, None for one that belongs to none."""
    return _RAILS.get(kind)


def guess_rail(envelope: Envelope) -> Rail | None:
    """Which rail a message belongs to, told by envelope, header, type, clearing system or message id; None: unknown."""
    by_envelope = _RAILS.get(envelope.kind) or _RAIL_OF_HEADER.get(envelope.header_type or "")
    if by_envelope is not None or envelope.document is None:
        return by_envelope
    on_rails = [
        rail
        for rail, wrappers in ((Rail.FEDNOW, FEDNOW_WRAPPERS), (Rail.RTP, RTP_WRAPPERS))
        if any(wrapper.message_type == envelope.message_type for wrapper in wrappers)
    ]
    if len(on_rails) == 1:
        return on_rails[0]
    by_id = Rail.RTP if is_rtp_message_id(str(_MESSAGE_ID(envelope.document))) else None
    return _RAIL_OF_CLEARING_SYSTEM.get(str(_CLEARING_SYSTEM(envelope.document)), by_id)


def wrap(kind: EnvelopeKind, header: etree._Element, document: etree._Element, *, wrapper: str | None = None) -> bytes:
    """A rail's envelope around a header and a Document, as UTF-8 bytes with an XML declaration.

    Both elements go in as they are, and stay where they were; in RTP's Message their times become US Eastern ones
    without a zone. The wrapper follows from the message type, and where several fit (FedNow's camt.029 and camt.052)
    from the header's market practice, or must be named. Raises LocalProtocolError when none fits. The same elements
    always give the same bytes.
    """
    message_type = message_type_of(namespace_of(str(document.tag)))
    if kind is EnvelopeKind.RTP_MESSAGE:
        name = _fitting(RTP_WRAPPERS, message_type, direction=None, header=header, chosen=wrapper)
        return _rtp_message(header, document, name)
    envelope = _FEDNOW_BY_KIND.get(kind)
    if envelope is None:
        raise LocalProtocolError(_no_wrapper(f"{kind} is no rail's envelope"))
    name = _fitting(FEDNOW_WRAPPERS, message_type, direction=envelope.direction, header=header, chosen=wrapper)
    return b"".join(
        (
            DECLARATION,
            f'<{envelope.root} xmlns="{envelope.namespace}"><{envelope.root}Message><{name}>'.encode(),
            _text_of(header),
            _text_of(document),
            f"</{name}></{envelope.root}Message></{envelope.root}>".encode(),
        )
    )


def _fitting(
    wrappers: tuple[Wrapper, ...],
    message_type: str | None,
    *,
    direction: Direction | None,
    header: etree._Element,
    chosen: str | None,
) -> str:
    """The name of the one wrapper for a message; raises LocalProtocolError where there is none, or several."""
    fitting = [
        wrapper
        for wrapper in wrappers
        if wrapper.message_type == message_type and (direction is None or direction in wrapper.directions)
    ]
    names = [wrapper.name for wrapper in fitting if chosen in {None, wrapper.name}]
    if len(names) > 1:
        practice = _practice_of(header)
        names = [wrapper.name for wrapper in fitting if wrapper.practice == practice]
    if len(names) != 1:
        known = [wrapper.name for wrapper in fitting]
        raise LocalProtocolError(_no_wrapper(f"{message_type} travels in one of {known or 'none'}: choose one"))
    return names[0]


def _practice_of(header: etree._Element) -> str | None:
    for practice in children_named(header, "MktPrctc"):
        for identifier in children_named(practice, "Id"):
            return identifier.text
    return None


def _rtp_message(header: etree._Element, document: etree._Element, name: str) -> bytes:
    """RTP's Message: AppHdr and the message element are its own, and what stands in them is ISO's."""
    namespaces: Any = {None: _RTP, "head": namespace_of(str(header.tag))}  # the stubs want text as the key
    message = etree.Element(f"{{{_RTP}}}Message", nsmap=namespaces)
    etree.SubElement(message, f"{{{_RTP}}}AppHdr").extend(child_elements(in_local_time(header)))
    content = b"".join(_text_of(child) for child in child_elements(in_local_time(document)))
    end = b"</Message>"
    return b"".join(
        (DECLARATION, _text_of(message).removesuffix(end), f"<{name}>".encode(), content, f"</{name}>".encode(), end)
    )


def _text_of(element: etree._Element) -> bytes:
    return etree.tostring(element, encoding="UTF-8", xml_declaration=False, with_tail=False)


def serialise(element: etree._Element) -> bytes:
    """A bare Document or AppHdr as UTF-8 bytes with an XML declaration."""
    return DECLARATION + _text_of(element)


def _unwrap_fednow(root: etree._Element, envelope: _FedNowEnvelope) -> Envelope:
    children = list(child_elements(root))
    technical = children.pop(0) if children and children[0].tag == envelope.tag(_TECHNICAL_HEADER) else None
    if len(children) != 1 or children[0].tag != envelope.tag(f"{envelope.root}Message"):
        raise _misbuilt(root, root, f"an optional {_TECHNICAL_HEADER}, then one {envelope.root}Message")
    message = children[0]
    wrappers = list(child_elements(message))
    if len(wrappers) != 1:
        raise _misbuilt(message, root, "exactly one wrapper, such as FedNowCustomerCreditTransfer")
    wrapper = wrappers[0]
    name = local_name(str(wrapper.tag))
    known = _FEDNOW_WRAPPER.get(name)
    if known is None or wrapper.tag != envelope.tag(name) or envelope.direction not in known.directions:
        raise _error(
            wrapper,
            root,
            code="ENVELOPE_WRAPPER",
            rule=f"{envelope.root} holds one of the wrappers known for this direction.",
            hint=f"{name[:80]} is none of them; is it the envelope of the other direction?",
        )
    for element in (root, message, wrapper):
        _bare(element, root)
    header, document = _exactly(wrapper, root, _NEUTRAL_CHILDREN)
    found = _pair(envelope.kind, root, header, document, technical_header=technical, wrapper=name)
    if found.message_type != known.message_type:
        raise _other_message(document, root, known, str(found.message_type))
    return found


def _unwrap_rtp(root: etree._Element) -> Envelope:
    children = list(child_elements(root))
    names = [local_name(str(child.tag)) for child in children]
    if len(children) > 2 or names[:1] != ["AppHdr"]:
        raise _misbuilt(root, root, "one AppHdr and one message element, such as CreditTransfer")
    _bare(root, root)
    for child in children:
        if namespace_of(str(child.tag)) != _RTP:
            raise _misbuilt(root, root, f'AppHdr and the message element, both in "{_RTP}"')
        _bare(child, root)
    known = _RTP_WRAPPER.get(names[-1]) if len(children) == 2 else None
    if len(children) == 2 and known is None:
        raise _error(
            children[1],
            root,
            code="ENVELOPE_WRAPPER",
            rule="Beside its header a Message holds one of the message elements that RTP knows.",
            hint=f"{names[1][:80]} is none of them.",
        )
    if known is not None:
        _require_rtp_message(children[1], root, known)
        children[1].tag = f"{{{namespace_of_message(known.message_type)}}}Document"
    children[0].tag = f"{{{ISO_NAMESPACE}{RTP_HEADER_TYPE}}}AppHdr"
    return Envelope(
        kind=EnvelopeKind.RTP_MESSAGE,
        header=children[0],
        document=None if known is None else children[1],
        message_type=None if known is None else known.message_type,
        header_type=RTP_HEADER_TYPE,
        wrapper=None if known is None else known.name,
    )


def _require_rtp_message(element: etree._Element, root: etree._Element, known: Wrapper) -> None:
    """Raise unless what stands in the message element is of the namespace that belongs there."""
    for child in child_elements(element):
        found = _message_type(child, root)
        if found != known.message_type:
            raise _other_message(child, root, known, found)


def _other_message(element: etree._Element, root: etree._Element, known: Wrapper, found: str) -> RemoteProtocolError:
    return _error(
        element,
        root,
        code="ENVELOPE_WRAPPER_MESSAGE",
        rule=f"{known.name} holds a {known.message_type}.",
        hint=f"The message is a {found}: use its wrapper, or the version that the rail expects.",
    )


def _unwrap_nvlp(root: etree._Element) -> Envelope:
    holders = _exactly(root, root, _NVLP_CHILDREN)
    parts = []
    for holder, name in zip(holders, _NEUTRAL_CHILDREN, strict=True):
        if namespace_of(str(holder.tag)) != _NVLP:
            raise _misbuilt(root, root, "Hdr and Doc in its own namespace")
        _bare(holder, root)
        parts += _exactly(holder, root, (name,))
    return _pair(EnvelopeKind.NEUTRAL, root, parts[0], parts[1])


def _pair(
    kind: EnvelopeKind,
    root: etree._Element,
    header: etree._Element,
    document: etree._Element,
    *,
    technical_header: etree._Element | None = None,
    wrapper: str | None = None,
) -> Envelope:
    header_type = _HEADERS.get(str(header.tag))
    if header_type is None:
        raise _error(
            header,
            root,
            code="ENVELOPE_HEADER",
            rule=f"The header is a {' or a '.join(sorted(HEADER_LAYOUTS))}.",
            hint=f'Give AppHdr the namespace "{ISO_NAMESPACE}{HEADER_TYPE}".',
        )
    return Envelope(
        kind=kind,
        header=header,
        document=document,
        message_type=_message_type(document, root),
        header_type=header_type,
        technical_header=technical_header,
        wrapper=wrapper,
    )


def _exactly(parent: etree._Element, root: etree._Element, names: tuple[str, ...]) -> list[etree._Element]:
    children = list(child_elements(parent))
    if tuple(local_name(str(child.tag)) for child in children) != names:
        raise _misbuilt(parent, root, f"exactly {' and '.join(names)}, in this order")
    _bare(parent, root)
    return children


def _bare(element: etree._Element, root: etree._Element) -> None:
    """Raise where a holder of elements has attributes, or text of its own."""
    has_text = bool(element.text and not element.text.isspace())
    for child in element:
        has_text = has_text or bool(child.tail and not child.tail.isspace())
    if has_text or len(element.attrib):
        raise _misbuilt(element, root, "neither attributes nor text of its own")


def _message_type(document: etree._Element, root: etree._Element) -> str:
    message_type = message_type_of(namespace_of(str(document.tag)))
    if message_type is None:
        namespace = namespace_of(str(document.tag))
        raise _error(
            document,
            root,
            code="NAMESPACE_UNKNOWN",
            rule=f'A Document names its message type in its namespace: "{ISO_NAMESPACE}pacs.008.001.08".',
            hint=f'Correct the namespace; this one is "{namespace[:120]}".',
        )
    return message_type


def _misbuilt(element: etree._Element, root: etree._Element, content: str) -> RemoteProtocolError:
    return _error(
        element,
        root,
        code="ENVELOPE_CONTENT",
        rule=f"{local_name(str(element.tag))[:80]} holds {content}.",
        hint="Remove what does not belong there, and add what is missing.",
    )


def _error(element: etree._Element, root: etree._Element, *, code: str, rule: str, hint: str) -> RemoteProtocolError:
    xpath = named_xpath(element, root)
    return RemoteProtocolError(Finding(code=code, xpath=xpath[:400], line=line_of(element), rule=rule, hint=hint))


def _no_wrapper(reason: str) -> Finding:
    return Finding(
        code="BUILD_ENVELOPE",
        rule="A rail's envelope holds a message in the wrapper that belongs to it.",
        hint=f"{reason[:400]}.",
    )
