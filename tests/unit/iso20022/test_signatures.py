"""What is signed verifies, here and in xmlsec; what is read afterwards is what was signed; PING goes without."""

from __future__ import annotations

import subprocess
import sys
import threading
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
import xmlsec
from lxml import etree

from iso20022 import EnvelopeKind, LocalProtocolError, RemoteProtocolError, RtpProfile, examine, read, wrap
from iso20022.signatures import KeyId, KeyRegistry, KeyStatus, Variant, detached, enveloped, loading
from iso20022.signatures.shape import XMLDSIG, build_key_info
from tests.unit.iso20022.samples import GOLDEN, ROOT, golden, published, say
from tests.unit.iso20022.signing import (
    AT,
    HEADER,
    MAKERS,
    KeyPair,
    amount_in,
    bare_key,
    key_pair,
    private_pem,
    rtp_message,
)

SIGNED = GOLDEN / "signed"
ORACLE_ROUNDS = 84  # 1,008 in all: messages for each algorithm, variant and direction

TRANSFORMS = {
    "rsa": xmlsec.constants.TransformRsaSha256,
    "p256": xmlsec.constants.TransformEcdsaSha256,
    "p384": xmlsec.constants.TransformEcdsaSha384,
}
CANONICALISATIONS = {
    Variant.INCLUSIVE: (xmlsec.constants.TransformInclC14N, xmlsec.constants.TransformInclC14N11),
    Variant.EXCLUSIVE: (xmlsec.constants.TransformExclC14N, xmlsec.constants.TransformExclC14N),
}


def signed_by_xmlsec(body: bytes, pair: KeyPair, kind: str, variant: Variant) -> bytes:
    """The message signed by the other library, in the form of the public samples."""
    root = etree.fromstring(body)
    header = root.find("{urn:tch}AppHdr")
    assert header is not None
    holder = etree.SubElement(header, f"{{{HEADER}}}Sgntr")
    canonicalisation, transform = CANONICALISATIONS[variant]
    signature = xmlsec.template.create(root, canonicalisation, TRANSFORMS[kind], ns="ds")
    holder.append(signature)
    reference = xmlsec.template.add_reference(signature, xmlsec.constants.TransformSha256, uri="")
    xmlsec.template.add_transform(reference, xmlsec.constants.TransformEnveloped)
    xmlsec.template.add_transform(reference, transform)
    context = xmlsec.SignatureContext()
    context.key = xmlsec.Key.from_memory(private_pem(pair.private_key), xmlsec.constants.KeyDataFormatPem)
    context.sign(signature)
    assert pair.public.identity is not None
    signature.append(build_key_info(pair.public.identity))
    return etree.tostring(root, encoding="UTF-8", xml_declaration=True)


def holds_for_xmlsec(body: bytes, pair: KeyPair) -> bool:
    """Whether the other library verifies the signature with this certificate."""
    signature = xmlsec.tree.find_node(etree.fromstring(body), "Signature")
    assert signature is not None
    context = xmlsec.SignatureContext()
    context.key = xmlsec.Key.from_memory(pair.pem, xmlsec.constants.KeyDataFormatCertPem)
    try:
        context.verify(signature)
    except xmlsec.Error:
        return False
    return True


def without_signature(body: bytes) -> bytes:
    """The message in canonical form without comments, and without ``Sgntr`` where there is one."""
    root = read(body)
    for holder in root.findall(f"{{urn:tch}}AppHdr/{{{HEADER}}}Sgntr"):
        root[0].remove(holder)
    return etree.tostring(root, method="c14n", exclusive=True)


@pytest.mark.parametrize("variant", Variant)
@pytest.mark.parametrize("kind", MAKERS)
def test_a_signed_message_verifies_and_reads_as_it_was(kind: str, variant: Variant) -> None:
    """Every algorithm in both variants; the body that comes back is the one that was signed."""
    pair = key_pair(kind)

    signed = enveloped.sign(rtp_message(), pair.signing, variant=variant)
    verified = enveloped.verify(signed, pair.registry, at=AT)

    assert (verified.key_id, verified.variant) == (pair.public.key_id, variant)
    assert without_signature(verified.body) == without_signature(rtp_message()) == without_signature(signed)
    assert b"Sgntr" not in verified.body


@pytest.mark.parametrize("variant", Variant)
@pytest.mark.parametrize("kind", MAKERS)
def test_xmlsec_verifies_what_we_sign_and_we_verify_what_xmlsec_signs(kind: str, variant: Variant) -> None:
    """The oracle is another implementation of the standard, in C; the control is a message changed on the way."""
    pair = key_pair(kind)

    for number in range(ORACLE_ROUNDS):
        body = rtp_message(
            f"{number}.{number % 100:02}", remittance=f"No {number}: \u00e9 \U0001f3e6 &lt;&gt; &#13;&#9; '\""
        )
        ours = enveloped.sign(body, pair.signing, variant=variant)
        theirs = signed_by_xmlsec(body, pair, kind, variant)

        assert holds_for_xmlsec(ours, pair)
        assert without_signature(enveloped.verify(theirs, pair.registry, at=AT).body) == without_signature(body)

    changed = enveloped.sign(rtp_message(), pair.signing, variant=variant).replace(b"SAMPLE0001", b"SAMPLE0002")
    assert not holds_for_xmlsec(changed, pair)


def test_the_body_that_is_acted_upon_comes_from_what_was_signed() -> None:
    """Comments are not covered by the signature: whatever they say is gone, and so is the signature itself."""
    pair = key_pair("p256")
    signed = enveloped.sign(rtp_message(), pair.signing)
    commented = signed.replace(b"<CreditTransfer>", b"<!-- <ct:IntrBkSttlmAmt>9.99 --><CreditTransfer>")

    verified = enveloped.verify(commented, pair.registry, at=AT)

    assert amount_in(commented) == "9.99 -->"
    assert amount_in(verified.body) == "51.74"
    assert verified == enveloped.verify(signed, pair.registry, at=AT)


def test_what_exclusive_canonical_xml_leaves_out_is_left_out_of_the_body() -> None:
    """A namespace that nobody uses is not signed there: anybody may add one, and it does not come through."""
    pair = key_pair("p256")
    signed = enveloped.sign(rtp_message(), pair.signing, variant=Variant.EXCLUSIVE)
    added = signed.replace(b"<Message ", b'<Message xmlns:evil="urn:evil" ')

    assert b"evil" not in enveloped.verify(added, pair.registry, at=AT).body
    assert enveloped.verify(added, pair.registry, at=AT) == enveloped.verify(signed, pair.registry, at=AT)


def rtp_request() -> bytes:
    """A request for payment in RTP's envelope, valid by schema and rail."""
    document = read(golden("transfers/pain013_rtp.xml").replace(b">0.00<", b">12.50<"))
    party = "<{0}><FIId><FinInstnId><ClrSysMmbId><MmbId>{1}</MmbId></ClrSysMmbId></FinInstnId></FIId></{0}>"
    header = etree.fromstring(
        f'<AppHdr xmlns="{HEADER}">{party.format("Fr", "990000026A1")}{party.format("To", "990000013B1")}'
        "<BizMsgIdr>B20260202990000026A1BSAM00000000001</BizMsgIdr><MsgDefIdr>pain.013.001.07</MsgDefIdr>"
        "<CreDt>2026-02-02T08:00:00</CreDt></AppHdr>"
    )
    return wrap(EnvelopeKind.RTP_MESSAGE, header, document)


@pytest.mark.parametrize("variant", Variant)
def test_a_verified_message_is_examined_like_the_one_that_was_signed(variant: Variant) -> None:
    """Verify, then examine what came back: the same value, and the schema does not miss the signature."""
    pair = key_pair("p256")
    body = rtp_request()

    verified = enveloped.verify(enveloped.sign(body, pair.signing, variant=variant), pair.registry, at=AT)
    reports = [examine(content, profile=RtpProfile()) for content in (body, verified.body)]

    assert [report.findings for report in reports] == [(), ()]
    assert [report.valid for report in reports] == [True, True]
    assert reports[0].message == reports[1].message
    assert reports[0].header == reports[1].header


def test_an_rsa_signature_is_the_same_each_time() -> None:
    """The same message, key and variant: the same bytes, so that a repeat is byte-identical."""
    pair = key_pair("rsa")

    assert enveloped.sign(rtp_message(), pair.signing) == enveloped.sign(rtp_message(), pair.signing)


def test_a_signature_has_the_parts_of_the_published_ones() -> None:
    """In this order and with these algorithms: the public samples of the rail (RAILS, B.4)."""
    signed = enveloped.sign(rtp_message(), key_pair("rsa").signing)
    header = read(signed)[0]

    signature = header[-1][0]
    algorithms = [element.get("Algorithm") for element in signature.iter() if element.get("Algorithm")]

    assert header[-1].tag == f"{{{HEADER}}}Sgntr"
    assert algorithms == [
        "http://www.w3.org/TR/2001/REC-xml-c14n-20010315",
        "http://www.w3.org/2001/04/xmldsig-more#rsa-sha256",
        "http://www.w3.org/2000/09/xmldsig#enveloped-signature",
        "http://www.w3.org/2006/12/xml-c14n11",
        "http://www.w3.org/2001/04/xmlenc#sha256",
    ]
    assert signature.findtext(f".//{{{XMLDSIG}}}X509SerialNumber") == "303111756915"


@pytest.mark.reference
def test_every_published_rtp_message_is_read_up_to_its_key() -> None:
    """The shape of the one that is signed is the shape that we take; its key is not ours to know. Others miss one."""
    samples = published("rtp")
    for path in samples:
        expected = "SIGNATURE_KEY_UNKNOWN" if b"SignatureValue" in path.read_bytes() else "SIGNATURE_MISSING"

        with pytest.raises(RemoteProtocolError) as refused:
            enveloped.verify(path.read_bytes(), KeyRegistry(), at=AT)

        assert [finding.code for finding in refused.value.findings] == [expected], path.name
    say(f"{len(samples)} published RTP messages; none where the reference folder is not beside the repository")


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (b"<Document/>", "SIGNING_NOT_RTP"),
        (b'<Message xmlns="urn:tch"/>', "SIGNING_NOT_RTP"),
        (b'<Message xmlns="urn:tch"><CreditTransfer/></Message>', "SIGNING_NOT_RTP"),
        (golden("pacs008_outgoing.xml"), "SIGNING_NOT_RTP"),
        (b"<!DOCTYPE a><a/>", "XML_DOCTYPE"),
        (rtp_message().replace(b"ct:Ustrd", "ct:\u00dcstrd".encode()), "SIGNATURE_CANONICALISATION"),
        (enveloped.sign(rtp_message(), key_pair("p256").signing), "SIGNING_TWICE"),
    ],
)
def test_what_cannot_be_signed_for_rtp_is_our_own_fault(body: bytes, code: str) -> None:
    """It never gets to the wire."""
    with pytest.raises(LocalProtocolError, match=code):
        enveloped.sign(body, key_pair("p256").signing)


def test_a_key_without_a_certificate_serves_fednow_and_not_rtp() -> None:
    """RTP's KeyInfo names a certificate; FedNow's detached signature a key id."""
    signing, public = bare_key("bare", key_pair("p256").private_key)
    verifier = detached.HeaderVerifier(KeyRegistry((public,)))

    assert verifier.verify(b"any bytes", detached.sign(b"any bytes", signing), at=AT) == "bare"
    with pytest.raises(LocalProtocolError, match="SIGNATURE_KEY_KIND"):
        enveloped.sign(rtp_message(), signing)


def test_a_registered_name_without_its_certificate_verifies_nothing_on_rtp() -> None:
    """A register made by hand may name a certificate and not have it: said plainly, not passed over."""
    pair = key_pair("p256")
    registry = KeyRegistry((replace(pair.public, certificate=None),))

    with pytest.raises(RemoteProtocolError, match="SIGNATURE_KEY_KIND"):
        enveloped.verify(enveloped.sign(rtp_message(), pair.signing), registry, at=AT)


def test_keys_rotate_without_a_gap() -> None:
    """Both keys are registered: what was signed with either verifies, until the old one is revoked."""
    old, new = key_pair("p256", "old", 1), key_pair("p256", "new", 2)
    registry = old.registry.with_key(new.public)
    messages = [enveloped.sign(rtp_message(), pair.signing) for pair in (old, new)]

    key_ids = [enveloped.verify(message, registry, at=AT).key_id for message in messages]
    revoked = registry.with_status(old.public.key_id, KeyStatus.REVOKED)

    assert key_ids == [old.public.key_id, new.public.key_id]
    assert enveloped.verify(messages[1], revoked, at=AT).key_id == new.public.key_id
    with pytest.raises(RemoteProtocolError, match="SIGNATURE_KEY_REVOKED"):
        enveloped.verify(messages[0], revoked, at=AT)


@pytest.mark.parametrize("kind", MAKERS)
def test_a_detached_signature_is_over_the_exact_bytes(kind: str) -> None:
    """One line beside the message, with the key's id in it."""
    pair = key_pair(kind)
    body = golden("pacs008_outgoing.xml")
    signer, verifier = detached.HeaderSigner((pair.signing,)), detached.HeaderVerifier(pair.registry)

    header = signer.sign(body, at=AT)

    assert header is not None
    assert header.startswith(f"v1;key={pair.public.key_id};alg={pair.public.algorithm};sig=")
    assert verifier.verify(body, header, at=AT) == pair.public.key_id
    with pytest.raises(RemoteProtocolError, match="SIGNATURE_VALUE"):
        verifier.verify(body + b"\n", header, at=AT)


def test_the_detached_signer_takes_the_oldest_key_that_counts() -> None:
    """And says so when none does."""
    pair = key_pair("p256")
    signer: detached.DetachedSigner = detached.HeaderSigner((pair.signing,))

    with pytest.raises(LocalProtocolError, match="SIGNING_KEY_NONE"):
        signer.sign(b"<a/>", at=AT + timedelta(days=365))


def broadcast(event: str) -> bytes:
    """A participant's broadcast of an event."""
    return f"""<Document xmlns="urn:iso:std:iso:20022:tech:xsd:admi.004.001.02"><SysEvtNtfctn><EvtInf>
<EvtCd>{event}</EvtCd></EvtInf></SysEvtNtfctn></Document>""".encode()


@pytest.mark.parametrize(
    ("body", "ping"),
    [
        (broadcast("PING"), True),
        (broadcast("FPON"), False),
        (broadcast("PINGS"), False),
        (broadcast("FPON<!-- PING -->"), False),
        (broadcast("FPON").replace(b"</EvtInf>", b"</EvtInf><EvtCd>PING</EvtCd>"), False),
        (broadcast("PING").replace(b"admi.004.001.02", b"pacs.008.001.08"), False),
        (b'<!DOCTYPE a [<!ENTITY x "PING">]>' + broadcast("&x;"), False),
        (golden("pacs008_outgoing.xml").replace(b"GOLDEN", b"PING"), False),
        (b"PING", False),
    ],
)
def test_only_a_ping_travels_unsigned(body: bytes, ping: bool) -> None:  # noqa: FBT001 - a table's column
    """FedNow: every message is signed except PING. Nothing else passes for one."""
    pair = key_pair("p256")
    signer, verifier = detached.HeaderSigner((pair.signing,)), detached.HeaderVerifier(pair.registry)

    assert (signer.sign(body, at=AT) is None) is ping
    if ping:
        assert verifier.verify(body, None, at=AT) is None
        return
    with pytest.raises(RemoteProtocolError, match="SIGNATURE_MISSING"):
        verifier.verify(body, None, at=AT)


def test_a_signature_on_a_ping_is_held_against_the_same_rules() -> None:
    """It need not be there; where it is, it must hold."""
    pair = key_pair("p256")
    verifier: detached.DetachedVerifier = detached.HeaderVerifier(pair.registry)
    header = detached.sign(broadcast("PING"), pair.signing)

    assert verifier.verify(broadcast("PING"), header, at=AT) == pair.public.key_id
    with pytest.raises(RemoteProtocolError, match="SIGNATURE_VALUE"):
        verifier.verify(broadcast("PING") + b" ", header, at=AT)


def test_threads_sign_and_verify_at_the_same_time() -> None:
    """Nothing is shared but keys and registries, which are values."""
    pair = key_pair("rsa")
    failures: list[str] = []

    def work(number: int) -> None:
        for round_ in range(40):
            body = rtp_message(f"{number}{round_:03}.00")
            signed = enveloped.sign(body, pair.signing)
            found = amount_in(enveloped.verify(signed, pair.registry, at=AT).body)
            if found != f"{number}{round_:03}.00":
                failures.append(found)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(1, 4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=60)

    assert not failures
    assert not any(thread.is_alive() for thread in threads)


def golden_registry() -> KeyRegistry:
    """The certificates beside the golden signatures; their private keys were thrown away."""
    files = sorted(SIGNED.glob("*.pem"))
    return KeyRegistry(tuple(loading.certificate_key(file.read_bytes(), key_id=KeyId(file.stem)) for file in files))


@pytest.mark.parametrize("path", sorted(SIGNED.glob("*.xml")), ids=lambda path: path.stem)
def test_the_golden_signatures_of_both_libraries_still_hold(path: Path) -> None:
    """What was taken once is taken for ever: a file for each algorithm, variant and signing library."""
    body = path.read_bytes()

    verified = enveloped.verify(body, golden_registry(), at=AT)

    assert verified.key_id == path.stem.partition("_")[0]
    assert amount_in(verified.body) == "51.74"
    with pytest.raises(RemoteProtocolError, match="SIGNATURE_DIGEST"):
        enveloped.verify(body.replace(b"51.74", b"51.75"), golden_registry(), at=AT)


@pytest.mark.parametrize("kind", MAKERS)
def test_the_golden_detached_signatures_still_hold(kind: str) -> None:
    """One for each algorithm, over the bytes of a golden message."""
    header = (SIGNED / f"{kind}.detached.txt").read_text().rstrip("\n")
    body = (SIGNED / f"{kind}_inclusive_signxml.xml").read_bytes()

    assert detached.HeaderVerifier(golden_registry()).verify(body, header, at=AT) == kind


def test_importing_the_library_loads_no_signatures_and_importing_those_says_what_is_missing() -> None:
    """`pip install fifteen` has lxml alone; the extra is named to whoever needs it."""
    program = (
        "import sys; sys.modules['signxml'] = None\n"
        "import iso20022\n"
        "assert not {'cryptography', 'iso20022.signatures'} & set(sys.modules)\n"
        "try:\n    import iso20022.signatures\n"
        "except ModuleNotFoundError as error:\n    print(error)\n"
    )

    result = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, timeout=30, check=True
    )

    assert result.stdout.strip() == "iso20022.signatures needs signxml: install fifteen[signatures]"
