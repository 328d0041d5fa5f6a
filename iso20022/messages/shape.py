"""How a frozen value stands below an element: one table of rows, from which it is read, built, and its fields named.

A row says where a field stands, which field it is, and of which kind. Whether it must be there, and whether it may be
repeated, is the field's own type: ``X | None`` is optional, ``tuple[X, ...]`` repeated. What a table has no row for is
not lost unnoticed: reading says so (:attr:`Reading.complete`).
"""

import types
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, fields, replace
from datetime import date, datetime
from enum import StrEnum
from typing import Any, Final, Generic, NamedTuple, Protocol, TypeVar, Union, get_args, get_origin, get_type_hints

from lxml import etree

from iso20022.amount import CURRENCY, Amount
from iso20022.errors import RemoteProtocolError
from iso20022.fields import FieldReader, read_date, read_date_time
from iso20022.findings import Finding
from iso20022.layout import Layout, Row, instant_text
from iso20022.namespaces import namespace_of_message
from iso20022.paths import child_elements, children_named, line_of, local_name, named_xpath
from iso20022.personal import Personal, masked_at

T = TypeVar("T")
E = TypeVar("E", bound=StrEnum)


class Named(NamedTuple):
    """A field of a layout: its dotted name, its path, and whether its occurrences are collected."""

    name: str
    path: str
    is_group: bool


@dataclass(slots=True)
class Reading:
    """One message being read: its outermost element, and whether all that it says is in the value so far."""

    top: etree._Element
    complete: bool = True

    def refuse(
        self, element: etree._Element, *, code: str, rule: str, hint: str, text: str = "", below: str = ""
    ) -> RemoteProtocolError:
        """The error that says why the element, or what should stand below it, cannot be read."""
        xpath = named_xpath(element, self.top) + below
        value = masked_at(xpath, text) if text else None
        return RemoteProtocolError(
            Finding(code=code, xpath=xpath, line=line_of(element), value=value, rule=rule, hint=hint)
        )

    def missing(self, element: etree._Element, path: str = "") -> RemoteProtocolError:
        """The error that says that an element, or the one at a path below it, has to be there and say something."""
        name = local_name(path or str(element.tag))
        return self.refuse(
            element,
            code="VALUE_MISSING",
            below=f"/{path}" if path else "",
            rule=f"{name} is needed to read the message.",
            hint="Add the element." if path else "Fill the element.",
        )


class Kind(Protocol[T]):
    """What may stand at a row's path."""

    def read(self, element: etree._Element, reading: Reading) -> T:
        """The value of the element. Raises RemoteProtocolError naming the first element that cannot be read."""
        ...

    def rows(self, path: str, value: T) -> Iterable[Row]:
        """The rows of the value at the path, in the schema's order."""
        ...

    def fields(self, name: str, path: str) -> Iterator[Named]:
        """The layout's fields at the path, the outermost first."""
        ...


@dataclass(frozen=True, slots=True)
class Leaf(Generic[T]):
    """An element without children: ``convert`` makes the value of its text, ``text`` the text of the value.

    A conversion that may raise ValueError says which finding that is: ``code``, ``rule`` and ``hint``.
    """

    convert: Callable[[str], T]
    text: Callable[[T], str]
    code: str = ""
    rule: str = ""
    hint: str = ""

    def read(self, element: etree._Element, reading: Reading) -> T:
        """The value of the element's text."""
        text = "".join(map(str, element.itertext())) if len(element) else element.text or ""
        if not text:
            raise reading.missing(element)
        try:
            return self.convert(text)
        except ValueError as error:
            assert self.code, "a conversion that may fail says how"
            refused = reading.refuse(element, code=self.code, rule=self.rule, hint=self.hint, text=text)
            raise refused from error

    def rows(self, path: str, value: T) -> Iterable[Row]:
        """The one row of the value."""
        return [(path, self.text(value))]

    def fields(self, name: str, path: str) -> Iterator[Named]:
        """The field itself."""
        yield Named(name, path, is_group=False)


@dataclass(frozen=True, slots=True)
class Time:
    """A point in time; it must state its offset from UTC."""

    def read(self, element: etree._Element, reading: Reading) -> datetime:
        """The point in time, aware of its offset."""
        text = element.text or ""
        value = read_date_time(text)
        if value is None:
            raise reading.refuse(
                element,
                code="VALUE_TIME",
                rule="A date and time that exists.",
                hint="Write it as 2026-01-31T09:30:00-05:00.",
                text=text,
            )
        if value.tzinfo is None:
            raise reading.refuse(
                element,
                code="VALUE_TIME_OFFSET",
                rule="A time states its offset from UTC.",
                hint="Append Z or an offset such as -05:00.",
                text=text,
            )
        return value

    def rows(self, path: str, value: datetime) -> Iterable[Row]:
        """The one row of the value."""
        return [(path, instant_text(value))]

    def fields(self, name: str, path: str) -> Iterator[Named]:
        """The field itself."""
        yield Named(name, path, is_group=False)


@dataclass(frozen=True, slots=True)
class Money:
    """An amount of US dollars: the element's text, and its attribute ``Ccy``."""

    def read(self, element: etree._Element, reading: Reading) -> Amount:
        """The amount; one in another currency is refused, never taken for dollars."""
        text, currency = element.text or "", str(element.get("Ccy", ""))
        if currency != CURRENCY:
            raise reading.refuse(
                element,
                code="VALUE_CURRENCY",
                rule="Amounts are US dollars.",
                hint='Write Ccy="USD".',
                text=currency,
                below="/@Ccy",
            )
        try:
            return Amount.from_xml_decimal(text)
        except ValueError as error:
            raise reading.refuse(
                element,
                code="VALUE_AMOUNT",
                rule="An amount is a whole number of cents.",
                hint="Write at most two decimals, for example 51.74.",
                text=text,
            ) from error

    def rows(self, path: str, value: Amount) -> Iterable[Row]:
        """The rows of the text and of its attribute."""
        return [(path, value.text), (f"{path}/@Ccy", CURRENCY)]

    def fields(self, name: str, path: str) -> Iterator[Named]:
        """The amount and its currency."""
        yield Named(name, path, is_group=False)
        yield Named(f"{name}.currency", f"{path}/@Ccy", is_group=False)


class Alternative(NamedTuple):
    """One branch of a choice: its element, the type that its values have, and their kind."""

    tag: str
    value_type: type
    kind: Kind[Any]


class OneOf:
    """An element that holds one of several others; the value's own type says which. Branches are named for layouts."""

    __slots__ = ("_by_type", "alternatives")

    def __init__(self, alternatives: Mapping[str, Alternative]) -> None:
        self.alternatives: Final = dict(alternatives)
        self._by_type: Final = {alternative.value_type: alternative for alternative in alternatives.values()}
        assert len(self._by_type) == len(self.alternatives), "a value's type tells the branch"

    def read(self, element: etree._Element, reading: Reading) -> Any:
        """The value of the branch that is there."""
        children = list(child_elements(element))
        for alternative in self.alternatives.values():
            for child in children_named(element, alternative.tag):
                reading.complete &= len(children) == 1
                return alternative.kind.read(child, reading)
        raise reading.missing(element, next(iter(self.alternatives.values())).tag)

    def rows(self, path: str, value: object) -> Iterable[Row]:
        """The rows of the value in its branch."""
        alternative = self._by_type[type(value)]
        return alternative.kind.rows(f"{path}/{alternative.tag}", value)

    def fields(self, name: str, path: str) -> Iterator[Named]:
        """The choice, and the fields of each branch."""
        yield Named(name, path, is_group=True)
        for branch, alternative in self.alternatives.items():
            yield from alternative.kind.fields(f"{name}.{branch}", f"{path}/{alternative.tag}")


ShapeRow = tuple[str, str, Kind[Any]]
"""Where a field stands (a path below the shape's element), which field it is, and its kind."""


class Part(NamedTuple):
    """A row of a shape, and what its field's type says: whether it must be there, and whether it is repeated."""

    path: str
    field: str
    kind: Kind[Any]
    required: bool
    repeated: bool


_Steps = dict[str, "tuple[Part | None, _Steps]"]


class Shape(Generic[T]):
    """A frozen dataclass as the content of an element. Rows come in the schema's order; every field has one.

    ``containers`` names elements on the way that hold no value of their own but may be counted by rules; ``always`` is
    the one of them that the schema demands even when nothing is in it. What is inside an ``opaque`` shape is no field
    of a layout: no rule looks there.
    """

    __slots__ = ("_steps", "always", "containers", "opaque", "parts", "value_type")

    def __init__(
        self,
        value_type: type[T],
        rows: Iterable[ShapeRow],
        *,
        containers: Mapping[str, str] | None = None,
        always: str = "",
        opaque: bool = False,
    ) -> None:
        self.value_type: Final = value_type
        self.always: Final = always
        self.opaque: Final = opaque
        self.containers: Final = dict(containers or {})
        hints = get_type_hints(value_type)
        self.parts: Final = [_part(path, field, kind, hints[field]) for path, field, kind in rows]
        self._steps: Final = _steps_of({tuple(part.path.split("/")): part for part in self.parts})
        _demand_one_row_each(value_type, [part.field for part in self.parts])

    def unnamed(self) -> "Shape[T]":
        """The same, but opaque."""
        rows = [(part.path, part.field, part.kind) for part in self.parts]
        return Shape(self.value_type, rows, always=self.always, opaque=True)

    def read(self, element: etree._Element, reading: Reading) -> T:
        """The value of the element."""
        found: dict[str, list[etree._Element]] = {}
        _collect(element, self._steps, found, reading, self.always)
        return self.value_type(**{part.field: _read_part(part, found, element, reading) for part in self.parts})

    def rows(self, path: str, value: T) -> Iterable[Row]:
        """The rows of the value; the element itself is there even where nothing is in it."""
        if path:
            yield path, ""
        slash = f"{path}/" if path else ""
        demanded = f"{self.always}/" if self.always else ""
        for part in self.parts:
            content = getattr(value, part.field)
            where = slash + part.path
            if demanded and part.path.startswith(demanded):
                yield slash + self.always, ""
                demanded = ""
            if part.repeated:
                for number, item in enumerate(content, start=1):
                    yield from part.kind.rows(f"{where}[{number}]", item)
            elif content is not None:
                yield from part.kind.rows(where, content)

    def fields(self, name: str, path: str) -> Iterator[Named]:
        """The element, its containers, and the fields of each row."""
        if path:
            yield Named(name, path, is_group=True)
        if self.opaque:
            return
        dot, slash = (f"{name}.", f"{path}/") if path else ("", "")
        for container, where in self.containers.items():
            yield Named(dot + container, slash + where, is_group=True)
        for part in self.parts:
            named = part.kind.fields(dot + part.field, slash + part.path)
            first = next(named)
            yield first._replace(is_group=first.is_group or part.repeated)
            yield from named


def layout_of(shape: Shape[Any], *, message_type: str, base: str) -> Layout:
    """The layout of a message: each field by its dotted name in the value, a branch of a choice by the branch's name.

    ``original_message.message_id`` stands at ``TxInf/OrgnlGrpInf/OrgnlMsgId``, ``amount.currency`` at its ``@Ccy``.
    """
    named = list(shape.fields("", ""))
    return Layout(
        namespace=namespace_of_message(message_type),
        root="Document",
        base=base,
        paths={field.name: field.path for field in named},
        groups=frozenset(field.name for field in named if field.is_group),
    )


def read_message(shape: Shape[T], reader: FieldReader) -> T:
    """The value of a message whose type has a field ``carries_all``, which says whether all of it is in the value."""
    top = reader.element
    bases = children_named(top, reader.layout.base)
    reading = Reading(top, complete=len(bases) == 1)
    if not bases:
        raise reading.missing(top, reader.layout.base)
    value = shape.read(bases[0], reading)
    if not reading.complete:
        carrier: Any = value
        value = replace(carrier, carries_all=False)
    return value


def enumerated(kind: type[E]) -> Leaf[E]:
    """A code word of a closed list; another is unreadable, never read as one of these."""
    return Leaf(
        kind,
        lambda value: value.value,
        code="VALUE_CODE",
        rule=f"The code is one of {', '.join(kind)}.",
        hint="Use one of these; nothing is read into an unknown code word.",
    )


def read_truth(text: str) -> bool:
    """The truth value of an ``xs:boolean`` text. Raises ValueError."""
    value = _TRUTHS.get(text.strip(" \t\r\n"))
    if value is None:
        raise ValueError(text)
    return value


def truth_text(value: bool) -> str:  # noqa: FBT001 # the value itself, no switch
    """A truth value as messages carry it."""
    return "true" if value else "false"


def _date(text: str) -> date:
    value = read_date(text)
    if value is None:
        raise ValueError(text)
    return value


def _unwrap(annotation: Any) -> tuple[bool, bool]:
    """Whether a field of this type must be there, and whether it may be repeated."""
    origin = get_origin(annotation)
    is_union = origin is Union or origin is types.UnionType
    return not (is_union and type(None) in get_args(annotation)) and origin is not tuple, origin is tuple


def _part(path: str, field: str, kind: Kind[Any], annotation: Any) -> Part:
    required, repeated = _unwrap(annotation)
    return Part(path, field, kind, required, repeated)


def _demand_one_row_each(value_type: type, rows: list[str]) -> None:
    declared: Any = value_type
    names = [field.name for field in fields(declared) if field.name != "carries_all"]
    assert sorted(rows) == sorted(names), f"{value_type.__name__} has rows {rows} for the fields {names}"


def _steps_of(parts: Mapping[tuple[str, ...], Part]) -> _Steps:
    by_name: dict[str, dict[tuple[str, ...], Part]] = {}
    for path, part in parts.items():
        by_name.setdefault(path[0], {})[path[1:]] = part
    return {name: (rest.pop((), None), _steps_of(rest)) for name, rest in by_name.items()}


def _collect(
    element: etree._Element,
    steps: _Steps,
    found: dict[str, list[etree._Element]],
    reading: Reading,
    always: str = "",
) -> None:
    """Sort the children by field; of an element on the way that is repeated, the first alone is entered."""
    entered: set[str] = set()
    for child in child_elements(element):
        name = local_name(str(child.tag))
        part, below = steps.get(name, (None, {}))
        if part is not None:
            found.setdefault(part.field, []).append(child)
        elif below and name not in entered and (len(child) or name == always):
            entered.add(name)
            _collect(child, below, found, reading)
        else:
            reading.complete = False


def _read_part(part: Part, found: Mapping[str, list[etree._Element]], element: etree._Element, reading: Reading) -> Any:
    elements = found.get(part.field, [])
    if part.repeated:
        return tuple(part.kind.read(item, reading) for item in elements)
    if not elements:
        if part.required:
            raise reading.missing(element, part.path)
        return None
    reading.complete &= len(elements) == 1
    return part.kind.read(elements[0], reading)


@dataclass(frozen=True, slots=True)
class Code:
    """A code word of an external ISO code set (``Cd``)."""

    text: str


@dataclass(frozen=True, slots=True)
class Proprietary:
    """A code word that the rail or a community agreed upon (``Prtry``)."""

    text: str


_TRUTHS: Final = {"true": True, "1": True, "false": False, "0": False}

TEXT: Final = Leaf(str, str)
"""A text or an identifier, as it stands."""
PERSONAL: Final = Leaf(Personal, Personal.reveal)
"""A text about a person."""
TIME: Final = Time()
"""A point in time."""
DATE: Final = Leaf(
    _date,
    date.isoformat,
    code="VALUE_DATE",
    rule="A calendar date without a time zone.",
    hint="Write it as 2026-01-31.",
)
"""A calendar date."""
BOOLEAN: Final = Leaf(
    read_truth, truth_text, code="VALUE_TRUTH", rule="An indicator is true or false.", hint="Write true or false."
)
"""Yes or no."""
MONEY: Final = Money()
"""An amount of US dollars."""
CODED: Final = OneOf(
    {
        "code": Alternative("Cd", Code, Leaf(Code, lambda code: code.text)),
        "proprietary": Alternative("Prtry", Proprietary, Leaf(Proprietary, lambda code: code.text)),
    }
)
"""A code word, ISO's or a community's: the choice between ``Cd`` and ``Prtry``."""
DATE_OR_TIME: Final = OneOf({"date": Alternative("Dt", date, DATE), "time": Alternative("DtTm", datetime, TIME)})
"""A calendar date, or a point in time."""
