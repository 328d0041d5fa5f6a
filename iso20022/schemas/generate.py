"""Make our XSD files from the message metadata of the pyiso20022 package (MIT licence; a development dependency).

``python -m iso20022.schemas.generate`` writes ``<message id>.xsd`` and ``MANIFEST.tsv`` beside this module. The same
package version always gives the same bytes. A further message type is a further row of ``SOURCES``.
"""

import hashlib
import sys
from collections.abc import Iterator, Mapping
from decimal import Decimal
from pathlib import Path
from typing import Final, assert_never
from xml.sax.saxutils import quoteattr  # for writing only

from iso20022.schemas.model import XS, BuiltIn, ComplexType, Content, ElementUse, Schema, SimpleType
from iso20022.schemas.source import PACKAGE, Facet, SourceClass, SourceField, package_version, source_classes

SOURCES: Final[dict[str, str]] = {
    "head.001.001.02": "AppHdr",
    "pacs.008.001.08": "Document",
    "pacs.002.001.10": "Document",
    "pacs.028.001.03": "Document",
    "admi.002.001.01": "Document",
}
"""The message types, each with its outermost element."""

MANIFEST_HEAD: Final = "message_id\tsha256\tbytes\torigin\n"
"""The manifest's first line."""

# What each pattern is called; the package keeps patterns but not the names of their types.
_PATTERN_NAMES: Final = {
    "[A-Z]{3,3}": "CurrencyCode",
    "[A-Z]{2,2}": "CountryCode",
    "[A-Z0-9]{4,4}[A-Z]{2,2}[A-Z0-9]{2,2}([A-Z0-9]{3,3}){0,1}": "BICIdentifier",
    "[A-Z0-9]{18,18}[0-9]{2,2}": "LEIIdentifier",
    "[A-Z]{2,2}[0-9]{2,2}[a-zA-Z0-9]{1,30}": "IBANIdentifier",
    "[a-f0-9]{8}-[a-f0-9]{4}-4[a-f0-9]{3}-[89ab][a-f0-9]{3}-[a-f0-9]{12}": "UUIDv4Identifier",
    "[a-zA-Z0-9]{4}": "Exact4AlphaNumericText",
    "[a-zA-Z0-9]{1,4}": "Max4AlphaNumericText",
    "[0-9]{1,15}": "Max15NumericText",
    "[0-9]{2}": "Exact2NumericText",
    r"\+[0-9]{1,3}-[0-9()+\-]{1,30}": "PhoneNumber",
}
_BUILT_INS: Final[dict[str, BuiltIn]] = {
    "str": BuiltIn.STRING,
    "Decimal": BuiltIn.DECIMAL,
    "bool": BuiltIn.BOOLEAN,
    "XmlDate": BuiltIn.DATE,
    "XmlDateTime": BuiltIn.DATE_TIME,
    "XmlTime": BuiltIn.TIME,
}
_FACETS: Final = (
    "pattern",
    "min_length",
    "max_length",
    "min_inclusive",
    "max_inclusive",
    "total_digits",
    "fraction_digits",
)


def main() -> int:
    """Write all files; the exit code is 0."""
    folder = Path(__file__).parent
    for name, content in generate().items():
        (folder / name).write_bytes(content)
        sys.stdout.write(f"{name}\t{len(content)} bytes\n")
    return 0


def generate() -> dict[str, bytes]:
    """Every file by name: the schemas and the manifest over them."""
    origin = f"iso20022.schemas.generate from {PACKAGE} {package_version()}"
    files: dict[str, bytes] = {}
    manifest = MANIFEST_HEAD
    for message_id, root in SOURCES.items():
        content = render(schema_of(message_id, root)).encode()
        files[f"{message_id}.xsd"] = content
        manifest += f"{message_id}\t{hashlib.sha256(content).hexdigest()}\t{len(content)}\t{origin}\n"
    files["MANIFEST.tsv"] = manifest.encode()
    return files


def schema_of(message_id: str, root: str) -> Schema:
    """The schema of a message type, made of the package's classes."""
    builder = _Builder(source_classes(message_id))
    # An outermost element may be a class derived from its type, which then carries the name.
    root_type = builder.classes[root].derived_from or root
    return Schema(
        namespace=f"urn:iso:std:iso:20022:tech:xsd:{message_id}",
        root=ElementUse(name=root, type_name=builder.complex_type(builder.classes[root_type])),
        simple_types=dict(sorted(builder.simple_types.items())),
        complex_types=dict(sorted(builder.complex_types.items())),
    )


class _Builder:
    """Collects the types that are reached from the outermost element."""

    def __init__(self, classes: Mapping[str, SourceClass]) -> None:
        self.classes: Final = classes
        self.simple_types: Final[dict[str, SimpleType]] = {}
        self.complex_types: Final[dict[str, ComplexType]] = {}

    def complex_type(self, source: SourceClass) -> str:
        if source.name not in self.complex_types:
            self.complex_types[source.name] = ComplexType(content=Content.SEQUENCE)  # a type may hold itself
            self.complex_types[source.name] = self._content(source)
        return source.name

    def _content(self, source: SourceClass) -> ComplexType:
        kinds = {field.metadata.get("type", "Text") for field in source.fields}
        if kinds == {"Element"}:
            # The package does not say what is a choice; ISO 20022 names every choice so.
            content = Content.CHOICE if source.name.endswith("Choice") else Content.SEQUENCE
            return ComplexType(
                content=content, elements=tuple(self._element_use(field, content) for field in source.fields)
            )
        if kinds == {"Wildcard"}:
            (field,) = source.fields
            return ComplexType(content=Content.ANY, any_namespace=str(field.metadata["namespace"]))
        text, *attributes = source.fields
        return ComplexType(
            content=Content.TEXT,
            text_type=self._type_name(text),
            attributes={str(field.metadata["name"]): self._type_name(field) for field in attributes},
        )

    def _element_use(self, field: SourceField, content: Content) -> ElementUse:
        mandatory = content is Content.CHOICE or field.metadata.get("required", False)
        least = field.metadata.get("min_occurs", int(mandatory and not field.repeated))
        most = field.metadata.get("max_occurs") if field.repeated else 1
        return ElementUse(
            name=str(field.metadata["name"]),
            type_name=self._type_name(field),
            min_occurs=int(least),
            max_occurs=None if most is None else int(most),
        )

    def _type_name(self, field: SourceField) -> str:
        source = self.classes.get(field.type_name)
        if source is not None and source.values:
            return self._simple(source.name, SimpleType(base=BuiltIn.STRING, enumeration=source.values))
        if source is not None:
            return self.complex_type(source)
        base = _BUILT_INS[field.type_name]
        facets = {name: field.metadata[name] for name in _FACETS if name in field.metadata}
        return self._simple(_simple_name(facets), _simple_type(base, facets)) if facets else f"xs:{base}"

    def _simple(self, name: str, simple_type: SimpleType) -> str:
        known = self.simple_types.setdefault(name, simple_type)
        if known != simple_type:
            raise ValueError(f"two types are called {name}: {known} and {simple_type}")
        return name


def _simple_type(base: BuiltIn, facets: Mapping[str, Facet]) -> SimpleType:
    def whole(name: str) -> int | None:
        return int(facets[name]) if name in facets else None

    def exact(name: str) -> Decimal | None:
        return Decimal(facets[name]) if name in facets else None

    return SimpleType(
        base=base,
        pattern=str(facets["pattern"]) if "pattern" in facets else None,
        min_length=whole("min_length"),
        max_length=whole("max_length"),
        min_inclusive=exact("min_inclusive"),
        max_inclusive=exact("max_inclusive"),
        total_digits=whole("total_digits"),
        fraction_digits=whole("fraction_digits"),
    )


def _simple_name(facets: Mapping[str, Facet]) -> str:
    if set(facets) == {"pattern"}:
        return _PATTERN_NAMES[str(facets["pattern"])]
    if set(facets) == {"min_length", "max_length"}:
        low, high = facets["min_length"], facets["max_length"]
        return f"Exact{high}Text" if low == high else f"Max{high}Text" if low == 1 else f"Min{low}Max{high}Text"
    digits = f"Decimal{facets['total_digits']}Fraction{facets['fraction_digits']}"
    return digits + "".join(f"{name.title().replace('_', '')}{facets[name]}" for name in _FACETS[3:5] if name in facets)


def render(schema: Schema) -> str:
    """The schema as an XSD file: types by name, one line per element, two spaces of indentation."""
    return "\n".join(
        [
            '<?xml version="1.0" encoding="UTF-8"?>',
            f"<!-- Generated by iso20022.schemas.generate from the metadata of {PACKAGE}; do not edit. -->",
            f'<xs:schema xmlns="{schema.namespace}" xmlns:xs="{XS}"',
            f'    elementFormDefault="qualified" targetNamespace="{schema.namespace}">',
            f"  {_element(schema.root)}",
            *(line for name, simple in schema.simple_types.items() for line in _simple_lines(name, simple)),
            *(line for name, kind in schema.complex_types.items() for line in _complex_lines(name, kind)),
            "</xs:schema>",
            "",
        ]
    )


def _element(use: ElementUse) -> str:
    occurs = "" if use.min_occurs == 1 else f' minOccurs="{use.min_occurs}"'
    if use.max_occurs != 1:
        occurs += f' maxOccurs="{"unbounded" if use.max_occurs is None else use.max_occurs}"'
    return f"<xs:element name={quoteattr(use.name)} type={quoteattr(use.type_name)}{occurs}/>"


def _simple_lines(name: str, simple: SimpleType) -> Iterator[str]:
    facets = [("enumeration", value) for value in simple.enumeration]
    for facet in _FACETS:
        value: str | int | Decimal | None = getattr(simple, facet)
        if value is not None:
            head, *rest = facet.split("_")
            facets.append((head + "".join(part.title() for part in rest), str(value)))
    yield f"  <xs:simpleType name={quoteattr(name)}>"
    yield f'    <xs:restriction base="xs:{simple.base}">'
    yield from (f"      <xs:{facet} value={quoteattr(value)}/>" for facet, value in facets)
    yield "    </xs:restriction>"
    yield "  </xs:simpleType>"


def _complex_lines(name: str, kind: ComplexType) -> Iterator[str]:
    yield f"  <xs:complexType name={quoteattr(name)}>"
    match kind.content:
        case Content.TEXT:
            yield "    <xs:simpleContent>"
            yield f'      <xs:extension base="{kind.text_type}">'
            for attribute, type_name in kind.attributes.items():
                yield f'        <xs:attribute name="{attribute}" type="{type_name}" use="required"/>'
            yield "      </xs:extension>"
            yield "    </xs:simpleContent>"
        case Content.ANY:
            yield "    <xs:sequence>"
            yield f'      <xs:any namespace="{kind.any_namespace}" processContents="lax"/>'
            yield "    </xs:sequence>"
        case Content.SEQUENCE | Content.CHOICE:
            yield f"    <xs:{kind.content}>"
            yield from (f"      {_element(use)}" for use in kind.elements)
            yield f"    </xs:{kind.content}>"
        case _:
            assert_never(kind.content)
    yield "  </xs:complexType>"


if __name__ == "__main__":
    sys.exit(main())
