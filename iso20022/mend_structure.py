"""Certain mends of a message's structure: order, names, namespaces, and elements that say nothing."""

import re
from dataclasses import dataclass
from typing import Final

from iso20022.examine import Report
from iso20022.findings import Finding
from iso20022.places import Place, Plan
from iso20022.schemas.model import ComplexType, Content, Schema, SimpleType

_DEFAULT_NAMESPACE: Final = re.compile(rb"\s+xmlns\s*=\s*(?:\"[^\"<]*\"|'[^'<]*')")


@dataclass(frozen=True, slots=True)
class Edit:
    """Bytes to be replaced, as (start, end, new bytes) in their order, and in words what that does."""

    pieces: tuple[tuple[int, int, bytes], ...]
    what: str

    def applied(self, body: bytes) -> bytes:
        """The body with the pieces replaced; all else is untouched."""
        parts, reached = [], 0
        for start, end, content in self.pieces:
            parts += [body[reached:start], content]
            reached = end
        return b"".join((*parts, body[reached:]))


@dataclass(frozen=True, slots=True, kw_only=True)
class Ground:
    """What is known where a finding points: its element in the bytes, and what the schema has there.

    ``parent_type`` is the type of the element around it; ``type_name`` and ``simple_type`` are its own, ``""`` and None
    where the schema does not know it, or it holds elements.
    """

    finding: Finding
    plan: Plan
    place: Place
    steps: tuple[str, ...]
    schema: Schema
    parent_type: ComplexType
    type_name: str
    simple_type: SimpleType | None

    @staticmethod
    def of(finding: Finding, report: Report, plan: Plan) -> "Ground | None":
        """The ground of a finding; None where the element or its schema is not known."""
        steps = tuple(step.partition("[")[0] for step in finding.xpath.strip("/").split("/"))
        place, schema = plan.find(finding.xpath), _schema_of(steps[0], report)
        if place is None or schema is None or len(steps) < 2:
            return None
        parent, type_name = None, schema.root.type_name
        for step in steps[1:]:
            parent = schema.complex_types.get(type_name)
            if parent is None:
                return None
            type_name = {use.name: use.type_name for use in parent.elements}.get(step, "")
        if parent is None:
            return None
        return Ground(
            finding=finding,
            plan=plan,
            place=place,
            steps=steps,
            schema=schema,
            parent_type=parent,
            type_name=type_name,
            simple_type=_simple_type(schema, type_name),
        )


def _schema_of(top: str, report: Report) -> Schema | None:
    envelope, profile = report.envelope, report.profile
    if envelope is None:
        return None
    types = {"AppHdr": envelope.header_type, envelope.document_name: envelope.message_type}
    message_type = types.get(top)
    return None if message_type is None else profile.schemas.model(profile.release.schema_id(message_type))


def _simple_type(schema: Schema, type_name: str) -> SimpleType | None:
    return schema.simple_types.get(type_name) or (schema.simple(type_name) if type_name.startswith("xs:") else None)


def structural_edit(ground: Ground) -> Edit | None:
    """The certain mend of a fault in the structure; None where there is none."""
    match ground.finding.code:
        case "XSD_ORDER":
            return _in_order(ground)
        case "XSD_UNEXPECTED":
            return _own_name(ground) or _own_namespace(ground)
        case "XSD_LENGTH" | "XSD_TYPE" | "XSD_PATTERN" | "XSD_ENUMERATION":
            return _without_empty(ground)
        case _:
            return None


def _in_order(ground: Ground) -> Edit | None:
    """All siblings in the schema's order: the same bytes in other places, white space between them left where it is."""
    positions = {use.name: number for number, use in enumerate(ground.parent_type.elements)}
    siblings = ground.plan.children(ground.place.parent)
    if ground.parent_type.content is not Content.SEQUENCE or any(each.name not in positions for each in siblings):
        return None
    ordered = sorted(siblings, key=lambda each: positions[each.name])
    body = ground.plan.body
    pieces = tuple(
        (old.start, old.end, body[new.start : new.end])
        for old, new in zip(siblings, ordered, strict=True)
        if old is not new
    )
    return Edit(pieces, f"{ground.place.name} moved to its place") if pieces else None


def _own_name(ground: Ground) -> Edit | None:
    """An element's name in the letters that the schema has."""
    place, names = ground.place, [use.name for use in ground.parent_type.elements]
    same = [name for name in names if name.casefold() == place.name.casefold()]
    if len(same) != 1 or place.name in names:
        return None
    written, length = place.name.encode(), len(place.name.encode())
    tags = [ground.plan.body.index(written, place.start)]
    if place.closing != place.end:
        tags.append(ground.plan.body.index(written, place.closing))
    return Edit(tuple((at, at + length, same[0].encode()) for at in tags), f"{place.name} written {same[0]}")


def _own_namespace(ground: Ground) -> Edit | None:
    """An element that belongs there, without a default namespace that takes it out of the message."""
    place = ground.place
    if place.name not in {use.name for use in ground.parent_type.elements}:
        return None
    match = _DEFAULT_NAMESPACE.search(ground.plan.body, place.start, place.inside)
    return (
        None if match is None else Edit(((match.start(), match.end(), b""),), "xmlns removed: the message's own holds")
    )


def _without_empty(ground: Ground) -> Edit | None:
    """An optional element that says nothing is left out, with the white space before it."""
    place, body = ground.place, ground.plan.body
    use = next((each for each in ground.parent_type.elements if each.name == ground.steps[-1]), None)
    is_blank = not body[place.inside : place.closing].strip() and b"=" not in body[place.start : place.inside]
    if use is None or use.min_occurs or ground.parent_type.content is not Content.SEQUENCE or not is_blank:
        return None
    start = len(body[: place.start].rstrip())
    start = start if body[start - 1 : start] == b">" else place.start
    return Edit(((start, place.end, b""),), f"{place.name} left out: it is empty, and optional")
