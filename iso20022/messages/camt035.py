"""RTP's payment acknowledgement, camt.035.001.05: what the creditor's institution says after accepting."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from lxml import etree

from iso20022.fields import FieldReader
from iso20022.identifiers import EndToEndId, InstructionId, TransactionId, Uetr
from iso20022.messages.investigation import ASSIGNMENT_ROWS, CASE, Assignment, Case, between
from iso20022.messages.shape import PERSONAL, TEXT, Shape, enumerated, layout_of, read_message
from iso20022.personal import Personal

MESSAGE_TYPE: Final = "camt.035.001.05"
"""The message identifier that this module reads and builds."""


class AcknowledgementKind(StrEnum):
    """What is acknowledged (``PrtryData/Tp``; public RTP schema)."""

    ACK = "ACK"
    """The payment has reached the creditor."""
    ACWP = "ACWP"
    """A payment that was accepted without posting has been posted."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PaymentAcknowledgement(Assignment):
    """The acknowledgement of one payment, which is known by the references that it was sent with."""

    case: Case | None = None
    kind: AcknowledgementKind
    remark: Personal | None = None
    original_instruction_id: InstructionId
    original_end_to_end_id: EndToEndId
    original_transaction_id: TransactionId
    original_uetr: Uetr | None = None
    carries_all: bool = True


SHAPE: Final = Shape(
    PaymentAcknowledgement,
    (
        *ASSIGNMENT_ROWS,
        ("Case", "case", CASE),
        ("PrtryData/Tp", "kind", enumerated(AcknowledgementKind)),
        ("PrtryData/Data/Ustrd", "remark", PERSONAL),
        ("PrtryData/Data/OrigRefs/InstrId", "original_instruction_id", TEXT),
        ("PrtryData/Data/OrigRefs/EndToEndId", "original_end_to_end_id", TEXT),
        ("PrtryData/Data/OrigRefs/TxId", "original_transaction_id", TEXT),
        ("PrtryData/Data/OrigRefs/UETR", "original_uetr", TEXT),
    ),
)
"""The acknowledgement as the content of its element; ``Data`` as RTP has it, not as ISO leaves it open."""

LAYOUT: Final = layout_of(SHAPE, message_type=MESSAGE_TYPE, base="PrtryFrmtInvstgtn")
"""Where each field stands."""


def parse(document: etree._Element) -> PaymentAcknowledgement:
    """The acknowledgement in the Document. Raises RemoteProtocolError naming the first element that cannot be read."""
    return read(FieldReader(LAYOUT, document))


def read(reader: FieldReader) -> PaymentAcknowledgement:
    """As :func:`parse`, from fields that were read before."""
    return read_message(SHAPE, reader)


def build(acknowledgement: PaymentAcknowledgement) -> etree._Element:
    """The Document of an acknowledgement; the same value always gives the same bytes. Raises LocalProtocolError."""
    return LAYOUT.build(SHAPE.rows("", acknowledgement))


def summary(acknowledgement: PaymentAcknowledgement) -> str:
    """The acknowledgement in a line for people, without personal data."""
    return (
        f"Payment acknowledgement {acknowledgement.message_id} {between(acknowledgement)}: {acknowledgement.kind} "
        f"of {acknowledgement.original_instruction_id}"
    )
