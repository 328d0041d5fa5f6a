"""One fault at a time, planted into a valid message, with the place where a finding must name it."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from copy import deepcopy
from dataclasses import dataclass
from typing import Final

from lxml import etree

from iso20022.findings import Finding
from iso20022.schemas.facets import fault_of
from iso20022.schemas.model import BuiltIn, ComplexType, Content, ElementUse, Schema, SimpleType


@dataclass(frozen=True, slots=True)
class Fault:
    """A message with one fault: its bytes, which kind, and the named XPaths and lines that are right answers.

    Of two siblings that changed places either may be called misplaced; and a path may begin anywhere in the envelope.
    """

    body: bytes
    kind: str
    places: frozenset[tuple[str, int]]

    def is_named_by(self, finding: Finding) -> bool:
        """Whether a finding names the place of the fault; what is below a missing element is missing with it."""
        return any(
            finding.line == line and (finding.xpath == path or finding.xpath.startswith(f"{path}/"))
            for path, line in self.places
        )


@dataclass(frozen=True, slots=True)
class Site:
    """An element of a message and what the schema says of it and of the element around it."""

    element: etree._Element
    type_name: str
    use: ElementUse
    around: ComplexType | None


@dataclass(frozen=True, slots=True)
class _Planted:
    """What was changed in the tree: the elements where it can be seen, and what their paths end with (``/@Ccy``)."""

    elements: tuple[etree._Element, ...]
    suffix: str = ""


Planter = Callable[[Site, Schema, random.Random], _Planted | None]


def sites(root: etree._Element, schema: Schema) -> list[Site]:
    """Every element that the schema knows, with its type."""

    def below(site: Site) -> Iterator[Site]:
        yield site
        kind = schema.complex_types.get(site.type_name)
        if kind is None or kind.content not in {Content.SEQUENCE, Content.CHOICE}:
            return
        uses = {f"{{{schema.namespace}}}{use.name}": use for use in kind.elements}
        for child in site.element:
            use = uses[str(child.tag)]
            yield from below(Site(child, use.type_name, use, kind))

    return list(below(Site(root, schema.root.type_name, schema.root, None)))


def planted(root: etree._Element, part: str, schema: Schema, kind: str, rng: random.Random) -> Fault | None:
    """The message with a fault of this kind in one part (``AppHdr``, ``Document``); None where there is no place."""
    changed = deepcopy(root)
    known = sites(part_of(changed, part), schema)
    for site in rng.sample(known, len(known)):
        done = PLANTERS[kind](site, schema, rng)
        if done is not None:
            return fault(changed, kind, [(element, done.suffix) for element in done.elements])
    return None


def part_of(root: etree._Element, part: str) -> etree._Element:
    """The header or message element, anywhere in the envelope."""
    return next(each for each in root.iter("*") if _local(each) == part)


def fault(root: etree._Element, kind: str, places: list[tuple[etree._Element, str]]) -> Fault:
    """The changed message as text, and the named places in it; a finding may name an envelope's part from the root."""
    body = etree.tostring(root, encoding="UTF-8", xml_declaration=True, pretty_print=True)
    numbers = {element: number for number, element in enumerate(root.iter("*"))}
    again = list(etree.fromstring(body).iter("*"))
    found: set[tuple[str, int]] = set()
    for element, suffix in places:
        place = again[numbers[element]]
        line = place.sourceline
        assert isinstance(line, int)
        whole = path_of(place) + suffix
        found |= {(whole[at:], line) for at, character in enumerate(whole) if character == "/" and whole[at:] != suffix}
    return Fault(body, kind, frozenset(found))


def path_of(element: etree._Element) -> str:
    """The named XPath, as findings write it: by local names, with an index where a name is repeated."""
    steps = []
    current: etree._Element | None = element
    while current is not None:
        name = etree.QName(current).localname
        parent = current.getparent()
        same = [] if parent is None else [each for each in parent.iterchildren("*") if _local(each) == name]
        steps.append(name + (f"[{same.index(current) + 1}]" if len(same) > 1 else ""))
        current = parent
    return "/" + "/".join(reversed(steps))


def _local(element: etree._Element) -> str:
    return etree.QName(element).localname


def _same(site: Site) -> list[etree._Element]:
    parent = site.element.getparent()
    return [] if parent is None else [each for each in parent if each.tag == site.element.tag]


def _missing(site: Site, _schema: Schema, _rng: random.Random) -> _Planted | None:
    parent = site.element.getparent()
    if parent is None or site.around is None or site.around.content is not Content.SEQUENCE:
        return None
    if site.use.min_occurs == 0 or len(_same(site)) > site.use.min_occurs:
        return None
    name = _local(site.element)
    parent.remove(site.element)
    return _Planted((parent,), f"/{name}")


def _none_of_a_choice(site: Site, _schema: Schema, _rng: random.Random) -> _Planted | None:
    parent = site.element.getparent()
    if parent is None or site.around is None or site.around.content is not Content.CHOICE:
        return None
    if len(_same(site)) > 1 or not all(use.min_occurs for use in site.around.elements):
        return None
    parent.remove(site.element)
    return _Planted((parent,))


def _two_of_a_choice(site: Site, schema: Schema, rng: random.Random) -> _Planted | None:
    if site.around is None or site.around.content is not Content.CHOICE or len(site.around.elements) < 2:
        return None
    other = rng.choice([use for use in site.around.elements if use.name != site.use.name])
    added = etree.Element(f"{{{schema.namespace}}}{other.name}")
    site.element.addnext(added)
    return _Planted((added,))


def _surplus(site: Site, _schema: Schema, _rng: random.Random) -> _Planted | None:
    same = _same(site)
    if site.around is None or site.use.max_occurs is None or site.use.max_occurs > 20:
        return None
    copies = [deepcopy(site.element) for _ in range(site.use.max_occurs + 1 - len(same))]
    for copy in copies:
        same[-1].addnext(copy)
    return _Planted((copies[0],))


def _misplaced(site: Site, _schema: Schema, rng: random.Random) -> _Planted | None:
    parent = site.element.getparent()
    if parent is None or site.around is None or site.around.content is not Content.SEQUENCE or len(_same(site)) > 1:
        return None
    siblings = [each for each in parent if each is not site.element]
    if not siblings:
        return None
    order = [use.name for use in site.around.elements]
    other = rng.choice(siblings)
    is_before = order.index(_local(other)) < order.index(_local(site.element))
    between = abs(parent.index(other) - parent.index(site.element))
    (other.addprevious if is_before else other.addnext)(site.element)
    return _Planted((site.element, other) if between == 1 else (site.element,))


def _misspelt(site: Site, _schema: Schema, _rng: random.Random) -> _Planted | None:
    if site.around is None:
        return None
    site.element.tag = f"{site.element.tag}x"
    return _Planted((site.element,))


def _foreign(site: Site, _schema: Schema, _rng: random.Random) -> _Planted | None:
    if site.around is None:
        return None
    site.element.tag = f"{{urn:other}}{_local(site.element)}"
    return _Planted((site.element,))


def _strange(site: Site, schema: Schema, rng: random.Random) -> _Planted | None:
    kind = schema.complex_types.get(site.type_name)
    if kind is None or kind.content is not Content.SEQUENCE:
        return None
    added = etree.Element(f"{{{schema.namespace}}}Strange")
    site.element.insert(rng.randint(0, len(site.element)), added)
    return _Planted((added,))


def _element_in_a_text(site: Site, schema: Schema, _rng: random.Random) -> _Planted | None:
    kind = schema.complex_types.get(site.type_name)
    if kind is not None and kind.content is not Content.TEXT:
        return None
    added = etree.SubElement(site.element, f"{{{schema.namespace}}}Cd")
    return _Planted((added,))


def _stray_text(site: Site, schema: Schema, rng: random.Random) -> _Planted | None:
    kind = schema.complex_types.get(site.type_name)
    if kind is None or kind.content is Content.TEXT or not len(site.element):
        return None
    rng.choice(list(site.element)).tail = "stray"
    return _Planted((site.element,))


def _attribute_missing(site: Site, schema: Schema, rng: random.Random) -> _Planted | None:
    kind = schema.complex_types.get(site.type_name)
    if kind is None or not kind.attributes:
        return None
    name = rng.choice(list(kind.attributes))
    del site.element.attrib[name]
    return _Planted((site.element,), f"/@{name}")


def _attribute_wrong(site: Site, schema: Schema, rng: random.Random) -> _Planted | None:
    kind = schema.complex_types.get(site.type_name)
    if kind is None or not kind.attributes:
        return None
    name = rng.choice(list(kind.attributes))
    site.element.set(name, rng.choice(["usd", "", "US$", "USDX", " USD"]))
    return _Planted((site.element,), f"/@{name}")


def _attribute_strange(site: Site, _schema: Schema, rng: random.Random) -> _Planted | None:
    name = rng.choice(["id", "Currency", "xyz"])
    site.element.set(name, "1")
    return _Planted((site.element,), f"/@{name}")


def _facet(wrong: Callable[[SimpleType, random.Random], str | None]) -> Planter:
    def plant(site: Site, schema: Schema, rng: random.Random) -> _Planted | None:
        kind = schema.complex_types.get(site.type_name)
        if kind is not None and kind.content is not Content.TEXT:
            return None
        type_name = site.type_name if kind is None else str(kind.text_type)
        simple = schema.simple(type_name)
        text = wrong(simple, rng)
        if text is None or fault_of(simple, type_name, text) is None:
            return None
        site.element.text = text
        return _Planted((site.element,))

    return plant


def _too_long(simple: SimpleType, rng: random.Random) -> str | None:
    if simple.max_length is None or simple.base is not BuiltIn.STRING or simple.max_length > 10_000:
        return None
    return "A" * (simple.max_length + rng.randint(1, 3))


def _too_short(simple: SimpleType, _rng: random.Random) -> str | None:
    return "A" * (simple.min_length - 1) if simple.min_length and simple.base is BuiltIn.STRING else None


def _not_a_code(simple: SimpleType, rng: random.Random) -> str | None:
    wrong = [rng.choice(simple.enumeration).lower(), "????", ""] if simple.enumeration else [None]
    return rng.choice(wrong)


def _not_its_form(simple: SimpleType, rng: random.Random) -> str | None:
    return None if simple.pattern is None else rng.choice(["?", "", " ", "a b", "\u00e9", "-" * 50])


def _too_precise(simple: SimpleType, _rng: random.Random) -> str | None:
    return None if simple.fraction_digits is None else "0." + "1" * (simple.fraction_digits + 1)


def _too_many_digits(simple: SimpleType, _rng: random.Random) -> str | None:
    return None if simple.total_digits is None else "1" * (simple.total_digits + 1)


def _too_small(simple: SimpleType, _rng: random.Random) -> str | None:
    return None if simple.min_inclusive is None else str(simple.min_inclusive - 1)


def _not_its_type(simple: SimpleType, rng: random.Random) -> str | None:
    if simple.base is BuiltIn.STRING:
        return None
    return rng.choice(["x", "", "2026-02-30", "2026-01-31 09:30:00", "1,5", "yes", "25:00:00", "2026-01-31T09:30"])


PLANTERS: Final[dict[str, Planter]] = {
    "missing element": _missing,
    "none of a choice": _none_of_a_choice,
    "two of a choice": _two_of_a_choice,
    "surplus element": _surplus,
    "misplaced element": _misplaced,
    "misspelt element": _misspelt,
    "foreign namespace": _foreign,
    "strange element": _strange,
    "element in a text": _element_in_a_text,
    "stray text": _stray_text,
    "attribute missing": _attribute_missing,
    "attribute wrong": _attribute_wrong,
    "attribute strange": _attribute_strange,
    "too long": _facet(_too_long),
    "too short": _facet(_too_short),
    "no code word": _facet(_not_a_code),
    "not its form": _facet(_not_its_form),
    "too many decimals": _facet(_too_precise),
    "too many digits": _facet(_too_many_digits),
    "too small": _facet(_too_small),
    "not its type": _facet(_not_its_type),
}
"""Every kind of fault that a schema can see."""
