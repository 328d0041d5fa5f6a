"""The form of an explanation: what a code says, whether a repeat may help, and who must act."""

from dataclasses import dataclass
from enum import StrEnum


class CodeList(StrEnum):
    """Where a code stands; one code may stand in several lists and mean something else in each."""

    STATUS = "status of a payment or request (TxSts)"
    STATUS_REASON = "reason of a status (pacs.002, pain.014: StsRsnInf/Rsn)"
    RETURN_REASON = "reason of a return (pacs.004: RtrRsnInf/Rsn)"
    CANCELLATION_REASON = "reason of a cancellation request (camt.055, camt.056: CxlRsnInf/Rsn)"
    CANCELLATION_REFUSAL = "reason why money is not given back (camt.029: CxlStsRsnInf/Rsn)"
    RESOLUTION = "answer to a cancellation or information request (camt.029: Sts/Conf)"
    INCORRECT = "what is incorrect (camt.026: IncrrctInf/Cd)"
    MISSING = "what is missing (camt.026: MssngInf/Cd)"
    FEDNOW_SERVICE = "the FedNow Service's own code (Rsn/Prtry, admi.002)"
    FEDNOW_EVENT = "FedNow system event (admi.004)"
    FEDNOW_REPORT = "FedNow report (camt.060, camt.052, camt.054)"
    RTP_OWN = "RTP's own code (Rsn/Prtry, admi.002)"
    RTP_EVENT = "RTP system event (admi.004)"
    FINDING = "finding of this program"


class Nature(StrEnum):
    """What another try would bring."""

    TRANSIENT = "transient: it may pass; a new payment may succeed later"
    FINAL = "final: the same payment will be refused again"
    INFORMATION = "information: it refuses nothing"
    UNKNOWN = "unknown: the meaning is not public"


class Actor(StrEnum):
    """Who must do something about it."""

    AUTHOR = "whoever builds the message"
    SENDER = "the institution that sent the payment"
    RECEIVER = "the institution that received the payment"
    DEBTOR = "the debtor, through their institution"
    CREDITOR = "the creditor, through their institution"
    RAIL = "the rail's operator"
    NOBODY = "nobody"


@dataclass(frozen=True, slots=True, kw_only=True)
class CodeEntry:
    """One code in one list. ``advice`` says what to do; ``source`` where its meaning is published."""

    code: str
    code_list: CodeList
    meaning: str
    nature: Nature
    actor: Actor
    source: str
    advice: str = ""

    def as_json(self) -> dict[str, str]:
        """The stable JSON form; keys are only ever added."""
        return {
            "code": self.code,
            "list": self.code_list.value,
            "meaning": self.meaning,
            "nature": self.nature.name.lower(),
            "actor": self.actor.value,
            "advice": self.advice,
            "source": self.source,
        }


Row = tuple[str, str, Nature, Actor]
"""Code, meaning, what another try would bring, who must act."""


def entries_of(code_list: CodeList, source: str, rows: tuple[Row, ...]) -> tuple[CodeEntry, ...]:
    """The entries of a list whose rows share their source."""
    return tuple(
        CodeEntry(code=code, code_list=code_list, meaning=meaning, nature=nature, actor=actor, source=source)
        for code, meaning, nature, actor in rows
    )
