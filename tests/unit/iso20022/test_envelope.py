"""A message is taken out of its surroundings only when they are exactly what they should be."""

import pytest
from lxml import etree

from iso20022 import (
    FEDNOW_WRAPPERS,
    Direction,
    EnvelopeKind,
    LocalProtocolError,
    RemoteProtocolError,
    read,
    serialise,
    unwrap,
    wrap,
)
from tests.unit.iso20022.samples import GOLDEN_NAMES, golden

INCOMING = golden("pacs008_incoming.xml")


@pytest.mark.parametrize(
    ("name", "kind", "direction"),
    [
        ("pacs008_bare.xml", EnvelopeKind.DOCUMENT, None),
        ("pacs008_neutral.xml", EnvelopeKind.NEUTRAL, None),
        ("pacs008_nvlp.xml", EnvelopeKind.NEUTRAL, None),
        ("pacs008_incoming.xml", EnvelopeKind.FEDNOW_INCOMING, Direction.TO_RAIL),
        ("pacs008_outgoing.xml", EnvelopeKind.FEDNOW_OUTGOING, Direction.FROM_RAIL),
    ],
)
def test_one_document_comes_out_of_every_envelope(name: str, kind: EnvelopeKind, direction: Direction | None) -> None:
    """The surroundings change, the Document and its type do not."""
    envelope = unwrap(read(golden(name)))

    assert (envelope.kind, envelope.direction, envelope.message_type) == (kind, direction, "pacs.008.001.08")
    assert envelope.document is not None
    assert (envelope.header is None) == (kind is EnvelopeKind.DOCUMENT)
    assert (envelope.technical_header is not None) == (name == "pacs008_incoming.xml")


def test_a_bare_header_is_a_header() -> None:
    """Certification files are sometimes a header alone."""
    header = unwrap(read(INCOMING)).header
    assert header is not None

    envelope = unwrap(read(serialise(header)))

    assert envelope.kind is EnvelopeKind.HEADER
    assert envelope.document is None
    assert envelope.message_type is None


@pytest.mark.parametrize("kind", [EnvelopeKind.FEDNOW_INCOMING, EnvelopeKind.FEDNOW_OUTGOING])
@pytest.mark.parametrize("name", [name for name in GOLDEN_NAMES if name != "pacs008_bare.xml"])
def test_what_is_wrapped_is_unwrapped_unchanged(name: str, kind: EnvelopeKind) -> None:
    """Header and Document go in byte for byte, and the same bytes come out each time."""
    envelope = unwrap(read(golden(name)))
    assert envelope.header is not None
    assert envelope.document is not None
    before = etree.tostring(envelope.document, method="c14n"), etree.tostring(envelope.header, method="c14n")

    body = wrap(kind, envelope.header, envelope.document)
    again = unwrap(read(body))

    assert again.header is not None
    assert again.document is not None
    assert (etree.tostring(again.document, method="c14n"), etree.tostring(again.header, method="c14n")) == before
    assert again.kind is kind
    assert wrap(kind, again.header, again.document) == body
    assert body.startswith(b"<?xml version='1.0' encoding='UTF-8'?>\n<FedNow")


def test_a_prefixed_document_keeps_its_meaning_when_wrapped() -> None:
    """A prefix declared far above the Document still means its namespace inside the new envelope."""
    body = INCOMING.replace(
        b"<FedNowIncoming ", b'<FedNowIncoming xmlns:d="urn:iso:std:iso:20022:tech:xsd:pacs.008.001.08" ', 1
    )
    start, end = body.index(b"<Document"), body.index(b"</Document>")
    document = body[start:end].replace(b"<Document xmlns=", b"<d:Document xmlns:unused=")
    document = (
        document.replace(b"</", b"</d:").replace(b"<", b"<d:").replace(b"<d:/d:", b"</d:").replace(b"<d:d:", b"<d:")
    )
    envelope = unwrap(read(body[:start] + document + b"</d:Document>" + body[end + len(b"</Document>") :]))
    assert envelope.header is not None
    assert envelope.document is not None

    again = unwrap(read(wrap(EnvelopeKind.FEDNOW_OUTGOING, envelope.header, envelope.document)))

    assert again.document is not None
    assert [element.tag for element in again.document.iter()] == [element.tag for element in envelope.document.iter()]


@pytest.mark.parametrize("wrapper", FEDNOW_WRAPPERS)
@pytest.mark.parametrize("kind", [EnvelopeKind.FEDNOW_INCOMING, EnvelopeKind.FEDNOW_OUTGOING])
def test_every_wrapper_holds_its_own_message_in_its_own_direction_only(wrapper: str, kind: EnvelopeKind) -> None:
    """The table of wrappers decides, whether we read or write."""
    message_type, kinds = FEDNOW_WRAPPERS[wrapper]
    namespace = f"urn:iso:std:iso:20022:tech:xsd:{message_type}"
    document = etree.fromstring(f'<Document xmlns="{namespace}"/>')
    header = unwrap(read(INCOMING)).header
    assert header is not None

    if kind not in kinds:
        with pytest.raises(LocalProtocolError):
            wrap(kind, header, document, wrapper=wrapper)
        return
    envelope = unwrap(read(wrap(kind, header, document, wrapper=wrapper)))

    assert (envelope.wrapper, envelope.message_type) == (wrapper, message_type)


def test_an_ambiguous_wrapper_must_be_named() -> None:
    """A camt.029 answers three different requests: which one, the caller knows."""
    document = etree.fromstring('<Document xmlns="urn:iso:std:iso:20022:tech:xsd:camt.029.001.09"/>')
    header = unwrap(read(INCOMING)).header
    assert header is not None

    with pytest.raises(LocalProtocolError, match="BUILD_ENVELOPE"):
        wrap(EnvelopeKind.FEDNOW_INCOMING, header, document)
    with pytest.raises(LocalProtocolError, match="BUILD_ENVELOPE"):
        wrap(EnvelopeKind.NEUTRAL, header, document)


WRONG: dict[str, tuple[bytes, bytes, str]] = {
    "foreign root": (b"FedNowIncoming", b"FedNowElsewhere", "ENVELOPE_UNKNOWN"),
    "other version": (b"urn:fednow:incoming:v001", b"urn:fednow:incoming:v002", "ENVELOPE_UNKNOWN"),
    "attribute": (b"<FedNowIncoming ", b'<FedNowIncoming a="b" ', "ENVELOPE_CONTENT"),
    "text": (b"<FedNowIncomingMessage>", b"<FedNowIncomingMessage>stray", "ENVELOPE_CONTENT"),
    "unknown wrapper": (b"FedNowCustomerCreditTransfer>", b"FedNowWish>", "ENVELOPE_WRAPPER"),
    "wrapper of another message": (
        b"FedNowCustomerCreditTransfer>",
        b"FedNowPaymentStatus>",
        "ENVELOPE_WRAPPER_MESSAGE",
    ),
    "wrapper of the other direction": (b"FedNowCustomerCreditTransfer>", b"FedNowSystemResponse>", "ENVELOPE_WRAPPER"),
    "no header": (b"AppHdr", b"Other", "ENVELOPE_CONTENT"),
    "header of another version": (b"head.001.001.02", b"head.001.001.03", "ENVELOPE_HEADER"),
    "version of the message": (b"xsd:pacs.008.001.08", b"xsd:pacs.008.001.10", "ENVELOPE_WRAPPER_MESSAGE"),
    "unknown namespace": (b"urn:iso:std:iso:20022:tech:xsd:pacs", b"urn:example:pacs", "NAMESPACE_UNKNOWN"),
    "no message type": (b"xsd:pacs.008.001.08", b"xsd:pacs", "NAMESPACE_UNKNOWN"),
    "two technical headers": (
        b"<FedNowIncomingMessage>",
        b"<FedNowTechnicalHeader/><FedNowIncomingMessage>",
        "ENVELOPE_CONTENT",
    ),
    "two wrappers": (
        b"<FedNowCustomerCreditTransfer>",
        b"<FedNowBroadcast/><FedNowCustomerCreditTransfer>",
        "ENVELOPE_CONTENT",
    ),
}


@pytest.mark.parametrize("name", WRONG)
def test_wrong_surroundings_are_refused_with_a_code_and_a_place(name: str) -> None:
    """A message in the wrong envelope is not guessed at; the golden message itself is the control."""
    before, after, code = WRONG[name]
    body = INCOMING.replace(before, after)

    with pytest.raises(RemoteProtocolError) as refused:
        unwrap(read(body))

    (finding,) = refused.value.findings
    assert finding.code == code
    assert finding.line is not None
    assert finding.xpath.startswith("/Fed")
    assert unwrap(read(INCOMING)).message_type == "pacs.008.001.08"


def test_a_second_document_in_the_wrapper_is_refused() -> None:
    """Which of two Documents would count must never be a question."""
    start, end = INCOMING.index(b"<Document"), INCOMING.index(b"</Document>") + len(b"</Document>")

    with pytest.raises(RemoteProtocolError, match="ENVELOPE_CONTENT"):
        unwrap(read(INCOMING[:end] + INCOMING[start:end] + INCOMING[end:]))
