"""What to do about keys before it is late: nobody reminds an institution that a key ends."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Final

from iso20022.findings import Finding, Severity
from iso20022.signatures.keys import SigningKey, VerificationKey
from iso20022.signatures.refusals import finding
from iso20022.signatures.registry import KeyRegistry, why_unusable

KEY_DAYS_MAX: Final = 364
"""How long a key lives at most, in days (FedNow Operating Procedures, October 2024, §8)."""

KEY_REMINDER_DAYS: Final = 30
"""How many days before its end a key is spoken of: a default of ours, the rail sends no reminder."""


def advice(keys: KeyRegistry | Sequence[SigningKey], at: datetime) -> tuple[Finding, ...]:
    """Warnings about those keys, theirs or ours, that count at this time: too long a life, an end near, no second one.

    ``value`` is the key's id. None of them makes a signature invalid.
    """
    known = keys.keys if isinstance(keys, KeyRegistry) else keys
    usable = [key for key in known if why_unusable(key, at) is None]
    long = [key for key in usable if key.validity.not_after - key.validity.not_before > timedelta(days=KEY_DAYS_MAX)]
    ending = [key for key in usable if key.validity.not_after - at < timedelta(days=KEY_REMINDER_DAYS)]
    return (
        *(_warning("KEY_VALIDITY_LONG", key, KEY_DAYS_MAX) for key in long),
        *(_warning("KEY_EXPIRES_SOON", key, KEY_REMINDER_DAYS) for key in ending),
        *(_warning("KEY_ALONE", key) for key in usable if len(usable) == 1),
    )


def _warning(code: str, key: VerificationKey | SigningKey, detail: int | str = "") -> Finding:
    return finding(code, detail, severity=Severity.WARNING, value=key.key_id)
