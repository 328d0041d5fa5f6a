"""Every message type that is read and built here, as a table: a further message is a further entry."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Final

from lxml import etree

from iso20022.fields import FieldReader
from iso20022.layout import Layout
from iso20022.messages import (
    acmt022,
    admi002,
    admi004,
    admi006,
    admi007,
    admi011,
    admi998,
    admn,
    camt026,
    camt028,
    camt029,
    camt035,
    camt052,
    camt054,
    camt055,
    camt056,
    camt060,
    pacs002,
    pacs004,
    pacs008,
    pacs009,
    pacs028,
    pain013,
    pain014,
    remt001,
)
from iso20022.messages.acmt022 import IdentificationModificationAdvice
from iso20022.messages.admi002 import MessageReject
from iso20022.messages.admi004 import SystemEventNotification
from iso20022.messages.admi006 import ResendRequest
from iso20022.messages.admi007 import ReceiptAcknowledgement
from iso20022.messages.admi011 import SystemEventAcknowledgement
from iso20022.messages.admi998 import ParticipantFile
from iso20022.messages.admn import AdministrationMessage
from iso20022.messages.camt026 import InformationRequest
from iso20022.messages.camt028 import AdditionalPaymentInformation
from iso20022.messages.camt029 import Resolution
from iso20022.messages.camt035 import PaymentAcknowledgement
from iso20022.messages.camt052 import AccountReportMessage
from iso20022.messages.camt054 import DebitCreditNotification
from iso20022.messages.camt055 import RequestForPaymentCancellation
from iso20022.messages.camt056 import PaymentCancellationRequest
from iso20022.messages.camt060 import AccountReportingRequest
from iso20022.messages.pacs002 import PaymentStatusReport
from iso20022.messages.pacs004 import PaymentReturn
from iso20022.messages.pacs008 import CustomerCreditTransfer
from iso20022.messages.pacs009 import InstitutionCreditTransfer
from iso20022.messages.pacs028 import PaymentStatusRequest
from iso20022.messages.pain013 import RequestForPayment
from iso20022.messages.pain014 import RequestForPaymentResponse
from iso20022.messages.remt001 import RemittanceAdvice

Message = (
    CustomerCreditTransfer
    | PaymentStatusReport
    | PaymentStatusRequest
    | MessageReject
    | PaymentReturn
    | InstitutionCreditTransfer
    | RequestForPayment
    | RequestForPaymentResponse
    | InformationRequest
    | AdditionalPaymentInformation
    | Resolution
    | RequestForPaymentCancellation
    | PaymentCancellationRequest
    | IdentificationModificationAdvice
    | SystemEventNotification
    | ResendRequest
    | ReceiptAcknowledgement
    | SystemEventAcknowledgement
    | ParticipantFile
    | AdministrationMessage
    | PaymentAcknowledgement
    | AccountReportMessage
    | DebitCreditNotification
    | AccountReportingRequest
    | RemittanceAdvice
)
"""The values that messages are read into."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MessageKind:
    """What can be done with one message type: its layout, the type of its value, and the ways between the two.

    ``read`` takes the fields of a Document into a value and raises RemoteProtocolError; ``build`` takes a value of
    ``value_type`` into a Document and raises LocalProtocolError; ``summary`` is one line about a value for people,
    personal data masked. ``id_field`` is the field of the layout that holds the Document's own message id, ``""`` for a
    type that has none. ``spared`` are the fields that ``read`` can do without where the message is to be refused.
    """

    message_type: str
    layout: Layout
    value_type: type[Message]
    read: Callable[[FieldReader], Message]
    build: Callable[[Any], etree._Element]
    summary: Callable[[Any], str]
    id_field: str = "message_id"
    spared: frozenset[str] = frozenset()


def _by_type(kinds: Iterable[MessageKind]) -> MappingProxyType[str, MessageKind]:
    return MappingProxyType({kind.message_type: kind for kind in kinds})


MESSAGE_KINDS: Final = _by_type(
    (
        MessageKind(
            message_type=pacs008.MESSAGE_TYPE,
            layout=pacs008.LAYOUT,
            value_type=CustomerCreditTransfer,
            read=pacs008.read,
            build=pacs008.build,
            summary=pacs008.summary,
            spared=pacs008.SPARED,
        ),
        MessageKind(
            message_type=pacs002.MESSAGE_TYPE,
            layout=pacs002.LAYOUT,
            value_type=PaymentStatusReport,
            read=pacs002.read,
            build=pacs002.build,
            summary=pacs002.summary,
        ),
        MessageKind(
            message_type=pacs028.MESSAGE_TYPE,
            layout=pacs028.LAYOUT,
            value_type=PaymentStatusRequest,
            read=pacs028.read,
            build=pacs028.build,
            summary=pacs028.summary,
        ),
        MessageKind(
            message_type=admi002.MESSAGE_TYPE,
            layout=admi002.LAYOUT,
            value_type=MessageReject,
            read=admi002.read,
            build=admi002.build,
            summary=admi002.summary,
            id_field="",
        ),
        MessageKind(
            message_type=pacs004.MESSAGE_TYPE,
            layout=pacs004.LAYOUT,
            value_type=PaymentReturn,
            read=pacs004.read,
            build=pacs004.build,
            summary=pacs004.summary,
        ),
        MessageKind(
            message_type=pacs009.MESSAGE_TYPE,
            layout=pacs009.LAYOUT,
            value_type=InstitutionCreditTransfer,
            read=pacs009.read,
            build=pacs009.build,
            summary=pacs009.summary,
        ),
        MessageKind(
            message_type=pain013.MESSAGE_TYPE,
            layout=pain013.LAYOUT,
            value_type=RequestForPayment,
            read=pain013.read,
            build=pain013.build,
            summary=pain013.summary,
        ),
        MessageKind(
            message_type=pain014.MESSAGE_TYPE,
            layout=pain014.LAYOUT,
            value_type=RequestForPaymentResponse,
            read=pain014.read,
            build=pain014.build,
            summary=pain014.summary,
        ),
        MessageKind(
            message_type=camt026.MESSAGE_TYPE,
            layout=camt026.LAYOUT,
            value_type=InformationRequest,
            read=camt026.read,
            build=camt026.build,
            summary=camt026.summary,
        ),
        MessageKind(
            message_type=camt028.MESSAGE_TYPE,
            layout=camt028.LAYOUT,
            value_type=AdditionalPaymentInformation,
            read=camt028.read,
            build=camt028.build,
            summary=camt028.summary,
        ),
        MessageKind(
            message_type=camt029.MESSAGE_TYPE,
            layout=camt029.LAYOUT,
            value_type=Resolution,
            read=camt029.read,
            build=camt029.build,
            summary=camt029.summary,
        ),
        MessageKind(
            message_type=camt055.MESSAGE_TYPE,
            layout=camt055.LAYOUT,
            value_type=RequestForPaymentCancellation,
            read=camt055.read,
            build=camt055.build,
            summary=camt055.summary,
        ),
        MessageKind(
            message_type=camt056.MESSAGE_TYPE,
            layout=camt056.LAYOUT,
            value_type=PaymentCancellationRequest,
            read=camt056.read,
            build=camt056.build,
            summary=camt056.summary,
        ),
        MessageKind(
            message_type=acmt022.MESSAGE_TYPE,
            layout=acmt022.LAYOUT,
            value_type=IdentificationModificationAdvice,
            read=acmt022.read,
            build=acmt022.build,
            summary=acmt022.summary,
        ),
        MessageKind(
            message_type=admi004.MESSAGE_TYPE,
            layout=admi004.LAYOUT,
            value_type=SystemEventNotification,
            read=admi004.read,
            build=admi004.build,
            summary=admi004.summary,
            id_field="",
        ),
        MessageKind(
            message_type=admi006.MESSAGE_TYPE,
            layout=admi006.LAYOUT,
            value_type=ResendRequest,
            read=admi006.read,
            build=admi006.build,
            summary=admi006.summary,
        ),
        MessageKind(
            message_type=admi007.MESSAGE_TYPE,
            layout=admi007.LAYOUT,
            value_type=ReceiptAcknowledgement,
            read=admi007.read,
            build=admi007.build,
            summary=admi007.summary,
        ),
        MessageKind(
            message_type=admi011.MESSAGE_TYPE,
            layout=admi011.LAYOUT,
            value_type=SystemEventAcknowledgement,
            read=admi011.read,
            build=admi011.build,
            summary=admi011.summary,
        ),
        MessageKind(
            message_type=admi998.MESSAGE_TYPE,
            layout=admi998.LAYOUT,
            value_type=ParticipantFile,
            read=admi998.read,
            build=admi998.build,
            summary=admi998.summary,
            id_field="",
        ),
        MessageKind(
            message_type=camt035.MESSAGE_TYPE,
            layout=camt035.LAYOUT,
            value_type=PaymentAcknowledgement,
            read=camt035.read,
            build=camt035.build,
            summary=camt035.summary,
        ),
        MessageKind(
            message_type=camt052.MESSAGE_TYPE,
            layout=camt052.LAYOUT,
            value_type=AccountReportMessage,
            read=camt052.read,
            build=camt052.build,
            summary=camt052.summary,
            id_field="",
        ),
        MessageKind(
            message_type=camt054.MESSAGE_TYPE,
            layout=camt054.LAYOUT,
            value_type=DebitCreditNotification,
            read=camt054.read,
            build=camt054.build,
            summary=camt054.summary,
            id_field="",
        ),
        MessageKind(
            message_type=camt060.MESSAGE_TYPE,
            layout=camt060.LAYOUT,
            value_type=AccountReportingRequest,
            read=camt060.read,
            build=camt060.build,
            summary=camt060.summary,
        ),
        MessageKind(
            message_type=remt001.MESSAGE_TYPE,
            layout=remt001.LAYOUT,
            value_type=RemittanceAdvice,
            read=remt001.read,
            build=remt001.build,
            summary=remt001.summary,
        ),
        *(
            MessageKind(
                message_type=message_type,
                layout=kind.layout,
                value_type=kind.value_type,
                read=admn.read,
                build=admn.build,
                summary=admn.summary,
            )
            for message_type, kind in admn.KINDS.items()
        ),
    )
)
"""Every message type that is read and built, by its message identifier."""
