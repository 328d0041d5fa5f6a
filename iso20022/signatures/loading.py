"""Keys out of PEM or DER, once, when a process starts or a key is announced: parsing one costs a hundred signatures."""

from collections.abc import Callable
from typing import Final, TypeVar

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization

from iso20022.signatures.algorithms import Algorithm, PrivateKey, PublicKey, algorithm_for
from iso20022.signatures.keys import (
    KeyId,
    KeyMaterialError,
    KeyStatus,
    SigningKey,
    Validity,
    VerificationKey,
    X509Identity,
)

_PEM: Final = b"-----BEGIN "
_KEY_BYTES_MAX: Final = 64 * 1024  # a certificate has two thousand bytes

Loaded = TypeVar("Loaded")


def certificate_key(
    content: bytes, *, key_id: KeyId, validity: Validity | None = None, status: KeyStatus = KeyStatus.ACTIVE
) -> VerificationKey:
    """The public key of an X.509 certificate, PEM or DER: what RTP's messages refer to.

    It is trusted because it is registered: no chain is followed. A validity may narrow the certificate's own. Raises
    KeyMaterialError.
    """
    certificate = _load(
        content, key_id, "a certificate", pem=x509.load_pem_x509_certificate, der=x509.load_der_x509_certificate
    )
    certified = Validity(not_before=certificate.not_valid_before_utc, not_after=certificate.not_valid_after_utc)
    if validity is not None and not certified.encloses(validity):
        raise KeyMaterialError(f"the validity given for key {key_id} goes beyond its certificate's")
    public_key, algorithm = _public(certificate.public_key(), key_id)
    return VerificationKey(
        key_id=key_id,
        public_key=public_key,
        algorithm=algorithm,
        validity=validity or certified,
        status=status,
        certificate=certificate,
        identity=X509Identity.of(certificate),
    )


def public_key(
    content: bytes, *, key_id: KeyId, validity: Validity, status: KeyStatus = KeyStatus.ACTIVE
) -> VerificationKey:
    """A bare public key (SubjectPublicKeyInfo), PEM or DER, for detached signatures. Raises KeyMaterialError."""
    loaded, algorithm = _public(
        _load(
            content,
            key_id,
            "a public key",
            pem=serialization.load_pem_public_key,
            der=serialization.load_der_public_key,
        ),
        key_id,
    )
    return VerificationKey(key_id=key_id, public_key=loaded, algorithm=algorithm, validity=validity, status=status)


def private_key(
    content: bytes,
    *,
    key_id: KeyId,
    validity: Validity,
    password: bytes | None = None,
    identity: X509Identity | None = None,
    status: KeyStatus = KeyStatus.ACTIVE,
) -> SigningKey:
    """A private key of ours, PEM or DER. Raises KeyMaterialError, which quotes nothing of it."""
    loaded = _load(
        content,
        key_id,
        "a private key",
        pem=lambda pem: serialization.load_pem_private_key(pem, password),
        der=lambda der: serialization.load_der_private_key(der, password),
    )
    algorithm = algorithm_for(loaded)
    if algorithm is None or not isinstance(loaded, PrivateKey):
        raise KeyMaterialError(_unfit(key_id))
    return SigningKey(
        key_id=key_id,
        private_key=loaded,
        algorithm=algorithm,
        validity=validity,
        status=status,
        identity=identity,
    )


def _public(key: object, key_id: KeyId) -> tuple[PublicKey, Algorithm]:
    algorithm = algorithm_for(key)
    if algorithm is None or not isinstance(key, PublicKey):
        raise KeyMaterialError(_unfit(key_id))
    return key, algorithm


def _unfit(key_id: KeyId) -> str:
    return f"key {key_id} is neither RSA of 2048 bits or more nor ECDSA on P-256 or P-384"


def _load(
    content: bytes, key_id: KeyId, kind: str, *, pem: Callable[[bytes], Loaded], der: Callable[[bytes], Loaded]
) -> Loaded:
    if len(content) > _KEY_BYTES_MAX:
        raise KeyMaterialError(f"what was given for key {key_id} has {len(content)} bytes: {kind} has fewer")
    try:
        return pem(content) if content.lstrip().startswith(_PEM) else der(content)
    except (ValueError, TypeError, UnsupportedAlgorithm) as error:  # TypeError: a password is missing, or is not needed
        raise KeyMaterialError(f"what was given for key {key_id} cannot be read as {kind}: {error}"[:400]) from error
