"""A message is taken out of its surroundings only when they are exactly what they should be."""

from datetime import UTC, datetime

import pytest
from lxml import etree

from iso20022 import (
    FEDNOW_WRAPPERS,
    RTP_WRAPPERS,
    BusinessHeader,
    BusinessMessageId,
    ConnectionPartyId,
    Direction,
    EnvelopeKind,
    LocalProtocolError,
    Rail,
    RemoteProtocolError,
    Wrapper,
    guess_rail,
    header,
    read,
    sample,
    serialise,
    unwrap,
    wrap,
)
from iso20022.namespaces import namespace_of_message
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


def empty(message_type: str) -> etree._Element:
    """A Document of the type without content: the envelope does not look into it."""
    return etree.fromstring(f'<Document xmlns="{namespace_of_message(message_type)}"/>')


def header_with(practice: str | None) -> etree._Element:
    """The golden header, with this market practice where one is named."""
    header = unwrap(read(INCOMING)).header
    assert header is not None
    if practice is not None:
        next(header.iter("{*}MktPrctc"))[1].text = practice
    return header


@pytest.mark.parametrize("wrapper", FEDNOW_WRAPPERS, ids=lambda wrapper: wrapper.name)
@pytest.mark.parametrize("kind", [EnvelopeKind.FEDNOW_INCOMING, EnvelopeKind.FEDNOW_OUTGOING])
def test_every_wrapper_holds_its_own_message_in_its_own_direction_only(wrapper: Wrapper, kind: EnvelopeKind) -> None:
    """The table of wrappers decides, whether we read or write."""
    direction = Direction.TO_RAIL if kind is EnvelopeKind.FEDNOW_INCOMING else Direction.FROM_RAIL
    document, header = empty(wrapper.message_type), header_with(wrapper.practice)

    if direction not in wrapper.directions:
        with pytest.raises(LocalProtocolError):
            wrap(kind, header, document, wrapper=wrapper.name)
        return
    named = unwrap(read(wrap(kind, header, document, wrapper=wrapper.name)))
    chosen = unwrap(read(wrap(kind, header, document)))

    assert (named.wrapper, named.message_type) == (wrapper.name, wrapper.message_type)
    assert (chosen.wrapper, chosen.message_type) == (wrapper.name, wrapper.message_type)


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


RTP_HEADER = header.build(
    BusinessHeader(
        sender=ConnectionPartyId("990000013A1"),
        receiver=ConnectionPartyId("990000001T1"),
        business_message_id=BusinessMessageId("B20260131990000013A1BTST00000000001"),
        message_type="pacs.008.001.08",
        creation_time=datetime(2026, 1, 31, 14, 30, tzinfo=UTC),
    ),
    header_type="head.001.001.01",
)


@pytest.mark.parametrize("wrapper", RTP_WRAPPERS, ids=lambda wrapper: wrapper.name)
def test_every_message_element_of_rtp_stands_for_a_document(wrapper: Wrapper) -> None:
    """Message has no Document: its message element becomes the Document that it stands for, and back."""
    body = wrap(EnvelopeKind.RTP_MESSAGE, RTP_HEADER, empty(wrapper.message_type))

    envelope = unwrap(read(body))

    assert f"<{wrapper.name}></{wrapper.name}>".encode() in body
    assert b"Document" not in body
    assert (envelope.kind, envelope.wrapper, envelope.message_type) == (
        EnvelopeKind.RTP_MESSAGE,
        wrapper.name,
        wrapper.message_type,
    )
    assert envelope.document is not None
    assert envelope.document.tag == f"{{{namespace_of_message(wrapper.message_type)}}}Document"
    assert (envelope.header_type, envelope.direction, guess_rail(envelope)) == ("head.001.001.01", None, Rail.RTP)


def test_the_times_in_rtps_message_are_local() -> None:
    """14:30 in London is 9:30 in New York, and RTP writes no offset."""
    body = wrap(EnvelopeKind.RTP_MESSAGE, RTP_HEADER, empty("pacs.008.001.08"))

    assert b"<head:CreDt>2026-01-31T09:30:00</head:CreDt>" in body
    assert wrap(EnvelopeKind.RTP_MESSAGE, RTP_HEADER, empty("pacs.008.001.08")) == body
    assert RTP_HEADER[-1].text == "2026-01-31T14:30:00+00:00"


RTP_BODY = wrap(EnvelopeKind.RTP_MESSAGE, RTP_HEADER, empty("pacs.008.001.08"))
OTHER_CONTENT = b'<FIToFIPmtStsRpt xmlns="urn:iso:std:iso:20022:tech:xsd:pacs.002.001.10"/>'
EMPTY = b"<CreditTransfer></CreditTransfer>"
WRONG_ON_RTP: dict[str, tuple[bytes, bytes, str]] = {
    "other namespace": (b'"urn:tch"', b'"urn:tch:2"', "ENVELOPE_UNKNOWN"),
    "no header": (b"AppHdr", b"Header", "ENVELOPE_CONTENT"),
    "header in another namespace": (b"AppHdr>", b"head:AppHdr>", "ENVELOPE_CONTENT"),
    "attribute": (b"<Message ", b'<Message a="b" ', "ENVELOPE_CONTENT"),
    "text": (EMPTY, b"stray" + EMPTY, "ENVELOPE_CONTENT"),
    "text in the message element": (EMPTY, b"<CreditTransfer>stray</CreditTransfer>", "ENVELOPE_CONTENT"),
    "unknown message element": (EMPTY, b"<CreditWish/>", "ENVELOPE_WRAPPER"),
    "two message elements": (EMPTY, EMPTY + EMPTY, "ENVELOPE_CONTENT"),
    "another message's content": (
        EMPTY,
        b"<CreditTransfer>" + OTHER_CONTENT + b"</CreditTransfer>",
        "ENVELOPE_WRAPPER_MESSAGE",
    ),
}


@pytest.mark.parametrize("name", WRONG_ON_RTP)
def test_a_message_of_rtp_that_is_wrongly_built_is_refused(name: str) -> None:
    """Nothing is guessed at; the message itself is the control."""
    before, after, code = WRONG_ON_RTP[name]
    assert before in RTP_BODY

    with pytest.raises(RemoteProtocolError) as refused:
        unwrap(read(RTP_BODY.replace(before, after)))

    assert [finding.code for finding in refused.value.findings] == [code]
    assert unwrap(read(RTP_BODY)).message_type == "pacs.008.001.08"


@pytest.mark.parametrize(
    ("body", "rail"),
    [
        (INCOMING, Rail.FEDNOW),
        (golden("pacs008_neutral.xml"), Rail.FEDNOW),
        (golden("pacs008_bare.xml"), Rail.FEDNOW),
        (golden("pacs008_bare.xml").replace(b"FDN<", b"TCH<"), Rail.RTP),
        (serialise(empty("admn.001.001.01")), Rail.RTP),
        (serialise(empty("camt.060.001.05")), Rail.FEDNOW),
        (serialise(empty("pacs.002.001.10")), None),
        (serialise(RTP_HEADER), Rail.RTP),
        *((sample(kind, rail=Rail.RTP, bare=True), Rail.RTP) for kind in ("camt.056", "pain.013", "pacs.002")),
        (sample("camt.056", rail=Rail.FEDNOW, bare=True), None),
    ],
)
def test_the_rail_is_guessed_from_what_is_there(body: bytes, rail: Rail | None) -> None:
    """Envelope, header, type, clearing system, form of message id, in this order; where none says, nobody knows."""
    assert guess_rail(unwrap(read(body))) is rail
