"""What one message says of another, and of the payment in it: ids, amounts, kinds, reasons."""

from dataclasses import dataclass
from datetime import date, datetime
from typing import Final

from iso20022.amount import Amount
from iso20022.identifiers import MessageId
from iso20022.messages.actors import ACCOUNT, ACTOR, AGENT, PARTY, Account, Actor, Agent, PartyDetails
from iso20022.messages.remittance import REMITTANCE, Remittance
from iso20022.messages.shape import (
    CODED,
    DATE,
    DATE_OR_TIME,
    MONEY,
    PERSONAL,
    TEXT,
    TIME,
    Code,
    Proprietary,
    Shape,
)
from iso20022.personal import Personal


@dataclass(frozen=True, slots=True, kw_only=True)
class OriginalMessage:
    """Which message is spoken of: its id, its type, and when it was created."""

    message_id: MessageId
    message_name: str
    creation_time: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Reason:
    """Why: an ISO code or one of the rail's own, from whom, and lines of words that may quote the customer."""

    originator: PartyDetails | None = None
    reason: Code | Proprietary | None = None
    additional: tuple[Personal, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class PaymentType:
    """Which kind of payment. FedNow names its kinds in ``local_instrument`` (``FDNA``, ``LMT1``), RTP likewise."""

    instruction_priority: str | None = None
    clearing_channel: str | None = None
    service_levels: tuple[Code | Proprietary, ...] = ()
    local_instrument: Code | Proprietary | None = None
    sequence_type: str | None = None
    category_purpose: Code | Proprietary | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Instruction:
    """What an agent is asked to do: a code word, and words."""

    code: str | None = None
    information: Personal | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Charge:
    """A charge, and the institution that takes it."""

    amount: Amount
    agent: Agent


@dataclass(frozen=True, slots=True, kw_only=True)
class SettlementDetails:
    """By which method, and through which clearing system, a payment settled."""

    method: str
    clearing_system: Code | Proprietary | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class OriginalTransaction:
    """What is repeated of the original payment (``OrgnlTxRef``); mandates, direct debits and cover are not in it."""

    interbank_settlement_amount: Amount | None = None
    instructed_amount: Amount | None = None
    interbank_settlement_date: date | None = None
    requested_execution: date | datetime | None = None
    settlement: SettlementDetails | None = None
    payment_type: PaymentType | None = None
    payment_method: str | None = None
    remittance: Remittance | None = None
    ultimate_debtor: Actor | None = None
    debtor: Actor | None = None
    debtor_account: Account | None = None
    debtor_agent: Agent | None = None
    debtor_agent_account: Account | None = None
    creditor_agent: Agent | None = None
    creditor_agent_account: Account | None = None
    creditor: Actor | None = None
    creditor_account: Account | None = None
    ultimate_creditor: Actor | None = None
    purpose: Code | Proprietary | None = None


ORIGINAL_MESSAGE: Final = Shape(
    OriginalMessage,
    (
        ("OrgnlMsgId", "message_id", TEXT),
        ("OrgnlMsgNmId", "message_name", TEXT),
        ("OrgnlCreDtTm", "creation_time", TIME),
    ),
)
"""The message that is spoken of."""

REASON: Final = Shape(
    Reason, (("Orgtr", "originator", PARTY.unnamed()), ("Rsn", "reason", CODED), ("AddtlInf", "additional", PERSONAL))
)
"""Why a payment has its status, is returned, is to be cancelled or is not."""

PAYMENT_TYPE: Final = Shape(
    PaymentType,
    (
        ("InstrPrty", "instruction_priority", TEXT),
        ("ClrChanl", "clearing_channel", TEXT),
        ("SvcLvl", "service_levels", CODED),
        ("LclInstrm", "local_instrument", CODED),
        ("SeqTp", "sequence_type", TEXT),
        ("CtgyPurp", "category_purpose", CODED),
    ),
)
"""Which kind of payment."""

INSTRUCTION: Final = Shape(Instruction, (("Cd", "code", TEXT), ("InstrInf", "information", PERSONAL)))
"""What an agent is asked to do."""

CHARGE: Final = Shape(Charge, (("Amt", "amount", MONEY), ("Agt", "agent", AGENT)))
"""A charge."""

ORIGINAL_TRANSACTION: Final = Shape(
    OriginalTransaction,
    (
        ("IntrBkSttlmAmt", "interbank_settlement_amount", MONEY),
        ("Amt/InstdAmt", "instructed_amount", MONEY),
        ("IntrBkSttlmDt", "interbank_settlement_date", DATE),
        ("ReqdExctnDt", "requested_execution", DATE_OR_TIME),
        (
            "SttlmInf",
            "settlement",
            Shape(SettlementDetails, (("SttlmMtd", "method", TEXT), ("ClrSys", "clearing_system", CODED))),
        ),
        ("PmtTpInf", "payment_type", PAYMENT_TYPE),
        ("PmtMtd", "payment_method", TEXT),
        ("RmtInf", "remittance", REMITTANCE.unnamed()),
        ("UltmtDbtr", "ultimate_debtor", ACTOR),
        ("Dbtr", "debtor", ACTOR),
        ("DbtrAcct", "debtor_account", ACCOUNT),
        ("DbtrAgt", "debtor_agent", AGENT),
        ("DbtrAgtAcct", "debtor_agent_account", ACCOUNT),
        ("CdtrAgt", "creditor_agent", AGENT),
        ("CdtrAgtAcct", "creditor_agent_account", ACCOUNT),
        ("Cdtr", "creditor", ACTOR),
        ("CdtrAcct", "creditor_account", ACCOUNT),
        ("UltmtCdtr", "ultimate_creditor", ACTOR),
        ("Purp", "purpose", CODED),
    ),
)
"""What is repeated of the original payment."""


def reasons_known_as(reasons: tuple[Reason, ...]) -> str:
    """The codes of the reasons as a line for people ends in them: ``, AC04, NARR``; nothing where there are none."""
    return "".join(f", {reason.reason.text}" for reason in reasons if reason.reason is not None)
