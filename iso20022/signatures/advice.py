"""What to do about keys before it is late: nobody reminds an institution that a key ends."""

from datetime import datetime, timedelta
from typing import Final

from iso20022.findings import Finding, Severity
from iso20022.signatures.keys import VerificationKey
from iso20022.signatures.refusals import finding
from iso20022.signatures.registry import KeyRegistry

KEY_DAYS_MAX: Final = 364
"""How long a key lives at most, in days (FedNow Operating Procedures, October 2024, §8)."""

KEY_REMINDER_DAYS: Final = 30
"""How many days before its end a key is spoken of: a default of ours, the rail sends no reminder."""


def advice(registry: KeyRegistry, at: datetime) -> tuple[Finding, ...]:
    """Warnings about the keys that count at this time: too long a life, an end that is near, no second key.

    ``value`` is the key's id. None of them makes a signature invalid.
    """
    usable = registry.usable(at)
    long = [key for key in usable if key.validity.not_after - key.validity.not_before > timedelta(days=KEY_DAYS_MAX)]
    ending = [key for key in usable if key.validity.not_after - at < timedelta(days=KEY_REMINDER_DAYS)]
    return (
        *(_warning("KEY_VALIDITY_LONG", key, KEY_DAYS_MAX) for key in long),
        *(_warning("KEY_EXPIRES_SOON", key, KEY_REMINDER_DAYS) for key in ending),
        *(_warning("KEY_ALONE", key) for key in usable if len(usable) == 1),
    )


def _warning(code: str, key: VerificationKey, detail: int | str = "") -> Finding:
    return finding(code, detail, severity=Severity.WARNING, value=key.key_id)
