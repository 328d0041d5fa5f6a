"""What the simulated RTP does with a payment: its table."""

from __future__ import annotations

from typing import Final

from iso20022 import TransactionStatus
from simulators.behaviours import (
    ANSWER_REST_S,
    THE_TRUTH,
    Answer,
    Behaviour,
    BehaviourTable,
    Row,
    Told,
    rest,
    row,
    seconds,
)

ROWS: Final[tuple[Row, ...]] = (
    row(
        "SIMSETTLE",
        None,
        "Settles at once: ACTC. So does every account that starts with none of these words.",
        pattern=r"SETTLE()",
        make=lambda code, _: Behaviour(code=code),
    ),
    row(
        "SIMRJCTAC04",
        "1500.01",
        "The creditor's institution rejects it, with the ISO reason that follows SIMRJCT.",
        pattern=r"RJCT([A-Z]{2}[0-9A-Z]{2})",
        make=lambda code, reason: Behaviour(code=code, decision=TransactionStatus.RJCT, reason=reason),
    ),
    row(
        "SIMACWP",
        "1500.02",
        "Settles without being posted: ACWP, and nothing follows.",
        pattern=r"ACWP()",
        make=lambda code, _: Behaviour(code=code, decision=TransactionStatus.ACWP),
    ),
    row(
        "SIMACWPACK",
        "1500.03",
        f"ACWP, then {ANSWER_REST_S} s later the creditor's institution says by camt.035 that it has posted.",
        pattern=r"ACWPACK()",
        make=lambda code, _: Behaviour(
            code=code, decision=TransactionStatus.ACWP, answers=(*THE_TRUTH, rest(Told.LATER_STATUS))
        ),
    ),
    row(
        "SIMACK",
        "1500.04",
        f"ACTC, then {ANSWER_REST_S} s later camt.035: the creditor has the money.",
        pattern=r"ACK()",
        make=lambda code, _: Behaviour(code=code, answers=(*THE_TRUTH, rest(Told.LATER_STATUS))),
    ),
    row(
        "SIMSILENT",
        "1500.05",
        "The creditor's institution never answers: camt.056 with DS24 when the rail's clock has run out.",
        pattern=r"SILENT()",
        make=lambda code, _: Behaviour(code=code, decision=None),
    ),
    row(
        "SIMSILENTRJCT",
        "1500.14",
        "The same, said by pacs.002: RJCT with DS24.",
        pattern=r"SILENTRJCT()",
        make=lambda code, _: Behaviour(code=code, decision=None, answers=(Answer(Told.TRUTH_BY_STATUS),)),
    ),
    row(
        "SIMSLOW3",
        "1500.06",
        "The creditor's institution takes so many seconds; beyond the rail's clock it is DS24.",
        pattern=r"SLOW([0-9]{1,3})",
        make=lambda code, parameter: Behaviour(code=code, decides_after=seconds(parameter)),
    ),
    row(
        "SIMLOSTANSWER",
        "1500.07",
        "Settles, and the answer is lost: the message again, marked DUPL, finds it. SIMLOSTANSWER2: the next one too.",
        pattern=r"LOSTANSWER([1-9]?)",
        make=lambda code, count: Behaviour(code=code, answers_lost=int(count or "1")),
    ),
    row(
        "SIMLOSTMESSAGE",
        "1500.08",
        "The message never reaches the rail; its repeat does, and is processed. SIMLOSTMESSAGE2: the first repeat "
        "neither.",
        pattern=r"LOSTMESSAGE([1-9]?)",
        make=lambda code, count: Behaviour(code=code, copies_lost=int(count or "1")),
    ),
    row(
        "SIMLATE30",
        "1500.09",
        "Settles at once, but the answer can be fetched only so many seconds later.",
        pattern=r"LATE([0-9]{1,3})",
        make=lambda code, parameter: Behaviour(code=code, answers=(Answer(Told.TRUTH, seconds(parameter)),)),
    ),
    row(
        "SIMTWICE",
        "1500.10",
        "Settles; the same answer is delivered twice, byte for byte.",
        pattern=r"TWICE()",
        make=lambda code, _: Behaviour(code=code, answers=(*THE_TRUTH, Answer(Told.SAME_AGAIN))),
    ),
    row(
        "SIMCONTRADICT",
        "1500.11",
        f"Settles and says so, and {ANSWER_REST_S} s later says that it was rejected.",
        pattern=r"CONTRADICT()",
        make=lambda code, _: Behaviour(code=code, answers=(*THE_TRUTH, rest(Told.OPPOSITE))),
    ),
    row(
        "SIMUNKNOWN",
        "1500.12",
        "Settles, and says RJCT with a reason that is on no public list; a repeat finds the truth.",
        pattern=r"UNKNOWN()",
        make=lambda code, _: Behaviour(code=code, answers=(Answer(Told.UNKNOWN_CODE),)),
    ),
    row(
        "SIMGARBAGE",
        "1500.13",
        "Settles, and the answer is unreadable; a repeat finds out.",
        pattern=r"GARBAGE()",
        make=lambda code, _: Behaviour(code=code, answers=(Answer(Told.GARBAGE),)),
    ),
)
"""Every behaviour, in the order of the help text."""

TABLE: Final = BehaviourTable(ROWS)
"""How a behaviour is chosen."""
