"""An institution's own schema files, for instance the rail's from its own licence, taken from one folder."""

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from lxml import etree

from iso20022.namespaces import message_type_of
from iso20022.paths import child_elements, local_name
from iso20022.schemas.model import XS
from iso20022.schemas.pinned import manifest
from iso20022.schemas.schema_set import SchemaSet, compile_schema

FILES_MAX: Final = 200
"""How many files a folder may hold: several times both rails' message types."""
FILE_BYTES_MAX: Final = 2 * 1024 * 1024
"""How large a schema file may be: several times the largest of ISO 20022."""

# Schemas of the rails' envelopes: we read envelopes ourselves, so these are let pass and left out.
_ENVELOPES: Final = frozenset({"urn:tch", "urn:fednow:incoming:v001", "urn:fednow:outgoing:v001"})
_FOREIGN: Final = frozenset({"include", "redefine", "override"})
# Where a file has types only, as RTP's have, which of them is the outermost element's: the rail's before ISO's.
_ROOT_TYPES: Final = {
    "Document": re.compile(r"Document(?P<rail>_\w+)?"),
    "AppHdr": re.compile(r"BusinessApplicationHeaderV0[0-9](?P<rail>_\w+)?"),
}


class SchemaFolderError(ValueError):
    """A folder holds what cannot be used as schemas; the message names each file with what is wrong with it."""


@dataclass(frozen=True, slots=True)
class OwnSchema:
    """A schema that was taken: for which message type, from which file, and what its outermost element is called."""

    message_type: str
    file_name: str
    root: str


@dataclass(frozen=True, slots=True)
class SchemaFolderReport:
    """What was taken from a folder, what was left out as not needed, and the schemas, which go into a profile."""

    taken: tuple[OwnSchema, ...]
    left_out: tuple[str, ...]
    schemas: SchemaSet


def read_folder(folder: Path) -> SchemaFolderReport:
    """The XSD files of a folder, checked: read once, at start. Reads those files and opens nothing else.

    Each must be a well-formed XML Schema of a message type of these rails, that stands alone, within bounds. Raises
    SchemaFolderError naming every file that is none, or where there is no such folder.
    """
    if not folder.is_dir():
        raise SchemaFolderError(f"{folder} is no folder")
    paths = sorted(path for path in folder.iterdir() if path.suffix.lower() == ".xsd")
    if len(paths) > FILES_MAX:
        raise SchemaFolderError(f"{folder} holds {len(paths)} XSD files; more than {FILES_MAX} are not read")
    taken: dict[str, tuple[OwnSchema, bytes]] = {}
    left_out: list[str] = []
    faults: list[str] = []
    for path in paths:
        try:
            own = _read(path)
        except SchemaFolderError as error:
            faults.append(f"{path.name}: {error}")
            continue
        if own is None:
            left_out.append(path.name)
        elif own[0].message_type in taken:
            faults.append(f"{path.name}: {own[0].message_type} is in {taken[own[0].message_type][0].file_name} too")
        else:
            taken[own[0].message_type] = own
    if faults:
        raise SchemaFolderError("; ".join(faults))
    return SchemaFolderReport(
        taken=tuple(own for own, _ in taken.values()),
        left_out=tuple(left_out),
        schemas=SchemaSet({message_type: content for message_type, (_, content) in taken.items()}),
    )


def _read(path: Path) -> tuple[OwnSchema, bytes] | None:
    """The schema in a file, with its outermost element; None for an envelope's schema."""
    size = path.stat().st_size
    if size > FILE_BYTES_MAX:
        raise SchemaFolderError(f"{size} bytes; a schema has at most {FILE_BYTES_MAX}")
    parser = etree.XMLParser(resolve_entities=False, no_network=True, load_dtd=False)
    try:
        root = etree.fromstring(path.read_bytes(), parser)
    except etree.XMLSyntaxError as error:
        raise SchemaFolderError(f"not well-formed XML ({error.msg})") from error
    if root.tag != f"{{{XS}}}schema":
        raise SchemaFolderError("the root is no xs:schema")
    docinfo: Any = root.getroottree().docinfo  # the stubs do not know it
    if docinfo.doctype:
        raise SchemaFolderError("a schema here has no DOCTYPE")
    namespace = str(root.get("targetNamespace", ""))
    if namespace in _ENVELOPES:
        return None
    message_type = message_type_of(namespace)
    if message_type is None or message_type not in manifest():
        raise SchemaFolderError(f'the targetNamespace "{namespace}" is of no message type of these rails')
    _require_alone(root)
    element = _outermost(root, "AppHdr" if message_type.startswith("head.") else "Document")
    content = etree.tostring(root)
    try:
        compile_schema(content)
    except etree.XMLSchemaParseError as error:
        raise SchemaFolderError(f"no valid XML Schema ({error})") from error
    return OwnSchema(message_type, path.name, element), content


def _require_alone(root: etree._Element) -> None:
    for child in child_elements(root):
        name = local_name(str(child.tag))
        if name in _FOREIGN or (name == "import" and child.get("schemaLocation") is not None):
            raise SchemaFolderError(f"xs:{name} of {child.get('schemaLocation')!r}; a schema here stands alone")


def _outermost(root: etree._Element, expected: str) -> str:
    """The outermost element's name. A file of types alone, as RTP's are, gets the element that its types are for."""
    names = [str(child.get("name")) for child in root.iterchildren(f"{{{XS}}}element")]
    if names:
        if expected not in names:
            raise SchemaFolderError(f"the global elements are {', '.join(names)}; {expected} is needed")
        return expected
    found = [
        (match["rail"] or "", str(child.get("name")))
        for child in root.iterchildren(f"{{{XS}}}complexType")
        if (match := _ROOT_TYPES[expected].fullmatch(str(child.get("name")))) is not None
    ]
    if not found:
        raise SchemaFolderError(f"there is neither an element nor a type for {expected}")
    _, type_name = max(found)
    element = etree.SubElement(root, f"{{{XS}}}element", {"name": expected})
    namespace = root.get("targetNamespace")
    prefix = next((prefix for prefix, uri in root.nsmap.items() if uri == namespace), None)
    element.set("type", f"{prefix}:{type_name}" if prefix else type_name)
    return expected
