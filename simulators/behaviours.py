"""What a simulated rail and the creditor's institution do with a payment: a table for each rail, one way to choose.

The creditor's account names a row (``SIMRJCTAC04``, ``SIMSLOW3``); whatever follows a hyphen is ignored, so that many
accounts can share a behaviour (``SIMACWP-0017``). Where the account names none, an exact amount may. Everything else
settles at once. An account that starts with ``SIM`` and names no row is rejected (AC03): a slip of the pen in a test
must not settle unnoticed.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from typing import Final

from iso20022 import Amount, TransactionStatus

ANSWER_REST_S: Final = 1
"""How long after a first answer a second one follows, where a behaviour has two."""


class Told(StrEnum):
    """What an answer to the sender says."""

    TRUTH = "truth"
    """What the rail has decided."""

    SAME_AGAIN = "same_again"
    """The answer before it once more, byte for byte."""

    OPPOSITE = "opposite"
    """The contrary of what the rail has decided: no real rail may do it, and a gateway must notice."""

    LATER_STATUS = "later_status"
    """What became of the payment afterwards, relayed from the creditor's institution."""

    TRUTH_BY_STATUS = "truth_by_status"
    """What the rail has decided, as a pacs.002 even where it would say it by another message."""

    UNKNOWN_CODE = "unknown_code"
    """A rejection with a reason that no list has: not the truth, and nothing to read a truth from."""

    GARBAGE = "garbage"
    """Bytes that are no message."""


@dataclass(frozen=True, slots=True)
class Answer:
    """One message to the sender, so long after the rail's decision; ``status`` belongs to LATER_STATUS."""

    told: Told
    after: timedelta = timedelta(0)
    status: TransactionStatus | None = None


THE_TRUTH: Final = (Answer(Told.TRUTH),)
"""What most payments end with."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Behaviour:
    """What happens to one payment.

    ``decision`` is the answer of the creditor's institution (ACTC: it accepts; None: it never answers), given
    ``decides_after`` the payment has reached it. ``copies_lost``: so many copies of the message never reach the rail.
    ``answers_lost``: so many answers about it, to the payment and to enquiries alike, never reach the sender. ``asked``
    is what the creditor's institution says when its sender asks it; without it, the latest that it has said by itself.
    """

    code: str
    decision: TransactionStatus | None = TransactionStatus.ACTC
    reason: str | None = None
    decides_after: timedelta = timedelta(0)
    answers: tuple[Answer, ...] = THE_TRUTH
    copies_lost: int = 0
    answers_lost: int = 0
    asked: str | None = None


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the table: the account that chooses it (with an example of its parameter), the amount, what happens.

    ``pattern`` matches what follows ``SIM``; its group is the parameter. ``amount`` stands for ``example``.
    """

    example: str
    amount: Amount | None
    happens: str
    pattern: re.Pattern[str]
    make: Callable[[str, str], Behaviour]


def seconds(parameter: str) -> timedelta:
    """So many seconds."""
    return timedelta(seconds=int(parameter))


def rest(told: Told, status: TransactionStatus | None = None) -> Answer:
    """An answer that follows a first one after `ANSWER_REST_S`."""
    return Answer(told, timedelta(seconds=ANSWER_REST_S), status)


def row(example: str, amount: str | None, happens: str, *, pattern: str, make: Callable[[str, str], Behaviour]) -> Row:
    """A line of a table; see `Row`."""
    return Row(example, Amount.parse(amount) if amount else None, happens, re.compile(pattern), make)


SETTLES: Final = Behaviour(code="SIMSETTLE")
"""What happens where neither account nor amount choose anything else."""

MISSPELT: Final = Behaviour(code="SIMMISSPELT", decision=TransactionStatus.RJCT, reason="AC03")
"""What happens to an account that starts with SIM and names no row."""

_PREFIX: Final = "SIM"


@dataclass(frozen=True, slots=True)
class BehaviourTable:
    """The behaviours of one rail, in the order of its help text."""

    rows: tuple[Row, ...]

    def named(self, code: str) -> Behaviour:
        """The behaviour that this code names, `MISSPELT` where it names none; a journal keeps them by their code."""
        for each in self.rows:
            match = each.pattern.fullmatch(code.removeprefix(_PREFIX))
            if match is not None and code.startswith(_PREFIX):
                return each.make(code, match[1])
        return MISSPELT

    def chosen(self, *, creditor_account: str, amount: Amount) -> Behaviour:
        """What happens to a payment to this account over this amount; the account is asked before the amount."""
        if creditor_account.startswith(_PREFIX):
            return self.named(creditor_account.partition("-")[0])
        code = next((each.example for each in self.rows if each.amount == amount), None)
        return SETTLES if code is None else self.named(code)

    def help_rows(self) -> tuple[tuple[str, str, str], ...]:
        """The table as text for a help page: creditor account, amount, what happens."""
        return tuple((each.example, each.amount.text if each.amount else "", each.happens) for each in self.rows)
