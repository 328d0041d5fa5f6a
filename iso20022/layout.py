"""Where a value's fields stand in a message: one table of paths, used to read, to build, and to name what is wrong."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from lxml import etree

from iso20022.errors import LocalProtocolError
from iso20022.findings import Finding
from iso20022.paths import children_named

Row = tuple[str, str | None]
"""A path below the layout's base and the text to put there; None leaves it out. ``Rsn[2]`` starts a second ``Rsn``."""

# What to do with a child element: the field it is (or ""), what may stand below it, which of its attributes are fields,
# and whether its occurrences are collected.
_Step = tuple[str, "dict[str, _Step]", tuple[tuple[str, str], ...], bool]


@dataclass(frozen=True, slots=True)
class Fields:
    """What a message says in the fields of its layout.

    ``texts`` has every field, ``""`` where it is absent (no ISO text type allows an empty value), and for a group the
    number of its elements. ``groups`` has the elements of each group, ``others`` the elements that are no field. Where
    a single field stands, :meth:`Layout.elements` says; few ask.
    """

    texts: dict[str, str]
    groups: dict[str, list[etree._Element]]
    others: list[etree._Element]


class Layout:
    """The fields of one message type: its namespace, its outermost elements, and a path for each field.

    A path is relative to ``base``; its last step may be an attribute (``@Ccy``). Fields in ``groups`` may be repeated,
    or have content that is read on its own.
    """

    __slots__ = ("_empty", "_steps", "base", "groups", "namespace", "paths", "root", "tag")

    def __init__(
        self, *, namespace: str, root: str, base: str, paths: Mapping[str, str], groups: frozenset[str] = frozenset()
    ) -> None:
        assert groups <= paths.keys(), "a group is a field"
        self.namespace: Final = namespace
        self.root: Final = root
        self.tag: Final = f"{{{namespace}}}{root}"
        self.base: Final = base
        self.paths: Final = dict(paths)
        self.groups: Final = groups
        self._empty: Final = dict.fromkeys(paths, "") | dict.fromkeys(groups, "0")
        self._steps: Final = self._below(self._full_paths())

    def read(self, element: etree._Element) -> Fields:
        """The fields of a message: of a repeated one that is no group, the first. Visits each element at most once."""
        fields = Fields(self._empty.copy(), {}, [])
        _collect(element, self._steps, fields)
        for field, elements in fields.groups.items():
            fields.texts[field] = str(len(elements))
        return fields

    def elements(self, element: etree._Element, path: str) -> list[etree._Element]:
        """All elements at the path below the base, in document order; an attribute's own element."""
        found = [element]
        for step in self._full(path):
            if step.startswith("@"):
                break
            found = [child for parent in found for child in children_named(parent, step)]
        return found

    def xpath_of(self, field: str) -> str:
        """The named XPath of a field, for findings: ``/Document/FIToFIPmtStsRpt/GrpHdr/MsgId``."""
        return "/" + "/".join([self.root, *self._full(self.paths[field])])

    def build(self, rows: Iterable[Row]) -> etree._Element:
        """The message with these rows, which must come in the schema's order; the same rows give the same element.

        Raises LocalProtocolError when a text holds a character that XML cannot carry.
        """
        prefix = f"{{{self.namespace}}}"
        root = etree.Element(f"{prefix}{self.root}", nsmap=_default_namespace(self.namespace))
        open_steps: list[str] = []
        open_elements: list[etree._Element] = [etree.SubElement(root, prefix + self.base) if self.base else root]
        for path, text in rows:
            if text is None:
                continue
            *steps, leaf = path.split("/")
            depth = _shared(steps, open_steps)
            del open_steps[depth:], open_elements[depth + 1 :]
            for step in steps[depth:]:
                open_steps.append(step)
                open_elements.append(etree.SubElement(open_elements[-1], prefix + step.partition("[")[0]))
            try:
                if leaf.startswith("@"):
                    open_elements[-1].set(leaf[1:], text)
                else:
                    open_steps.append(leaf)
                    open_elements.append(etree.SubElement(open_elements[-1], prefix + leaf.partition("[")[0]))
                    open_elements[-1].text = text
            except ValueError as error:
                raise LocalProtocolError(_not_xml(f"/{self.root}/{self.base}/{path}")) from error
        return root

    def _full(self, path: str) -> list[str]:
        return [*([self.base] if self.base else []), *path.split("/")]

    def _full_paths(self) -> dict[tuple[str, ...], str]:
        return {tuple(self._full(path)): field for field, path in self.paths.items()}

    def _below(self, paths: Mapping[tuple[str, ...], str]) -> dict[str, _Step]:
        """The steps by Clark name, from what is left of the paths."""
        by_name: dict[str, dict[tuple[str, ...], str]] = {}
        for path, found in paths.items():
            if not path[0].startswith("@"):
                by_name.setdefault(path[0], {})[path[1:]] = found
        steps: dict[str, _Step] = {}
        for name, rest in by_name.items():
            own = rest.pop((), "")
            attributes = tuple((path[0][1:], found) for path, found in rest.items() if path[0].startswith("@"))
            steps[f"{{{self.namespace}}}{name}"] = (own, self._below(rest), attributes, own in self.groups)
        return steps


def _collect(element: etree._Element, steps: dict[str, _Step], fields: Fields) -> None:
    texts, step_of = fields.texts, steps.get
    for child in element:
        step = step_of(child.tag)  # a comment's tag is no name
        if step is None:
            fields.others.append(child)
            continue
        field, below, attributes, is_group = step
        if below:
            if is_group:
                fields.groups.setdefault(field, []).append(child)
            _collect(child, below, fields)
        elif is_group:
            fields.groups.setdefault(field, []).append(child)
        elif field:
            if texts[field]:
                fields.others.append(child)
                continue
            texts[field] = "".join(map(str, child.itertext())) if len(child) else child.text or ""
        for name, attribute_field in attributes:
            texts[attribute_field] = str(child.get(name, ""))


def _shared(steps: list[str], others: list[str]) -> int:
    """How many steps two paths have in common from the start."""
    count = 0
    for ours, theirs in zip(steps, others, strict=False):
        if ours != theirs:
            break
        count += 1
    return count


def _default_namespace(namespace: str) -> Any:
    return {None: namespace}  # the stubs want text as the key


def _not_xml(xpath: str) -> Finding:
    return Finding(
        code="BUILD_CHARACTER",
        xpath=xpath,
        rule="A text holds only characters that XML 1.0 can carry.",
        hint="Remove control characters from the text.",
    )


def instant_text(instant: datetime) -> str:
    """A date and time as it stands in a message: with its offset, and no more digits of a fraction than it needs."""
    in_milliseconds = instant.microsecond and instant.microsecond % 1000 == 0
    return instant.isoformat(timespec="milliseconds" if in_milliseconds else "auto")
