"""Make our XSD files: from the message metadata of the pyiso20022 package, and from what is written here by hand.

``python -m iso20022.schemas.generate`` writes ``<schema id>.xsd`` and ``MANIFEST.tsv`` beside this module. The package
(MIT licence) is a development dependency only, and the same version of it always gives the same bytes. A further
message type is a further row of ``SOURCES``, or of :data:`iso20022.schemas.written.WRITTEN` where the package lacks it.
"""

import hashlib
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from types import MappingProxyType
from typing import Final

from iso20022.schemas.model import BuiltIn, ComplexType, Content, ElementUse, Schema, SimpleType
from iso20022.schemas.render import FACETS, render
from iso20022.schemas.source import PACKAGE, Facet, SourceClass, SourceField, package_version, source_classes
from iso20022.schemas.written import ISO, WRITTEN

SOURCES: Final[Mapping[str, str]] = MappingProxyType(
    {"head.001.001.01": "AppHdr", "head.001.001.02": "AppHdr"}
    | dict.fromkeys(
        (
            "pacs.002.001.10", "pacs.004.001.10", "pacs.008.001.08", "pacs.009.001.08", "pacs.028.001.03",
            "pain.013.001.07", "pain.014.001.07",
            "camt.026.001.07", "camt.028.001.09", "camt.029.001.09", "camt.052.001.08", "camt.054.001.08",
            "camt.055.001.09", "camt.056.001.08", "camt.060.001.05",
            "admi.002.001.01", "admi.004.001.02", "admi.006.001.01", "admi.007.001.01", "admi.011.001.01",
            "remt.001.001.04", "remt.001.001.05",
        ),
        "Document",
    )
)  # fmt: skip
"""The message types that the package has, each with its outermost element."""

MANIFEST_HEAD: Final = "message_id\tsha256\tbytes\torigin\n"
"""The manifest's first line."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Correction:
    """What the official schema says of one element where the package says otherwise."""

    type_name: str | None = None
    simple_type: SimpleType | None = None
    min_occurs: int | None = None


_MONTH: Final = Correction(type_name="xs:gYearMonth")  # the package has one type for years and months
_OPTIONAL: Final = Correction(min_occurs=0)

CORRECTIONS: Final[Mapping[tuple[str, str, str], Correction]] = MappingProxyType(
    {
        ("head.001.001.01", name, "CreDt"): Correction(
            type_name="ISONormalisedDateTime", simple_type=SimpleType(base=BuiltIn.DATE_TIME, pattern=".*Z")
        )
        for name in ("BusinessApplicationHeaderV01", "BusinessApplicationHeader1")
    }
    | {
        (message, "PlainCardData1", element): _MONTH
        for message in ("camt.052.001.08", "camt.054.001.08")
        for element in ("FctvDt", "XpryDt")
    }
    | {
        (message, "MandateRelatedData1Choice", element): _OPTIONAL
        for message in ("pacs.004.001.10", "camt.055.001.09")
        for element in ("DrctDbtMndt", "CdtTrfMndt")
    }
    | {("remt.001.001.05", "TaxPeriod3", "Yr"): Correction(type_name="xs:gYear")}
)
"""The known faults of the package, by message, type and element; a test compares with the official schemas."""

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
    "[A-Z]{6,6}[A-Z2-9][A-NP-Z0-9]([A-Z0-9]{3,3}){0,1}": "BICIdentifier",
    "[0-9]": "Exact1NumericText",
    "[0-9]{3}": "Exact3NumericText",
    "[0-9]{1,3}": "Max3NumericText",
    "[0-9]{1,5}": "Max5NumericText",
    "[0-9]{2,3}": "Min2Max3NumericText",
    "[0-9]{3,4}": "Min3Max4NumericText",
    "[0-9]{8,28}": "Min8Max28NumericText",
    r"[\+]{0,1}[0-9]{1,15}": "Max15PlusSignedNumericText",
    "[A-Z]{2,2}[A-Z0-9]{9,9}[0-9]{1,1}": "ISINIdentifier",
    "[a-z]{2,2}": "LanguageCode",
}
_BUILT_INS: Final[dict[str, BuiltIn]] = {
    "str": BuiltIn.STRING,
    "Decimal": BuiltIn.DECIMAL,
    "bool": BuiltIn.BOOLEAN,
    "XmlDate": BuiltIn.DATE,
    "XmlDateTime": BuiltIn.DATE_TIME,
    "XmlTime": BuiltIn.TIME,
    "bytes": BuiltIn.BINARY,
}


def main() -> int:
    """Write all files; the exit code is 0."""
    folder = Path(__file__).parent
    for name, content in generate().items():
        (folder / name).write_bytes(content)
        sys.stdout.write(f"{name}\t{len(content)} bytes\n")
    return 0


def generate() -> dict[str, bytes]:
    """Every file by name: the schemas and the manifest over them."""
    package = f"iso20022.schemas.generate from {PACKAGE} {package_version()}"
    files: dict[str, bytes] = {}
    manifest = MANIFEST_HEAD
    for schema_id, (schema, origin) in _schemas().items():
        content = render(schema).encode()
        files[f"{schema_id}.xsd"] = content
        manifest += f"{schema_id}\t{hashlib.sha256(content).hexdigest()}\t{len(content)}\t{origin or package}\n"
    files["MANIFEST.tsv"] = manifest.encode()
    return files


def _schemas() -> dict[str, tuple[Schema, str]]:
    """Each schema by id, and whence it is: ``""`` for the package."""
    schemas = {message_id: (schema_of(message_id, root), "") for message_id, root in SOURCES.items()}
    for schema_id, written in WRITTEN.items():
        schemas[schema_id] = (written.make(lambda other: schemas[other][0]), written.origin)
    return schemas


def schema_of(message_id: str, root: str) -> Schema:
    """The schema of a message type, made of the package's classes."""
    builder = _Builder(message_id, source_classes(message_id))
    # An outermost element may be a class derived from its type, which then carries the name.
    root_type = builder.classes[root].derived_from or root
    return Schema(
        namespace=f"{ISO}{message_id}",
        root=ElementUse(name=root, type_name=builder.complex_type(builder.classes[root_type])),
        simple_types=dict(sorted(builder.simple_types.items())),
        complex_types=dict(sorted(builder.complex_types.items())),
    )


class _Builder:
    """Collects the types that are reached from the outermost element."""

    def __init__(self, message_id: str, classes: Mapping[str, SourceClass]) -> None:
        self.message_id: Final = message_id
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
            uses = tuple(self._element_use(source.name, field, content) for field in source.fields)
            return ComplexType(content=content, elements=uses)
        if kinds == {"Wildcard"}:
            (field,) = source.fields
            is_checked = field.metadata.get("process_contents") != "skip"
            namespace = str(field.metadata["namespace"])
            return ComplexType(content=Content.ANY, any_namespace=namespace, any_is_checked=is_checked)
        text, *attributes = source.fields
        return ComplexType(
            content=Content.TEXT,
            text_type=self._type_name(text),
            attributes={str(field.metadata["name"]): self._type_name(field) for field in attributes},
        )

    def _element_use(self, owner: str, field: SourceField, content: Content) -> ElementUse:
        name = str(field.metadata["name"])
        correction = CORRECTIONS.get((self.message_id, owner, name), Correction())
        is_mandatory = content is Content.CHOICE or (bool(field.metadata.get("required")) and not field.repeated)
        least = field.metadata.get("min_occurs", int(is_mandatory))
        most = field.metadata.get("max_occurs") if field.repeated else 1
        if correction.type_name is not None and correction.simple_type is not None:
            self._simple(correction.type_name, correction.simple_type)
        return ElementUse(
            name=name,
            type_name=correction.type_name or self._type_name(field),
            min_occurs=int(least) if correction.min_occurs is None else correction.min_occurs,
            max_occurs=None if most is None else int(most),
        )

    def _type_name(self, field: SourceField) -> str:
        source = self.classes.get(field.type_name)
        if source is not None and source.values:
            return self._simple(source.name, SimpleType(base=BuiltIn.STRING, enumeration=source.values))
        if source is not None:
            return self.complex_type(source)
        base = _BUILT_INS[field.type_name]
        facets = {name: field.metadata[name] for name in FACETS if name in field.metadata}
        return self._simple(_simple_name(base, facets), _simple_type(base, facets)) if facets else f"xs:{base}"

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


def _simple_name(base: BuiltIn, facets: Mapping[str, Facet]) -> str:
    if "pattern" in facets:
        return _PATTERN_NAMES[str(facets["pattern"])]
    if set(facets) == {"min_length", "max_length"}:
        low, high = facets["min_length"], facets["max_length"]
        what = "Binary" if base is BuiltIn.BINARY else "Text"
        return f"Exact{high}{what}" if low == high else f"Max{high}{what}" if low == 1 else f"Min{low}Max{high}{what}"
    digits = f"Decimal{facets['total_digits']}Fraction{facets['fraction_digits']}"
    return digits + "".join(f"{name.title().replace('_', '')}{facets[name]}" for name in FACETS[3:5] if name in facets)


if __name__ == "__main__":
    sys.exit(main())
