"""Everything that a message breaks of its schema, found by walking both side by side.

libxml2 gives the verdict, quickly, but stops early: of four faults it may report three, of 500 strange elements one.
This walk visits every element once, names what is missing, misplaced or misspelt, and goes on. It is linear in the size
of the message, so it needs no limits beyond the reader's.
"""

from bisect import bisect_left, bisect_right
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from difflib import get_close_matches
from typing import Final

from lxml import etree

from iso20022.findings import Finding
from iso20022.paths import child_elements, line_of, local_name, namespace_of
from iso20022.personal import masked_at
from iso20022.schemas import model
from iso20022.schemas.facets import fault_of
from iso20022.schemas.model import ComplexType, Content, ElementUse, Schema

_NAMES_MAX: Final = 12  # beyond this a list of names helps nobody
_SHOWN_MAX: Final = 80


def walk(element: etree._Element, schema: Schema) -> Iterator[Finding]:
    """Every fault of the element and what is below it, in document order; a missing element at its place."""
    expected = f"{{{schema.namespace}}}{schema.root.name}"
    if element.tag != expected:
        path = f"/{local_name(str(element.tag))[:_SHOWN_MAX]}"
        yield _finding("XSD_UNEXPECTED", path, element, f"The element is {expected}.", "Correct its name or namespace.")
        return
    yield from _Walk(schema).element(element, schema.root.type_name, f"/{schema.root.name}")


class _Walk:
    """One schema, walked."""

    def __init__(self, schema: Schema) -> None:
        self.schema: Final = schema

    def element(self, element: etree._Element, type_name: str, path: str) -> Iterator[Finding]:
        complex_type = self.schema.complex_types.get(type_name)
        if complex_type is None:
            yield from self._attributes(element, {}, path)
            yield from self._value(element, type_name, path)
            return
        yield from self._attributes(element, complex_type.attributes, path)
        match complex_type.content:
            case Content.TEXT:
                assert complex_type.text_type is not None
                yield from self._value(element, complex_type.text_type, path)
            case Content.ANY:
                yield from self._foreign(element, complex_type, path)
            case Content.SEQUENCE:
                yield from _own_text(element, path)
                yield from self._sequence(element, complex_type, path)
            case Content.CHOICE:
                yield from _own_text(element, path)
                yield from self._choice(element, complex_type, path)

    def _value(self, element: etree._Element, type_name: str, path: str) -> Iterator[Finding]:
        strange = next(child_elements(element), None)
        if strange is not None:
            name = local_name(path)
            yield _strange(strange, f"{path}/{_shown(strange)}", f"{name} holds text, no elements.")
            return
        text = "".join(str(piece) for piece in element.itertext())
        yield from self._facets(element, type_name, path, text)

    def _facets(self, element: etree._Element, type_name: str, path: str, text: str) -> Iterator[Finding]:
        fault = fault_of(self.schema.simple(type_name), type_name, text)
        if fault is not None:
            what = local_name(path).partition("[")[0].removeprefix("@")
            rule = fault.rule.format(name=what)
            shown = masked_at(path, text) if text.strip() else None
            yield _finding(fault.code, path, element, rule, fault.hint, value=shown)

    def _attributes(self, element: etree._Element, types: Mapping[str, str], path: str) -> Iterator[Finding]:
        if len(element.attrib):
            for name in element.attrib:
                if str(name) not in types:
                    place = f"{path}/@{local_name(str(name))[:_SHOWN_MAX]}"
                    rule = f"{local_name(path)} has {'no such attribute' if types else 'no attributes'}."
                    yield _finding("XSD_ATTRIBUTE_UNEXPECTED", place, element, rule, "Remove the attribute.")
        for name, type_name in types.items():
            value = element.get(name)
            place = f"{path}/@{name}"
            if value is None:
                rule = f"{local_name(path)} has the mandatory attribute {name}."
                yield _finding("XSD_ATTRIBUTE_MISSING", place, element, rule, f'Add it, for example {name}="USD".')
            else:
                yield from self._facets(element, type_name, place, value)

    def _sequence(self, element: etree._Element, kind: ComplexType, path: str) -> Iterator[Finding]:
        children = list(child_elements(element))
        positions = {f"{{{self.schema.namespace}}}{use.name}": index for index, use in enumerate(kind.elements)}
        indexes = [positions.get(str(child.tag)) for child in children]
        counts = Counter(index for index in indexes if index is not None)
        missing = [
            index for index, use in enumerate(kind.elements) if use.min_occurs and counts[index] < use.min_occurs
        ]
        paths = _child_paths(children, path)
        surplus = _surplus(indexes, kind)
        order = _Order([-1 if index is None or at in surplus else index for at, index in enumerate(indexes)])
        for number, (child, index, child_path) in enumerate(zip(children, indexes, paths, strict=True)):
            if index is None:
                yield self._unknown(child, kind, child_path, path)
                continue
            while missing and missing[0] < index:
                yield self._missing(element, kind.elements[missing.pop(0)], path, child)
            use = kind.elements[index]
            if number in surplus:
                yield _too_many(child, child_path, use)
            elif number not in order.kept:
                yield _misplaced(child, child_path, use.name, order.neighbour(index, number), kind)
            yield from self.element(child, use.type_name, child_path)
        for index in missing:
            yield self._missing(element, kind.elements[index], path, None)

    def _choice(self, element: etree._Element, kind: ComplexType, path: str) -> Iterator[Finding]:
        children = list(child_elements(element))
        uses = {f"{{{self.schema.namespace}}}{use.name}": use for use in kind.elements}
        chosen: ElementUse | None = None
        count = 0
        for child, child_path in zip(children, _child_paths(children, path), strict=True):
            use = uses.get(str(child.tag))
            if use is None:
                yield self._unknown(child, kind, child_path, path)
                continue
            if chosen is not None and use is not chosen:
                yield _strange(child, child_path, f"{local_name(path)} holds one of {_names(kind)}, not two of them.")
            chosen = chosen or use
            count += use is chosen
            if use is chosen and use.max_occurs is not None and count > use.max_occurs:
                yield _too_many(child, child_path, use)
            yield from self.element(child, use.type_name, child_path)
        if chosen is None and all(use.min_occurs for use in kind.elements):
            rule = f"{local_name(path)} holds one of {_names(kind)}."
            yield _finding("XSD_MISSING", path, element, rule, "Add one of them.")

    def _foreign(self, element: etree._Element, kind: ComplexType, path: str) -> Iterator[Finding]:
        yield from _own_text(element, path)
        children = list(child_elements(element))
        if len(children) != 1:
            rule = f"{local_name(path)} holds exactly one element."
            code = "XSD_UNEXPECTED" if children else "XSD_MISSING"
            yield _finding(code, path, element, rule, "Put all content under one element.")
            return
        child_path = f"{path}/{_shown(children[0])}"
        namespace = namespace_of(str(children[0].tag))
        if kind.any_namespace not in {"##any", namespace}:
            yield _strange(children[0], child_path, f'{local_name(path)} holds an element of "{kind.any_namespace}".')
        elif kind.any_is_checked:
            known = self._schema_of(namespace)
            if known is not None and local_name(str(children[0].tag)) == known.root.name:
                yield from _Walk(known).element(children[0], known.root.type_name, child_path)

    def _schema_of(self, namespace: str) -> Schema | None:
        """The schema of a foreign element, where it is known: XML Schema checks those."""
        if namespace == self.schema.namespace:
            return self.schema
        imported = self.schema.imports.get(namespace)
        return None if imported is None else model(imported)

    def _missing(self, parent: etree._Element, use: ElementUse, path: str, following: etree._Element | None) -> Finding:
        where = "at its end" if following is None else f"before {local_name(str(following.tag))[:_SHOWN_MAX]}"
        return _finding(
            "XSD_MISSING",
            f"{path}/{use.name}",
            parent,
            f"{use.name} is mandatory in {local_name(path)}.",
            f"Add {use.name} {where}.",
        )

    def _unknown(self, child: etree._Element, kind: ComplexType, child_path: str, path: str) -> Finding:
        name = local_name(str(child.tag))
        if namespace_of(str(child.tag)) != self.schema.namespace and name in {use.name for use in kind.elements}:
            return _finding(
                "XSD_UNEXPECTED",
                child_path,
                child,
                f"{name} belongs to the message's own namespace.",
                f'Put it into "{self.schema.namespace}".',
            )
        close = get_close_matches(name[:_SHOWN_MAX], [use.name for use in kind.elements], n=1)
        hint = f"Did you mean {close[0]}?" if close else "Remove it, or check where it belongs."
        return _strange(child, child_path, f"{local_name(path)} holds {_names(kind)}; this is none of them.", hint)


def _child_paths(children: list[etree._Element], path: str) -> list[str]:
    """The paths of siblings, numbered where a name is repeated."""
    names = [local_name(str(child.tag))[:_SHOWN_MAX] for child in children]
    counts, seen = Counter(names), Counter[str]()
    paths = []
    for name in names:
        seen[name] += 1
        paths.append(f"{path}/{name}" + (f"[{seen[name]}]" if counts[name] > 1 else ""))
    return paths


def _own_text(element: etree._Element, path: str) -> Iterator[Finding]:
    pieces = [element.text, *(child.tail for child in element)]
    if any(piece and piece.strip(" \t\r\n") for piece in pieces):
        rule = f"{local_name(path)} holds elements, no text of its own."
        yield _finding("XSD_TEXT", path, element, rule, "Remove the text, or put it into the element it belongs to.")


def _surplus(indexes: Sequence[int | None], kind: ComplexType) -> frozenset[int]:
    """The numbers of the siblings that are one too many, or more."""
    seen, surplus = Counter[int](), set()
    for number, index in enumerate(indexes):
        if index is None:
            continue
        seen[index] += 1
        most = kind.elements[index].max_occurs
        if most is not None and seen[index] > most:
            surplus.add(number)
    return frozenset(surplus)


class _Order:
    """Which of some siblings stand in their order: as many as can, so that the fewest are called misplaced.

    ``indexes`` are the siblings' places in the schema, -1 for one that has none. ``kept`` are the numbers of those in
    order.
    """

    __slots__ = ("_kept_indexes", "_kept_numbers", "kept")

    def __init__(self, indexes: Sequence[int]) -> None:
        ends: list[int] = []  # the least index in which an ordered run of each length ends
        last: list[int] = []  # the number of the sibling in which it ends
        before: list[int] = []
        for number, index in enumerate(indexes):
            at = -1 if index < 0 else bisect_right(ends, index)
            before.append(last[at - 1] if at > 0 else -1)
            if at < 0:
                continue
            ends[at : at + 1] = [index]
            last[at : at + 1] = [number]
        run: list[int] = []
        number = last[-1] if last else -1
        while number >= 0:
            run.append(number)
            number = before[number]
        self._kept_numbers: Final = run[::-1]
        self._kept_indexes: Final = [indexes[number] for number in self._kept_numbers]
        self.kept: Final = frozenset(run)

    def neighbour(self, index: int, number: int) -> tuple[str, int]:
        """Where a misplaced sibling belongs: ``before`` or ``after`` which place of the schema."""
        following = bisect_right(self._kept_indexes, index)
        if following < len(self._kept_indexes) and self._kept_numbers[following] < number:
            return "before", self._kept_indexes[following]
        return "after", self._kept_indexes[max(bisect_left(self._kept_indexes, index) - 1, 0)]


def _misplaced(child: etree._Element, path: str, name: str, neighbour: tuple[str, int], kind: ComplexType) -> Finding:
    where, index = neighbour
    rule = f"{name} stands {where} {kind.elements[index].name}."
    return _finding("XSD_ORDER", path, child, rule, "Move it: the order of elements is fixed.")


def _too_many(child: etree._Element, path: str, use: ElementUse) -> Finding:
    times = "once" if use.max_occurs == 1 else f"{use.max_occurs} times"
    return _finding("XSD_TOO_MANY", path, child, f"{use.name} stands at most {times}.", "Remove the surplus.")


def _strange(child: etree._Element, path: str, rule: str, hint: str = "Remove it.") -> Finding:
    return _finding("XSD_UNEXPECTED", path, child, rule, hint)


def _names(kind: ComplexType) -> str:
    names = [use.name for use in kind.elements[:_NAMES_MAX]]
    return ", ".join(names) + (", …" if len(kind.elements) > _NAMES_MAX else "")


def _shown(element: etree._Element) -> str:
    return local_name(str(element.tag))[:_SHOWN_MAX]


def _finding(
    code: str, path: str, element: etree._Element, rule: str, hint: str, *, value: str | None = None
) -> Finding:
    return Finding(code=code, xpath=path, line=line_of(element), value=value, rule=rule, hint=hint)
