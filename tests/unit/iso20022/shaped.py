"""Values made from a shape and its schema: whole ones, in which nothing is left out, and any that Hypothesis thinks of.

A value made here is valid by the schema: each text is one of its element's type, and what this version of a type does
not have is left out.
"""

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta, timezone
from enum import StrEnum
from functools import cache
from typing import Any, Final, Protocol

from hypothesis import strategies as st

from iso20022 import Amount
from iso20022.messages.shape import Kind, Leaf, Money, OneOf, Shape, Time
from iso20022.schemas import model
from iso20022.schemas.model import BuiltIn, Schema, SimpleType

_XML_TEXT: Final = st.characters(exclude_categories=["Cs", "Cc"], exclude_characters="￾￿")
_MOMENTS: Final = st.datetimes(
    min_value=datetime(1970, 1, 1),  # noqa: DTZ001 # the zone is the strategy's to add
    timezones=st.sampled_from([UTC, timezone(timedelta(hours=-5))]),
)
_DAYS: Final = st.dates(min_value=date(1900, 1, 1))
# One text for each pattern that occurs, for the whole values.
_PATTERNED: Final = {
    "[A-Z]{2,2}": "US",
    "[A-Z]{3,3}": "USD",
    "[A-Z0-9]{4,4}[A-Z]{2,2}[A-Z0-9]{2,2}([A-Z0-9]{3,3}){0,1}": "FAKEUS00XXX",
    "[A-Z0-9]{18,18}[0-9]{2,2}": "FAKE0000000000000012",
    "[A-Z]{2,2}[0-9]{2,2}[a-zA-Z0-9]{1,30}": "ZZ00FAKE0000",
    "[a-f0-9]{8}-[a-f0-9]{4}-4[a-f0-9]{3}-[89ab][a-f0-9]{3}-[a-f0-9]{12}": "5b2f1d0e-8c4a-4f7b-9a3d-0123456789ab",
    "[0-9]{1,15}": "1",
    "[0-9]{1,5}": "12",
    "[0-9]{9}": "990000013",
    "[a-zA-Z0-9]{4}": "A1b2",
    "[a-zA-Z0-9]{1,4}": "A1b2",
    "[a-zA-Z0-9]{1,20}": "CONN0001",
    r"\+[0-9]{1,3}-[0-9()+\-]{1,30}": "+1-5550100",
}


class Chooser(Protocol):
    """Who decides what a value holds."""

    def present(self, depth: int) -> bool:
        """Whether an optional field is there."""
        ...

    def count(self, depth: int) -> int:
        """How often a repeated field is there."""
        ...

    def branch(self, names: list[str], nesting: int) -> str:
        """Which branch of a choice is taken; ``nesting`` says in how many other choices it stands."""
        ...

    def text(self, kind: SimpleType) -> str:
        """A text of the type."""
        ...

    def word(self, words: type[StrEnum]) -> StrEnum:
        """One of the code words."""
        ...

    def cents(self) -> int:
        """An amount."""
        ...

    def day(self) -> date:
        """A calendar date."""
        ...

    def moment(self) -> datetime:
        """A point in time."""
        ...


class Whole:
    """Everything is there, outer repeated fields twice; of a choice the branch whose turn it is."""

    def __init__(self, turn: int) -> None:
        self.turn = turn

    def present(self, depth: int) -> bool:
        return True

    def count(self, depth: int) -> int:
        return 2 if depth < 2 else 1  # so that the whole message stays within the reader's limits

    def branch(self, names: list[str], nesting: int) -> str:
        turn = self.turn // (1, 3, 6, 12)[nesting]  # so that nested branches are all taken with one another
        return names[turn % 3 % len(names) if nesting == 0 else turn % len(names)]

    def text(self, kind: SimpleType) -> str:
        if kind.enumeration:
            return kind.enumeration[-1]
        if kind.pattern is not None:
            return _PATTERNED[kind.pattern]
        if kind.base is BuiltIn.DATE:
            return "2026-01-31"
        return "2.5" if kind.base is BuiltIn.DECIMAL else "Ünlikely & <odd>"[: kind.max_length]

    def word(self, words: type[StrEnum]) -> StrEnum:
        return tuple(words.__members__.values())[self.turn % len(words)]

    def cents(self) -> int:
        return 101

    def day(self) -> date:
        return date(2026, 1, 31)

    def moment(self) -> datetime:
        return datetime(2026, 1, 31, 9, 30, tzinfo=UTC)


class Drawn:
    """Hypothesis decides; the deeper a field, the rarer."""

    def __init__(self, draw: st.DrawFn) -> None:
        self.draw = draw

    def present(self, depth: int) -> bool:
        rarity = 3 + 2 * depth
        return self.draw(_below(rarity)) == rarity  # the simplest draw, 0, leaves it out

    def count(self, depth: int) -> int:
        rarity = 3 + 2 * depth
        return max(0, self.draw(_below(rarity + 2)) - rarity)

    def branch(self, names: list[str], nesting: int) -> str:
        return names[self.draw(_below(len(names) - 1))]

    def text(self, kind: SimpleType) -> str:
        if kind.enumeration:
            return str(self.draw(_one_of(kind.enumeration)))
        if kind.pattern is not None:
            return self.draw(_matching(kind.pattern))
        if kind.base is BuiltIn.DATE:
            return self.day().isoformat()
        if kind.base is BuiltIn.DECIMAL:
            return str(self.draw(_one_of(("0", "2.5", "+100.0"))))
        return self.draw(_texts(kind.min_length or 1, min(kind.max_length or 20, 20)))

    def word(self, words: type[StrEnum]) -> StrEnum:
        return tuple(words.__members__.values())[self.draw(_below(len(words) - 1))]

    def cents(self) -> int:
        return self.draw(_below(10**15))

    def day(self) -> date:
        return self.draw(_DAYS)

    def moment(self) -> datetime:
        return self.draw(_MOMENTS)


def whole_values(shape: Shape[Any], message_type: str) -> Iterator[Any]:
    """Values in which nothing is left out; between them, every branch of every choice is taken."""
    for turn in range(24):
        yield _Maker(model(message_type), Whole(turn)).message(shape)


@st.composite
def any_value(draw: st.DrawFn, shape: Shape[Any], message_type: str) -> Any:
    """Any value that the schema has room for."""
    return _Maker(model(message_type), Drawn(draw)).message(shape)


class _Maker:
    def __init__(self, schema: Schema, chooser: Chooser) -> None:
        self.schema = schema
        self.chooser = chooser

    def message(self, shape: Shape[Any]) -> Any:
        schema = self.schema
        return self._shaped(shape, schema.complex_types[schema.root.type_name].elements[0].type_name, 0, 0)

    def _value(self, kind: Kind[Any], type_name: str, depth: int, nesting: int) -> Any:
        chooser = self.chooser
        match kind:
            case Shape():
                return self._shaped(kind, type_name, depth, nesting)
            case OneOf():
                return self._branch(kind, type_name, depth, nesting)
            case Money():
                return Amount(chooser.cents())
            case Time():
                return chooser.moment()
            case Leaf() if isinstance(kind.convert, type) and issubclass(kind.convert, StrEnum):
                return chooser.word(kind.convert)
            case Leaf():
                simple = self.schema.simple(type_name)
                truth = simple.base is BuiltIn.BOOLEAN
                return kind.convert(chooser.branch(["true", "false"], nesting) if truth else chooser.text(simple))
            case _:
                raise AssertionError(kind)

    def _branch(self, kind: OneOf, type_name: str, depth: int, nesting: int) -> Any:
        types = {use.name: use.type_name for use in self.schema.complex_types[type_name].elements}
        names = [name for name, alternative in kind.alternatives.items() if alternative.tag in types]
        branch = kind.alternatives[self.chooser.branch(names, nesting)]
        return self._value(branch.kind, types[branch.tag], depth + 1, nesting + 1)

    def _shaped(self, shape: Shape[Any], type_name: str, depth: int, nesting: int) -> Any:
        fields: dict[str, Any] = {}
        for part in shape.parts:
            below = _type_at(self.schema, type_name, part.path)
            if below is None:
                fields[part.field] = () if part.repeated else None
            elif part.repeated:
                number = min(max(self.chooser.count(depth), below[1]), below[2] or 9)
                items = (self._value(part.kind, below[0], depth + 1, nesting) for _ in range(number))
                fields[part.field] = tuple(items)
            elif part.required or self.chooser.present(depth):
                fields[part.field] = self._value(part.kind, below[0], depth + 1, nesting)
            else:
                fields[part.field] = None
        return shape.value_type(**fields)


def _type_at(schema: Schema, type_name: str, path: str) -> tuple[str, int, int | None] | None:
    """The type at a path, and how often it must and may stand there; None where this version has no such element."""
    found: tuple[str, int, int | None] = (type_name, 1, 1)
    for step in path.split("/"):
        kind = schema.complex_types.get(found[0])
        uses = [] if kind is None else [use for use in kind.elements if use.name == step]
        if not uses:
            return None
        found = (uses[0].type_name, min(found[1], uses[0].min_occurs), uses[0].max_occurs)
    return found


@cache
def _texts(size_min: int, size_max: int) -> st.SearchStrategy[str]:
    return st.text(_XML_TEXT, min_size=size_min, max_size=size_max)


@cache
def _matching(pattern: str) -> st.SearchStrategy[str]:
    return st.from_regex(pattern, fullmatch=True, alphabet=st.characters(codec="ascii"))


@cache
def _one_of(words: tuple[Any, ...]) -> st.SearchStrategy[Any]:
    return st.sampled_from(words)


@cache
def _below(limit: int) -> st.SearchStrategy[int]:
    return st.integers(0, limit)
