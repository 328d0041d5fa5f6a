"""What surrounds a Document: nothing, a neutral root with a header, or FedNow's own envelope, both directions.

Sources: public FedNow samples (``urn:fednow:incoming:v001`` carries messages to FedNow, ``urn:fednow:outgoing:v001``
from it) and ISO's business message envelope nvlp.001.001.01.
"""

import re
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from lxml import etree

from iso20022.codes import Direction
from iso20022.errors import LocalProtocolError, RemoteProtocolError
from iso20022.findings import Finding
from iso20022.header import HEADER_TYPE
from iso20022.paths import child_elements, line_of, local_name, named_xpath, namespace_of

ISO_NAMESPACE: Final = "urn:iso:std:iso:20022:tech:xsd:"
"""What every ISO 20022 message namespace begins with; the message identifier follows."""

_MESSAGE_TYPE: Final = re.compile(r"[a-z]{4}\.[0-9]{3}\.[0-9]{3}\.[0-9]{2}")
_HEADER: Final = f"{{{ISO_NAMESPACE}{HEADER_TYPE}}}AppHdr"


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


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Envelope:
    """A message taken out of its surroundings. The elements stay where they are in the tree that was read.

    ``message_type`` is the Document's, from its namespace; for a bare header it is None, and so is ``document``.
    """

    kind: EnvelopeKind
    header: etree._Element | None = None
    document: etree._Element | None = None
    message_type: str | None = None
    technical_header: etree._Element | None = None
    wrapper: str | None = None

    @property
    def direction(self) -> Direction | None:
        """Which way the message travels, where the envelope says so."""
        return _DIRECTIONS.get(self.kind)


_DIRECTIONS: Final = {
    EnvelopeKind.FEDNOW_INCOMING: Direction.TO_RAIL,
    EnvelopeKind.FEDNOW_OUTGOING: Direction.FROM_RAIL,
}

# FedNow's wrapper elements: message type, and the envelopes in which each is known.
_BOTH: Final = frozenset({EnvelopeKind.FEDNOW_INCOMING, EnvelopeKind.FEDNOW_OUTGOING})
_IN: Final = frozenset({EnvelopeKind.FEDNOW_INCOMING})
_OUT: Final = frozenset({EnvelopeKind.FEDNOW_OUTGOING})
FEDNOW_WRAPPERS: Final[dict[str, tuple[str, frozenset[EnvelopeKind]]]] = {
    "FedNowMessageReject": ("admi.002.001.01", _BOTH),
    "FedNowParticipantBroadcast": ("admi.004.001.02", _IN),
    "FedNowBroadcast": ("admi.004.001.02", _OUT),
    "FedNowRetrievalRequest": ("admi.006.001.01", _IN),
    "FedNowReceiptAcknowledgement": ("admi.007.001.01", _BOTH),
    "FedNowSystemResponse": ("admi.011.001.01", _OUT),
    "FedNowParticipantFile": ("admi.998.001.02", _OUT),
    "FedNowPaymentStatus": ("pacs.002.001.10", _BOTH),
    "FedNowPaymentReturn": ("pacs.004.001.10", _BOTH),
    "FedNowCustomerCreditTransfer": ("pacs.008.001.08", _BOTH),
    "FedNowInstitutionCreditTransfer": ("pacs.009.001.08", _BOTH),
    "FedNowPaymentStatusRequest": ("pacs.028.001.03", _BOTH),
    "FedNowRequestForPayment": ("pain.013.001.07", _BOTH),
    "FedNowRequestForPaymentResponse": ("pain.014.001.07", _BOTH),
    "FedNowInformationRequest": ("camt.026.001.07", _BOTH),
    "FedNowAdditionalPaymentInformation": ("camt.028.001.09", _BOTH),
    "FedNowInformationRequestResponse": ("camt.029.001.09", _BOTH),
    "FedNowRequestForPaymentCancellationRequestResponse": ("camt.029.001.09", _BOTH),
    "FedNowReturnRequestResponse": ("camt.029.001.09", _BOTH),
    "FedNowRequestForPaymentCancellationRequest": ("camt.055.001.09", _BOTH),
    "FedNowReturnRequest": ("camt.056.001.08", _BOTH),
    "FedNowAccountReportingRequest": ("camt.060.001.05", _IN),
    "FedNowAccountActivityDetailsReport": ("camt.052.001.08", _OUT),
    "FedNowAccountActivityTotalsReport": ("camt.052.001.08", _OUT),
    "FedNowAccountBalanceReport": ("camt.052.001.08", _OUT),
    "AccountDebitCreditNotification": ("camt.054.001.08", _OUT),
}
"""Every wrapper known in public: its message type, and the envelopes that may hold it."""

# Documents whose namespace is not ISO's.
_OTHER_NAMESPACES: Final = {"urn:swift:xsd:admi.998.001.02": "admi.998.001.02"}

_NEUTRAL_ROOTS: Final = frozenset({"BusinessMessage", "RequestPayload"})  # without a namespace
_NVLP: Final = f"{ISO_NAMESPACE}nvlp.001.001.01"
_NEUTRAL_CHILDREN: Final = ("AppHdr", "Document")
_NVLP_CHILDREN: Final = ("Hdr", "Doc")
_TECHNICAL_HEADER: Final = "FedNowTechnicalHeader"


@dataclass(frozen=True, slots=True)
class _FedNowEnvelope:
    kind: EnvelopeKind
    namespace: str
    root: str

    def tag(self, name: str) -> str:
        return f"{{{self.namespace}}}{name}"


_FEDNOW_ENVELOPES: Final = (
    _FedNowEnvelope(EnvelopeKind.FEDNOW_INCOMING, "urn:fednow:incoming:v001", "FedNowIncoming"),
    _FedNowEnvelope(EnvelopeKind.FEDNOW_OUTGOING, "urn:fednow:outgoing:v001", "FedNowOutgoing"),
)
_FEDNOW_BY_TAG: Final = {envelope.tag(envelope.root): envelope for envelope in _FEDNOW_ENVELOPES}
_FEDNOW_BY_KIND: Final = {envelope.kind: envelope for envelope in _FEDNOW_ENVELOPES}


def unwrap(root: etree._Element) -> Envelope:
    """The message in the tree. Raises RemoteProtocolError when the surroundings are unknown or wrongly built.

    A message type of the rail that this library does not read yet is no error here: ``message_type`` names it.
    """
    tag = str(root.tag)
    if tag == _HEADER:
        return Envelope(kind=EnvelopeKind.HEADER, header=root)
    if tag in _FEDNOW_BY_TAG:
        return _unwrap_fednow(root, _FEDNOW_BY_TAG[tag])
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
        rule="The root is a Document, an AppHdr, a FedNow envelope, BusinessMessage, RequestPayload or BizMsgEnvlp.",
        hint=f"{tag[:120]} is none of these; check the root element and its namespace.",
    )


def wrap(kind: EnvelopeKind, header: etree._Element, document: etree._Element, *, wrapper: str | None = None) -> bytes:
    """The FedNow envelope around a header and a Document, as UTF-8 bytes with an XML declaration.

    Both elements go in as they are, and stay where they were. The wrapper follows from the message type; where several
    fit (camt.029, camt.052) it must be named. Raises LocalProtocolError when none fits. The same elements always give
    the same bytes.
    """
    envelope = _FEDNOW_BY_KIND.get(kind)
    if envelope is None:
        raise LocalProtocolError(_no_wrapper(f"{kind} is no FedNow envelope"))
    message_type = _message_type_of(document)
    fitting = [name for name, (known, kinds) in FEDNOW_WRAPPERS.items() if known == message_type and kind in kinds]
    if wrapper is None and len(fitting) == 1:
        wrapper = fitting[0]
    if wrapper is None or wrapper not in fitting:
        raise LocalProtocolError(_no_wrapper(f"{message_type} in {envelope.root}: choose one of {fitting or 'none'}"))
    return b"".join(
        (
            b"<?xml version='1.0' encoding='UTF-8'?>\n",
            f'<{envelope.root} xmlns="{envelope.namespace}"><{envelope.root}Message><{wrapper}>'.encode(),
            etree.tostring(header, encoding="UTF-8", xml_declaration=False, with_tail=False),
            etree.tostring(document, encoding="UTF-8", xml_declaration=False, with_tail=False),
            f"</{wrapper}></{envelope.root}Message></{envelope.root}>".encode(),
        )
    )


def serialise(element: etree._Element) -> bytes:
    """A bare Document or AppHdr as UTF-8 bytes with an XML declaration."""
    text = etree.tostring(element, encoding="UTF-8", xml_declaration=False, with_tail=False)
    return b"<?xml version='1.0' encoding='UTF-8'?>\n" + text


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
    known_type, kinds = FEDNOW_WRAPPERS.get(name, ("", frozenset()))
    if wrapper.tag != envelope.tag(name) or envelope.kind not in kinds:
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
    if found.message_type != known_type:
        raise _error(
            document,
            root,
            code="ENVELOPE_WRAPPER_MESSAGE",
            rule=f"{name} holds a {known_type}.",
            hint=f"The Document is a {found.message_type}: use its wrapper, or the version that the rail expects.",
        )
    return found


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
    if header.tag != _HEADER:
        raise _error(
            header,
            root,
            code="ENVELOPE_HEADER",
            rule=f"The header is a {HEADER_TYPE}.",
            hint=f'Give AppHdr the namespace "{ISO_NAMESPACE}{HEADER_TYPE}".',
        )
    return Envelope(
        kind=kind,
        header=header,
        document=document,
        message_type=_message_type(document, root),
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
    texts = [element.text, *(child.tail for child in element)]
    if len(element.attrib) or any(text and not text.isspace() for text in texts):
        raise _misbuilt(element, root, "neither attributes nor text of its own")


def _message_type_of(document: etree._Element) -> str | None:
    namespace = namespace_of(str(document.tag))
    if namespace in _OTHER_NAMESPACES:
        return _OTHER_NAMESPACES[namespace]
    name = namespace.removeprefix(ISO_NAMESPACE)
    return name if name != namespace and _MESSAGE_TYPE.fullmatch(name) else None


def _message_type(document: etree._Element, root: etree._Element) -> str:
    message_type = _message_type_of(document)
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
        rule="A FedNow envelope holds a message in the wrapper that belongs to it.",
        hint=f"{reason[:400]}.",
    )
