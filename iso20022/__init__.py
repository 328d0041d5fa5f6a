"""ISO 20022 messages of the instant rails: bytes into frozen values and back, and what is wrong with them.

No input or output, no clock, no threads: an integrator can use this package alone. It reads every message type of
FedNow and RTP (``MESSAGE_KINDS``), bare, with a header, or in the rail's own envelope, and holds it against the schema
and against the rail's rules (``FedNowProfile``, ``RtpProfile``).

>>> from datetime import date, datetime, timedelta, timezone
>>> eastern = timezone(timedelta(hours=-5))
>>> transfer = CustomerCreditTransfer(
...     message_id=fednow_message_id(
...         business_date=date(2026, 1, 31), connection_party=ConnectionPartyId("990000013"), reference="EXAMPLE1"
...     ),
...     creation_time=datetime(2026, 1, 31, 9, 30, tzinfo=eastern),
...     end_to_end_id=EndToEndId("INVOICE-1"),
...     uetr=Uetr("8a562c67-ca16-48ba-b074-65581be6f011"),
...     local_instrument="FDNA",
...     category_purpose="CONS",
...     amount=Amount.parse("51.74"),
...     settlement_date=date(2026, 1, 31),
...     instructing_agent=RoutingNumber("990000013"),
...     instructed_agent=RoutingNumber("990000026"),
...     debtor=Party(name=Personal("A Debtor")),
...     debtor_account=Personal("000123456789"),
...     debtor_agent=RoutingNumber("990000013"),
...     creditor=Party(name=Personal("A Creditor")),
...     creditor_account=Personal("000987654321"),
...     creditor_agent=RoutingNumber("990000026"),
... )
>>> body = serialise(pacs008.build(transfer))
>>> report = examine(body, profile=FedNowProfile())
>>> report.valid, report.message_type, report.message == transfer
(True, 'pacs.008.001.08', True)

>>> broken = body.replace(b"-b074-", b"-B074-").replace(b"FDNA", b"CASH")
>>> for finding in explain(examine(broken, profile=FedNowProfile())).findings:
...     print(finding.code, finding.xpath)
XSD_PATTERN /Document/FIToFICstmrCdtTrf/CdtTrfTxInf/PmtId/UETR
FEDNOW_LOCAL_INSTRUMENT /Document/FIToFICstmrCdtTrf/CdtTrfTxInf/PmtTpInf/LclInstrm/Prtry
"""

from iso20022 import header
from iso20022.amount import Amount
from iso20022.code_book import CodeEntry, close_codes, explained
from iso20022.codes import CopyDuplicate, Direction, EnquiryAnswer, Rail, TransactionStatus
from iso20022.difference import Change, Difference, differences
from iso20022.envelope import Envelope, EnvelopeKind, guess_rail, serialise, unwrap, wrap
from iso20022.errors import LocalProtocolError, ProtocolError, RemoteProtocolError
from iso20022.examine import SUPPORTED_MESSAGES, Report, examine, explain
from iso20022.findings import Finding, Severity
from iso20022.fingerprint import content_fingerprint_source
from iso20022.header import BusinessHeader, MarketPractice
from iso20022.identifiers import (
    BusinessMessageId,
    ConnectionPartyId,
    EndToEndId,
    InstructionId,
    MessageId,
    RoutingNumber,
    TransactionId,
    Uetr,
    connection_party_of,
    fednow_message_id,
    has_aba_check_digit,
    is_bic,
    is_connection_party_id,
    is_fednow_message_id,
    is_lei,
    is_routing_number,
    is_rtp_administration_id,
    is_rtp_business_message_id,
    is_rtp_instruction_id,
    is_rtp_message_id,
    is_rtp_participant_id,
    is_uetr,
    rtp_administration_id,
    rtp_business_message_id,
    rtp_instruction_id,
    rtp_message_id,
)
from iso20022.mend import Mend, Mended, mended
from iso20022.messages import admi002, pacs002, pacs008, pacs028
from iso20022.messages.acmt022 import IdentificationModificationAdvice
from iso20022.messages.admi002 import MessageReject
from iso20022.messages.admi004 import SystemEventNotification
from iso20022.messages.admi006 import ResendRequest
from iso20022.messages.admi007 import ReceiptAcknowledgement
from iso20022.messages.admi011 import SystemEventAcknowledgement
from iso20022.messages.admi998 import ParticipantFile
from iso20022.messages.admn import (
    AvailabilityReport,
    AvailabilityRequest,
    EchoRequest,
    EchoResponse,
    SignOffRequest,
    SignOffResponse,
    SignOnRequest,
    SignOnResponse,
)
from iso20022.messages.camt026 import InformationRequest
from iso20022.messages.camt028 import AdditionalPaymentInformation
from iso20022.messages.camt029 import Resolution
from iso20022.messages.camt035 import PaymentAcknowledgement
from iso20022.messages.camt052 import AccountReportMessage
from iso20022.messages.camt054 import DebitCreditNotification
from iso20022.messages.camt055 import RequestForPaymentCancellation
from iso20022.messages.camt056 import PaymentCancellationRequest
from iso20022.messages.camt060 import AccountReportingRequest
from iso20022.messages.pacs002 import PaymentStatusReport, StatusReason
from iso20022.messages.pacs004 import PaymentReturn
from iso20022.messages.pacs008 import CustomerCreditTransfer
from iso20022.messages.pacs009 import InstitutionCreditTransfer
from iso20022.messages.pacs028 import PaymentStatusRequest
from iso20022.messages.pain013 import RequestForPayment
from iso20022.messages.pain014 import RequestForPaymentResponse
from iso20022.messages.party import Party, PostalAddress
from iso20022.messages.registry import MESSAGE_KINDS, Message, MessageKind
from iso20022.messages.remt001 import RemittanceAdvice
from iso20022.personal import Personal
from iso20022.profiles.fednow import FEDNOW_ID, FEDNOW_PRACTICE, FedNowProfile
from iso20022.profiles.profile import Profile
from iso20022.profiles.rtp import RtpProfile
from iso20022.reader import LIMITS, RAIL_LIMITS, Element, Limits, read
from iso20022.repeat import marked_as_duplicate
from iso20022.sample import NoSampleError, sample
from iso20022.wrappers import FEDNOW_WRAPPERS, RTP_WRAPPERS, Wrapper

__all__ = [
    "FEDNOW_ID",
    "FEDNOW_PRACTICE",
    "FEDNOW_WRAPPERS",
    "LIMITS",
    "MESSAGE_KINDS",
    "RAIL_LIMITS",
    "RTP_WRAPPERS",
    "SUPPORTED_MESSAGES",
    "AccountReportMessage",
    "AccountReportingRequest",
    "AdditionalPaymentInformation",
    "Amount",
    "AvailabilityReport",
    "AvailabilityRequest",
    "BusinessHeader",
    "BusinessMessageId",
    "Change",
    "CodeEntry",
    "ConnectionPartyId",
    "CopyDuplicate",
    "CustomerCreditTransfer",
    "DebitCreditNotification",
    "Difference",
    "Direction",
    "EchoRequest",
    "EchoResponse",
    "Element",
    "EndToEndId",
    "EnquiryAnswer",
    "Envelope",
    "EnvelopeKind",
    "FedNowProfile",
    "Finding",
    "IdentificationModificationAdvice",
    "InformationRequest",
    "InstitutionCreditTransfer",
    "InstructionId",
    "Limits",
    "LocalProtocolError",
    "MarketPractice",
    "Mend",
    "Mended",
    "Message",
    "MessageId",
    "MessageKind",
    "MessageReject",
    "NoSampleError",
    "ParticipantFile",
    "Party",
    "PaymentAcknowledgement",
    "PaymentCancellationRequest",
    "PaymentReturn",
    "PaymentStatusReport",
    "PaymentStatusRequest",
    "Personal",
    "PostalAddress",
    "Profile",
    "ProtocolError",
    "Rail",
    "ReceiptAcknowledgement",
    "RemittanceAdvice",
    "RemoteProtocolError",
    "Report",
    "RequestForPayment",
    "RequestForPaymentCancellation",
    "RequestForPaymentResponse",
    "ResendRequest",
    "Resolution",
    "RoutingNumber",
    "RtpProfile",
    "Severity",
    "SignOffRequest",
    "SignOffResponse",
    "SignOnRequest",
    "SignOnResponse",
    "StatusReason",
    "SystemEventAcknowledgement",
    "SystemEventNotification",
    "TransactionId",
    "TransactionStatus",
    "Uetr",
    "Wrapper",
    "admi002",
    "close_codes",
    "connection_party_of",
    "content_fingerprint_source",
    "differences",
    "examine",
    "explain",
    "explained",
    "fednow_message_id",
    "guess_rail",
    "has_aba_check_digit",
    "header",
    "is_bic",
    "is_connection_party_id",
    "is_fednow_message_id",
    "is_lei",
    "is_routing_number",
    "is_rtp_administration_id",
    "is_rtp_business_message_id",
    "is_rtp_instruction_id",
    "is_rtp_message_id",
    "is_rtp_participant_id",
    "is_uetr",
    "marked_as_duplicate",
    "mended",
    "pacs002",
    "pacs008",
    "pacs028",
    "read",
    "rtp_administration_id",
    "rtp_business_message_id",
    "rtp_instruction_id",
    "rtp_message_id",
    "sample",
    "serialise",
    "unwrap",
    "wrap",
]
