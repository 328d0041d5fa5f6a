"""Every message type of both rails in one table: version, which way it travels, what it is for, and its value.

``python -m iso20022.catalogue`` prints the table of docs/messages.md. Sources: FedNow Operating Procedures (October
2024) for FedNow's message classes; for RTP the public record of its releases 2.9 and 3.0, the class being ours by
analogy.
"""

import sys
from collections.abc import Iterator, Mapping
from enum import StrEnum
from types import MappingProxyType
from typing import Final

from iso20022.codes import Direction, Rail
from iso20022.messages.registry import MESSAGE_KINDS
from iso20022.sample import DIRECTIONS


class MessageClass(StrEnum):
    """What kind of traffic a message is; queues are kept apart by it, so that reports never delay money."""

    VALUE = "value"
    """Moves money."""
    NONVALUE = "nonvalue"
    """Speaks of money that has moved or is to move."""
    INQUIRY = "inquiry"
    """Asks the rail."""
    REPORT = "report"
    """Answers with an account's activity."""
    SYSTEM = "system"
    """Keeps the connection and its participants."""


PURPOSES: Final[Mapping[str, tuple[MessageClass, str]]] = MappingProxyType(
    {
        "pacs.008": (MessageClass.VALUE, "customer credit transfer; on RTP a return too (purpose RTRN)"),
        "pacs.009": (MessageClass.VALUE, "transfer between institutions: liquidity management"),
        "pacs.004": (MessageClass.VALUE, "payment return"),
        "pacs.002": (MessageClass.NONVALUE, "status of a payment"),
        "pacs.028": (MessageClass.INQUIRY, "what became of a payment? (to a participant: nonvalue)"),
        "pain.013": (MessageClass.NONVALUE, "request for payment"),
        "pain.014": (MessageClass.NONVALUE, "answer to a request for payment"),
        "camt.055": (MessageClass.NONVALUE, "cancellation of a request for payment"),
        "camt.056": (MessageClass.NONVALUE, "request to return a payment; from RTP: time-out (DS24)"),
        "camt.026": (MessageClass.NONVALUE, "request for information about a payment"),
        "camt.028": (MessageClass.NONVALUE, "additional information about a payment"),
        "camt.029": (MessageClass.NONVALUE, "answer to camt.026, camt.055 or camt.056"),
        "camt.035": (MessageClass.NONVALUE, "a payment was received, or posted after ACWP"),
        "remt.001": (MessageClass.NONVALUE, "remittance information apart from its payment"),
        "camt.060": (MessageClass.INQUIRY, "request for an account report"),
        "camt.052": (MessageClass.REPORT, "account report: balance, totals or details"),
        "camt.054": (MessageClass.REPORT, "notification of a settled debit or credit"),
        "admi.002": (MessageClass.SYSTEM, "a message was rejected as such"),
        "admi.004": (MessageClass.SYSTEM, "event: ping, sign-on, sign-off, news of the rail"),
        "admi.006": (MessageClass.INQUIRY, "request for copies of messages"),
        "admi.007": (MessageClass.SYSTEM, "a nonvalue message has arrived"),
        "admi.011": (MessageClass.SYSTEM, "answer to a participant's event"),
        "admi.998": (MessageClass.SYSTEM, "participant file"),
        "admn.001": (MessageClass.SYSTEM, "sign-on request"),
        "admn.002": (MessageClass.SYSTEM, "sign-on response"),
        "admn.003": (MessageClass.SYSTEM, "sign-off request"),
        "admn.004": (MessageClass.SYSTEM, "sign-off response"),
        "admn.005": (MessageClass.SYSTEM, "echo request"),
        "admn.006": (MessageClass.SYSTEM, "echo response"),
        "admn.007": (MessageClass.SYSTEM, "availability report request"),
        "admn.008": (MessageClass.SYSTEM, "availability report"),
        "acmt.022": (MessageClass.NONVALUE, "the account behind a token"),
    }
)
"""The class of each message and what it is for, money first."""

_HEADINGS: Final = ("message", "version", "class", "what it is for", "FedNow", "RTP", "value")


def message_class(message_type: str) -> MessageClass:
    """The class of a message type (``pacs.008.001.08``). Raises KeyError for one that is not in the catalogue."""
    return PURPOSES[message_type[:8]][0]


def rows() -> Iterator[tuple[str, ...]]:
    """The rows of the catalogue, one for each message type and version; ``out`` is to the rail, ``in`` from it."""
    for family, (of_class, purpose) in PURPOSES.items():
        for message_type, kind in sorted(MESSAGE_KINDS.items()):
            if message_type.startswith(f"{family}."):
                value = f"`{kind.value_type.__name__}`"
                ways = (_ways(DIRECTIONS[rail].get(message_type, frozenset())) for rail in (Rail.FEDNOW, Rail.RTP))
                yield f"`{family}`", message_type[9:], of_class.value, purpose, *ways, value


def table() -> str:
    """The catalogue as a Markdown table."""
    lines = [f"| {' | '.join(line)} |" for line in (_HEADINGS, *rows())]
    lines.insert(1, f"|{'---|' * len(_HEADINGS)}")
    return "\n".join((*lines, ""))


def _ways(travels: frozenset[Direction]) -> str:
    words = ((Direction.TO_RAIL, "out"), (Direction.FROM_RAIL, "in"))
    return ", ".join(word for direction, word in words if direction in travels) or "no"


if __name__ == "__main__":
    sys.stdout.write(table())
