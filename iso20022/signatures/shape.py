"""The one form of XMLDSig that is taken, part by part, and what such a signature says.

XMLDSig allows almost anything (references to parts, XPath, XSLT, several keys), and what it allows has been abused.
So a signature is held against a table before anything of it is used. Source: the public RTP samples
(``head001.signature.xml``) and the public tests of moov-io/rtp20022.
"""

import re
from base64 import b64decode
from binascii import Error as Base64Error
from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum
from typing import Final

from lxml import etree

from iso20022.errors import RemoteProtocolError
from iso20022.paths import line_of, local_name, named_xpath
from iso20022.signatures.algorithms import Algorithm, xml_uri
from iso20022.signatures.keys import KeyMaterialError, X509Identity
from iso20022.signatures.refusals import RTP_REJECT_CODE, finding

XMLDSIG: Final = "http://www.w3.org/2000/09/xmldsig#"
"""The namespace of XML signatures."""

_ENVELOPED: Final = "http://www.w3.org/2000/09/xmldsig#enveloped-signature"
_SHA256: Final = "http://www.w3.org/2001/04/xmlenc#sha256"
_SHA256_BYTES: Final = 32


class Variant(Enum):
    """The two ways of canonicalisation that are seen: that of SignedInfo, and the Reference's transform."""

    INCLUSIVE = ("http://www.w3.org/TR/2001/REC-xml-c14n-20010315", "http://www.w3.org/2006/12/xml-c14n11")
    """Canonical XML 1.0, and 1.1 for the message: as in the samples that come from The Clearing House."""
    EXCLUSIVE = ("http://www.w3.org/2001/10/xml-exc-c14n#", "http://www.w3.org/2001/10/xml-exc-c14n#")
    """Exclusive Canonical XML for both: as participants' software writes it."""

    @property
    def canonicalisation(self) -> str:
        """The identifier in ``CanonicalizationMethod``."""
        return self.value[0]

    @property
    def transform(self) -> str:
        """The identifier in the second ``Transform``."""
        return self.value[1]


@dataclass(frozen=True, slots=True)
class _Part:
    """One element of the shape: its path, its one attribute if any, and whether it holds a text of its own."""

    path: str
    attribute: str = ""
    holds_text: bool = False


_TRANSFORMS: Final = "SignedInfo/Reference/Transforms"
_X509: Final = "KeyInfo/X509Data"
_SHAPE: Final = (
    _Part(""),
    _Part("SignedInfo"),
    _Part("SignedInfo/CanonicalizationMethod", "Algorithm"),
    _Part("SignedInfo/SignatureMethod", "Algorithm"),
    _Part("SignedInfo/Reference", "URI"),
    _Part(_TRANSFORMS),
    _Part(f"{_TRANSFORMS}/Transform", "Algorithm"),
    _Part(f"{_TRANSFORMS}/Transform", "Algorithm"),
    _Part("SignedInfo/Reference/DigestMethod", "Algorithm"),
    _Part("SignedInfo/Reference/DigestValue", holds_text=True),
    _Part("SignatureValue", holds_text=True),
    _Part("KeyInfo"),
    _Part(_X509),
    _Part(f"{_X509}/X509IssuerSerial"),
    _Part(f"{_X509}/X509IssuerSerial/X509IssuerName", holds_text=True),
    _Part(f"{_X509}/X509IssuerSerial/X509SerialNumber", holds_text=True),
    _Part(f"{_X509}/X509SubjectName", holds_text=True),
)
_CANONICALISATION, _METHOD, _REFERENCE, _FIRST, _SECOND, _DIGEST_METHOD = (
    index for index, part in enumerate(_SHAPE) if part.attribute
)
_DIGEST, _VALUE, _ISSUER, _SERIAL, _SUBJECT = (index for index, part in enumerate(_SHAPE) if part.holds_text)

# XML Schema's xs:integer as writers write a certificate's serial number, which has at most 20 bytes (RFC 5280).
_SERIAL_NUMBER: Final = re.compile(r"[0-9]{1,49}")
_BASE64_WHITESPACE: Final = dict.fromkeys(map(ord, " \t\r\n"))


@dataclass(frozen=True, slots=True, kw_only=True)
class SignatureFacts:
    """What a signature of the right shape says of itself. Nothing of it is proved yet."""

    variant: Variant
    method: str
    signer: X509Identity
    digest: bytes
    value: bytes


def facts_of(signature: etree._Element, root: etree._Element) -> SignatureFacts:
    """What a ``Signature`` says. Raises RemoteProtocolError at the first part that is not as it should be."""
    parts = list(_matched(signature, root))
    attributes = {index: parts[index].get(part.attribute, "") for index, part in enumerate(_SHAPE) if part.attribute}
    if attributes[_REFERENCE]:
        raise refused("SIGNATURE_REFERENCE", parts[_REFERENCE], root)
    pair = (attributes[_CANONICALISATION], attributes[_SECOND])
    variant = next((known for known in Variant if known.value == pair), None)
    if variant is None or attributes[_FIRST] != _ENVELOPED:
        raise refused("SIGNATURE_CANONICALISATION", parts[_CANONICALISATION], root)
    if attributes[_DIGEST_METHOD] != _SHA256:
        raise refused("SIGNATURE_ALGORITHM", parts[_DIGEST_METHOD], root, value=attributes[_DIGEST_METHOD])
    if attributes[_METHOD] not in {xml_uri(algorithm) for algorithm in Algorithm}:
        raise refused("SIGNATURE_ALGORITHM", parts[_METHOD], root, value=attributes[_METHOD])
    digest = _base64(parts[_DIGEST], root)
    if len(digest) != _SHA256_BYTES:
        raise refused("SIGNATURE_TEXT", parts[_DIGEST], root)
    return SignatureFacts(
        variant=variant,
        method=attributes[_METHOD],
        signer=_signer(parts, root),
        digest=digest,
        value=_base64(parts[_VALUE], root),
    )


def refused(
    code: str, element: etree._Element, root: etree._Element, *, value: str | None = None
) -> RemoteProtocolError:
    """The error for a signature that is not taken, at this element, with RTP's reject code."""
    return RemoteProtocolError(
        finding(code, xpath=named_xpath(element, root), line=line_of(element), value=value, reject_code=RTP_REJECT_CODE)
    )


def build_key_info(signer: X509Identity) -> etree._Element:
    """The ``KeyInfo`` that names a certificate by issuer, serial number and subject."""
    key_info = etree.Element(f"{{{XMLDSIG}}}KeyInfo", nsmap={"ds": XMLDSIG})
    x509_data = etree.SubElement(key_info, f"{{{XMLDSIG}}}X509Data")
    issuer_serial = etree.SubElement(x509_data, f"{{{XMLDSIG}}}X509IssuerSerial")
    etree.SubElement(issuer_serial, f"{{{XMLDSIG}}}X509IssuerName").text = signer.issuer
    etree.SubElement(issuer_serial, f"{{{XMLDSIG}}}X509SerialNumber").text = str(signer.serial)
    etree.SubElement(x509_data, f"{{{XMLDSIG}}}X509SubjectName").text = signer.subject
    return key_info


def _matched(signature: etree._Element, root: etree._Element) -> Iterator[etree._Element]:
    """The elements of the signature, each after it was found to be what the shape has there."""
    found = list(signature.iter())
    for element, part in zip(found, _SHAPE, strict=False):
        if not _fits(element, part, signature):
            raise refused("SIGNATURE_SHAPE", element, root)
        yield element
    if len(found) != len(_SHAPE):
        raise refused("SIGNATURE_SHAPE", signature, root)


def _fits(element: etree._Element, part: _Part, signature: etree._Element) -> bool:
    expected_path = f"Signature/{part.path}".removesuffix("/")
    return (
        _path(element, signature) == expected_path
        and element.tag == f"{{{XMLDSIG}}}{local_name(expected_path)}"
        and element.keys() == ([part.attribute] if part.attribute else [])
        and (part.holds_text or not (element.text or "").strip())
        and (element is signature or not (element.tail or "").strip())
    )


def _path(element: etree._Element, signature: etree._Element) -> str:
    steps = [local_name(str(element.tag))]
    while element is not signature:
        parent = element.getparent()
        assert parent is not None, "the walk began at the signature"
        element = parent
        steps.append(local_name(str(element.tag)))
    return "/".join(reversed(steps))


def _base64(element: etree._Element, root: etree._Element) -> bytes:
    try:
        return b64decode((element.text or "").translate(_BASE64_WHITESPACE).encode("ascii"), validate=True)
    except (Base64Error, UnicodeEncodeError) as error:
        raise refused("SIGNATURE_TEXT", element, root) from error


def _signer(parts: list[etree._Element], root: etree._Element) -> X509Identity:
    serial = (parts[_SERIAL].text or "").strip()
    if not _SERIAL_NUMBER.fullmatch(serial):
        raise refused("SIGNATURE_TEXT", parts[_SERIAL], root)
    try:
        return X509Identity(issuer=parts[_ISSUER].text or "", serial=int(serial), subject=parts[_SUBJECT].text or "")
    except KeyMaterialError as error:
        raise refused("SIGNATURE_KEY_UNKNOWN", parts[_ISSUER], root) from error
