"""What the messages of an investigation share: who asks whom, in which case, about which payment."""

from dataclasses import dataclass
from datetime import date, datetime
from typing import Final

from iso20022.amount import Amount
from iso20022.identifiers import EndToEndId, InstructionId, MessageId, TransactionId, Uetr
from iso20022.messages.actors import ACTOR, Actor, actor_known_as
from iso20022.messages.original import (
    ORIGINAL_MESSAGE,
    ORIGINAL_TRANSACTION,
    REASON,
    OriginalMessage,
    OriginalTransaction,
    Reason,
)
from iso20022.messages.shape import BOOLEAN, DATE, DATE_OR_TIME, MONEY, TEXT, TIME, Alternative, OneOf, Shape, ShapeRow


@dataclass(frozen=True, slots=True, kw_only=True)
class Assignment:
    """Who puts the case to whom, by which message (``Assgnmt``): ``message_id`` is the message's own id."""

    message_id: MessageId
    assigner: Actor
    assignee: Actor
    creation_time: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """The case that an investigation runs under: its id, and who opened it."""

    id: str
    creator: Actor
    reopened: bool | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class UnderlyingRequest:
    """A payment initiation that is asked about, on these rails a request for payment (``Initn``)."""

    original_message: OriginalMessage | None = None
    original_payment_information_id: str | None = None
    original_instruction_id: InstructionId | None = None
    original_end_to_end_id: EndToEndId | None = None
    original_uetr: Uetr | None = None
    original_amount: Amount
    requested_execution: date | datetime | None = None
    original_transaction: OriginalTransaction | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class UnderlyingPayment:
    """A payment between institutions that is asked about (``IntrBk``)."""

    original_message: OriginalMessage | None = None
    original_instruction_id: InstructionId | None = None
    original_end_to_end_id: EndToEndId | None = None
    original_transaction_id: TransactionId | None = None
    original_uetr: Uetr | None = None
    original_amount: Amount
    original_settlement_date: date
    original_transaction: OriginalTransaction | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class UnderlyingEntry:
    """An entry of an account report that is asked about (``StmtNtry``)."""

    original_message: OriginalMessage | None = None
    original_statement_id: str | None = None
    original_entry_id: str | None = None
    original_uetr: Uetr | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class GroupCancellation:
    """The original message of what is to be cancelled, and, where all of it is, the reasons."""

    cancellation_id: str | None = None
    case: Case | None = None
    message_id: MessageId
    message_name: str
    creation_time: datetime | None = None
    number_of_transactions: str | None = None
    whole_group: bool | None = None
    reasons: tuple[Reason, ...] = ()


ASSIGNMENT_ROWS: Final[tuple[ShapeRow, ...]] = (
    ("Assgnmt/Id", "message_id", TEXT),
    ("Assgnmt/Assgnr", "assigner", ACTOR),
    ("Assgnmt/Assgne", "assignee", ACTOR),
    ("Assgnmt/CreDtTm", "creation_time", TIME),
)
"""The rows of the assignment, with which every message of an investigation begins."""

CASE: Final = Shape(Case, (("Id", "id", TEXT), ("Cretr", "creator", ACTOR), ("ReopCaseIndctn", "reopened", BOOLEAN)))
"""The case of an investigation."""

GROUP_CANCELLATION: Final = Shape(
    GroupCancellation,
    (
        ("GrpCxlId", "cancellation_id", TEXT),
        ("Case", "case", CASE),
        ("OrgnlMsgId", "message_id", TEXT),
        ("OrgnlMsgNmId", "message_name", TEXT),
        ("OrgnlCreDtTm", "creation_time", TIME),
        ("NbOfTxs", "number_of_transactions", TEXT),
        ("GrpCxl", "whole_group", BOOLEAN),
        ("CxlRsnInf", "reasons", REASON),
    ),
)
"""The original message of what is to be cancelled."""

Underlying = UnderlyingRequest | UnderlyingPayment | UnderlyingEntry
"""What an information request is about."""

UNDERLYING: Final = OneOf(
    {
        "request": Alternative(
            "Initn",
            UnderlyingRequest,
            Shape(
                UnderlyingRequest,
                (
                    ("OrgnlGrpInf", "original_message", ORIGINAL_MESSAGE),
                    ("OrgnlPmtInfId", "original_payment_information_id", TEXT),
                    ("OrgnlInstrId", "original_instruction_id", TEXT),
                    ("OrgnlEndToEndId", "original_end_to_end_id", TEXT),
                    ("OrgnlUETR", "original_uetr", TEXT),
                    ("OrgnlInstdAmt", "original_amount", MONEY),
                    ("ReqdExctnDt", "requested_execution", DATE_OR_TIME),
                    ("OrgnlTxRef", "original_transaction", ORIGINAL_TRANSACTION),
                ),
            ),
        ),
        "payment": Alternative(
            "IntrBk",
            UnderlyingPayment,
            Shape(
                UnderlyingPayment,
                (
                    ("OrgnlGrpInf", "original_message", ORIGINAL_MESSAGE),
                    ("OrgnlInstrId", "original_instruction_id", TEXT),
                    ("OrgnlEndToEndId", "original_end_to_end_id", TEXT),
                    ("OrgnlTxId", "original_transaction_id", TEXT),
                    ("OrgnlUETR", "original_uetr", TEXT),
                    ("OrgnlIntrBkSttlmAmt", "original_amount", MONEY),
                    ("OrgnlIntrBkSttlmDt", "original_settlement_date", DATE),
                    ("OrgnlTxRef", "original_transaction", ORIGINAL_TRANSACTION),
                ),
            ),
        ),
        "entry": Alternative(
            "StmtNtry",
            UnderlyingEntry,
            Shape(
                UnderlyingEntry,
                (
                    ("OrgnlGrpInf", "original_message", ORIGINAL_MESSAGE),
                    ("OrgnlStmtId", "original_statement_id", TEXT),
                    ("OrgnlNtryId", "original_entry_id", TEXT),
                    ("OrgnlUETR", "original_uetr", TEXT),
                ),
            ),
        ),
    }
)
"""What an information request is about: the choice between ``Initn``, ``IntrBk`` and ``StmtNtry``."""


def between(assignment: Assignment) -> str:
    """Who asks whom, for a line for people: ``from 990000013 to 990000026``."""
    return f"from {actor_known_as(assignment.assigner)} to {actor_known_as(assignment.assignee)}"


def about(underlying: Underlying) -> str:
    """What is asked about, for a line for people."""
    original = underlying.original_message
    name = "?" if original is None else f"{original.message_name} {original.message_id}"
    amount = "" if isinstance(underlying, UnderlyingEntry) else f" of {underlying.original_amount} USD"
    return f"about {name}{amount}"
