"""FedNow's signature: detached, beside the message. The wire form is not public: this one is ours, and can be replaced.

Public are the rules around it (FedNow Operating Procedures, October 2024, §8): every message but a PING is signed,
between two neighbours, with a key that has an id and was registered; the receiver looks at the key before the
signature, and at both before the message. The form here is one line of text for a header beside the message::

    v1;key=<key id>;alg=<algorithm>;sig=<base64>

The signature is over the exact bytes of the message, so that nothing about XML matters. Who has the rail's own form
writes a :class:`DetachedSigner` and a :class:`DetachedVerifier` for it, and changes nothing else.
"""

import re
from base64 import b64decode, b64encode
from binascii import Error as Base64Error
from dataclasses import dataclass
from datetime import datetime
from typing import Final, Protocol

from lxml import etree

from iso20022.envelope import unwrap
from iso20022.errors import RemoteProtocolError
from iso20022.reader import read
from iso20022.signatures.algorithms import is_signature_of, sign_bytes
from iso20022.signatures.keys import KeyId, SigningKey
from iso20022.signatures.refusals import finding
from iso20022.signatures.registry import KeyRegistry, oldest_usable, why_unusable

_FORM: Final = re.compile(
    r"v1;key=(?P<key>[A-Za-z0-9._:-]{1,64});alg=(?P<algorithm>[a-z0-9-]{1,32});sig=(?P<value>[A-Za-z0-9+/]{4,1400}={0,2})"
)
_FORM_CHARACTERS_MAX: Final = 1_536  # RSA with 8,192 bits needs 1,368 of base64
_BROADCAST: Final = "admi.004."
_PING: Final = "PING"
_EVENT_CODE: Final = etree.XPath(
    "string(*[local-name() = 'SysEvtNtfctn']/*[local-name() = 'EvtInf']/*[local-name() = 'EvtCd'])"
)


class DetachedSigner(Protocol):
    """Makes what travels beside a message of ours."""

    def sign(self, body: bytes, *, at: datetime) -> str | None:
        """The signature over these bytes; None for a message that is not signed. Raises LocalProtocolError."""
        ...


class DetachedVerifier(Protocol):
    """Judges what came beside a message."""

    def verify(self, body: bytes, signature: str | None, *, at: datetime) -> KeyId | None:
        """The key that signed these bytes; None for a message that is not signed. Raises RemoteProtocolError."""
        ...


@dataclass(frozen=True, slots=True)
class HeaderSigner:
    """Signs in the form of this module, with the oldest key that counts."""

    keys: tuple[SigningKey, ...]

    def sign(self, body: bytes, *, at: datetime) -> str | None:
        """The header's text for these bytes; None for a PING. Raises LocalProtocolError when no key counts."""
        return None if is_ping(body) else sign(body, oldest_usable(self.keys, at))


@dataclass(frozen=True, slots=True)
class HeaderVerifier:
    """Verifies the form of this module against a registry."""

    registry: KeyRegistry

    def verify(self, body: bytes, signature: str | None, *, at: datetime) -> KeyId | None:
        """The key that signed exactly these bytes; None for a PING without a signature.

        Raises RemoteProtocolError. The key is judged first, then the signature; nothing of the body is used before
        (but whether an unsigned one is a PING).
        """
        if signature is None:
            if is_ping(body):
                return None
            raise _refused("SIGNATURE_MISSING")
        return _verified(body, signature, self.registry, at)


def sign(body: bytes, key: SigningKey) -> str:
    """The header's text for these bytes and this key. RSA gives the same text each time, ECDSA another."""
    value = b64encode(sign_bytes(body, key.private_key, key.algorithm)).decode()
    return f"v1;key={key.key_id};alg={key.algorithm};sig={value}"


def is_ping(body: bytes) -> bool:
    """Whether the bytes are a broadcast (admi.004) of the event PING, which travels without a signature."""
    if _PING.encode() not in body:
        return False
    try:
        envelope = unwrap(read(body))
    except RemoteProtocolError:
        return False
    if envelope.document is None or not str(envelope.message_type).startswith(_BROADCAST):
        return False
    return _EVENT_CODE(envelope.document) == _PING


def _verified(body: bytes, signature: str, registry: KeyRegistry, at: datetime) -> KeyId:
    form = _FORM.fullmatch(signature) if len(signature) <= _FORM_CHARACTERS_MAX else None
    if form is None:
        raise _refused("SIGNATURE_FORM")
    key = registry.by_id(KeyId(form["key"]))
    if key is None:
        raise _refused("SIGNATURE_KEY_UNKNOWN", form["key"])
    code = why_unusable(key, at)
    if code is not None:
        raise _refused(code, key.key_id)
    if form["algorithm"] != key.algorithm:
        raise _refused("SIGNATURE_ALGORITHM", form["algorithm"])
    try:
        value = b64decode(form["value"], validate=True)
    except Base64Error as error:
        raise _refused("SIGNATURE_FORM") from error
    if not is_signature_of(value, content=body, key=key.public_key, algorithm=key.algorithm):
        raise _refused("SIGNATURE_VALUE", key.key_id)
    return key.key_id


def _refused(code: str, value: str | None = None) -> RemoteProtocolError:
    return RemoteProtocolError(finding(code, value=value))
