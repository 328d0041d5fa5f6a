"""The schema files of this package, each checked against the manifest before it is used."""

import hashlib
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import Final

_PACKAGE: Final = "iso20022.schemas"


class SchemaMismatchError(RuntimeError):
    """A schema file is missing or is not the one that the manifest pins: the installation is broken."""


@dataclass(frozen=True, slots=True)
class ManifestEntry:
    """One line of the manifest: which file, which bytes, whence."""

    message_id: str
    sha256: str
    size_bytes: int
    origin: str


@cache
def manifest() -> dict[str, ManifestEntry]:
    """The pinned schemas by id: a message type, or a message type with what a rail makes of it behind it."""
    text = resources.files(_PACKAGE).joinpath("MANIFEST.tsv").read_text("utf-8")
    entries = (line.split("\t") for line in text.splitlines()[1:])
    return {
        message_id: ManifestEntry(message_id, digest, int(size), origin) for message_id, digest, size, origin in entries
    }


def schema_bytes(schema_id: str) -> bytes:
    """The schema file of an id, checked against the manifest.

    Raises KeyError for an id without a schema, SchemaMismatchError when the file is not the pinned one.
    """
    entry = manifest()[schema_id]
    content = resources.files(_PACKAGE).joinpath(f"{schema_id}.xsd").read_bytes()
    require_pinned(entry, content)
    return content


def require_pinned(entry: ManifestEntry, content: bytes) -> None:
    """Raise SchemaMismatchError unless the bytes are those that the manifest names."""
    digest = hashlib.sha256(content).hexdigest()
    if digest != entry.sha256 or len(content) != entry.size_bytes:
        raise SchemaMismatchError(f"{entry.message_id}.xsd is {digest}, the manifest pins {entry.sha256}")
