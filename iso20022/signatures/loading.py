"""Keys out of PEM or DER, once, when a process starts or a key is announced: parsing one costs a hundred signatures."""

import re
from collections.abc import Callable, Mapping
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
from iso20022.signatures.registry import KeyRegistry

_KEY_FILE: Final = re.compile(r"(?P<key_id>[A-Za-z0-9._:-]{1,64})\.pem")
_BLOCK: Final = re.compile(rb"-----BEGIN (?P<kind>[A-Z0-9 ]+)-----.+?-----END (?P=kind)-----\n?", re.DOTALL)
_CERTIFICATE: Final = b"CERTIFICATE"
_PRIVATE_KEY: Final = b"PRIVATE KEY"
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


def own_key(content: bytes, *, key_id: KeyId) -> SigningKey:
    """A private key of ours out of a PEM file that has its certificate too, in either order.

    The certificate says how long the key counts, and what RTP's messages name it by. Raises KeyMaterialError, which
    quotes nothing of the key.
    """
    blocks = [(found["kind"], found[0]) for found in _BLOCK.finditer(content[: _KEY_BYTES_MAX + 1])]
    certificates = [block for kind, block in blocks if kind == _CERTIFICATE]
    private = [block for kind, block in blocks if kind.endswith(_PRIVATE_KEY)]
    if (len(certificates), len(private)) != (1, 1):
        raise KeyMaterialError(f"the file of key {key_id} has one private key and its certificate, both PEM")
    certified = certificate_key(certificates[0], key_id=key_id)
    own = private_key(private[0], key_id=key_id, validity=certified.validity, identity=certified.identity)
    if own.private_key.public_key() != certified.public_key:
        raise KeyMaterialError(f"the certificate in the file of key {key_id} is another key's")
    return own


def own_keys(files: Mapping[str, bytes]) -> tuple[SigningKey, ...]:
    """Our keys, each out of a file ``KEY_ID.pem`` as :func:`own_key` reads it. Raises KeyMaterialError."""
    return tuple(own_key(content, key_id=_named(name)) for name, content in sorted(files.items()))


def registry(files: Mapping[str, bytes]) -> KeyRegistry:
    """The other side's keys, each the certificate in a file ``KEY_ID.pem``. Raises KeyMaterialError."""
    keys = tuple(certificate_key(content, key_id=_named(name)) for name, content in sorted(files.items()))
    try:
        return KeyRegistry(keys)
    except ValueError as error:
        raise KeyMaterialError(str(error)) from error


def _named(file: str) -> KeyId:
    """The key's id, which its file is named by."""
    name = _KEY_FILE.fullmatch(file)
    if name is None:
        raise KeyMaterialError(f"a key's file is KEY_ID.pem, with 1 to 64 of A-Z a-z 0-9 . _ : -, and not {file!r}")
    return KeyId(name["key_id"])


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
