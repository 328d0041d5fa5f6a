"""One breach of one of a rail's rules at a time, planted into a valid message: the schema goes on accepting it."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from copy import deepcopy
from dataclasses import dataclass
from functools import partial
from typing import Any, Final

from lxml import etree

from iso20022 import MESSAGE_KINDS, Direction, Profile, Rail, examine
from iso20022.header import HEADER_LAYOUTS
from iso20022.profiles.profile import Rule
from iso20022.sample import sample
from iso20022.schemas.model import Content, Schema
from tests.unit.iso20022.planting import Fault, fault, part_of

_TEXTS: Final = (
    "X", "0", "2", "7", "0.00", "0.005", "1.005", "99999999999.99", "999999999999.99", "EUR", "ACSC", "ACTC", "RJCT",
    "BLCK", "PDNG", "ACWP", "CLRG", "INDA", "INGA", "FDNA", "LMT1", "TCH", "FDN", "USABA", "SHAR", "DEBT", "TRF",
    "CHK", "true", "false", "2026-01-31T09:30:00", "2026-01-31T09:30:00Z", "2026-01-31T09:30:00-05:00", "2026-01-31Z",
    "2026-03-08T02:30:00", "123456789", "990000013", "990000062", "99000001", "990000013A1", "021150706",
    "pacs.009.001.08", "pacs.008.001.08", "pacs.999.001.01", "1999-01-01", "2025-06-01", "2026-01-30", "2027-01-01",
    "2031-01-01T00:00:00Z", "9000000.00", "99999", "20260131990000039OTHER1", "AB12", "ZZZZ", "NARR", "A" * 35, "a b",
    "é",
)  # fmt: skip


_ATTEMPTS_MAX: Final = 4  # samples that are tried for one rule


@dataclass(frozen=True, slots=True)
class Breach:
    """A rule of a rail, where it holds, and for which message."""

    rail: Rail
    message_type: str
    direction: Direction
    rule: Rule[Any]
    is_header: bool


def breaches(profile: Profile) -> list[Breach]:
    """Every rule of a rail for every message type and direction that it holds in."""
    release = profile.release
    return [
        Breach(profile.rail, message_type, direction, rule, is_header)
        for message_type, directions in sorted(release.directions.items())
        for direction in sorted(directions)
        for is_header, rules in ((True, release.header_rules), (False, release.document_rules.get(message_type, ())))
        for rule in rules
        if direction in rule.directions
    ]


def breached(breach: Breach, profile: Profile, rng: random.Random) -> Fault | None:
    """A sample that breaks the rule and nothing that the schema sees; None where no single change does.

    A Document's rule is broken in a bare Document where that is possible: in an envelope the header might object first.
    """
    for attempt in range(_ATTEMPTS_MAX):
        is_bare = not breach.is_header and attempt % 2 == 0
        found = _breached_sample(breach, profile, rng, is_bare=is_bare)
        if found is not None:
            return found
    return None


def _breached_sample(breach: Breach, profile: Profile, rng: random.Random, *, is_bare: bool) -> Fault | None:
    rule, direction, number = breach.rule, breach.direction, rng.randrange(1_000_000)
    body = sample(breach.message_type, rail=breach.rail, direction=direction, variation=number, bare=is_bare)
    if examine(body, profile=profile, direction=direction).findings:
        return None
    root = etree.fromstring(body)
    schema_type = profile.release.header_type if breach.is_header else breach.message_type
    schema_id = profile.release.schema_id(schema_type)
    schema, gate = profile.schemas.model(schema_id), profile.schemas.validator(schema_id)
    layout = HEADER_LAYOUTS[schema_type] if breach.is_header else MESSAGE_KINDS[schema_type].layout
    assert schema is not None
    part = "AppHdr" if breach.is_header else "Document" if is_bare else _document_name(root)
    steps = layout.xpath_of(rule.field).split("/")[2:]
    is_group = rule.field in layout.groups
    is_judged_as_written = gate.validate(part_of(root, part))  # RTP's local times are not
    for text, change in _changes(root, part, steps, schema, rng):
        if rule.holds is not None and text is not None and not is_group and rule.holds(text):
            continue  # quicker than to build what will not break the rule
        changed, places = change()
        if is_judged_as_written and not gate.validate(part_of(changed, part)):
            continue  # likewise: the schema would see it
        report = examine(etree.tostring(changed), profile=profile, direction=direction)
        codes = [finding.code for finding in report.findings]
        if rule.code in codes and not _seen_by_schema(codes):
            return fault(changed, rule.code, places)
    return None


def _seen_by_schema(codes: list[str]) -> bool:
    return any(code.startswith(("XSD_", "XML_", "ENVELOPE_", "UNSUPPORTED_")) for code in codes)


def _document_name(root: etree._Element) -> str:
    header = part_of(root, "AppHdr")
    sibling = header.getnext()
    assert sibling is not None
    return etree.QName(sibling).localname


_Change = tuple[etree._Element, list[tuple[etree._Element, str]]]


def _changes(
    root: etree._Element, part: str, steps: list[str], schema: Schema, rng: random.Random
) -> Iterator[tuple[str | None, Callable[[], _Change]]]:
    """The ways to change the field at these steps: left out, written otherwise, repeated; and what its text is then."""
    target = _at(part_of(root, part), steps)
    if target is not None and not steps[-1].startswith("@"):
        for depth in range(len(steps), 0, -1):
            yield "", partial(_without, root, part, steps[:depth])
    for text in _texts(target, steps, schema, rng):
        yield text, partial(_with_text, root, part, steps, schema, text)
    if target is not None and not steps[-1].startswith("@"):
        for depth in range(len(steps), 0, -1):
            yield None, partial(_repeated, root, part, steps[:depth])


def _texts(target: etree._Element | None, steps: list[str], schema: Schema, rng: random.Random) -> Iterator[str]:
    old = "" if target is None else str(target.get(steps[-1][1:]) if steps[-1].startswith("@") else target.text or "")
    if old:
        yield from (old[:-1] + ("1" if old[-1] != "1" else "2"), old[1:] + old[0], old.lower(), old.upper(), f"{old}1")
    simple = schema.simple_types.get(_type_at(schema, steps))
    if simple is not None:
        yield from rng.sample(simple.enumeration, len(simple.enumeration))
    yield from rng.sample(_TEXTS, len(_TEXTS))


def _type_at(schema: Schema, steps: list[str]) -> str:
    name = schema.root.type_name
    for step in steps:
        kind = schema.complex_types.get(name)
        if kind is None:
            return ""
        if step.startswith("@"):
            return kind.attributes.get(step[1:], "")
        name = next((use.type_name for use in kind.elements if use.name == step), "")
    kind = schema.complex_types.get(name)
    return name if kind is None else str(kind.text_type)


def _at(top: etree._Element, steps: list[str]) -> etree._Element | None:
    found: etree._Element | None = top
    for step in steps:
        if found is None or step.startswith("@"):
            return found
        found = next((each for each in found if etree.QName(each).localname == step), None)
    return found


def _without(root: etree._Element, part: str, steps: list[str]) -> _Change:
    changed = deepcopy(root)
    top = part_of(changed, part)
    target, parent = _at(top, steps), _at(top, steps[:-1])
    assert target is not None
    assert parent is not None
    parent.remove(target)
    return changed, [(parent, f"/{steps[-1]}")]


def _with_text(root: etree._Element, part: str, steps: list[str], schema: Schema, text: str) -> _Change:
    changed = deepcopy(root)
    element, type_name = part_of(changed, part), schema.root.type_name
    for step in steps:
        if step.startswith("@"):
            element.set(step[1:], text)
            return changed, [(element, f"/{step}")]
        kind = schema.complex_types[type_name]
        order = [use.name for use in kind.elements]
        type_name = next(use.type_name for use in kind.elements if use.name == step)
        child = _at(element, [step])
        if child is None:
            child = _added(element, step, order, schema, replaces=kind.content is Content.CHOICE)
        element = child
    if not len(element):
        element.text = text
    return changed, [(element, "")]


def _added(element: etree._Element, name: str, order: list[str], schema: Schema, *, replaces: bool) -> etree._Element:
    child = etree.Element(f"{{{schema.namespace}}}{name}")
    if replaces:
        for other in list(element):
            element.remove(other)
    later = [each for each in element if order.index(etree.QName(each).localname) > order.index(name)]
    element.insert(element.index(later[0]) if later else len(element), child)
    return child


def _repeated(root: etree._Element, part: str, steps: list[str]) -> _Change:
    changed = deepcopy(root)
    target = _at(part_of(changed, part), steps)
    assert target is not None
    copy = deepcopy(target)
    target.addnext(copy)
    return changed, [(copy, "")]
