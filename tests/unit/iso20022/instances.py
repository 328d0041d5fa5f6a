"""Messages made from a schema: valid ones, and ones with planted faults."""

import random
from collections.abc import Callable
from copy import deepcopy
from dataclasses import dataclass
from typing import Any, Final

from lxml import etree

from iso20022.schemas import model
from iso20022.schemas.model import BuiltIn, ComplexType, Content, ElementUse, Schema, SimpleType

_LETTERS: Final = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
_DIGITS: Final = "0123456789"
_DEPTH_MAX: Final = 14


def _some(rng: random.Random, alphabet: str, low: int, high: int | None = None) -> str:
    return "".join(rng.choices(alphabet, k=rng.randint(low, low if high is None else high)))


# One maker for each pattern that occurs.
_PATTERNED: Final[dict[str, Callable[[random.Random], str]]] = {
    "[A-Z]{3,3}": lambda rng: _some(rng, _LETTERS, 3),
    "[A-Z]{2,2}": lambda rng: _some(rng, _LETTERS, 2),
    "[A-Z0-9]{4,4}[A-Z]{2,2}[A-Z0-9]{2,2}([A-Z0-9]{3,3}){0,1}": lambda rng: (
        _some(rng, _LETTERS, 8) + rng.choice(["", _some(rng, _DIGITS, 3)])
    ),
    "[A-Z0-9]{18,18}[0-9]{2,2}": lambda rng: _some(rng, _LETTERS, 18) + _some(rng, _DIGITS, 2),
    "[A-Z]{2,2}[0-9]{2,2}[a-zA-Z0-9]{1,30}": lambda rng: "GB" + _some(rng, _DIGITS, 3, 32),
    "[a-f0-9]{8}-[a-f0-9]{4}-4[a-f0-9]{3}-[89ab][a-f0-9]{3}-[a-f0-9]{12}": lambda rng: (
        f"{_some(rng, 'abcdef09', 8)}-{_some(rng, 'abc123', 4)}-4abc-8{_some(rng, 'def0', 3)}-{_some(rng, _DIGITS, 12)}"
    ),
    "[a-zA-Z0-9]{4}": lambda rng: _some(rng, _LETTERS + _DIGITS, 4),
    "[a-zA-Z0-9]{1,4}": lambda rng: _some(rng, _LETTERS, 1, 4),
    "[0-9]{1,15}": lambda rng: _some(rng, _DIGITS, 1, 15),
    "[0-9]{2}": lambda rng: _some(rng, _DIGITS, 2),
    r"\+[0-9]{1,3}-[0-9()+\-]{1,30}": lambda rng: "+1-" + _some(rng, "0123456789()+-", 1, 30),
    "[A-Z]{6,6}[A-Z2-9][A-NP-Z0-9]([A-Z0-9]{3,3}){0,1}": lambda rng: (
        _some(rng, _LETTERS, 6) + "2A" + rng.choice(["", _some(rng, _DIGITS, 3)])
    ),
    "[0-9]": lambda rng: _some(rng, _DIGITS, 1),
    "[0-9]{3}": lambda rng: _some(rng, _DIGITS, 3),
    "[0-9]{9}": lambda rng: _some(rng, _DIGITS, 9),
    "[0-9]{1,3}": lambda rng: _some(rng, _DIGITS, 1, 3),
    "[0-9]{1,5}": lambda rng: _some(rng, _DIGITS, 1, 5),
    "[0-9]{2,3}": lambda rng: _some(rng, _DIGITS, 2, 3),
    "[0-9]{3,4}": lambda rng: _some(rng, _DIGITS, 3, 4),
    "[0-9]{8,28}": lambda rng: _some(rng, _DIGITS, 8, 28),
    r"[\+]{0,1}[0-9]{1,15}": lambda rng: rng.choice(["", "+"]) + _some(rng, _DIGITS, 1, 15),
    "[A-Z]{2,2}[A-Z0-9]{9,9}[0-9]{1,1}": lambda rng: _some(rng, _LETTERS, 11) + _some(rng, _DIGITS, 1),
    "[a-z]{2,2}": lambda rng: _some(rng, _LETTERS.lower(), 2),
    "[a-zA-Z0-9]{1,20}": lambda rng: _some(rng, _LETTERS + _DIGITS, 1, 20),
    ".*Z": lambda rng: rng.choice(["2026-01-31T09:30:00Z", "2024-02-29T23:59:59.123Z"]),
}
_BUILT_IN: Final[dict[BuiltIn, tuple[str, ...]]] = {
    BuiltIn.BOOLEAN: ("true", "false", "1", "0", " true\n"),
    BuiltIn.DATE: ("2026-01-31", "2024-02-29", "2026-01-31Z", "2026-01-31-05:00"),
    BuiltIn.DATE_TIME: ("2026-01-31T09:30:00Z", "2026-01-31T09:30:00.123456789-05:00", "2026-01-31T24:00:00"),
    BuiltIn.TIME: ("09:30:00", "23:59:59.9Z", "24:00:00+14:00"),
    BuiltIn.YEAR: ("2026", "2026Z", "12026", "-0001"),
    BuiltIn.YEAR_MONTH: ("2026-01", "2026-12-05:00"),
    BuiltIn.BINARY: ("QQ==", "QUI=", "QUJDRA==", "Q U J D"),
}
_DECIMALS: Final = ("0", "1", "1.5", "+1.0", "1.", ".5", "007", " 12.50\n", "0.00100", "99999999.99")

STRANGE_TEXTS: Final = (
    "", " ", "x", "é" * 40, "A" * 3000, "+1.0", "1.", ".", "-", "-1", "1e5", "1,0", "0x1", "NaN", "INF", "1.123456",
    "123456789012345678.5", "1234567890123456789", "0.0", "-0", "00000000000000000000001", "true", "TRUE", "yes",
    "2026-02-30", "2023-02-29", "2000-02-29", "1900-02-29", "0000-01-01", "-0001-01-01", "12026-01-01", "02026-01-01",
    "2026-1-1", "2026-01-01T", "2026-01-01T24:00:00", "2026-01-01T24:00:01", "2026-01-01T23:59:60", "2026-13-01",
    "2026-01-01T09:30:00+14:00", "2026-01-01T09:30:00+14:01", "2026-01-01T09:30:00-15:00", "2026-01-01T09:30:00.",
    "2026-01-01Z", "2026-01-01+05", "2026-01-01T09:30", "25:00:00", "24:00:00", "24:00:00.0", "09:30:00.1Z", "USD",
    "usd", "US", "\u00a0US", "U S", "8a562c67-ca16-48ba-b074-65581be6f011", "8A562C67-CA16-48BA-B074-65581BE6F011",
    "8a562c67-ca16-18ba-b074-65581be6f011", "\t2026-01-31\n", "\u2028", "CLRG", "SLEV", "+1-555", "+1 555",
    "\u0661\u0662", "12", "2026", "02026", "2026-00", "2026-13", "QUJD", "QR==", "QUI", "=",
    "GB33BUKB20201555555555", "AAAABBCC123", "AAAABBCC12",
)  # fmt: skip
"""Texts that are a value of some type and not of others, with the corners of each lexical form."""


def instance(schema: Schema, rng: random.Random) -> etree._Element:
    """A valid message: every mandatory element, some of the optional ones."""
    nsmap: Any = {None: schema.namespace}
    root = etree.Element(f"{{{schema.namespace}}}{schema.root.name}", nsmap=nsmap)
    _fill(root, schema.root.type_name, schema, rng, depth=0)
    return root


def _fill(element: etree._Element, type_name: str, schema: Schema, rng: random.Random, *, depth: int) -> None:
    kind = schema.complex_types.get(type_name)
    if kind is None:
        element.text = value(schema.simple(type_name), rng)
        return
    for name, attribute_type in kind.attributes.items():
        element.set(name, value(schema.simple(attribute_type), rng))
    match kind.content:
        case Content.TEXT:
            assert kind.text_type is not None
            element.text = value(schema.simple(kind.text_type), rng)
        case Content.ANY:
            namespace = "urn:example" if kind.any_namespace in {None, "##any"} else str(kind.any_namespace)
            if namespace in schema.imports:
                element.append(instance(model(schema.imports[namespace]), rng))
            else:
                etree.SubElement(element, f"{{{namespace}}}Anything").text = "at all"
        case Content.SEQUENCE | Content.CHOICE:
            for use in _chosen(kind, rng, depth):
                child = etree.SubElement(element, f"{{{schema.namespace}}}{use.name}")
                _fill(child, use.type_name, schema, rng, depth=depth + 1)


def _chosen(kind: ComplexType, rng: random.Random, depth: int) -> list[ElementUse]:
    if kind.content is Content.CHOICE:
        return [rng.choice(kind.elements)]
    uses = []
    for use in kind.elements:
        count = use.min_occurs
        if depth < _DEPTH_MAX and rng.random() < 0.35:
            count = rng.randint(max(1, use.min_occurs), min(use.max_occurs or 3, use.min_occurs + 3))
        uses += [use] * count
    return uses


def value(simple_type: SimpleType, rng: random.Random) -> str:
    """A value of the type."""
    if simple_type.enumeration:
        return rng.choice(simple_type.enumeration)
    if simple_type.pattern is not None:
        return _PATTERNED[simple_type.pattern](rng)
    if simple_type.base is BuiltIn.DECIMAL:
        decimals = 18 if simple_type.fraction_digits is None else simple_type.fraction_digits
        return rng.choice([text for text in _DECIMALS if len(text.partition(".")[2].strip(" \n0")) <= decimals])
    if simple_type.base is BuiltIn.STRING:
        low, high = simple_type.min_length or 0, min(simple_type.max_length or 40, 60)
        return _some(rng, _LETTERS + _DIGITS + " é&<", max(low, 1), max(high, low, 1))
    return rng.choice(_BUILT_IN[simple_type.base])


@dataclass(frozen=True, slots=True)
class Mutant:
    """A message with one thing changed, and in words what; it may still be valid."""

    root: etree._Element
    what: str


def mutant(original: etree._Element, rng: random.Random) -> Mutant:
    """A copy of the message with one random change."""
    root = deepcopy(original)
    elements = list(root.iter())
    target = rng.choice(elements[1:])
    return Mutant(root, rng.choice(_MUTATIONS)(target, rng))


def _retext(target: etree._Element, rng: random.Random) -> str:
    leaves = [leaf for leaf in target.getroottree().getroot().iter() if len(leaf) == 0]
    leaf = rng.choice(leaves)
    leaf.text = rng.choice(STRANGE_TEXTS)
    return f"text {leaf.text[:40]!r} at {leaf.tag}"


def _remove(target: etree._Element, _rng: random.Random) -> str:
    parent = target.getparent()
    assert parent is not None
    parent.remove(target)
    return f"removed {target.tag}"


def _repeat(target: etree._Element, _rng: random.Random) -> str:
    target.addnext(deepcopy(target))
    return f"repeated {target.tag}"


def _swap(target: etree._Element, _rng: random.Random) -> str:
    sibling = target.getnext()
    if sibling is not None:
        sibling.addnext(target)
    return f"swapped {target.tag}"


def _rename(target: etree._Element, rng: random.Random) -> str:
    was = str(target.tag)
    others = [str(other.tag) for other in target.getroottree().getroot().iter()]
    target.tag = rng.choice([was + "X", "{urn:other}" + was.rpartition("}")[2], rng.choice(others)])
    return f"renamed {was} to {target.tag}"


def _move(target: etree._Element, rng: random.Random) -> str:
    inside = set(target.iter())
    places = [place for place in target.getroottree().getroot().iter() if place not in inside]
    rng.choice(places).append(target)
    return f"moved {target.tag}"


def _attribute(target: etree._Element, rng: random.Random) -> str:
    name = rng.choice(["Ccy", "id", "{urn:other}a"])
    if name in target.attrib and rng.random() < 0.7:
        del target.attrib[name]
        return f"without {name} at {target.tag}"
    target.set(name, rng.choice(["USD", "usd", "", "US$", " USD"]))
    return f"with {name} at {target.tag}"


def _mix(target: etree._Element, _rng: random.Random) -> str:
    target.tail = "stray"
    return f"text after {target.tag}"


def _child(target: etree._Element, _rng: random.Random) -> str:
    etree.SubElement(target, "{urn:other}Child")
    return f"child in {target.tag}"


_MUTATIONS: Final = (_retext, _retext, _retext, _remove, _repeat, _swap, _rename, _move, _attribute, _mix, _child)
