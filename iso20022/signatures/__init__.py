"""Signatures of both rails: RTP's XMLDSig inside the header, and a detached one for FedNow, with one key registry.

Needs the extra ``signatures`` (signxml and cryptography); ``import iso20022`` alone does not, and never loads this.
Nothing here reads a clock, a file or the network: keys come as bytes, time is an argument.

* :mod:`iso20022.signatures.loading` makes keys of PEM or DER, once; signing never parses one again.
* :class:`KeyRegistry` says which keys count, and at what time.
* :mod:`iso20022.signatures.enveloped` signs and verifies RTP's messages.
* :mod:`iso20022.signatures.detached` does so for FedNow, in a format of our own behind two Protocols.
* :class:`SignedTraffic` has both behind one face, for what sends and receives.
"""

try:
    import cryptography as _cryptography  # noqa: F401 - whether the extra is there
    import signxml as _signxml  # noqa: F401 - the same
except ModuleNotFoundError as error:
    raise ModuleNotFoundError(
        f"iso20022.signatures needs {error.name}: install fifteen[signatures]", name=error.name
    ) from error

from iso20022.signatures import detached, enveloped, loading
from iso20022.signatures.advice import advice
from iso20022.signatures.algorithms import Algorithm
from iso20022.signatures.enveloped import Verified
from iso20022.signatures.keys import (
    KeyId,
    KeyMaterialError,
    KeyStatus,
    SigningKey,
    Validity,
    VerificationKey,
    X509Identity,
)
from iso20022.signatures.registry import KeyRegistry, oldest_usable
from iso20022.signatures.shape import Variant
from iso20022.signatures.traffic import DetachedTraffic, EnvelopedTraffic, Signed, SignedTraffic

__all__ = [
    "Algorithm",
    "DetachedTraffic",
    "EnvelopedTraffic",
    "KeyId",
    "KeyMaterialError",
    "KeyRegistry",
    "KeyStatus",
    "Signed",
    "SignedTraffic",
    "SigningKey",
    "Validity",
    "Variant",
    "VerificationKey",
    "Verified",
    "X509Identity",
    "advice",
    "detached",
    "enveloped",
    "loading",
    "oldest_usable",
]
