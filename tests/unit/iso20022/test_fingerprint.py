"""Equal content gives equal bytes, any other content other bytes: what idempotency stands on."""

from copy import deepcopy
from typing import Any
from xml.etree.ElementTree import canonicalize

import pytest
from hypothesis import given
from hypothesis import strategies as st
from lxml import etree

from iso20022 import content_fingerprint_source, read, unwrap
from iso20022.schemas import manifest, model
from tests.unit.iso20022.instances import instance, mutant
from tests.unit.iso20022.samples import golden, seeded


def source(body: bytes) -> bytes:
    """The fingerprint's source of the Document in a body."""
    document = unwrap(read(body)).document
    assert document is not None
    return content_fingerprint_source(document)


def test_one_document_has_one_fingerprint_in_every_envelope() -> None:
    """The header, the envelope and the indentation are not content."""
    names = (
        "pacs008_bare.xml",
        "pacs008_neutral.xml",
        "pacs008_nvlp.xml",
        "pacs008_incoming.xml",
        "pacs008_outgoing.xml",
    )

    assert len({source(golden(name)) for name in names}) == 1


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (b"<CreDtTm>2026-01-31T09:30:00-05:00<", b"<CreDtTm>2026-01-31T09:31:07-05:00<"),
        (b"\n", b"\r\n   "),
        (b"<CdtTrfTxInf>", b"<!-- again --><CdtTrfTxInf>"),
        (b' Ccy="USD"', b"  Ccy='USD' "),
        (b"Invoice 4711", b"&#73;nvoice 4711"),
    ],
)
def test_an_honest_retry_is_the_same_content(before: bytes, after: bytes) -> None:
    """Creation time, white space between elements, comments and spelling of characters may differ."""
    body = golden("pacs008_bare.xml")
    assert before in body

    assert source(body.replace(before, after)) == source(body)


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (b"1250.75", b"1250.76"),
        (b"1250.75", b"1250.750"),
        (b"GOLDEN-E2E-0001", b"GOLDEN-E2E-0001 "),
        (b'"USD"', b'"USN"'),
        (b"<Ustrd>second line</Ustrd>", b""),
        (b"<Ustrd>Invoice 4711</Ustrd>", b"<Ustrd>Invoice</Ustrd><Ustrd>4711</Ustrd>"),
        (b"<InstrId>GOLDEN-INSTR-0001</InstrId>", b"<TxId>GOLDEN-INSTR-0001</TxId>"),
        (b"2026-01-31</IntrBk", b"2026-02-01</IntrBk"),
        (b"20260131990000013GOLDEN0001", b"20260131990000013GOLDEN0002"),
    ],
)
def test_other_content_has_another_fingerprint(before: bytes, after: bytes) -> None:
    """One cent, one space, one line, one element more: not a retry. The golden message is the control."""
    body = golden("pacs008_bare.xml")
    assert before in body

    assert source(body.replace(before, after)) != source(body)
    assert source(body) == source(body)


def test_only_the_group_headers_own_creation_time_is_left_out() -> None:
    """A creation time elsewhere, such as the original's in a status report, is content."""
    body = golden("pacs002_acsc.xml")

    assert source(body.replace(b"<OrgnlCreDtTm>2026-01-31T09:30:00", b"<OrgnlCreDtTm>2026-01-31T09:30:01")) != source(
        body
    )


def test_prefixes_and_comments_are_not_content() -> None:
    """Two ways to write one element, and a comment in a value that never came through our reader."""
    plain = etree.fromstring('<Document xmlns="urn:x"><A b="1"><B>10</B></A></Document>')
    prefixed = etree.fromstring('<p:Document xmlns:p="urn:x"> <p:A b="1"> <p:B>1<!-- c -->0</p:B></p:A></p:Document>')

    assert content_fingerprint_source(plain) == content_fingerprint_source(prefixed)
    assert len(list(prefixed.iter(etree.Comment))) == 1


@given(st.lists(st.text(alphabet="ab:0123-", max_size=4), min_size=2, max_size=5, unique_by=tuple))
def test_texts_cannot_run_into_one_another(texts: list[str]) -> None:
    """Lengths stand before the pieces, so no text can imitate another element or boundary."""
    document = etree.Element("D")
    for text in texts:
        etree.SubElement(document, "T").text = text
    joined = etree.Element("D")
    etree.SubElement(joined, "T").text = "".join(texts)

    assert content_fingerprint_source(document) != content_fingerprint_source(joined)


def test_every_random_change_that_matters_changes_the_fingerprint() -> None:
    """Mutants of random messages: equal bytes only where the canonical XML is equal too."""
    rng = seeded()
    distinct = 0

    for message_type in sorted(manifest()):
        original = instance(model(message_type), rng)
        for _ in range(40):
            changed = mutant(original, rng).root
            if canonical(changed) != canonical(original):
                distinct += 1
                assert content_fingerprint_source(changed) != content_fingerprint_source(original)
            else:
                assert content_fingerprint_source(changed) == content_fingerprint_source(original)

    assert distinct > 100


def canonical(document: etree._Element) -> object:
    """Canonical XML without the group header's creation time: another way to say what content is."""
    copy = deepcopy(document)
    for time in copy.findall("{*}*/{*}GrpHdr/{*}CreDtTm"):
        if not len(time) and not time.attrib:
            time.text = None
    text: Any = etree.tostring(copy)
    return canonicalize(text, rewrite_prefixes=True)
