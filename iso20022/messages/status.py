"""What a status report and a status request share: the references to the original message and payment."""

from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, Final

from iso20022.amount import Amount
from iso20022.fields import FieldReader
from iso20022.identifiers import EndToEndId, InstructionId, MessageId, RoutingNumber, TransactionId, Uetr
from iso20022.layout import Row, instant_text
from iso20022.messages.agents import CLEARING_SYSTEM, CLEARING_SYSTEM_PATH, MEMBER_PATH, agent_rows

_GROUP: Final = "group_"


@dataclass(frozen=True, slots=True, kw_only=True)
class OriginalReferences:
    """Which message and payment is spoken of, and between which two institutions the speaking message goes.

    FedNow names the original message with the transaction, and agents with their clearing system. RTP names it once for
    the group (``states_group``), and agents by their numbers alone (``agent_clearing_system`` is None); it also repeats
    the original's amount and settlement date.
    """

    original_message_id: MessageId
    original_message_name: str
    original_creation_time: datetime | None = None
    original_instruction_id: InstructionId | None = None
    original_end_to_end_id: EndToEndId | None = None
    original_transaction_id: TransactionId | None = None
    original_uetr: Uetr | None = None
    original_amount: Amount | None = None
    original_settlement_date: date | None = None
    instructing_agent: RoutingNumber
    instructed_agent: RoutingNumber
    agent_clearing_system: str | None = CLEARING_SYSTEM
    states_group: bool = False


def original_paths(*, group: str, transaction: str) -> dict[str, str]:
    """The paths of the references, of the group and of the transaction's element, in the schema's order."""
    return {
        "group_original_message_id": f"{group}/OrgnlMsgId",
        "group_original_message_name": f"{group}/OrgnlMsgNmId",
        "group_original_creation_time": f"{group}/OrgnlCreDtTm",
        "group_original_transactions": f"{group}/OrgnlNbOfTxs",
        "original_message_id": f"{transaction}/OrgnlGrpInf/OrgnlMsgId",
        "original_message_name": f"{transaction}/OrgnlGrpInf/OrgnlMsgNmId",
        "original_creation_time": f"{transaction}/OrgnlGrpInf/OrgnlCreDtTm",
        "original_instruction_id": f"{transaction}/OrgnlInstrId",
        "original_end_to_end_id": f"{transaction}/OrgnlEndToEndId",
        "original_transaction_id": f"{transaction}/OrgnlTxId",
        "original_uetr": f"{transaction}/OrgnlUETR",
        "original_amount": f"{transaction}/OrgnlTxRef/IntrBkSttlmAmt",
        "original_currency": f"{transaction}/OrgnlTxRef/IntrBkSttlmAmt/@Ccy",
        "original_settlement_date": f"{transaction}/OrgnlTxRef/IntrBkSttlmDt",
    }


def agent_paths(transaction: str) -> dict[str, str]:
    """The paths of both agents below the transaction's element."""
    return {
        "instructing_agent": f"{transaction}/InstgAgt/{MEMBER_PATH}",
        "instructing_agent_clearing_system": f"{transaction}/InstgAgt/{CLEARING_SYSTEM_PATH}",
        "instructed_agent": f"{transaction}/InstdAgt/{MEMBER_PATH}",
        "instructed_agent_clearing_system": f"{transaction}/InstdAgt/{CLEARING_SYSTEM_PATH}",
    }


def read_original(reader: FieldReader) -> dict[str, Any]:
    """The fields of :class:`OriginalReferences`. Raises RemoteProtocolError naming what is missing or unreadable.

    Where the transaction names no original message, the group's counts.
    """
    texts = reader.texts
    states_group = bool(texts["group_original_message_id"] and not texts["original_message_id"])
    level = _GROUP if states_group else ""
    return {
        "original_message_id": MessageId(reader.text(f"{level}original_message_id")),
        "original_message_name": reader.text(f"{level}original_message_name"),
        "original_creation_time": reader.optional_time(f"{level}original_creation_time"),
        "original_instruction_id": reader.optional(InstructionId, "original_instruction_id"),
        "original_end_to_end_id": reader.optional(EndToEndId, "original_end_to_end_id"),
        "original_transaction_id": reader.optional(TransactionId, "original_transaction_id"),
        "original_uetr": reader.optional(Uetr, "original_uetr"),
        "original_amount": _original_amount(reader),
        "original_settlement_date": reader.optional_date("original_settlement_date"),
        "instructing_agent": RoutingNumber(reader.text("instructing_agent")),
        "instructed_agent": RoutingNumber(reader.text("instructed_agent")),
        "agent_clearing_system": texts["instructing_agent_clearing_system"] or None,
        "states_group": states_group,
    }


def group_rows(group: str, original: OriginalReferences) -> list[Row]:
    """The rows of the original message as RTP names it; none where the transaction does."""
    if not original.states_group:
        return []
    return [*_message_rows(group, original), (f"{group}/OrgnlNbOfTxs", "1")]


def original_rows(transaction: str, original: OriginalReferences) -> list[Row]:
    """The rows of the original's references before the status, without agents and amount."""
    message = [] if original.states_group else _message_rows(f"{transaction}/OrgnlGrpInf", original)
    return [
        *message,
        (f"{transaction}/OrgnlInstrId", original.original_instruction_id),
        (f"{transaction}/OrgnlEndToEndId", original.original_end_to_end_id),
        (f"{transaction}/OrgnlTxId", original.original_transaction_id),
        (f"{transaction}/OrgnlUETR", original.original_uetr),
    ]


def closing_rows(transaction: str, original: OriginalReferences) -> list[Row]:
    """The rows of both agents, and of the original's amount and settlement date, which end the transaction."""
    system, amount, settled = (
        original.agent_clearing_system,
        original.original_amount,
        original.original_settlement_date,
    )
    reference = f"{transaction}/OrgnlTxRef"
    return [
        *agent_rows(f"{transaction}/InstgAgt", original.instructing_agent, clearing_system=system),
        *agent_rows(f"{transaction}/InstdAgt", original.instructed_agent, clearing_system=system),
        (f"{reference}/IntrBkSttlmAmt", None if amount is None else amount.text),
        (f"{reference}/IntrBkSttlmAmt/@Ccy", None if amount is None else "USD"),
        (f"{reference}/IntrBkSttlmDt", None if settled is None else settled.isoformat()),
    ]


def _message_rows(path: str, original: OriginalReferences) -> list[Row]:
    time = original.original_creation_time
    return [
        (f"{path}/OrgnlMsgId", original.original_message_id),
        (f"{path}/OrgnlMsgNmId", original.original_message_name),
        (f"{path}/OrgnlCreDtTm", None if time is None else instant_text(time)),
    ]


def _original_amount(reader: FieldReader) -> Amount | None:
    text = reader.texts["original_amount"]
    if not text:
        return None
    try:
        return Amount.from_xml_decimal(text)
    except ValueError as error:
        raise reader.refuse(
            "original_amount",
            code="VALUE_AMOUNT",
            rule="An amount is a whole number of cents.",
            hint="Write at most two decimals, for example 51.74.",
        ) from error
