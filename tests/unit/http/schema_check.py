"""A small check of JSON against the part of JSON Schema that our OpenAPI document uses; it refuses anything else."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

_TYPES: Final[Mapping[str, tuple[type, ...]]] = {
    "object": (dict,),
    "array": (list,),
    "string": (str,),
    "integer": (int,),
    "boolean": (bool,),
    "null": (type(None),),
}
_ANNOTATIONS: Final = frozenset({"description", "format", "examples", "default"})


@dataclass(frozen=True, slots=True)
class _Point:
    """One keyword at one place: what it demands, the schema it stands in, and the value."""

    keyword: str
    wanted: Any
    schema: Mapping[str, Any]
    value: Any
    place: str


class SchemaCheck:
    """Checks values against the schemas of one OpenAPI document."""

    def __init__(self, document: Mapping[str, Any]) -> None:
        self._document = document
        self._keywords: Mapping[str, Callable[[_Point], Iterator[str]]] = {
            "type": _type,
            "const": _const,
            "enum": _enum,
            "pattern": _pattern,
            "required": _required,
            **dict.fromkeys(("minLength", "maxLength", "minimum", "maximum", "maxItems"), _bounds),
            "properties": self._properties,
            "additionalProperties": self._additional,
            "items": self._items,
            "anyOf": self._any_of,
        }

    def faults(self, schema: Mapping[str, Any], value: object, place: str = "") -> list[str]:
        """Everything in which the value breaks the schema."""
        schema = self.resolved(schema)
        return [
            fault
            for keyword, wanted in schema.items()
            if keyword not in _ANNOTATIONS
            for fault in self._keywords[keyword](_Point(keyword, wanted, schema, value, place))
        ]

    def resolved(self, node: Mapping[str, Any]) -> Mapping[str, Any]:
        """The node itself, or what its ``$ref`` points to."""
        if "$ref" not in node:
            return node
        found: Any = self._document
        for step in node["$ref"].removeprefix("#/").split("/"):
            found = found[step]
        return self.resolved(found)

    def _properties(self, point: _Point) -> Iterator[str]:
        for name in point.wanted.keys() & (point.value.keys() if isinstance(point.value, dict) else set()):
            yield from self.faults(point.wanted[name], point.value[name], f"{point.place}/{name}")

    def _additional(self, point: _Point) -> Iterator[str]:
        for name in point.value.keys() - point.schema.get("properties", {}).keys():
            if point.wanted is False:
                yield f"{point.place}: {name} is not foreseen"
            else:
                yield from self.faults(point.wanted, point.value[name], f"{point.place}/{name}")

    def _items(self, point: _Point) -> Iterator[str]:
        for index, item in enumerate(point.value or ()):
            yield from self.faults(point.wanted, item, f"{point.place}/{index}")

    def _any_of(self, point: _Point) -> Iterator[str]:
        if all(self.faults(option, point.value, point.place) for option in point.wanted):
            yield f"{point.place}: fits none of the forms"


def _type(point: _Point) -> Iterator[str]:
    names = [point.wanted] if isinstance(point.wanted, str) else point.wanted
    if not any(_is(name, point.value) for name in names):
        yield f"{point.place}: {type(point.value).__name__} is not {names}"


def _is(name: str, value: object) -> bool:
    return isinstance(value, _TYPES[name]) and (name != "integer" or not isinstance(value, bool))


def _const(point: _Point) -> Iterator[str]:
    if point.value != point.wanted:
        yield f"{point.place}: {point.value!r} is not {point.wanted!r}"


def _enum(point: _Point) -> Iterator[str]:
    if point.value not in point.wanted:
        yield f"{point.place}: {point.value!r} is not among {point.wanted!r}"


def _pattern(point: _Point) -> Iterator[str]:
    if isinstance(point.value, str) and re.search(point.wanted, point.value) is None:
        yield f"{point.place}: {point.value!r} does not match {point.wanted}"


def _required(point: _Point) -> Iterator[str]:
    yield from (f"{point.place}: {name} is missing" for name in point.wanted if name not in point.value)


def _bounds(point: _Point) -> Iterator[str]:
    if point.value is None:
        return
    measured = point.value if point.keyword in ("minimum", "maximum") else len(point.value)
    if measured < point.wanted if point.keyword.startswith("min") else measured > point.wanted:
        yield f"{point.place}: {measured} breaks {point.keyword} {point.wanted}"
