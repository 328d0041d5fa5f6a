"""What the simulated rail and the creditor's institution do with a payment: one table, chosen by account or amount.

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

    GARBAGE = "garbage"
    """Bytes that are no message."""


@dataclass(frozen=True, slots=True)
class Answer:
    """One message to the sender, so long after the rail's decision; ``status`` belongs to LATER_STATUS."""

    told: Told
    after: timedelta = timedelta(0)
    status: TransactionStatus | None = None


_THE_TRUTH: Final = (Answer(Told.TRUTH),)


@dataclass(frozen=True, slots=True, kw_only=True)
class Behaviour:
    """What happens to one payment.

    ``decision`` is the answer of the creditor's institution (ACTC: it accepts; None: it never answers), given
    ``decides_after`` the payment has reached it. ``copies_lost``: so many copies of the message never reach the rail.
    ``answers_lost``: so many answers about it, to the payment and to enquiries alike, never reach the sender.
    """

    code: str
    decision: TransactionStatus | None = TransactionStatus.ACTC
    reason: str | None = None
    decides_after: timedelta = timedelta(0)
    answers: tuple[Answer, ...] = _THE_TRUTH
    copies_lost: int = 0
    answers_lost: int = 0


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


def _seconds(parameter: str) -> timedelta:
    return timedelta(seconds=int(parameter))


def _rest(told: Told, status: TransactionStatus | None = None) -> Answer:
    return Answer(told, timedelta(seconds=ANSWER_REST_S), status)


def _row(example: str, amount: str | None, happens: str, *, pattern: str, make: Callable[[str, str], Behaviour]) -> Row:
    return Row(example, Amount.parse(amount) if amount else None, happens, re.compile(pattern), make)


ROWS: Final[tuple[Row, ...]] = (
    _row(
        "SIMSETTLE",
        None,
        "Settles at once: ACSC. So does every account that starts with none of these words.",
        pattern=r"SETTLE()",
        make=lambda code, _: Behaviour(code=code),
    ),
    _row(
        "SIMRJCTAC04",
        "1500.01",
        "The creditor's institution rejects it, with the ISO reason that follows SIMRJCT.",
        pattern=r"RJCT([A-Z]{2}[0-9A-Z]{2})",
        make=lambda code, reason: Behaviour(code=code, decision=TransactionStatus.RJCT, reason=reason),
    ),
    _row(
        "SIMACWP",
        "1500.02",
        "Settles without being posted: ACWP, and nothing follows.",
        pattern=r"ACWP()",
        make=lambda code, _: Behaviour(code=code, decision=TransactionStatus.ACWP),
    ),
    _row(
        "SIMACWPRJCT",
        "1500.03",
        f"ACWP, then {ANSWER_REST_S} s later ACCC, RJCT, BLCK or PDNG from the creditor's institution.",
        pattern=r"ACWP(ACCC|RJCT|BLCK|PDNG)",
        make=lambda code, status: Behaviour(
            code=code,
            decision=TransactionStatus.ACWP,
            answers=(*_THE_TRUTH, _rest(Told.LATER_STATUS, TransactionStatus(status))),
        ),
    ),
    _row(
        "SIMACCC",
        "1500.04",
        f"ACSC, then {ANSWER_REST_S} s later ACCC from the creditor's institution.",
        pattern=r"ACCC()",
        make=lambda code, _: Behaviour(
            code=code, answers=(*_THE_TRUTH, _rest(Told.LATER_STATUS, TransactionStatus.ACCC))
        ),
    ),
    _row(
        "SIMSILENT",
        "1500.05",
        "The creditor's institution never answers: RJCT E997 when the rail's clock has run out.",
        pattern=r"SILENT()",
        make=lambda code, _: Behaviour(code=code, decision=None),
    ),
    _row(
        "SIMSLOW3",
        "1500.06",
        "The creditor's institution takes so many seconds; beyond the rail's clock it is RJCT E997.",
        pattern=r"SLOW([0-9]{1,3})",
        make=lambda code, seconds: Behaviour(code=code, decides_after=_seconds(seconds)),
    ),
    _row(
        "SIMLOSTANSWER",
        "1500.07",
        "Settles, and the answer is lost: only a pacs.028 finds it. SIMLOSTANSWER2: the answer to the first one too.",
        pattern=r"LOSTANSWER([1-9]?)",
        make=lambda code, count: Behaviour(code=code, answers_lost=int(count or "1")),
    ),
    _row(
        "SIMLOSTMESSAGE",
        "1500.08",
        "The message never reaches the rail, and a pacs.028 says so. SIMLOSTMESSAGE2: nor does its second copy.",
        pattern=r"LOSTMESSAGE([1-9]?)",
        make=lambda code, count: Behaviour(code=code, copies_lost=int(count or "1")),
    ),
    _row(
        "SIMLATE30",
        "1500.09",
        "Settles at once, but the answer can be fetched only so many seconds later.",
        pattern=r"LATE([0-9]{1,3})",
        make=lambda code, seconds: Behaviour(code=code, answers=(Answer(Told.TRUTH, _seconds(seconds)),)),
    ),
    _row(
        "SIMTWICE",
        "1500.10",
        "Settles; the same answer is delivered twice, byte for byte.",
        pattern=r"TWICE()",
        make=lambda code, _: Behaviour(code=code, answers=(*_THE_TRUTH, Answer(Told.SAME_AGAIN))),
    ),
    _row(
        "SIMCONTRADICT",
        "1500.11",
        f"Settles and says so, and {ANSWER_REST_S} s later says that it was rejected.",
        pattern=r"CONTRADICT()",
        make=lambda code, _: Behaviour(code=code, answers=(*_THE_TRUTH, _rest(Told.OPPOSITE))),
    ),
    _row(
        "SIMCONTRADICTFIRST",
        "1500.12",
        f"Settles, first says that it was rejected, and {ANSWER_REST_S} s later that it was settled.",
        pattern=r"CONTRADICTFIRST()",
        make=lambda code, _: Behaviour(code=code, answers=(Answer(Told.OPPOSITE), _rest(Told.TRUTH))),
    ),
    _row(
        "SIMGARBAGE",
        "1500.13",
        "Settles, and the answer is unreadable; only a pacs.028 finds out.",
        pattern=r"GARBAGE()",
        make=lambda code, _: Behaviour(code=code, answers=(Answer(Told.GARBAGE),)),
    ),
)
"""Every behaviour, in the order of the help text."""

SETTLES: Final = Behaviour(code="SIMSETTLE")
"""What happens where neither account nor amount choose anything else."""

MISSPELT: Final = Behaviour(code="SIMMISSPELT", decision=TransactionStatus.RJCT, reason="AC03")
"""What happens to an account that starts with SIM and names no row."""

_PREFIX: Final = "SIM"
_BY_AMOUNT: Final = {row.amount: row.example for row in ROWS if row.amount is not None}


def behaviour_named(code: str) -> Behaviour:
    """The behaviour that this code names, `MISSPELT` where it names none; a journal keeps behaviours by their code."""
    for row in ROWS:
        match = row.pattern.fullmatch(code.removeprefix(_PREFIX))
        if match is not None and code.startswith(_PREFIX):
            return row.make(code, match[1])
    return MISSPELT


def choose_behaviour(*, creditor_account: str, amount: Amount) -> Behaviour:
    """What happens to a payment to this account over this amount; the account is asked before the amount."""
    if creditor_account.startswith(_PREFIX):
        return behaviour_named(creditor_account.partition("-")[0])
    code = _BY_AMOUNT.get(amount)
    return SETTLES if code is None else behaviour_named(code)


def help_rows() -> tuple[tuple[str, str, str], ...]:
    """The table as text for a help page: creditor account, amount, what happens."""
    return tuple((row.example, row.amount.text if row.amount else "", row.happens) for row in ROWS)
