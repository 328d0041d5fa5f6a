"""A schema as values: the part of XML Schema that ISO 20022 uses, and nothing else.

Used to explain what a message breaks, to generate our schema files, and to compare them with the official ones. A
construct that is not modelled here is refused, never ignored.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from enum import StrEnum
from types import MappingProxyType
from typing import Final

from lxml import etree

from iso20022.paths import child_elements, local_name

XS: Final = "http://www.w3.org/2001/XMLSchema"
"""The namespace of XML Schema."""


class BuiltIn(StrEnum):
    """The built-in types that ISO 20022 builds on."""

    STRING = "string"
    DECIMAL = "decimal"
    BOOLEAN = "boolean"
    DATE = "date"
    DATE_TIME = "dateTime"
    TIME = "time"
    YEAR = "gYear"
    YEAR_MONTH = "gYearMonth"
    BINARY = "base64Binary"


@dataclass(frozen=True, slots=True, kw_only=True)
class SimpleType:
    """The values of an element without children, or of an attribute: a built-in type and its facets."""

    base: BuiltIn
    enumeration: tuple[str, ...] = ()
    pattern: str | None = None
    min_length: int | None = None
    max_length: int | None = None
    min_inclusive: Decimal | None = None
    max_inclusive: Decimal | None = None
    total_digits: int | None = None
    fraction_digits: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ElementUse:
    """A child element: its name, the name of its type, and how often it may stand there (None: without limit)."""

    name: str
    type_name: str
    min_occurs: int = 1
    max_occurs: int | None = 1


class Content(StrEnum):
    """How the children of an element are arranged."""

    SEQUENCE = "sequence"
    CHOICE = "choice"
    TEXT = "text"
    ANY = "any"


@dataclass(frozen=True, slots=True, kw_only=True)
class ComplexType:
    """An element with children, or with text and attributes (``TEXT``), or with one foreign element (``ANY``).

    ``attributes`` maps each name to its type's name; all of them are mandatory, as they are throughout ISO 20022.
    A foreign element is checked where its schema is known (``any_is_checked``; XML Schema's "lax"), or never ("skip").
    """

    content: Content
    elements: tuple[ElementUse, ...] = ()
    text_type: str | None = None
    attributes: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    any_namespace: str | None = None
    any_is_checked: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Schema:
    """One schema: its target namespace, its one global element, and its types by name.

    ``imports`` names the schemas of foreign elements that it may hold and that are checked too: ids by namespace.
    """

    namespace: str
    root: ElementUse
    simple_types: Mapping[str, SimpleType]
    complex_types: Mapping[str, ComplexType]
    imports: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))

    def simple(self, type_name: str) -> SimpleType:
        """The simple type of this name; a built-in one is named with its prefix, ``xs:date``."""
        if type_name.startswith("xs:"):
            return SimpleType(base=BuiltIn(type_name[3:]))
        return self.simple_types[type_name]


class UnknownConstructError(ValueError):
    """A schema uses something that this model does not have."""


def read_schema(text: bytes) -> Schema:
    """The schema in an XSD file. Raises UnknownConstructError for what the model does not have.

    For schemas of our own or an institution's, not for what strangers send.
    """
    root = etree.fromstring(text, etree.XMLParser(resolve_entities=False, no_network=True, remove_comments=True))
    etree.strip_elements(root, f"{{{XS}}}annotation", with_tail=False)
    simple_types: dict[str, SimpleType] = {}
    complex_types: dict[str, ComplexType] = {}
    elements: list[ElementUse] = []
    imports: dict[str, str] = {}
    for child in child_elements(root):
        match local_name(str(child.tag)):
            case "simpleType":
                simple_types[_attribute(child, "name")] = _simple_type(child)
            case "complexType":
                complex_types[_attribute(child, "name")] = _complex_type(child)
            case "element":
                elements.append(_element_use(child))
            case "import":
                imports[_attribute(child, "namespace")] = _attribute(child, "schemaLocation").removesuffix(".xsd")
            case other:
                raise UnknownConstructError(f"xs:{other} at the top")
    if len(elements) != 1:
        raise UnknownConstructError(f"{len(elements)} global elements instead of one")
    return Schema(
        namespace=_attribute(root, "targetNamespace"),
        root=elements[0],
        simple_types=simple_types,
        complex_types=complex_types,
        imports=imports,
    )


def _simple_type(element: etree._Element) -> SimpleType:
    restriction = _only(element, "restriction")
    facets: dict[str, list[str]] = {}
    for facet in child_elements(restriction):
        facets.setdefault(local_name(str(facet.tag)), []).append(_attribute(facet, "value"))
    enumeration = tuple(facets.pop("enumeration", ()))
    repeated = [name for name, values in facets.items() if len(values) > 1]
    unknown = facets.keys() - _FACETS
    if repeated or unknown:
        raise UnknownConstructError(f"facets {sorted(repeated)} {sorted(unknown)} of {element.get('name')}")
    single = {name: values[0] for name, values in facets.items()}
    return SimpleType(
        base=BuiltIn(_type_name(restriction, "base").removeprefix("xs:")),
        enumeration=enumeration,
        pattern=single.get("pattern"),
        min_length=_int(single.get("minLength")),
        max_length=_int(single.get("maxLength")),
        min_inclusive=_decimal(single.get("minInclusive")),
        max_inclusive=_decimal(single.get("maxInclusive")),
        total_digits=_int(single.get("totalDigits")),
        fraction_digits=_int(single.get("fractionDigits")),
    )


def _complex_type(element: etree._Element) -> ComplexType:
    contents = list(child_elements(element))
    if len(contents) != 1:
        raise UnknownConstructError(f"{element.get('name')} with {len(contents)} contents")
    content = contents[0]
    match local_name(str(content.tag)):
        case "simpleContent":
            extension = _only(content, "extension")
            attributes: dict[str, str] = {}
            for attribute in child_elements(extension):
                if local_name(str(attribute.tag)) != "attribute" or attribute.get("use") != "required":
                    raise UnknownConstructError(f"an attribute of {element.get('name')} that is not required")
                attributes[_attribute(attribute, "name")] = _type_name(attribute, "type")
            return ComplexType(content=Content.TEXT, text_type=_type_name(extension, "base"), attributes=attributes)
        case "sequence" | "choice" as name:
            if content.attrib:
                raise UnknownConstructError(f"a repeated {name} in {element.get('name')}")
            children = list(child_elements(content))
            if [local_name(str(child.tag)) for child in children] == ["any"] and name == "sequence":
                return _any(children[0])
            return ComplexType(content=Content(name), elements=tuple(_element_use(child) for child in children))
        case other:
            raise UnknownConstructError(f"xs:{other} in {element.get('name')}")


def _any(element: etree._Element) -> ComplexType:
    process = element.get("processContents")
    if set(element.attrib) - {"namespace", "processContents"} or process not in {"lax", "skip"}:
        raise UnknownConstructError(f"xs:any with {sorted(map(str, element.attrib))}")
    namespace = str(element.get("namespace", "##any"))
    return ComplexType(content=Content.ANY, any_namespace=namespace, any_is_checked=process == "lax")


def _element_use(element: etree._Element) -> ElementUse:
    if local_name(str(element.tag)) != "element" or set(element.attrib) - _ELEMENT_ATTRIBUTES:
        raise UnknownConstructError(f"xs:{local_name(str(element.tag))} with {sorted(map(str, element.attrib))}")
    max_occurs = element.get("maxOccurs", "1")
    return ElementUse(
        name=_attribute(element, "name"),
        type_name=_type_name(element, "type"),
        min_occurs=int(element.get("minOccurs", "1")),
        max_occurs=None if max_occurs == "unbounded" else int(max_occurs),
    )


def _only(element: etree._Element, name: str) -> etree._Element:
    children = list(child_elements(element))
    if [local_name(str(child.tag)) for child in children] != [name]:
        raise UnknownConstructError(f"{element.get('name')} has other content than one {name}")
    return children[0]


def _type_name(element: etree._Element, attribute: str) -> str:
    """The name of a type: of the schema itself without a prefix, a built-in one always with ``xs:``."""
    prefix, _, name = _attribute(element, attribute).rpartition(":")
    if element.nsmap.get(prefix or None) == XS:
        return f"xs:{name}"
    return name


def _attribute(element: etree._Element, name: str) -> str:
    value = element.get(name)
    if value is None:
        raise UnknownConstructError(f"xs:{local_name(str(element.tag))} without {name}")
    return str(value)


def _int(text: str | None) -> int | None:
    return None if text is None else int(text)


def _decimal(text: str | None) -> Decimal | None:
    return None if text is None else Decimal(text)


_ELEMENT_ATTRIBUTES: Final = frozenset({"name", "type", "minOccurs", "maxOccurs"})
_FACETS: Final = frozenset(
    {"pattern", "minLength", "maxLength", "minInclusive", "maxInclusive", "totalDigits", "fractionDigits"}
)
