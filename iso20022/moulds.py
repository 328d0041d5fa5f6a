"""Messages by mould: those of one shape are built once, and from then on their values are filled in.

Who receives or plays a rail says the same thing about thousands of payments; only ids, times and dates differ. What
comes out of a mould is, byte for byte, what building the message anew would give (a test holds them against each
other).
"""

import re
from collections.abc import Callable, Hashable, Iterable, Sequence
from dataclasses import dataclass, fields, replace
from datetime import UTC, date, datetime
from operator import attrgetter
from typing import Any, Final, Generic, TypeVar
from xml.sax.saxutils import escape

from lxml import etree

from iso20022 import header as headers
from iso20022.envelope import EnvelopeKind, wrap
from iso20022.header import BusinessHeader
from iso20022.layout import instant_text
from iso20022.messages import pacs002, pacs008
from iso20022.messages.pacs002 import PaymentStatusReport
from iso20022.messages.pacs008 import CustomerCreditTransfer

MOULDS_MAX: Final = 256
"""Shapes that are kept; past that a message is built as it is. What is said, why, and by whose header make one."""

Content = TypeVar("Content", PaymentStatusReport, CustomerCreditTransfer)


@dataclass(frozen=True, slots=True)
class _Value:
    """A field that differs from message to message: what stands for it in a mould, and how it is written.

    What stands for a value is as unlike anything in a message as its type allows.
    """

    field: str
    stand_in: Any
    text: Callable[[Any], str]


def _values(first: int, *, ids: Sequence[str], instants: Sequence[str], dates: Sequence[str] = ()) -> Sequence[_Value]:
    """The values of these names, with stand-ins of their own: numbered from `first`."""
    return (
        *(_Value(name, f"\ue000{number}\ue001", escape) for number, name in enumerate(ids, first)),
        *(
            _Value(name, datetime(1700 + number, 3, 5, 7, 11, 13, tzinfo=UTC), instant_text)
            for number, name in enumerate(instants, first)
        ),
        *(_Value(name, date(1800 + number, 3, 5), date.isoformat) for number, name in enumerate(dates, first)),
    )


_OF_HEADER: Final = _values(10, ids=("business_message_id",), instants=("creation_time", "business_processing_date"))
_OF_REPORT: Final = _values(
    20,
    ids=(
        "message_id",
        "original_message_id",
        "original_instruction_id",
        "original_end_to_end_id",
        "original_transaction_id",
        "original_uetr",
        "instructing_agent",
        "instructed_agent",
    ),
    instants=("creation_time", "original_creation_time", "acceptance_time"),
    dates=("settlement_date",),
)
_OF_TRANSFER: Final = _values(
    20,
    ids=("message_id", "instruction_id", "end_to_end_id", "uetr"),
    instants=("creation_time",),
    dates=("settlement_date",),
)


class Moulds(Generic[Content]):
    """Wraps messages of one type in one of FedNow's envelopes; keeps a mould of each shape that it has seen."""

    def __init__(
        self,
        kind: EnvelopeKind,
        content: type[Content],
        build: Callable[[Content], etree._Element],
        values: Sequence[_Value],
    ) -> None:
        self._kind = kind
        self._build: Callable[[Content], etree._Element] = build
        self._of_content = tuple(values)
        self._all = (*_OF_HEADER, *self._of_content)
        self._header_values = attrgetter(*(value.field for value in _OF_HEADER))
        self._content_values = attrgetter(*(value.field for value in self._of_content))
        self._header_shape = attrgetter(*_others(BusinessHeader, _OF_HEADER))
        self._content_shape = attrgetter(*_others(content, self._of_content))
        self._moulds: dict[Hashable, Sequence[bytes | int] | None] = {}

    def wrapped(self, header: BusinessHeader, content: Content) -> bytes:
        """Return the message of this header and content.

        Raises:
            LocalProtocolError: a text holds what XML cannot carry.

        """
        values: tuple[Any, ...] = (*self._header_values(header), *self._content_values(content))
        shape = (
            self._header_shape(header),
            self._content_shape(content),
            tuple([value is None for value in values]),
        )
        mould = self._moulds.get(shape)
        if mould is None:
            if len(self._moulds) < MOULDS_MAX and shape not in self._moulds:
                self._moulds[shape] = self._mould(header, content, values)
            return self._built(header, content)
        pieces = []
        for piece in mould:
            if isinstance(piece, bytes):
                pieces.append(piece)
                continue
            text = self._all[piece].text(values[piece])
            if not text.isprintable():  # XML has a form of its own for some of it, and none for the rest
                return self._built(header, content)
            pieces.append(text.encode())
        return b"".join(pieces)

    def _mould(self, header: BusinessHeader, content: Content, values: Sequence[Any]) -> Sequence[bytes | int] | None:
        """The message with stand-ins, cut where they are; None where one stands in other words as well."""
        numbers = {value.text(value.stand_in).encode(): number for number, value in enumerate(self._all)}
        body = self._built(_with_stand_ins(header, _OF_HEADER), _with_stand_ins(content, self._of_content))
        pieces = re.split(b"(" + b"|".join(map(re.escape, numbers)) + b")", body)
        found = [numbers[piece] for piece in pieces if piece in numbers]
        if sorted(found) != [number for number, value in enumerate(values) if value is not None]:
            return None
        return [numbers.get(piece, piece) for piece in pieces]

    def _built(self, header: BusinessHeader, content: Content) -> bytes:
        return wrap(self._kind, headers.build(header), self._build(content))


def status_moulds(kind: EnvelopeKind) -> Moulds[PaymentStatusReport]:
    """Return moulds of status reports."""
    return Moulds(kind, PaymentStatusReport, pacs002.build, _OF_REPORT)


def transfer_moulds(kind: EnvelopeKind) -> Moulds[CustomerCreditTransfer]:
    """Return moulds of customer credit transfers: of use for who makes many of the same people."""
    return Moulds(kind, CustomerCreditTransfer, pacs008.build, _OF_TRANSFER)


def _others(content: type[Any], values: Iterable[_Value]) -> Sequence[str]:
    """The fields that are no values: a field that is added later is part of the shape until somebody says otherwise."""
    names = {value.field for value in values}
    return [field.name for field in fields(content) if field.name not in names]


def _with_stand_ins(part: Any, values: Sequence[_Value]) -> Any:
    present = {value.field: value.stand_in for value in values if getattr(part, value.field) is not None}
    return replace(part, **present)
