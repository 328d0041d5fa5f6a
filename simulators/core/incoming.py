"""What the simulated institution does about incoming payments: it is asked, and told, by signed requests.

They come as webhooks, or over a queue (`simulators.core.queue`); what is done about one is the same. The creditor's
account chooses; what follows a hyphen is ignored, so that many accounts can share a behaviour. It answers a repeated
question as it answered first (but for ``TWICE``), and posts once.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import re
from collections import Counter
from dataclasses import dataclass, field, replace
from typing import Any, Final

from iso20022 import Amount

ROWS: Final[tuple[tuple[str, str], ...]] = (
    ("SIMREJECTAC04", "It rejects, with the ISO reason that follows."),
    ("SIMHOLD", "It accepts without posting."),
    ("SIMSLOW39", "It accepts after so many tenths of a second."),
    ("SIMSILENT", "It never answers a question."),
    ("SIMNONSENSE", "It answers something that is no decision."),
    ("SIMERROR", "It answers 500; over a queue something that is no decision."),
    ("SIMFORGED", "Over a queue it accepts, signed with another secret."),
    ("SIMTWICE", "It accepts after 1.5 s; asked once more meanwhile, it rejects at once."),
    ("SIMREFUSEAC06", "It accepts, and then refuses to post, with the ISO reason that follows."),
    ("SIMBLOCKAC06", "It accepts, and then blocks the money, with the ISO reason that follows."),
)
"""The creditor's account, and what the institution does; every other account is accepted and posted at once."""

_REASON: Final = re.compile(r"SIM(REJECT|REFUSE|BLOCK)([A-Z0-9]{4})")
_SLOW: Final = re.compile(r"SIMSLOW([0-9]{1,3})")
TWICE_S: Final = 1.5
TAKEN: Final = {"taken": True}
"""What is answered to who wants no answer but that it was heard."""


@dataclass(frozen=True, slots=True)
class Reply:
    """What is answered, and after how long; None for never. ``status`` is HTTP's, and ``is_forged`` a queue's alone.

    ``question`` is the transfer that was asked about, where it is the answer to a question.
    """

    after_s: float | None = 0.0
    status: int = 200
    content: Any = None
    is_forged: bool = False
    question: str | None = None


def reply_to_question(account: str, *, times_asked: int) -> Reply:
    """Return what is answered to the question whether money for this account is accepted."""
    word = account.partition("-")[0]
    if (match := _REASON.fullmatch(word)) and match[1] == "REJECT":
        return Reply(content={"decision": "reject", "reason_code": match[2], "text": "It is not taken."})
    if match := _SLOW.fullmatch(word):
        return Reply(after_s=int(match[1]) / 10, content={"decision": "accept"})
    if word == "SIMTWICE" and times_asked > 1:
        return Reply(content={"decision": "reject", "reason_code": "AC04"})
    replies = {
        "SIMHOLD": Reply(content={"decision": "accept_without_posting", "text": "It is looked into."}),
        "SIMSILENT": Reply(after_s=None),
        "SIMNONSENSE": Reply(content={"decision": "perhaps"}),
        "SIMERROR": Reply(status=500, content={"error": "out of order"}),
        "SIMFORGED": Reply(content={"decision": "accept"}, is_forged=True),
        "SIMTWICE": Reply(after_s=TWICE_S, content={"decision": "accept"}),
    }
    return replies.get(word, Reply(content={"decision": "accept"}))


def reply_to_posting(account: str) -> dict[str, str]:
    """Return what becomes of money that has arrived for this account."""
    word = account.partition("-")[0]
    match = _REASON.fullmatch(word)
    if match and match[1] in {"REFUSE", "BLOCK"}:
        outcome = {"REFUSE": "refused", "BLOCK": "blocked"}[match[1]]
        return {"posting": outcome, "reason_code": match[2]}
    return {"posting": "posted"}


@dataclass(slots=True)
class IncomingBooks:
    """What the institution has been asked and told, by the transfer's id; and what it has credited, once each."""

    asked: Counter[str] = field(default_factory=Counter)
    told_to_post: Counter[str] = field(default_factory=Counter)
    credited: dict[str, int] = field(default_factory=dict)
    not_settled: set[str] = field(default_factory=set)
    answered_ms: dict[str, float] = field(default_factory=dict)
    """How long it had the first question about each in hand, in ms, by the transfer's id."""
    returns: set[tuple[str, str, str]] = field(default_factory=set)
    """What became of returns: of which transfer, how it ended, and under which webhook's id that was told."""

    def credit(self, transfer_id: str, cents: int) -> None:
        """Credit the amount, unless it was before."""
        self.credited.setdefault(transfer_id, cents)

    def summary(self) -> dict[str, object]:
        """What was asked, told and credited."""
        return {
            "asked": self.asked,
            "answered_ms": self.answered_ms,
            "told_to_post": self.told_to_post,
            "credited": self.credited,
            "not_settled": sorted(self.not_settled),
            "returns": sorted(each[:2] for each in self.returns),
        }


def reply_to(books: IncomingBooks, content: object, *, request_id: str) -> Reply | None:
    """Keep what was asked or told, and return what is answered; None where nothing is known of such a request."""
    match content:
        case {
            "type": "incoming_transfer.decide",
            "data": {"transfer_id": str(known), "creditor_account": str(account)},
        }:
            books.asked[known] += 1
            return replace(reply_to_question(account, times_asked=books.asked[known]), question=known)
        case {
            "type": "incoming_transfer.post",
            "data": {
                "transfer_id": str(known),
                "creditor_account": (str() | None) as account,
                "amount": {"value": str(value), "currency": "USD"},
            },
        }:
            books.told_to_post[known] += 1
            posting = reply_to_posting(account or "")  # a liquidity transfer need not name one
            if posting["posting"] == "posted":
                books.credit(known, Amount.parse(value).cents)
            return Reply(content=posting)
        case {"type": "incoming_transfer.not_settled", "data": {"transfer_id": str(known)}}:
            books.not_settled.add(known)
            return Reply(status=204, content=TAKEN)
        case {
            "type": "incoming_transfer.returned" | "incoming_transfer.return_failed" as kind,
            "data": {"transfer_id": str(known)},
        }:
            books.returns.add((known, str(kind).removeprefix("incoming_transfer."), request_id))
            return Reply(status=204, content=TAKEN)
        case _:
            return None


def signature_of(secret: str, *, webhook_id: str, timestamp: str, body: bytes) -> str:
    """Return a webhook's signature (Standard Webhooks)."""
    key = base64.b64decode(secret.removeprefix("whsec_"))
    signed = hmac.digest(key, f"{webhook_id}.{timestamp}.".encode() + body, hashlib.sha256)
    return f"v1,{base64.b64encode(signed).decode()}"


def is_signed(secret: str, *, webhook_id: str, timestamp: str, signature: str, body: bytes) -> bool:
    """Whether a webhook's signature holds."""
    expected = signature_of(secret, webhook_id=webhook_id, timestamp=timestamp, body=body)
    return any(hmac.compare_digest(each.encode(), expected.encode()) for each in signature.split(" "))
