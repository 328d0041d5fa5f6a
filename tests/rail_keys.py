"""Keys between an institution and a rail, as files: both sides', one that has ended, and one that nobody registered."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final

from iso20022.signatures import KeyId, SigningKey, Validity, loading
from tests.unit.iso20022.signing import MAKERS, certificate_pem, private_pem

OURS: Final = "ours-1"
RAILS: Final = "rail-1"
OLD: Final = "old"
"""The rail's, registered and ended."""
STRANGER: Final = "stranger"
"""Nobody's: whoever signs with it has not registered it."""

Files = Mapping[str, bytes]


@dataclass(frozen=True, slots=True)
class RailKeys:
    """What each side has in its two folders."""

    our_private: Files
    our_public: Files
    rails_private: Files
    rails_public: Files

    def rails_key(self, name: str) -> SigningKey:
        """One that the rail could sign with."""
        return loading.own_key(self.rails_private[f"{name}.pem"], key_id=KeyId(name))

    def written(self, directory: Path) -> Mapping[str, Path]:
        """Write the folders, named as the fields here."""
        folders = {name: directory / name for name in self.__slots__}
        for name, folder in folders.items():
            folder.mkdir()
            for file, content in getattr(self, name).items():
                (folder / file).write_bytes(content)
                (folder / file).chmod(0o600)
        return folders


def signing(keys: RailKeys, directory: Path) -> tuple[Sequence[str], Mapping[str, str]]:
    """What the rails' simulators are started with, and the settings of an institution, so that everybody signs."""
    folders = keys.written(directory)
    options = ("--signing-keys", str(folders["rails_private"]), "--participant-keys", str(folders["our_public"]))
    settings = {
        f"FIFTEEN_{rail}__{name}": str(folders[folder])
        for rail in ("FEDNOW", "RTP")
        for name, folder in (("SIGNING_KEYS", "our_private"), ("RAIL_KEYS", "rails_public"))
    }
    return options, settings


def rail_keys(at: datetime, *, kind: str = "p256") -> RailKeys:
    """New keys, of which those that count do so at this time."""
    year = Validity(not_before=at - timedelta(days=30), not_after=at + timedelta(days=300))
    later = Validity(not_before=at - timedelta(days=1), not_after=at + timedelta(days=300))
    ended = Validity(not_before=at - timedelta(days=400), not_after=at - timedelta(days=40))
    windows = {OURS: year, RAILS: year, OLD: ended, STRANGER: later}
    made = {name: MAKERS[kind]() for name in windows}
    public = {
        f"{name}.pem": certificate_pem(key, name=name, serial=1_000 + number, validity=windows[name])
        for number, (name, key) in enumerate(made.items())
    }
    private = {f"{name}.pem": private_pem(key) + public[f"{name}.pem"] for name, key in made.items()}

    def of(files: Files, *names: str) -> Files:
        return {f"{name}.pem": files[f"{name}.pem"] for name in names}

    return RailKeys(
        our_private=of(private, OURS),
        our_public=of(public, OURS),
        rails_private=of(private, RAILS, OLD, STRANGER),
        rails_public=of(public, RAILS, OLD),
    )
