"""What a status report and a status request share: the references to the original message and payment."""

from dataclasses import dataclass
from datetime import datetime

from iso20022.identifiers import EndToEndId, InstructionId, MessageId, RoutingNumber, TransactionId, Uetr
from iso20022.layout import Row, instant_text
from iso20022.messages.agents import CLEARING_SYSTEM_PATH, MEMBER_PATH, agent_rows


@dataclass(frozen=True, slots=True, kw_only=True)
class OriginalReferences:
    """Which message and payment is spoken of, and between which two institutions the speaking message goes."""

    original_message_id: MessageId
    original_message_name: str
    original_creation_time: datetime | None = None
    original_instruction_id: InstructionId | None = None
    original_end_to_end_id: EndToEndId | None = None
    original_transaction_id: TransactionId | None = None
    original_uetr: Uetr | None = None
    instructing_agent: RoutingNumber
    instructed_agent: RoutingNumber


def original_paths(transaction: str) -> dict[str, str]:
    """The paths of the references below the transaction's element, in the schema's order."""
    return {
        "original_message_id": f"{transaction}/OrgnlGrpInf/OrgnlMsgId",
        "original_message_name": f"{transaction}/OrgnlGrpInf/OrgnlMsgNmId",
        "original_creation_time": f"{transaction}/OrgnlGrpInf/OrgnlCreDtTm",
        "original_instruction_id": f"{transaction}/OrgnlInstrId",
        "original_end_to_end_id": f"{transaction}/OrgnlEndToEndId",
        "original_transaction_id": f"{transaction}/OrgnlTxId",
        "original_uetr": f"{transaction}/OrgnlUETR",
    }


def agent_paths(transaction: str) -> dict[str, str]:
    """The paths of both agents below the transaction's element."""
    return {
        "instructing_agent": f"{transaction}/InstgAgt/{MEMBER_PATH}",
        "instructing_agent_clearing_system": f"{transaction}/InstgAgt/{CLEARING_SYSTEM_PATH}",
        "instructed_agent": f"{transaction}/InstdAgt/{MEMBER_PATH}",
        "instructed_agent_clearing_system": f"{transaction}/InstdAgt/{CLEARING_SYSTEM_PATH}",
    }


def original_rows(transaction: str, original: OriginalReferences) -> list[Row]:
    """The rows of the original's references, without the agents."""
    time = original.original_creation_time
    paths = original_paths(transaction)
    return [
        (paths["original_message_id"], original.original_message_id),
        (paths["original_message_name"], original.original_message_name),
        (paths["original_creation_time"], None if time is None else instant_text(time)),
        (paths["original_instruction_id"], original.original_instruction_id),
        (paths["original_end_to_end_id"], original.original_end_to_end_id),
        (paths["original_transaction_id"], original.original_transaction_id),
        (paths["original_uetr"], original.original_uetr),
    ]


def both_agents_rows(transaction: str, original: OriginalReferences) -> list[Row]:
    """The rows of the instructing and the instructed agent."""
    return [
        *agent_rows(f"{transaction}/InstgAgt", original.instructing_agent),
        *agent_rows(f"{transaction}/InstdAgt", original.instructed_agent),
    ]
