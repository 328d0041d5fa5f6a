"""The keys between us and a rail, out of the folders that the settings name: read and parsed once, at the start."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

import structlog

from gateway.domain.payment import Rail
from gateway.service.ports import KeySide, Observer
from gateway.settings import Settings, SettingsError
from iso20022 import RAIL_LIMITS

if TYPE_CHECKING:  # who signs nothing needs none of it
    from iso20022.signatures import KeyRegistry, SignedTraffic, SigningKey, VerificationKey

OTHERS: Final = 0o077
"""What the mode of a private key's file may not allow: to be read, or written, by anybody but its owner."""


def traffic_of(rail: Rail, settings: Settings, *, at: datetime, observer: Observer) -> SignedTraffic | None:
    """Return what signs and verifies on a rail; None where nothing is set: nothing is signed, and all is believed.

    What should soon be done about the keys is logged, and the observer is told when the last of them ends.

    Raises:
        SettingsError: a folder or a file in it cannot be used, none of its keys counts now, or nobody knows where the
            rail's signatures travel.

    """
    of_rail = settings.rtp if rail is Rail.RTP else settings.fednow
    if of_rail.signing_keys is None or of_rail.rail_keys is None:
        return None
    from iso20022.signatures import DetachedTraffic, EnvelopedTraffic, KeyMaterialError, detached, loading

    own_variable, rail_variable = (f"FIFTEEN_{rail.upper()}__{name}" for name in ("SIGNING_KEYS", "RAIL_KEYS"))
    try:
        keys = loading.own_keys(_files(of_rail.signing_keys, own_variable, is_secret=True))
    except KeyMaterialError as error:
        raise SettingsError(f"{own_variable}: {error}") from error
    try:
        registry = loading.registry(_files(of_rail.rail_keys, rail_variable, is_secret=False))
    except KeyMaterialError as error:
        raise SettingsError(f"{rail_variable}: {error}") from error
    observer.rail_keys(rail, KeySide.OURS, until=_advised(rail, own_variable, keys, at))
    observer.rail_keys(rail, KeySide.RAILS, until=_advised(rail, rail_variable, registry, at))
    if rail is Rail.RTP:
        return EnvelopedTraffic(keys, registry, RAIL_LIMITS)
    if urlsplit(of_rail.url or "").scheme == "ibmmq":
        raise SettingsError(
            f"{own_variable}: where FedNow's signature travels over IBM MQ is not public: unset it and {rail_variable} "
            "(docs/rail-links.md)"
        )
    return DetachedTraffic(detached.HeaderSigner(keys), detached.HeaderVerifier(registry))


def _files(folder: Path, variable: str, *, is_secret: bool) -> Mapping[str, bytes]:
    """The files of a folder, by name; those that begin with a dot are left out."""
    try:
        files = {each.name: each for each in folder.iterdir() if not each.name.startswith(".")}
        if is_secret and (open_to_others := [name for name, each in files.items() if each.stat().st_mode & OTHERS]):
            names = ", ".join(sorted(open_to_others))
            raise SettingsError(
                f"{variable}: others than their owner may read {names}: give them mode 0600 or 0400, where they are "
                "mounted if they are, and have the owner run this"
            )
        found = {name: each.read_bytes() for name, each in files.items()}
    except OSError as error:
        raise SettingsError(f"{variable}: {error}") from error
    if not found:
        raise SettingsError(f"{variable}: there is no KEY_ID.pem in {folder}")
    return found


def _advised(rail: Rail, variable: str, keys: KeyRegistry | tuple[SigningKey, ...], at: datetime) -> datetime:
    """Log what is to be done about keys before it is late; return when the last of them ends.

    Raises:
        SettingsError: none of them counts now.

    """
    from iso20022.signatures import KeyRegistry, advice
    from iso20022.signatures.registry import why_unusable

    known = keys.keys if isinstance(keys, KeyRegistry) else keys
    if all(why_unusable(key, at) for key in known):
        raise SettingsError(
            f"{variable}: none of {', '.join(key.key_id for key in known)} counts now: add one that does"
        )
    for each in advice(keys, at):
        structlog.get_logger("fifteen").warning(
            "rail_key", rail=rail.value, setting=variable, code=each.code, key_id=each.value, remedy=each.hint
        )
    return _covered_until(known, at)


def _covered_until(keys: Collection[VerificationKey | SigningKey], at: datetime) -> datetime:
    """Return until when there is always one that counts, from now on: a gap ends it, whatever comes after."""
    until = at
    for key in sorted(keys, key=lambda each: each.validity.not_before):
        if key.validity.not_before <= until:
            until = max(until, key.validity.not_after)
    return until
