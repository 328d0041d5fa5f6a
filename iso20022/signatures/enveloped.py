"""RTP's signature: XMLDSig in ``Message/AppHdr/Sgntr`` over the whole message, named by its certificate.

signxml signs and verifies. It would also verify what nobody means (parts, other algorithms, certificates that the
message brings along), so that the shape is held against a table first, and the key is one of the registry. What a
caller may use is read again from the bytes that the signature covers, and from nothing else.

Source: public RTP schemas, samples and tests of moov-io/rtp20022.
"""

import re
from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial
from typing import Final

from lxml import etree
from signxml.algorithms import CanonicalizationMethod, DigestAlgorithm, SignatureMethod
from signxml.exceptions import InvalidDigest, SignXMLException
from signxml.signer import XMLSigner
from signxml.verifier import SignatureConfiguration, VerifyResult, XMLVerifier

from iso20022.errors import LocalProtocolError, RemoteProtocolError
from iso20022.reader import LIMITS, Limits, read
from iso20022.signatures.algorithms import signature_size_bytes, xml_uri
from iso20022.signatures.keys import KeyId, SigningKey, VerificationKey
from iso20022.signatures.refusals import RTP_REJECT_CODE, finding
from iso20022.signatures.registry import KeyRegistry, why_unusable
from iso20022.signatures.shape import XMLDSIG, SignatureFacts, Variant, build_key_info, facts_of, refused

RTP_NAMESPACE: Final = "urn:tch"
"""The namespace of RTP's ``Message`` and ``AppHdr``."""

RTP_HEADER_NAMESPACE: Final = "urn:iso:std:iso:20022:tech:xsd:head.001.001.01"
"""The namespace of what stands in RTP's ``AppHdr``."""

_MESSAGE: Final = f"{{{RTP_NAMESPACE}}}Message"
_HEADER: Final = f"{{{RTP_NAMESPACE}}}AppHdr"
_HOLDER: Final = f"{{{RTP_HEADER_NAMESPACE}}}Sgntr"
_SIGNATURE: Final = f"{{{XMLDSIG}}}Signature"
_ANY_OF_XMLDSIG: Final = f"{{{XMLDSIG}}}*"
_DECLARATION: Final = b"<?xml version='1.0' encoding='UTF-8'?>\n"

# Canonical XML looks for every namespace in scope at every element: with 900 of them, 30 KB took nine seconds.
_NAMESPACES_MAX: Final = 32  # the public samples declare four
_NAMESPACE: Final = re.compile(rb"xmlns[:=\s]")


@dataclass(frozen=True, slots=True, kw_only=True)
class Verified:
    """A message whose signature holds. ``body`` is the message to examine and act upon, instead of what came in.

    ``body`` is what was signed, as canonical XML without the (then empty) ``Sgntr``; lines may be counted differently
    from those of what came in. ``key_id`` names the key in the registry.
    """

    body: bytes
    key_id: KeyId
    variant: Variant


def sign(body: bytes, key: SigningKey, *, variant: Variant = Variant.INCLUSIVE, limits: Limits = LIMITS) -> bytes:
    """The message with a signature as the last element of its ``AppHdr``; comments go, all else stays as it is.

    The same message, key and variant give the same bytes with RSA; ECDSA signatures differ each time. Whether the key
    counts now is the caller's to know: choose it with :func:`~iso20022.signatures.oldest_usable`. Raises
    LocalProtocolError for what is no unsigned RTP message and for a key without a certificate's identity.
    """
    root = _unsigned_message(body, limits)
    if key.identity is None:
        raise LocalProtocolError(finding("SIGNATURE_KEY_KIND", value=key.key_id))
    holder = etree.SubElement(root[0], _HOLDER)
    etree.SubElement(holder, _SIGNATURE, {"Id": "placeholder"}, nsmap={"ds": XMLDSIG})  # signxml's word for "here"
    signer = XMLSigner(
        signature_algorithm=SignatureMethod(xml_uri(key.algorithm)),
        digest_algorithm=DigestAlgorithm.SHA256,
        c14n_algorithm=CanonicalizationMethod(variant.transform),
    )
    signer.signature_annotators.append(partial(_name_canonicalisation, variant=variant))
    try:
        signed = signer.sign(root, key=key.private_key, key_info=build_key_info(key.identity))
    except etree.LxmlError as error:
        raise LocalProtocolError(finding("SIGNATURE_CANONICALISATION")) from error
    return _DECLARATION + etree.tostring(signed, encoding="UTF-8", xml_declaration=False, with_tail=False)


def verify(body: bytes, registry: KeyRegistry, *, at: datetime, limits: Limits = LIMITS) -> Verified:
    """What was signed, once its signature, its key and its shape hold at this time.

    Raises RemoteProtocolError otherwise: with reject code 690 for the signature, with the reader's codes for what is
    not even a bounded, plain message. Nothing of the body is used before. A repeat gives the same answer; whether the
    message came before is not asked here.
    """
    root = read(body, limits)
    _require_few_namespaces(body)
    facts = facts_of(_only_signature(root), root)
    key = _registered(facts, registry, at)
    return Verified(body=_covered(root, facts, key, at, limits), key_id=key.key_id, variant=facts.variant)


def _unsigned_message(body: bytes, limits: Limits) -> etree._Element:
    try:
        root = read(body, limits)
    except RemoteProtocolError as error:
        raise LocalProtocolError(*error.findings) from error
    if root.tag != _MESSAGE or not len(root) or root[0].tag != _HEADER:
        raise LocalProtocolError(finding("SIGNING_NOT_RTP"))
    if next(root.iter(_HOLDER, _ANY_OF_XMLDSIG), None) is not None:
        raise LocalProtocolError(finding("SIGNING_TWICE"))
    return root


def _name_canonicalisation(signature: etree._Element, *, variant: Variant, **_settings: object) -> None:
    """Write SignedInfo's own canonicalisation. signxml has one for both; its 1.0 and 1.1 differ in the name alone."""
    method = signature.find(f"{{{XMLDSIG}}}SignedInfo/{{{XMLDSIG}}}CanonicalizationMethod")
    assert method is not None, "signxml writes SignedInfo before it asks for more"
    method.set("Algorithm", variant.canonicalisation)


def _require_few_namespaces(body: bytes) -> None:
    if len(_NAMESPACE.findall(body)) > _NAMESPACES_MAX:
        raise RemoteProtocolError(finding("SIGNATURE_NAMESPACES", _NAMESPACES_MAX, reject_code=RTP_REJECT_CODE))


def _only_signature(root: etree._Element) -> etree._Element:
    """The signature, which is the only one, stands where it should, and has nothing beside it."""
    signatures = list(root.iter(_SIGNATURE))
    if len(signatures) != 1:
        raise refused("SIGNATURE_SEVERAL" if signatures else "SIGNATURE_MISSING", (*signatures, root)[-1], root)
    signature = signatures[0]
    ancestors = list(signature.iterancestors())
    if [element.tag for element in ancestors] != [_HOLDER, _HEADER, _MESSAGE]:
        raise refused("SIGNATURE_PLACE", signature, root)
    holder, header, _ = ancestors
    alone = len(holder) == 1 and not any((text or "").strip() for text in (holder.text, holder.tail, signature.tail))
    several = len(root.findall(_HEADER)) + len(header.findall(_HOLDER)) > 2
    if not alone or several or header is not root[0] or any(len(element.attrib) for element in ancestors):
        raise refused("SIGNATURE_PLACE", signature, root)
    if len(list(root.iter(_ANY_OF_XMLDSIG))) > len(list(signature.iter(_ANY_OF_XMLDSIG))):
        raise refused("SIGNATURE_SEVERAL", signature, root)
    return signature


def _registered(facts: SignatureFacts, registry: KeyRegistry, at: datetime) -> VerificationKey:
    """The key that the signature names: known, counting now, and of the kind that the signature says."""
    key = registry.by_certificate(facts.signer)
    if key is None:
        raise _not_taken("SIGNATURE_KEY_UNKNOWN")
    code = why_unusable(key, at)
    if code is not None:
        raise _not_taken(code, key.key_id)
    if key.certificate is None:
        raise _not_taken("SIGNATURE_KEY_KIND", key.key_id)
    if facts.method != xml_uri(key.algorithm):
        raise _not_taken("SIGNATURE_ALGORITHM", facts.method)
    if len(facts.value) != signature_size_bytes(key.public_key):
        raise _not_taken("SIGNATURE_VALUE", key.key_id)
    return key


def _covered(root: etree._Element, facts: SignatureFacts, key: VerificationKey, at: datetime, limits: Limits) -> bytes:
    """The bytes that the signature covers, read again, without the place where the signature was."""
    configuration = SignatureConfiguration(
        location=f"./{_HEADER}/{_HOLDER}/",
        expect_references=1,
        signature_methods=frozenset({SignatureMethod(facts.method)}),
        digest_algorithms=frozenset({DigestAlgorithm.SHA256}),
        verification_time=at,
    )
    try:
        # Not signxml's schema check: it shares one XMLSchema among threads, and our table of the shape is stricter.
        result = XMLVerifier().verify(
            root, x509_cert=key.certificate, expect_config=configuration, validate_schema=False
        )
    except InvalidDigest as error:
        raise _not_taken("SIGNATURE_DIGEST", key.key_id) from error
    except SignXMLException as error:
        raise _not_taken("SIGNATURE_VALUE", key.key_id) from error
    except etree.LxmlError as error:  # names beyond ASCII, which signxml cannot copy and no message of a rail has
        raise _not_taken("SIGNATURE_CANONICALISATION") from error
    assert isinstance(result, VerifyResult), "one reference was asked for"
    covered = read(result.signed_data, replace(limits, bytes_max=len(result.signed_data)))
    holder = covered.find(f"{_HEADER}/{_HOLDER}")
    assert holder is not None, "the signature covers the place where it stood"
    covered[0].remove(holder)
    return etree.tostring(covered, encoding="UTF-8", xml_declaration=False)


def _not_taken(code: str, value: str | None = None) -> RemoteProtocolError:
    place = "/Message/AppHdr/Sgntr/Signature"
    return RemoteProtocolError(finding(code, xpath=place, value=value, reject_code=RTP_REJECT_CODE))
