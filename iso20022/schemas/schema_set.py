"""Which schema a message is held against: an institution's own where there is one, else ours."""

import threading
from collections.abc import Mapping
from functools import cache
from types import MappingProxyType
from typing import Any, Final

from lxml import etree

from iso20022.schemas.model import Schema, UnknownConstructError, read_schema
from iso20022.schemas.pinned import manifest, schema_bytes

RTP_SCHEMAS: Final[Mapping[str, str]] = MappingProxyType(
    {
        message_type: f"{message_type}.rtp"
        for message_type in ("head.001.001.01", "camt.035.001.05", "pacs.008.001.08", "pain.013.001.07")
    }
)
"""The message types whose schema on RTP is not ISO's, with the id of RTP's."""


class SchemaSet:
    """Schemas by id: ``own`` ones, whole files by message type, come before the pinned ones of this package.

    An own schema of a message type stands for every id of that type, so that it counts on each rail. It is immutable,
    and any number of threads may use it: each has validators of its own, since libxml2 mixes up the errors of a shared
    one.
    """

    __slots__ = ("_models", "_own", "_per_thread")

    def __init__(self, own: Mapping[str, bytes] | None = None) -> None:
        self._own: Final = dict(own or {})
        self._per_thread: Final = threading.local()
        self._models: Final = {message_type: _modelled(content) for message_type, content in self._own.items()}

    @property
    def own(self) -> frozenset[str]:
        """The message types whose schema is an institution's own."""
        return frozenset(self._own)

    def validator(self, schema_id: str) -> etree.XMLSchema:
        """The compiled schema, this thread's own. Raises KeyError for an id without a schema."""
        try:
            compiled: dict[str, etree.XMLSchema] = self._per_thread.compiled
        except AttributeError:
            compiled = self._per_thread.compiled = {}
        schema = compiled.get(schema_id)
        if schema is None:
            own = self._own.get(message_type_of_schema(schema_id))
            schema = compiled[schema_id] = compile_schema(schema_bytes(schema_id) if own is None else own)
        return schema

    def model(self, schema_id: str) -> Schema | None:
        """The schema as values; None for an own one that uses more of XML Schema than ISO 20022 does."""
        message_type = message_type_of_schema(schema_id)
        return self._models[message_type] if message_type in self._models else model(schema_id)


def message_type_of_schema(schema_id: str) -> str:
    """The message type that a schema id belongs to: its first four parts."""
    return ".".join(schema_id.split(".")[:4])


def compile_schema(content: bytes) -> etree.XMLSchema:
    """The compiled schema in an XSD file; what it imports is one of the pinned schemas, never a file or an address.

    Raises lxml's XMLSyntaxError and XMLSchemaParseError for what is no schema.
    """
    parser = etree.XMLParser(resolve_entities=False, no_network=True)
    parser.resolvers.add(_Pinned())
    return etree.XMLSchema(etree.fromstring(content, parser))


class _Pinned(etree.Resolver):
    """Answers what a schema imports from the pinned schemas; anything else is empty, so that nothing is opened."""

    def resolve(self, system_url: str, _public_id: str, context: Any) -> Any:  # type: ignore[override] # stubs lack it
        schema_id = system_url.rpartition("/")[2].removesuffix(".xsd")
        content = schema_bytes(schema_id) if schema_id in manifest() else b""
        answer: Any = self.resolve_string  # the stubs demand an optional argument
        return answer(content, context)


def _modelled(content: bytes) -> Schema | None:
    try:
        return read_schema(content)
    except (UnknownConstructError, ValueError):  # a facet's value may be none of ours either
        return None


OUR_SCHEMAS: Final = SchemaSet()
"""The pinned schemas alone."""


def validator(schema_id: str) -> etree.XMLSchema:
    """The compiled pinned schema of an id, this thread's own."""
    return OUR_SCHEMAS.validator(schema_id)


@cache
def model(schema_id: str) -> Schema:
    """The pinned schema of an id as values."""
    return read_schema(schema_bytes(schema_id))
