"""The XML Schemas, made by us and pinned by checksum: as validators, as values, as bytes."""

import hashlib
import threading
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import Final

from lxml import etree

from iso20022.schemas.model import Schema, read_schema

_PER_THREAD: Final = threading.local()


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
    """The pinned schemas by message type."""
    text = resources.files(__name__).joinpath("MANIFEST.tsv").read_text("utf-8")
    entries = (line.split("\t") for line in text.splitlines()[1:])
    return {
        message_id: ManifestEntry(message_id, digest, int(size), origin) for message_id, digest, size, origin in entries
    }


def schema_bytes(message_type: str) -> bytes:
    """The schema file of a message type, checked against the manifest.

    Raises KeyError for a type without a schema, SchemaMismatchError when the file is not the pinned one.
    """
    entry = manifest()[message_type]
    content = resources.files(__name__).joinpath(f"{message_type}.xsd").read_bytes()
    require_pinned(entry, content)
    return content


def require_pinned(entry: ManifestEntry, content: bytes) -> None:
    """Raise SchemaMismatchError unless the bytes are those that the manifest names."""
    digest = hashlib.sha256(content).hexdigest()
    if digest != entry.sha256 or len(content) != entry.size_bytes:
        raise SchemaMismatchError(f"{entry.message_id}.xsd is {digest}, the manifest pins {entry.sha256}")


def validator(message_type: str) -> etree.XMLSchema:
    """The compiled schema of a message type, this thread's own: libxml2 mixes up the errors of a shared one."""
    compiled: dict[str, etree.XMLSchema] | None = getattr(_PER_THREAD, "compiled", None)
    if compiled is None:
        compiled = _PER_THREAD.compiled = {}
    schema = compiled.get(message_type)
    if schema is None:
        parser = etree.XMLParser(resolve_entities=False, no_network=True)
        schema = compiled[message_type] = etree.XMLSchema(etree.fromstring(schema_bytes(message_type), parser))
    return schema


@cache
def model(message_type: str) -> Schema:
    """The schema of a message type as values."""
    return read_schema(schema_bytes(message_type))
