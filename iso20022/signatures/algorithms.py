"""The signature algorithms that are used here, and what each means for keys, bytes and XML.

Each belongs to one kind of key: a message never chooses how a key is used (what "algorithm confusion" needs).
"""

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric import ec, utils
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, RSAPublicKey
from cryptography.hazmat.primitives.hashes import SHA256, SHA384, HashAlgorithm

PublicKey = RSAPublicKey | ec.EllipticCurvePublicKey
"""The public keys that a registry holds."""

PrivateKey = RSAPrivateKey | ec.EllipticCurvePrivateKey
"""The private keys that sign; one that lives in a security module implements the same interface."""

RSA_BITS_MIN: Final = 2048
"""The shortest RSA modulus that is taken (NIST SP 800-131A rev. 2: 112 bits of strength)."""


class Algorithm(StrEnum):
    """A kind of key and the digest that it signs."""

    RSA_SHA256 = "rsa-sha256"
    """RSASSA-PKCS1-v1_5 with SHA-256, 2048 bits or more: what the public RTP samples use."""
    ECDSA_P256_SHA256 = "ecdsa-p256-sha256"
    """ECDSA on P-256 with SHA-256."""
    ECDSA_P384_SHA384 = "ecdsa-p384-sha384"
    """ECDSA on P-384 with SHA-384."""


@dataclass(frozen=True, slots=True)
class _Facts:
    xml_uri: str
    digest: Callable[[], HashAlgorithm]


_FACTS: Final = {
    Algorithm.RSA_SHA256: _Facts("http://www.w3.org/2001/04/xmldsig-more#rsa-sha256", SHA256),
    Algorithm.ECDSA_P256_SHA256: _Facts("http://www.w3.org/2001/04/xmldsig-more#ecdsa-sha256", SHA256),
    Algorithm.ECDSA_P384_SHA384: _Facts("http://www.w3.org/2001/04/xmldsig-more#ecdsa-sha384", SHA384),
}
_CURVES: Final = {
    ec.SECP256R1.name: Algorithm.ECDSA_P256_SHA256,
    ec.SECP384R1.name: Algorithm.ECDSA_P384_SHA384,
}


def algorithm_for(key: object) -> Algorithm | None:
    """The one algorithm that a public or private key is used with; None for a key too weak or of another kind."""
    if isinstance(key, RSAPublicKey | RSAPrivateKey):
        return Algorithm.RSA_SHA256 if key.key_size >= RSA_BITS_MIN else None
    if isinstance(key, ec.EllipticCurvePublicKey | ec.EllipticCurvePrivateKey):
        return _CURVES.get(key.curve.name)
    return None


def xml_uri(algorithm: Algorithm) -> str:
    """The identifier of the algorithm in ``SignatureMethod`` (RFC 9231)."""
    return _FACTS[algorithm].xml_uri


def signature_size_bytes(key: PublicKey) -> int:
    """How long a signature of this key is: the modulus for RSA, both numbers of a curve's order for ECDSA."""
    size = (key.key_size + 7) // 8
    return size if isinstance(key, RSAPublicKey) else 2 * size


def sign_bytes(content: bytes, key: PrivateKey, algorithm: Algorithm) -> bytes:
    """The signature over the bytes; ECDSA's as r and s of fixed length, one after the other (as in XMLDSig)."""
    digest = _FACTS[algorithm].digest()
    if isinstance(key, RSAPrivateKey):
        return key.sign(content, PKCS1v15(), digest)
    r, s = utils.decode_dss_signature(key.sign(content, ec.ECDSA(digest)))
    size = (key.key_size + 7) // 8
    return r.to_bytes(size) + s.to_bytes(size)


def is_signature_of(signature: bytes, *, content: bytes, key: PublicKey, algorithm: Algorithm) -> bool:
    """Whether the signature, in the form that :func:`sign_bytes` gives, is this key's over exactly these bytes."""
    if len(signature) != signature_size_bytes(key):
        return False
    digest = _FACTS[algorithm].digest()
    try:
        if isinstance(key, RSAPublicKey):
            key.verify(signature, content, PKCS1v15(), digest)
        else:
            half = len(signature) // 2
            r, s = int.from_bytes(signature[:half]), int.from_bytes(signature[half:])
            key.verify(utils.encode_dss_signature(r, s), content, ec.ECDSA(digest))
    except InvalidSignature:
        return False
    return True
