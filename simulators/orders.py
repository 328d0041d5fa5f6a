"""Orders of payments from the network as a test writes them, and what became of them as it reads it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import fields
from datetime import timedelta
from typing import Any, Final

from iso20022 import Amount, RoutingNumber
from simulators.forwarding import ADVICES, Forwarded, Order
from simulators.participants import PARTICIPANTS

ORDERS_MAX: Final = 1_000
"""How many payments one request may order."""

_TEXTS: Final = ("debtor_account", "creditor_account", "debtor_name", "creditor_name", "remittance", "end_to_end_id")
_SECONDS: Final = ("spent_s", "copy_after_s", "again_after_s", "advice_after_s")
_COUNTS: Final = ("copies", "advice_copies")
_DEBTOR_AGENT: Final = PARTICIPANTS[2].routing_number
_CREDITOR_AGENT: Final = PARTICIPANTS[0].routing_number


def orders_from(content: Any) -> tuple[Order, int]:
    """The order that a JSON value says, and how many payments of it.

    Raises:
        ValueError: it says none.

    """
    if not isinstance(content, dict):
        raise ValueError("an object is meant")  # noqa: TRY004 - JSON's kinds are no types of ours
    count = content.get("count", 1)
    if type(count) is not int or not 1 <= count <= ORDERS_MAX:
        raise ValueError(f"count is from 1 to {ORDERS_MAX}")
    return order_from({name: value for name, value in content.items() if name != "count"}), count


def order_from(content: Mapping[str, Any]) -> Order:
    """The order that a JSON object says; what it leaves out is as in `Order`, between two participants.

    Raises:
        ValueError: it says none.

    """
    if unknown := sorted(set(content) - {each.name for each in fields(Order)}):
        raise ValueError(f"nothing is known of {', '.join(unknown)}")
    values = dict(content)
    for name in (*_TEXTS, "amount", "debtor_agent", "creditor_agent", "returns", "returned", "reason"):
        if name in values and not isinstance(values[name], str):
            raise ValueError(f"{name} is a text")
    for name in _SECONDS:
        if name in values and not (type(values[name]) in {int, float} and values[name] >= 0):
            raise ValueError(f"{name} is in seconds")
    for name in _COUNTS:
        if name in values and not (type(values[name]) is int and values[name] >= 1):
            raise ValueError(f"{name} is a whole number from 1 on")
    _refuse_others(values)
    if values.get("advice", "truth") not in ADVICES:
        raise ValueError(f"advice is one of {', '.join(sorted(ADVICES))}")
    for name in ("amount", "returned"):
        if name in values:
            values[name] = Amount.parse(values[name])
    values["debtor_agent"] = RoutingNumber(values.get("debtor_agent", _DEBTOR_AGENT))
    values["creditor_agent"] = RoutingNumber(values.get("creditor_agent", _CREDITOR_AGENT))
    return Order(**values)


def _refuse_others(values: Mapping[str, Any]) -> None:
    if not {values.get(name, False) for name in ("swallowed", "liquidity")} <= {True, False}:
        raise ValueError("swallowed and liquidity are true or false")
    writes = values.get("writes", {})
    if not (isinstance(writes, dict) and all(text is None or isinstance(text, str) for text in writes.values())):
        raise ValueError("writes is an object of texts, or null, by their paths")


def shown(record: Forwarded) -> dict[str, Any]:
    """What became of one payment."""
    forwarded, completed = record.forwarded, record.completed
    return {
        "message_id": forwarded.message_id,
        "end_to_end_id": forwarded.end_to_end_id,
        "uetr": forwarded.uetr,
        "amount_cents": forwarded.amount.cents,
        "forwarded_at": forwarded.forwarded_at.isoformat(),
        "clock_ends_at": forwarded.clock_ends_at.isoformat(),
        "answers": [
            {
                "status": answer.status.value,
                "reasons": list(answer.reasons),
                "after_ms": (answer.at - forwarded.forwarded_at) // timedelta(milliseconds=1),
                "counts": answer.counts,
            }
            for answer in record.answers
        ],
        "status": None if completed is None else completed.status.value,
        "reasons": [] if completed is None else list(completed.reasons),
        "posting": [{"status": each.status.value, "reasons": list(each.reasons)} for each in record.statuses],
    }


def answered_ms(records: Sequence[Forwarded]) -> dict[str, float]:
    """How long the receiver took for the answer that counted, in ms, by the message id of each that has one."""
    return {
        record.forwarded.message_id: (answer.at - record.forwarded.forwarded_at) / timedelta(milliseconds=1)
        for record in records
        for answer in record.answers
        if answer.counts
    }


def summary_of(records: Sequence[Forwarded]) -> dict[str, Any]:
    """Counts over all, and how long receivers took for the answer that counted, in ms."""
    took = sorted(answered_ms(records).values())
    return {
        "forwarded": len(records),
        "completed": Counter(each.completed.status.value if each.completed else "open" for each in records),
        "posting": Counter(each.statuses[-1].status.value if each.statuses else "none" for each in records),
        "answers_that_did_not_count": sum(not answer.counts for each in records for answer in each.answers),
        "answer_ms": {name: took[min(int(len(took) * part), len(took) - 1)] for name, part in _PARTS} if took else {},
    }


_PARTS: Final = (("p50", 0.5), ("p95", 0.95), ("p99", 0.99), ("max", 1.0))
"""Which parts of the sorted times are shown."""
