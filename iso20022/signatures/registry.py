"""Which keys count: several at once, found by their id or by their certificate's names, judged at a given time."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

from iso20022.errors import LocalProtocolError
from iso20022.signatures.keys import KeyId, KeyStatus, SigningKey, Validity, VerificationKey, X509Identity
from iso20022.signatures.names import NormalName, normal_name
from iso20022.signatures.refusals import finding

_Certified = tuple[NormalName, int]

_STATUS_CODES: Final = {
    KeyStatus.ACTIVE: None,
    KeyStatus.EXPIRED: "SIGNATURE_KEY_EXPIRED",
    KeyStatus.REVOKED: "SIGNATURE_KEY_REVOKED",
    KeyStatus.COMPROMISED: "SIGNATURE_KEY_COMPROMISED",
}


@dataclass(frozen=True, slots=True)
class KeyRegistry:
    """The other side's keys, as known now. A value: a change makes another registry, and the old one stays as it was.

    Raises ValueError when two keys have one id, or one issuer and serial number.
    """

    keys: tuple[VerificationKey, ...] = ()
    _by_id: dict[KeyId, VerificationKey] = field(init=False, repr=False, compare=False)
    _by_certificate: dict[_Certified, VerificationKey] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        by_id = {key.key_id: key for key in self.keys}
        certified = [key for key in self.keys if key.identity is not None]
        by_certificate = {_certified(key.identity): key for key in certified if key.identity is not None}
        if len(by_id) < len(self.keys) or len(by_certificate) < len(certified):
            raise ValueError("a key registry names each key, and each certificate, once")
        object.__setattr__(self, "_by_id", by_id)
        object.__setattr__(self, "_by_certificate", by_certificate)

    def by_id(self, key_id: KeyId) -> VerificationKey | None:
        """The key of this id, whatever its status; None where nobody knows it."""
        return self._by_id.get(key_id)

    def by_certificate(self, identity: X509Identity) -> VerificationKey | None:
        """The key whose certificate has this issuer, serial number and subject; None where one of them is another."""
        key = self._by_certificate.get(_certified(identity))
        if key is None or key.identity is None:
            return None
        return key if normal_name(key.identity.subject) == normal_name(identity.subject) else None

    def usable(self, at: datetime) -> tuple[VerificationKey, ...]:
        """The keys that count at this time, in their order."""
        return tuple(key for key in self.keys if why_unusable(key, at) is None)

    def with_key(self, key: VerificationKey) -> "KeyRegistry":
        """With one more key, or with another version of a key that is there. A repeat changes nothing."""
        return KeyRegistry((*(known for known in self.keys if known.key_id != key.key_id), key))

    def with_status(self, key_id: KeyId, status: KeyStatus) -> "KeyRegistry":
        """With something else said of a key: revoked, compromised. Raises KeyError for an unknown id."""
        return self.with_key(self._by_id[key_id].with_status(status))


def why_unusable(key: VerificationKey | SigningKey, at: datetime) -> str | None:
    """The code of the finding that says why the key does not count at this time; None for one that does.

    What somebody said of the key comes before what the calendar says.
    """
    return _STATUS_CODES[key.status] or _outside(key.validity, at)


def oldest_usable(keys: Iterable[SigningKey], at: datetime) -> SigningKey:
    """The key to sign with: of those that count, the one that has counted longest, as FedNow itself chooses.

    So a new key may be announced, and taken up by the other side, before the old one ends (FedNow Operating
    Procedures, October 2024, §8). Raises LocalProtocolError when none counts.
    """
    usable = [key for key in keys if why_unusable(key, at) is None]
    if not usable:
        raise LocalProtocolError(finding("SIGNING_KEY_NONE"))
    return min(usable, key=lambda key: (key.validity.not_before, key.key_id))


def _outside(validity: Validity, at: datetime) -> str | None:
    if at < validity.not_before:
        return "SIGNATURE_KEY_NOT_YET_VALID"
    return "SIGNATURE_KEY_EXPIRED" if at >= validity.not_after else None


def _certified(identity: X509Identity) -> _Certified:
    return normal_name(identity.issuer), identity.serial
