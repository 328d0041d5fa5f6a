"""What the simulated FedNow does with a payment: its table."""

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
        "Settles at once: ACSC. So does every account that starts with none of these words.",
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
        "SIMACWPRJCT",
        "1500.03",
        f"ACWP, then {ANSWER_REST_S} s later ACCC, RJCT, BLCK or PDNG from the creditor's institution.",
        pattern=r"ACWP(ACCC|RJCT|BLCK|PDNG)",
        make=lambda code, status: Behaviour(
            code=code,
            decision=TransactionStatus.ACWP,
            answers=(*THE_TRUTH, rest(Told.LATER_STATUS, TransactionStatus(status))),
        ),
    ),
    row(
        "SIMASKPDNG",
        "1500.15",
        "ACWP, and nothing follows until its sender asks the creditor's institution (pacs.028): then PDNG, BLCK, ACCC "
        "or RJCT; AG09 or NARR: RJCT of the question; NONE: no answer; TWICE: the same ACCC twice.",
        pattern=r"ASK(ACCC|RJCT|BLCK|PDNG|AG09|NARR|NONE|TWICE)",
        make=lambda code, asked: Behaviour(code=code, decision=TransactionStatus.ACWP, asked=asked),
    ),
    row(
        "SIMACCC",
        "1500.04",
        f"ACSC, then {ANSWER_REST_S} s later ACCC from the creditor's institution.",
        pattern=r"ACCC()",
        make=lambda code, _: Behaviour(
            code=code, answers=(*THE_TRUTH, rest(Told.LATER_STATUS, TransactionStatus.ACCC))
        ),
    ),
    row(
        "SIMSILENT",
        "1500.05",
        "The creditor's institution never answers: RJCT E997 when the rail's clock has run out.",
        pattern=r"SILENT()",
        make=lambda code, _: Behaviour(code=code, decision=None),
    ),
    row(
        "SIMSLOW3",
        "1500.06",
        "The creditor's institution takes so many seconds; beyond the rail's clock it is RJCT E997.",
        pattern=r"SLOW([0-9]{1,3})",
        make=lambda code, parameter: Behaviour(code=code, decides_after=seconds(parameter)),
    ),
    row(
        "SIMLOSTANSWER",
        "1500.07",
        "Settles, and the answer is lost: only a pacs.028 finds it. SIMLOSTANSWER2: the answer to the first one too.",
        pattern=r"LOSTANSWER([1-9]?)",
        make=lambda code, count: Behaviour(code=code, answers_lost=int(count or "1")),
    ),
    row(
        "SIMLOSTMESSAGE",
        "1500.08",
        "The message never reaches the rail, and a pacs.028 says so. SIMLOSTMESSAGE2: nor does its second copy.",
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
        "SIMCONTRADICTFIRST",
        "1500.12",
        f"Settles, first says that it was rejected, and {ANSWER_REST_S} s later that it was settled.",
        pattern=r"CONTRADICTFIRST()",
        make=lambda code, _: Behaviour(code=code, answers=(Answer(Told.OPPOSITE), rest(Told.TRUTH))),
    ),
    row(
        "SIMGARBAGE",
        "1500.13",
        "Settles, and the answer is unreadable; only a pacs.028 finds out.",
        pattern=r"GARBAGE()",
        make=lambda code, _: Behaviour(code=code, answers=(Answer(Told.GARBAGE),)),
    ),
    row(
        "SIMUNKNOWN",
        "1500.14",
        "Settles, and says RJCT with a reason that is on no public list; a pacs.028 finds the truth.",
        pattern=r"UNKNOWN()",
        make=lambda code, _: Behaviour(code=code, answers=(Answer(Told.UNKNOWN_CODE),)),
    ),
)
"""Every behaviour, in the order of the help text."""

TABLE: Final = BehaviourTable(ROWS)
"""How a behaviour is chosen."""
