"""What attackers do to signed messages, one named function each; the table says how each is refused.

Some rows are what no outsider could make: they are sealed again with the sender's own key, as a careless sender's
software would, so that nothing but our own rules refuses them.
"""

from __future__ import annotations

import hashlib
import hmac
from base64 import b64decode, b64encode
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cache
from typing import Final

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa, utils
from lxml import etree

from iso20022.signatures import Variant, X509Identity, enveloped
from iso20022.signatures.algorithms import sign_bytes
from iso20022.signatures.shape import XMLDSIG
from tests.unit.iso20022.signing import MAKERS, certificate_pem, key_pair, named, public_pem, rtp_message

FORGED: Final = "999999.00"
"""What the attacker would like to be paid."""

_DS: Final = f"{{{XMLDSIG}}}"
_EXCLUSIVE: Final = Variant.EXCLUSIVE.transform
_ENVELOPED: Final = "http://www.w3.org/2000/09/xmldsig#enveloped-signature"
_METHOD: Final = "http://www.w3.org/2001/04/xmldsig-more#"
_RSA_SHA256: Final = f"{_METHOD}rsa-sha256"
_SHA256: Final = "http://www.w3.org/2001/04/xmlenc#sha256"


@cache
def original(variant: Variant = Variant.EXCLUSIVE, kind: str = "rsa") -> bytes:
    """The honest message, signed by the registered sender."""
    return enveloped.sign(rtp_message(), key_pair(kind).signing, variant=variant)


def changed(*pairs: tuple[str, str], body: bytes | None = None) -> bytes:
    """The signed message with texts replaced, each of which stands there exactly once."""
    text = (body or original()).decode()
    for old, new in pairs:
        assert text.count(old) == 1, f"{old!r} stands there {text.count(old)} times"
        text = text.replace(old, new)
    return text.encode()


def whole(root: etree._Element) -> bytes:
    """What an enveloped signature over everything covers."""
    copy = etree.fromstring(etree.tostring(root))
    for signature in copy.iter(f"{_DS}Signature"):
        parent = signature.getparent()
        assert parent is not None
        parent.remove(signature)
        break
    return etree.tostring(copy, method="c14n", exclusive=True)


def part(root: etree._Element) -> bytes:
    """What a reference to the element with Id="part" covers."""
    element = next(element for element in root.iter() if element.get("Id") == "part")
    return etree.tostring(etree.fromstring(etree.tostring(element, with_tail=False)), method="c14n", exclusive=True)


def by_sender(content: bytes) -> bytes:
    """The registered sender's signature over bytes."""
    pair = key_pair("rsa")
    return sign_bytes(content, pair.private_key, pair.public.algorithm)


def sealed(
    body: bytes,
    *,
    covered: Callable[[etree._Element], bytes] = whole,
    digest: Callable[[bytes], bytes] = lambda content: hashlib.sha256(content).digest(),
    seal: Callable[[bytes], bytes] = by_sender,
) -> bytes:
    """The message with its digests and its signature computed again, whatever its SignedInfo now says."""
    root = etree.fromstring(body)
    signature = next(root.iter(f"{_DS}Signature"))
    for value in signature.iter(f"{_DS}DigestValue"):
        value.text = b64encode(digest(covered(root))).decode()
    signed_info = signature.find(f"{_DS}SignedInfo")
    assert signed_info is not None
    value = next(signature.iter(f"{_DS}SignatureValue"))
    value.text = b64encode(seal(etree.tostring(signed_info, method="c14n", exclusive=True))).decode()
    return etree.tostring(root, encoding="UTF-8", xml_declaration=True)


def _element(body: bytes, name: str) -> str:
    """The text of the first element of this (prefixed) name."""
    text = body.decode()
    start = text.index(f"<{name}")
    return text[start : text.index(f"</{name}>", start) + len(name) + 3]


def _signature() -> str:
    return _element(original(), "ds:Signature")


def _holder() -> str:
    return _element(original(), "head:Sgntr")


def _transfer() -> str:
    return _element(original(), "CreditTransfer")


def _forged_transfer() -> str:
    return _transfer().replace("51.74", FORGED)


def _message() -> str:
    return original().decode().partition("?>")[2].strip()


def _transform(algorithm: str, content: str = "") -> str:
    return f'<ds:Transform Algorithm="{algorithm}">{content}</ds:Transform>'


_FIRST: Final = f'<ds:Transform Algorithm="{_ENVELOPED}"/>'
_SECOND: Final = f'<ds:Transform Algorithm="{_EXCLUSIVE}"/>'
_URI: Final = 'URI=""'


def with_reference(uri: str, *, body: bytes | None = None) -> bytes:
    """The message with an Id on its transfer and a reference to somewhere, sealed over that transfer alone."""
    marked = changed(("<CreditTransfer>", '<CreditTransfer Id="part">'), (_URI, f'URI="{uri}"'), body=body)
    return sealed(marked, covered=part)


def wrapped() -> bytes:
    """The classic: what was signed goes where nobody looks, and the forgery where everybody does."""
    partly = with_reference("#part")
    signed = _element(partly, "CreditTransfer")
    return changed((signed, f"{_forged_transfer()}<Wrapper>{signed}</Wrapper>"), body=partly)


def wrapped_before() -> bytes:
    """The signed part goes in front of everything."""
    partly = with_reference("#part")
    signed = _element(partly, "CreditTransfer")
    return changed((signed, _forged_transfer()), ("<AppHdr>", f"<Wrapper>{signed}</Wrapper><AppHdr>"), body=partly)


def wrapped_in_object() -> bytes:
    """The signed part goes into the signature itself."""
    partly = with_reference("#part")
    signed = _element(partly, "CreditTransfer")
    kept = ("</ds:KeyInfo>", f"</ds:KeyInfo><ds:Object>{signed}</ds:Object>")
    return changed((signed, _forged_transfer()), kept, body=partly)


def duplicate_id() -> bytes:
    """Two elements with the Id that is signed: which of them?"""
    partly = with_reference("#part")
    signed = _element(partly, "CreditTransfer")
    return changed((signed, signed.replace("51.74", FORGED) + signed), body=partly)


def whole_message_wrapped() -> bytes:
    """A signed message inside a forged one."""
    outer = rtp_message(FORGED).decode()
    return outer.replace("</Message>", f"<Wrapper>{_message()}</Wrapper></Message>").encode()


def two_references() -> bytes:
    """One reference to everything and one to a part."""
    body = changed(("<CreditTransfer>", '<CreditTransfer Id="part">'))
    reference = _element(body, "ds:Reference")
    return sealed(changed((reference, reference + reference.replace(_URI, 'URI="#part"')), body=body))


def attackers_signature() -> bytes:
    """Signed by somebody whom nobody knows, who says to be the sender: same names, same serial number, own key."""
    sender = key_pair("rsa").public.identity
    assert sender is not None
    return enveloped.sign(
        rtp_message(FORGED), named(key_pair("rsa", "attacker", 666), sender), variant=Variant.EXCLUSIVE
    )


def signed_under(identity: X509Identity) -> bytes:
    """Signed by the sender's key under somebody else's names."""
    return enveloped.sign(rtp_message(), named(key_pair("rsa"), identity), variant=Variant.EXCLUSIVE)


def sender_identity() -> X509Identity:
    identity = key_pair("rsa").public.identity
    assert identity is not None
    return identity


def other_identity() -> X509Identity:
    identity = key_pair("rsa", "other", 4).public.identity
    assert identity is not None
    return identity


def with_certificate() -> bytes:
    """The message brings its own certificate along."""
    pem = certificate_pem(MAKERS["rsa"](), name="sender", serial=303_111_756_915).decode()
    certificate = "".join(pem.split("-----")[2].split())
    return changed(("</ds:X509Data>", f"<ds:X509Certificate>{certificate}</ds:X509Certificate></ds:X509Data>"))


def with_key_value() -> bytes:
    """The message brings its own public key along, and is signed with it."""
    attacker = MAKERS["rsa"]()
    assert isinstance(attacker, rsa.RSAPrivateKey)
    numbers = attacker.public_key().public_numbers()
    modulus = b64encode(numbers.n.to_bytes(256)).decode()
    exponent = b64encode(numbers.e.to_bytes(3)).decode()
    key = (
        f"<ds:KeyValue><ds:RSAKeyValue><ds:Modulus>{modulus}</ds:Modulus><ds:Exponent>{exponent}</ds:Exponent>"
        "</ds:RSAKeyValue></ds:KeyValue>"
    )
    body = changed((_element(original(), "ds:X509Data"), key), ("51.74", FORGED))
    return sealed(body, seal=lambda content: attacker.sign(content, padding.PKCS1v15(), hashes.SHA256()))


def method(algorithm: str, seal: Callable[[bytes], bytes] = by_sender) -> bytes:
    """Another SignatureMethod, and a signature made so."""
    return sealed(changed((f'<ds:SignatureMethod Algorithm="{_RSA_SHA256}"/>',
                           f'<ds:SignatureMethod Algorithm="{algorithm}"/>')), seal=seal)  # fmt: skip


def hmac_with_public_key(content: bytes) -> bytes:
    """The classic confusion: what everybody knows as the secret."""
    return hmac.new(public_pem(key_pair("rsa").private_key), content, hashlib.sha256).digest()


def rsa_with(algorithm: hashes.HashAlgorithm, scheme: padding.AsymmetricPadding) -> Callable[[bytes], bytes]:
    """The sender's RSA key, used otherwise than the registry says."""
    private_key = key_pair("rsa").private_key
    assert isinstance(private_key, rsa.RSAPrivateKey)
    return lambda content: private_key.sign(content, scheme, algorithm)


def digest_method(algorithm: str, digest: Callable[[bytes], bytes]) -> bytes:
    """Another DigestMethod, and a digest made so."""
    return sealed(changed((f'<ds:DigestMethod Algorithm="{_SHA256}"/>',
                           f'<ds:DigestMethod Algorithm="{algorithm}"/>')), digest=digest)  # fmt: skip


def value_replaced(make: Callable[[bytes], bytes], kind: str = "rsa") -> bytes:
    """Another SignatureValue, made of the one that is there."""
    body = original(kind=kind)
    old = _element(body, "ds:SignatureValue")
    text = old.partition(">")[2].partition("<")[0]
    return changed((text, b64encode(make(b64decode(text))).decode()), body=body)


def as_der(value: bytes) -> bytes:
    """ECDSA's numbers as other protocols write them."""
    half = len(value) // 2
    return utils.encode_dss_signature(int.from_bytes(value[:half]), int.from_bytes(value[half:]))


def digest_of_forgery() -> bytes:
    """Content and digest exchanged together; the signature is over the digest."""
    body = changed(("51.74", FORGED))
    digest = b64encode(hashlib.sha256(whole(etree.fromstring(body))).digest()).decode()
    old = _element(body, "ds:DigestValue")
    return changed((old, f"<ds:DigestValue>{digest}</ds:DigestValue>"), body=body)


def signature_of_another() -> bytes:
    """A good signature by the sender, over another message."""
    return changed(
        (_signature(), _element(enveloped.sign(rtp_message("1.00"), key_pair("rsa").signing), "ds:Signature"))
    )


def canonicalisation(first: str, second: str) -> bytes:
    """Other canonicalisations named, and sealed again."""
    return sealed(changed((f'<ds:CanonicalizationMethod Algorithm="{_EXCLUSIVE}"/>',
                           f'<ds:CanonicalizationMethod Algorithm="{first}"/>'),
                          (_SECOND, _transform(second))))  # fmt: skip


def swapped_variant() -> bytes:
    """A message signed one way that says it was signed the other way."""
    inclusive = Variant.INCLUSIVE
    return changed((f'<ds:CanonicalizationMethod Algorithm="{_EXCLUSIVE}"/>',
                    f'<ds:CanonicalizationMethod Algorithm="{inclusive.canonicalisation}"/>'),
                   (_SECOND, _transform(inclusive.transform)))  # fmt: skip


def curve_signature(content: bytes) -> bytes:
    """Signed by another registered key, of another kind."""
    pair = key_pair("p256")
    return sign_bytes(content, pair.private_key, pair.public.algorithm)


def many_namespaces() -> bytes:
    """A slow one: a good SignedInfo, and so many namespaces that canonicalisation takes seconds."""
    declarations = " ".join(f'xmlns:a{number}="u:{number}"' for number in range(900))
    return changed(("<CreditTransfer>", f"<CreditTransfer {declarations}>" + "<b/>" * 3_000))


def zeros(value: bytes) -> bytes:
    return bytes(len(value))


@dataclass(frozen=True, slots=True)
class Attack:
    """How the message is made, and the code with which it is refused."""

    make: Callable[[], bytes]
    code: str


_XPATH: Final = "http://www.w3.org/TR/1999/REC-xpath-19991116"
_XPATH_FILTER: Final = "http://www.w3.org/2002/06/xmldsig-filter2"
_XSLT: Final = "http://www.w3.org/TR/1999/REC-xslt-19991116"
_XPATH_CONTENT: Final = '<ds:XPath xmlns:ct="urn:x">not(ancestor-or-self::ct:IntrBkSttlmAmt)</ds:XPath>'
_XSLT_CONTENT: Final = (
    '<xsl:stylesheet version="1.0" xmlns:xsl="http://www.w3.org/1999/XSL/Transform"><xsl:template match="/">'
    "<xsl:copy-of select=\"document('file:///etc/passwd')\"/></xsl:template></xsl:stylesheet>"
)
_INCLUDED: Final = f'<ec:InclusiveNamespaces xmlns:ec="{_EXCLUSIVE}" PrefixList="ct"/>'

WRAPPING: Final = {
    "signed part wrapped behind a forgery": Attack(wrapped, "SIGNATURE_REFERENCE"),
    "signed part wrapped before the header": Attack(wrapped_before, "SIGNATURE_PLACE"),
    "signed part wrapped in the signature's Object": Attack(wrapped_in_object, "SIGNATURE_SHAPE"),
    "duplicate Id": Attack(duplicate_id, "SIGNATURE_REFERENCE"),
    "signed message inside a forged one": Attack(whole_message_wrapped, "SIGNATURE_PLACE"),
    "forged message beside the signed one": Attack(
        lambda: changed(("</CreditTransfer>", f"</CreditTransfer>{_forged_transfer()}")), "SIGNATURE_DIGEST"
    ),
    "forged message before the header": Attack(
        lambda: changed(("<AppHdr>", f"{_forged_transfer()}<AppHdr>")), "SIGNATURE_PLACE"
    ),
    "message inside Sgntr": Attack(
        lambda: changed((_transfer(), _forged_transfer()), ("</head:Sgntr>", f"{_transfer()}</head:Sgntr>")),
        "SIGNATURE_PLACE",
    ),
    "forged header before the signed one": Attack(
        lambda: changed(("<AppHdr>", "<AppHdr><head:CreDt>1999-01-01T00:00:00</head:CreDt></AppHdr><AppHdr>")),
        "SIGNATURE_PLACE",
    ),
    "forged header behind the signed one": Attack(
        lambda: changed(("</AppHdr>", "</AppHdr><AppHdr><head:CreDt>1999-01-01T00:00:00</head:CreDt></AppHdr>")),
        "SIGNATURE_PLACE",
    ),
    "signature in the message": Attack(
        lambda: changed((_holder(), ""), ("</CreditTransfer>", f"{_holder()}</CreditTransfer>")), "SIGNATURE_PLACE"
    ),
    "Sgntr beside the header": Attack(
        lambda: changed((_holder(), ""), ("</AppHdr>", f"</AppHdr>{_holder()}")), "SIGNATURE_PLACE"
    ),
    "signature without its Sgntr": Attack(lambda: changed((_holder(), _signature())), "SIGNATURE_PLACE"),
    "signature in another's Sgntr": Attack(
        lambda: changed(("<head:Sgntr>", "<ct:Sgntr>"), ("</head:Sgntr>", "</ct:Sgntr>")), "SIGNATURE_PLACE"
    ),
    "an empty Sgntr first": Attack(
        lambda: changed(("<head:Sgntr>", "<head:Sgntr></head:Sgntr><head:Sgntr>")), "SIGNATURE_PLACE"
    ),
    "text beside the signature": Attack(
        lambda: changed(("</ds:Signature>", "</ds:Signature>99.00")), "SIGNATURE_PLACE"
    ),
    "text behind Sgntr": Attack(lambda: changed(("</head:Sgntr>", "</head:Sgntr>99.00")), "SIGNATURE_PLACE"),
    "another root": Attack(
        lambda: changed(("<Message ", "<Nachricht "), ("</Message>", "</Nachricht>")), "SIGNATURE_PLACE"
    ),
    "another rail's namespace": Attack(lambda: changed(('"urn:tch"', '"urn:hct"')), "SIGNATURE_PLACE"),
    "xml:base on the header": Attack(lambda: changed(("<AppHdr>", '<AppHdr xml:base="urn:x">')), "SIGNATURE_PLACE"),
}  # fmt: skip

NUMBER: Final = {
    "stripped": Attack(lambda: changed((_holder(), "")), "SIGNATURE_MISSING"),
    "stripped from its Sgntr": Attack(lambda: changed((_signature(), "")), "SIGNATURE_MISSING"),
    "signature of another namespace": Attack(
        lambda: changed((f'"{XMLDSIG}"', '"urn:not-xmldsig"')), "SIGNATURE_MISSING"
    ),
    "two signatures": Attack(
        lambda: changed(("</ds:Signature>", f"</ds:Signature>{_signature()}")), "SIGNATURE_SEVERAL"
    ),
    "a second signature in the message": Attack(
        lambda: changed(("</CreditTransfer>", f"{_signature()}</CreditTransfer>")), "SIGNATURE_SEVERAL"
    ),
    "a signature inside the signature": Attack(
        lambda: changed(("</ds:KeyInfo>", f"</ds:KeyInfo><ds:Object>{_signature()}</ds:Object>")), "SIGNATURE_SEVERAL"
    ),
    "parts of a signature in the message": Attack(
        lambda: changed(("</CreditTransfer>", f'<ds:SignedInfo xmlns:ds="{XMLDSIG}"/></CreditTransfer>')),
        "SIGNATURE_SEVERAL",
    ),
}  # fmt: skip

REFERENCES: Final = {
    "reference to a part": Attack(lambda: with_reference("#part"), "SIGNATURE_REFERENCE"),
    "reference to a file": Attack(lambda: with_reference("file:///etc/passwd"), "SIGNATURE_REFERENCE"),
    "reference to the network": Attack(lambda: with_reference("http://127.0.0.1:9/x.xml"), "SIGNATURE_REFERENCE"),
    "reference by XPointer": Attack(lambda: with_reference("#xpointer(/)"), "SIGNATURE_REFERENCE"),
    "reference without URI": Attack(lambda: sealed(changed((f" {_URI}", ""))), "SIGNATURE_SHAPE"),
    "reference with a type": Attack(
        lambda: sealed(changed((_URI, f'{_URI} Type="{XMLDSIG}Manifest"'))), "SIGNATURE_SHAPE"
    ),
    "two references": Attack(two_references, "SIGNATURE_SHAPE"),
    "no reference": Attack(lambda: sealed(changed((_element(original(), "ds:Reference"), ""))), "SIGNATURE_SHAPE"),
    "XPath transform": Attack(
        lambda: sealed(changed((_SECOND, _transform(_XPATH, _XPATH_CONTENT) + _SECOND))), "SIGNATURE_SHAPE"
    ),
    "XPath transform for the canonicalisation": Attack(
        lambda: sealed(changed((_SECOND, _transform(_XPATH)))), "SIGNATURE_CANONICALISATION"
    ),
    "XPath filter": Attack(
        lambda: sealed(changed((_FIRST, _transform(_XPATH_FILTER)))), "SIGNATURE_CANONICALISATION"
    ),
    "XSLT transform": Attack(
        lambda: sealed(changed((_SECOND, _transform(_XSLT, _XSLT_CONTENT)))), "SIGNATURE_SHAPE"
    ),
    "base64 transform": Attack(
        lambda: sealed(changed((_FIRST, _transform(f"{XMLDSIG}base64")))), "SIGNATURE_CANONICALISATION"
    ),
    "one more canonicalisation": Attack(lambda: sealed(changed((_SECOND, _SECOND * 2))), "SIGNATURE_SHAPE"),
    "no enveloped-signature transform": Attack(lambda: sealed(changed((_FIRST, ""))), "SIGNATURE_SHAPE"),
    "no transforms": Attack(lambda: sealed(changed((_FIRST + _SECOND, ""))), "SIGNATURE_SHAPE"),
    "transforms in the other order": Attack(
        lambda: sealed(changed((_FIRST + _SECOND, _SECOND + _FIRST))), "SIGNATURE_CANONICALISATION"
    ),
    "prefixes made inclusive": Attack(
        lambda: sealed(changed((_SECOND, _transform(_EXCLUSIVE, _INCLUDED)))), "SIGNATURE_SHAPE"
    ),
    "canonicalisation swapped": Attack(swapped_variant, "SIGNATURE_VALUE"),
    "canonicalisation mixed": Attack(
        lambda: canonicalisation(_EXCLUSIVE, Variant.INCLUSIVE.transform), "SIGNATURE_CANONICALISATION"
    ),
    "canonicalisation with comments": Attack(
        lambda: canonicalisation(f"{_EXCLUSIVE}WithComments", f"{_EXCLUSIVE}WithComments"),
        "SIGNATURE_CANONICALISATION",
    ),
    "canonicalisation of version 2": Attack(
        lambda: canonicalisation("http://www.w3.org/2010/xml-c14n2", _EXCLUSIVE), "SIGNATURE_CANONICALISATION"
    ),
    "canonicalisation of nobody": Attack(lambda: canonicalisation("", _EXCLUSIVE), "SIGNATURE_CANONICALISATION"),
}  # fmt: skip

ALGORITHMS: Final = {
    "HMAC with the public key": Attack(
        lambda: method(f"{_METHOD}hmac-sha256", hmac_with_public_key), "SIGNATURE_ALGORITHM"
    ),
    "RSA with SHA-1": Attack(
        lambda: method(f"{XMLDSIG}rsa-sha1", rsa_with(hashes.SHA1(), padding.PKCS1v15())),
        "SIGNATURE_ALGORITHM",
    ),
    "RSA with SHA-512": Attack(
        lambda: method(f"{_METHOD}rsa-sha512", rsa_with(hashes.SHA512(), padding.PKCS1v15())), "SIGNATURE_ALGORITHM"
    ),
    "RSA-PSS": Attack(
        lambda: method(
            "http://www.w3.org/2007/05/xmldsig-more#sha256-rsa-MGF1",
            rsa_with(hashes.SHA256(), padding.PSS(padding.MGF1(hashes.SHA256()), 32)),
        ),
        "SIGNATURE_ALGORITHM",
    ),
    "DSA": Attack(lambda: method(f"{XMLDSIG}dsa-sha1"), "SIGNATURE_ALGORITHM"),
    "no algorithm": Attack(lambda: method("none", lambda _: b""), "SIGNATURE_ALGORITHM"),
    "an empty algorithm": Attack(lambda: method("", lambda _: b""), "SIGNATURE_ALGORITHM"),
    "ECDSA said of an RSA key": Attack(lambda: method(f"{_METHOD}ecdsa-sha256"), "SIGNATURE_ALGORITHM"),
    "ECDSA by another registered key": Attack(
        lambda: method(f"{_METHOD}ecdsa-sha256", curve_signature), "SIGNATURE_ALGORITHM"
    ),
    "digest with SHA-1": Attack(
        lambda: digest_method(f"{XMLDSIG}sha1", lambda content: hashlib.sha1(content).digest()),
        "SIGNATURE_ALGORITHM",
    ),
    "digest with MD5": Attack(
        lambda: digest_method(f"{_METHOD}md5", lambda content: hashlib.md5(content).digest()),
        "SIGNATURE_ALGORITHM",
    ),
    "digest with SHA-512": Attack(
        lambda: digest_method(
            "http://www.w3.org/2001/04/xmlenc#sha512", lambda content: hashlib.sha512(content).digest()
        ),
        "SIGNATURE_ALGORITHM",
    ),
    "digest exchanged with the content": Attack(digest_of_forgery, "SIGNATURE_VALUE"),
    "digest cut short": Attack(
        lambda: sealed(original(), digest=lambda content: hashlib.sha256(content).digest()[:16]), "SIGNATURE_TEXT"
    ),
    "digest empty": Attack(lambda: sealed(original(), digest=lambda _: b""), "SIGNATURE_TEXT"),
    "digest with characters that base64 has not": Attack(
        lambda: changed(("<ds:DigestValue>", "<ds:DigestValue>!")), "SIGNATURE_TEXT"
    ),
    "signature of zeros": Attack(lambda: value_replaced(zeros), "SIGNATURE_VALUE"),
    "signature of zeros on a curve": Attack(lambda: value_replaced(zeros, "p256"), "SIGNATURE_VALUE"),
    "signature on a curve as DER": Attack(lambda: value_replaced(as_der, "p256"), "SIGNATURE_VALUE"),
    "signature cut short": Attack(lambda: value_replaced(lambda value: value[:-1]), "SIGNATURE_VALUE"),
    "signature empty": Attack(lambda: value_replaced(lambda _: b""), "SIGNATURE_VALUE"),
    "signature with a zero in front": Attack(lambda: value_replaced(lambda value: b"\0" + value), "SIGNATURE_VALUE"),
    "signature of another message": Attack(signature_of_another, "SIGNATURE_DIGEST"),
}  # fmt: skip

KEYS: Final = {
    "unknown key": Attack(
        lambda: enveloped.sign(rtp_message(), key_pair("rsa", "attacker", 666).signing), "SIGNATURE_KEY_UNKNOWN"
    ),
    "attacker's key under the sender's names": Attack(attackers_signature, "SIGNATURE_VALUE"),
    "wrong serial number": Attack(
        lambda: signed_under(replace(sender_identity(), serial=1)),
        "SIGNATURE_KEY_UNKNOWN",
    ),
    "wrong issuer": Attack(
        lambda: signed_under(replace(sender_identity(), issuer="CN=Nobody")),
        "SIGNATURE_KEY_UNKNOWN",
    ),
    "wrong subject": Attack(
        lambda: signed_under(replace(sender_identity(), subject="CN=Nobody")),
        "SIGNATURE_KEY_UNKNOWN",
    ),
    "another registered key's names": Attack(
        lambda: enveloped.sign(rtp_message(), named(key_pair("rsa"), other_identity())), "SIGNATURE_VALUE"
    ),
    "a name that is none": Attack(lambda: changed(("CN=Sample Issuing CA 1", "Sample")), "SIGNATURE_KEY_UNKNOWN"),
    "a serial number that is none": Attack(
        lambda: changed((">303111756915<", ">303111756915.0<")), "SIGNATURE_TEXT"
    ),
    "a serial number without end": Attack(
        lambda: changed((">303111756915<", f">{'9' * 5_000}<")), "SIGNATURE_TEXT"
    ),
    "its own certificate": Attack(with_certificate, "SIGNATURE_SHAPE"),
    "its own public key": Attack(with_key_value, "SIGNATURE_SHAPE"),
    "a key by name": Attack(
        lambda: changed((_element(original(), "ds:X509Data"), "<ds:KeyName>sender</ds:KeyName>")), "SIGNATURE_SHAPE"
    ),
    "a key from the network": Attack(
        lambda: changed(
            (_element(original(), "ds:X509Data"), '<ds:RetrievalMethod URI="http://127.0.0.1:9/key"/>')
        ),
        "SIGNATURE_SHAPE",
    ),
    "no key at all": Attack(lambda: changed((_element(original(), "ds:KeyInfo"), "")), "SIGNATURE_SHAPE"),
    "two subjects": Attack(
        lambda: changed(("</ds:X509Data>", "<ds:X509SubjectName>CN=a</ds:X509SubjectName></ds:X509Data>")),
        "SIGNATURE_SHAPE",
    ),
    "an Id on the signature": Attack(lambda: changed(("<ds:Signature ", '<ds:Signature Id="x" ')), "SIGNATURE_SHAPE"),
    "text between its parts": Attack(
        lambda: changed(("</ds:SignedInfo>", "</ds:SignedInfo>x")), "SIGNATURE_SHAPE"
    ),
    "text before its parts": Attack(lambda: changed(("<ds:KeyInfo>", "<ds:KeyInfo>x")), "SIGNATURE_SHAPE"),
    "an element inside a digest": Attack(
        lambda: changed(("</ds:DigestValue>", "<ds:X/></ds:DigestValue>")), "SIGNATURE_SHAPE"
    ),
}  # fmt: skip

CONTENT: Final = {
    "amount changed": Attack(lambda: changed(("51.74", FORGED)), "SIGNATURE_DIGEST"),
    "account changed": Attack(lambda: changed(("SAMPLE0001", "SAMPLE0002")), "SIGNATURE_DIGEST"),
    "currency changed": Attack(lambda: changed(('"USD"', '"MXN"')), "SIGNATURE_DIGEST"),
    "header changed": Attack(lambda: changed(("2026-01-31T10:00:00", "2026-02-01T10:00:00")), "SIGNATURE_DIGEST"),
    "space in a value": Attack(lambda: changed(("51.74", "51.74 ")), "SIGNATURE_DIGEST"),
    "attribute added": Attack(lambda: changed(("<ct:CdtrAcct>", '<ct:CdtrAcct a="">')), "SIGNATURE_DIGEST"),
    "element removed": Attack(lambda: changed((_element(original(), "ct:Ustrd"), "")), "SIGNATURE_DIGEST"),
    "character as another, alike": Attack(lambda: changed(("SAMPLE0001", "SAMPL\u03950001")), "SIGNATURE_DIGEST"),
    "namespace bound otherwise": Attack(lambda: changed(('.001.08"', '.001.09"')), "SIGNATURE_DIGEST"),
    "namespace bound otherwise further in": Attack(
        lambda: changed(("<ct:CdtTrfTxInf>", '<ct:CdtTrfTxInf xmlns:ct="urn:x">')), "SIGNATURE_DIGEST"
    ),
    "default namespace taken away": Attack(
        lambda: changed(("<CreditTransfer>", '<CreditTransfer xmlns="">')), "SIGNATURE_DIGEST"
    ),
    "relative namespace, which canonical XML has none of": Attack(
        lambda: changed(("<CreditTransfer>", '<CreditTransfer xmlns:p="p">')), "XML_NAMESPACE_RELATIVE"
    ),
    "names beyond ASCII": Attack(lambda: changed((' Ccy="', ' Cc\u00ff="')), "SIGNATURE_CANONICALISATION"),
    "comment in the amount": Attack(lambda: changed(("51.74", "51<!-- -->.74")), "XML_COMMENT_IN_VALUE"),
    "comment in the subject": Attack(
        lambda: changed(("CN=sender", "CN=<!-- -->sender")), "XML_COMMENT_IN_VALUE"
    ),
    "comment in the digest": Attack(
        lambda: changed(("<ds:DigestValue>", "<ds:DigestValue><!-- -->")), "XML_COMMENT_IN_VALUE"
    ),
    "CDATA": Attack(lambda: changed(("51.74", "<![CDATA[51.74]]>")), "XML_CDATA"),
    "processing instruction": Attack(lambda: changed(("51.74", "51<?x?>.74")), "XML_PROCESSING_INSTRUCTION"),
    "DOCTYPE with an entity": Attack(
        lambda: changed(("<Message ", '<!DOCTYPE Message [<!ENTITY a "51.74">]><Message '), ("51.74<", "&a;<")),
        "XML_DOCTYPE",
    ),
    "DOCTYPE with an Id": Attack(
        lambda: changed(("<Message ", "<!DOCTYPE Message [<!ATTLIST CreditTransfer a ID #IMPLIED>]><Message ")),
        "XML_DOCTYPE",
    ),
    "undeclared entity": Attack(lambda: changed(("51.74", "&amount;")), "XML_ENTITY"),
    "XInclude": Attack(
        lambda: changed(
            ("</CreditTransfer>", '<i:include xmlns:i="http://www.w3.org/2001/XInclude" href="x"/></CreditTransfer>')
        ),
        "XML_XINCLUDE",
    ),
    "xsi:nil": Attack(
        lambda: changed(
            ("<ct:CdtrAcct>", '<ct:CdtrAcct xmlns:x="http://www.w3.org/2001/XMLSchema-instance" x:nil="true">')
        ),
        "XML_SCHEMA_INSTANCE",
    ),
    "truncated": Attack(lambda: original()[:-20], "XML_SYNTAX"),
    "a second root": Attack(lambda: original() + b"<Message/>", "XML_TRAILING_CONTENT"),
    "another encoding": Attack(lambda: original().decode().encode("utf-16"), "XML_ENCODING"),
    "namespaces by the hundred": Attack(many_namespaces, "SIGNATURE_NAMESPACES"),
}  # fmt: skip

ATTACKS: Final = {**WRAPPING, **NUMBER, **REFERENCES, **ALGORITHMS, **KEYS, **CONTENT}
"""Every attack on an enveloped signature by its name; what a key's status or the time refuse comes in the tests."""
