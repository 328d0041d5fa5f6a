"""RTP's token identification, acmt.022.001.02: the account that stands behind a token, as the rail tells it.

Structure from the public record of RTP's release 2.9/3.0; what the rail does with it is not public.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Final

from lxml import etree

from iso20022.fields import FieldReader
from iso20022.identifiers import EndToEndId, InstructionId, MessageId, RoutingNumber, TransactionId
from iso20022.messages.agents import MEMBER_PATH
from iso20022.messages.shape import PERSONAL, TEXT, TIME, Shape, layout_of, read_message
from iso20022.personal import Personal

MESSAGE_TYPE: Final = "acmt.022.001.02"
"""The message identifier that this module reads and builds."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountAtAgent:
    """An account and the institution that keeps it."""

    account: Personal
    agent: RoutingNumber


@dataclass(frozen=True, slots=True, kw_only=True)
class IdentificationModificationAdvice:
    """An original account, where one is named, and the account that it is to be replaced by."""

    message_id: MessageId
    creation_time: datetime
    assigner: RoutingNumber
    assignee: RoutingNumber
    original_message_id: MessageId
    original_message_name: str
    original_creation_time: datetime
    original_instruction_id: InstructionId
    original_end_to_end_id: EndToEndId
    original_transaction_id: TransactionId
    modification_id: str
    original: AccountAtAgent | None = None
    updated: AccountAtAgent
    additional: Personal | None = None
    carries_all: bool = True


_ACCOUNT: Final = Shape(AccountAtAgent, (("Acct/Othr/Id", "account", PERSONAL), (f"Agt/{MEMBER_PATH}", "agent", TEXT)))

SHAPE: Final = Shape(
    IdentificationModificationAdvice,
    (
        ("Assgnmt/MsgId", "message_id", TEXT),
        ("Assgnmt/CreDtTm", "creation_time", TIME),
        (f"Assgnmt/Assgnr/Agt/{MEMBER_PATH}", "assigner", TEXT),
        (f"Assgnmt/Assgne/Agt/{MEMBER_PATH}", "assignee", TEXT),
        ("OrgnlTxRef/MsgId", "original_message_id", TEXT),
        ("OrgnlTxRef/MsgNmId", "original_message_name", TEXT),
        ("OrgnlTxRef/CreDtTm", "original_creation_time", TIME),
        ("OrgnlTxRef/OrgnlTx/InstrId", "original_instruction_id", TEXT),
        ("OrgnlTxRef/OrgnlTx/EndToEndId", "original_end_to_end_id", TEXT),
        ("OrgnlTxRef/OrgnlTx/TxId", "original_transaction_id", TEXT),
        ("Mod/Id", "modification_id", TEXT),
        ("Mod/OrgnlPtyAndAcctId", "original", _ACCOUNT),
        ("Mod/UpdtdPtyAndAcctId", "updated", _ACCOUNT),
        ("Mod/AddtlInf", "additional", PERSONAL),
    ),
)
"""The advice as the content of its element."""

LAYOUT: Final = layout_of(SHAPE, message_type=MESSAGE_TYPE, base="IdModAdvc")
"""Where each field stands."""


def parse(document: etree._Element) -> IdentificationModificationAdvice:
    """The advice in the Document. Raises RemoteProtocolError naming the first element that cannot be read."""
    return read(FieldReader(LAYOUT, document))


def read(reader: FieldReader) -> IdentificationModificationAdvice:
    """As :func:`parse`, from fields that were read before."""
    return read_message(SHAPE, reader)


def build(advice: IdentificationModificationAdvice) -> etree._Element:
    """The Document of an advice; the same value always gives the same bytes. Raises LocalProtocolError."""
    return LAYOUT.build(SHAPE.rows("", advice))


def summary(advice: IdentificationModificationAdvice) -> str:
    """The advice in a line for people, its accounts masked."""
    return (
        f"Token identification {advice.message_id} from {advice.assigner} to {advice.assignee} about "
        f"{advice.original_message_name} {advice.original_message_id}: account {advice.updated.account.masked} "
        f"at {advice.updated.agent}"
    )
