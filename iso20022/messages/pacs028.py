"""The payment status request, pacs.028.001.03, about one payment."""

from dataclasses import dataclass
from datetime import datetime
from typing import Final

from lxml import etree

from iso20022.fields import FieldReader
from iso20022.identifiers import EndToEndId, InstructionId, MessageId, RoutingNumber, TransactionId, Uetr
from iso20022.layout import Layout, instant_text
from iso20022.messages.status import OriginalReferences, agent_paths, both_agents_rows, original_paths, original_rows

MESSAGE_TYPE: Final = "pacs.028.001.03"
"""The message identifier that this module reads and builds."""

_TRANSACTION: Final = "TxInf"

LAYOUT: Final = Layout(
    namespace=f"urn:iso:std:iso:20022:tech:xsd:{MESSAGE_TYPE}",
    root="Document",
    base="FIToFIPmtStsReq",
    paths={
        "message_id": "GrpHdr/MsgId",
        "creation_time": "GrpHdr/CreDtTm",
        **original_paths(_TRANSACTION),
        **agent_paths(_TRANSACTION),
        "transactions": _TRANSACTION,
    },
    groups=frozenset({"transactions"}),
)
"""Where each field stands."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PaymentStatusRequest(OriginalReferences):
    """The question what became of a payment; the instructed agent is who is asked, the service or an institution."""

    message_id: MessageId
    creation_time: datetime


def parse(document: etree._Element) -> PaymentStatusRequest:
    """The request in the Document. Raises RemoteProtocolError naming the first element that cannot be read."""
    return read(FieldReader(LAYOUT, document))


def read(reader: FieldReader) -> PaymentStatusRequest:
    """As :func:`parse`, from fields that were read before."""
    return PaymentStatusRequest(
        message_id=MessageId(reader.text("message_id")),
        creation_time=reader.required_time("creation_time"),
        original_message_id=MessageId(reader.text("original_message_id")),
        original_message_name=reader.text("original_message_name"),
        original_creation_time=reader.optional_time("original_creation_time"),
        original_instruction_id=reader.optional(InstructionId, "original_instruction_id"),
        original_end_to_end_id=reader.optional(EndToEndId, "original_end_to_end_id"),
        original_transaction_id=reader.optional(TransactionId, "original_transaction_id"),
        original_uetr=reader.optional(Uetr, "original_uetr"),
        instructing_agent=RoutingNumber(reader.text("instructing_agent")),
        instructed_agent=RoutingNumber(reader.text("instructed_agent")),
    )


def build(request: PaymentStatusRequest) -> etree._Element:
    """The Document of a request; the same value always gives the same bytes. Raises LocalProtocolError."""
    return LAYOUT.build(
        [
            ("GrpHdr/MsgId", request.message_id),
            ("GrpHdr/CreDtTm", instant_text(request.creation_time)),
            *original_rows(_TRANSACTION, request),
            *both_agents_rows(_TRANSACTION, request),
        ]
    )
