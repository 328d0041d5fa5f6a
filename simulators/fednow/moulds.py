"""Status reports by mould: messages of one shape are built once, and from then on their values are filled in.

A rail says the same thing about thousands of payments; only ids, times and dates differ. What comes out of a mould is,
byte for byte, what building the message anew would give (a test holds them against each other).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass, fields, replace
from datetime import UTC, date, datetime
from typing import Any, Final
from xml.sax.saxutils import escape

from iso20022 import BusinessHeader, EnvelopeKind, PaymentStatusReport, header, pacs002, wrap
from iso20022.layout import instant_text

MOULDS_MAX: Final = 256
"""Shapes that are kept; past that a message is built as it is. A network of seven institutions needs a few dozen."""


@dataclass(frozen=True, slots=True)
class _Value:
    """A value that differs from message to message: whose it is, what stands for it in a mould, and how it is written.

    What stands for a value is as unlike anything in a message as its type allows.
    """

    of_header: bool
    field: str
    stand_in: Any
    text: Callable[[Any], str]


def _id(number: int, field: str, *, of_header: bool = False) -> _Value:
    return _Value(of_header, field, f"\ue000{number}\ue001", escape)


def _instant(number: int, field: str, *, of_header: bool = False) -> _Value:
    return _Value(of_header, field, datetime(1700 + number, 3, 5, 7, 11, 13, tzinfo=UTC), instant_text)


_VALUES: Final = (
    _id(1, "business_message_id", of_header=True),
    _instant(1, "creation_time", of_header=True),
    _instant(2, "business_processing_date", of_header=True),
    _id(2, "message_id"),
    _instant(3, "creation_time"),
    _id(3, "original_message_id"),
    _instant(4, "original_creation_time"),
    _id(4, "original_instruction_id"),
    _id(5, "original_end_to_end_id"),
    _id(6, "original_transaction_id"),
    _id(7, "original_uetr"),
    _instant(5, "acceptance_time"),
    _Value(of_header=False, field="settlement_date", stand_in=date(1710, 3, 5), text=date.isoformat),
)
_OF_HEADER: Final = tuple(value for value in _VALUES if value.of_header)
_OF_REPORT: Final = tuple(value for value in _VALUES if not value.of_header)
_FIXED_IN_HEADER: Final = tuple(
    field.name for field in fields(BusinessHeader) if field.name not in {value.field for value in _OF_HEADER}
)
_FIXED_IN_REPORT: Final = tuple(
    field.name for field in fields(PaymentStatusReport) if field.name not in {value.field for value in _OF_REPORT}
)


class StatusMoulds:
    """Wraps status reports in FedNow's outgoing envelope; keeps a mould of each shape that it has seen."""

    def __init__(self) -> None:
        self._moulds: dict[Hashable, Sequence[bytes | _Value]] = {}

    def wrapped(self, outgoing: BusinessHeader, report: PaymentStatusReport) -> bytes:
        """Return the message of this header and report.

        Raises:
            LocalProtocolError: a text holds what XML cannot carry.

        """
        shape = _shape(outgoing, report)
        mould = self._moulds.get(shape)
        if mould is None:
            if len(self._moulds) >= MOULDS_MAX:
                return _built(outgoing, report)
            mould = self._moulds[shape] = _mould(outgoing, report)
        return b"".join(
            [
                piece
                if isinstance(piece, bytes)
                else piece.text(getattr(outgoing if piece.of_header else report, piece.field)).encode()
                for piece in mould
            ]
        )


def _shape(outgoing: BusinessHeader, report: PaymentStatusReport) -> Hashable:
    """What messages of one mould have in common: all that is no value, and which values there are."""
    return (
        *[getattr(outgoing, name) for name in _FIXED_IN_HEADER],
        *[getattr(report, name) for name in _FIXED_IN_REPORT],
        *[getattr(outgoing, value.field) is None for value in _OF_HEADER],
        *[getattr(report, value.field) is None for value in _OF_REPORT],
    )


def _mould(outgoing: BusinessHeader, report: PaymentStatusReport) -> Sequence[bytes | _Value]:
    """The message with stand-ins, cut where they are."""
    by_text = {value.text(value.stand_in).encode(): value for value in _VALUES}
    body = _built(_with_stand_ins(outgoing, _OF_HEADER), _with_stand_ins(report, _OF_REPORT))
    pieces = re.split(b"(" + b"|".join(map(re.escape, by_text)) + b")", body)
    return [by_text.get(piece, piece) for piece in pieces]


def _with_stand_ins(part: Any, values: Sequence[_Value]) -> Any:
    present = {value.field: value.stand_in for value in values if getattr(part, value.field) is not None}
    return replace(part, **present)


def _built(outgoing: BusinessHeader, report: PaymentStatusReport) -> bytes:
    return wrap(EnvelopeKind.FEDNOW_OUTGOING, header.build(outgoing), pacs002.build(report))
