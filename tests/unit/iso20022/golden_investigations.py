"""The values of the golden return requests, information requests, cancellations and answers, written by hand."""

from datetime import UTC, date, datetime
from typing import Any, Final

from iso20022 import Amount, EndToEndId, InstructionId, MessageId, Personal, RoutingNumber, TransactionId
from iso20022.messages.actors import Agent, PartyDetails
from iso20022.messages.camt026 import (
    AnyInformation,
    InformationRequest,
    MissingOrIncorrect,
    PossibleDuplicate,
    Question,
)
from iso20022.messages.camt028 import AddedInformation, AdditionalPaymentInformation
from iso20022.messages.camt029 import (
    Confirmation,
    CorrectiveMessage,
    CorrectivePayment,
    GroupResolution,
    PaymentResolution,
    RequestResolution,
    RequestTransactionResolution,
    Resolution,
    ResolutionDetails,
)
from iso20022.messages.camt055 import RequestForPaymentCancellation
from iso20022.messages.camt056 import PaymentCancellationRequest
from iso20022.messages.investigation import Case, GroupCancellation, UnderlyingPayment, UnderlyingRequest
from iso20022.messages.original import Instruction, OriginalMessage, Reason
from iso20022.messages.remittance import Remittance
from iso20022.messages.shape import Code
from tests.unit.iso20022.golden_transfers import ORIGINAL, RECEIVER, SENDER, UETR, morning

REQUEST: Final = OriginalMessage(
    message_id=MessageId("20260202990000026REQUEST01"),
    message_name="pain.013.001.07",
    creation_time=morning(hour=8),
)
PAYMENT: Final = UnderlyingPayment(
    original_message=ORIGINAL,
    original_instruction_id=InstructionId("GOLDEN-INSTR-0001"),
    original_end_to_end_id=EndToEndId("GOLDEN-E2E-0001"),
    original_uetr=UETR,
    original_amount=Amount(125075),
    original_settlement_date=date(2026, 1, 31),
)
RTP: Final = Agent(member_id=RoutingNumber("990000039"), clearing_system=None)

MISSING: Final = InformationRequest(
    message_id=MessageId("20260202990000026ASKINFO1"),
    assigner=RECEIVER,
    assignee=SENDER,
    creation_time=morning(hour=11),
    case=Case(id="GOLDEN-CASE-0002", creator=RECEIVER),
    underlying=PAYMENT,
    justification=MissingOrIncorrect(
        aml_request=False,
        missing=(Question(code="MS01", additional=Personal("whose invoice")),),
        incorrect=(Question(code="IN15"), Question(code="NARR", additional=Personal("no such account name"))),
    ),
)
DUPLICATE: Final = InformationRequest(
    message_id=MessageId("20260202990000013ASKDUPL1"),
    assigner=SENDER,
    assignee=RECEIVER,
    creation_time=morning(hour=11),
    underlying=UnderlyingRequest(
        original_message=REQUEST,
        original_payment_information_id="GOLDEN-RFP-0001",
        original_end_to_end_id=EndToEndId("GOLDEN-RFP-E2E-0001"),
        original_amount=Amount(8820),
        requested_execution=date(2026, 2, 10),
    ),
    justification=PossibleDuplicate(suspected=True),
)
ANYTHING: Final = InformationRequest(
    message_id=MessageId("20260202990000026ASKALL01"),
    assigner=RECEIVER,
    assignee=SENDER,
    creation_time=morning(hour=11),
    case=Case(id="GOLDEN-CASE-0003", creator=RECEIVER),
    underlying=PAYMENT,
    justification=AnyInformation(requested=True),
)
ADDED: Final = AdditionalPaymentInformation(
    message_id=MessageId("20260202990000013ADDINFO1"),
    assigner=SENDER,
    assignee=RECEIVER,
    creation_time=morning(hour=12),
    case=Case(id="GOLDEN-CASE-0002", creator=RECEIVER),
    underlying=PAYMENT,
    information=AddedInformation(
        end_to_end_id=EndToEndId("GOLDEN-E2E-0001"),
        interbank_settlement_amount=Amount(125075),
        ultimate_debtor=PartyDetails(name=Personal("Invented Aunt")),
        purpose=Code("GDDS"),
        instructions_for_creditor_agent=(Instruction(information=Personal("please tell the creditor")),),
        remittance=Remittance(unstructured=(Personal("Invoice 4711"), Personal("second line"))),
    ),
)
REFUSED: Final = Resolution(
    message_id=MessageId("20260203990000026REFUSED1"),
    assigner=RECEIVER,
    assignee=SENDER,
    creation_time=morning(day=3, hour=9),
    resolved_case=Case(id="GOLDEN-CASE-0001", creator=SENDER),
    confirmation=Confirmation.RJCR,
    payments=(
        PaymentResolution(
            cancellation_status_id="GOLDEN-CXL-STS-0001",
            original_message=ORIGINAL,
            original_instruction_id=InstructionId("GOLDEN-INSTR-0001"),
            original_end_to_end_id=EndToEndId("GOLDEN-E2E-0001"),
            original_uetr=UETR,
            reasons=(Reason(reason=Code("LEGL"), additional=(Personal("frozen by a court"),)),),
            original_amount=Amount(125075),
            original_settlement_date=date(2026, 1, 31),
        ),
    ),
)
RETURNED: Final = Resolution(
    message_id=MessageId("20260203990000026RETURNED1"),
    assigner=RECEIVER,
    assignee=SENDER,
    creation_time=morning(day=3, hour=9),
    resolved_case=Case(id="GOLDEN-CASE-0001", creator=SENDER),
    confirmation=Confirmation.IPAY,
    correction=CorrectivePayment(
        message=CorrectiveMessage(
            message_id=MessageId("20260202990000026RETURN0001"),
            message_name="pacs.004.001.10",
            creation_time=morning(hour=10),
        ),
        end_to_end_id=EndToEndId("GOLDEN-E2E-0001"),
        amount=Amount(100000),
        settlement_date=date(2026, 2, 2),
    ),
    details=ResolutionDetails(
        end_to_end_id=EndToEndId("GOLDEN-E2E-0001"),
        uetr=UETR,
        amount=Amount(100000),
        settlement_date=date(2026, 2, 2),
    ),
)
CANCELLED: Final = Resolution(
    message_id=MessageId("20260203990000013CANCELED1"),
    assigner=SENDER,
    assignee=RECEIVER,
    creation_time=morning(day=3, hour=9),
    resolved_case=Case(id="GOLDEN-CASE-0004", creator=RECEIVER),
    confirmation=Confirmation.CNCL,
    group=GroupResolution(message_id=MessageId("20260202990000026REQUEST01"), message_name="pain.013.001.07"),
    requests=(
        RequestResolution(
            original_payment_information_id="GOLDEN-RFP-0001",
            transactions=(
                RequestTransactionResolution(
                    original_end_to_end_id=EndToEndId("GOLDEN-RFP-E2E-0001"),
                    original_amount=Amount(8820),
                    original_requested_execution=date(2026, 2, 10),
                ),
            ),
        ),
    ),
)
TAKEN_BACK: Final = RequestForPaymentCancellation(
    message_id=MessageId("20260203990000026CANCEL001"),
    assigner=RECEIVER,
    assignee=SENDER,
    creation_time=morning(day=3, hour=8),
    case=Case(id="GOLDEN-CASE-0004", creator=RECEIVER),
    number_of_transactions="1",
    original_payment_information_id="GOLDEN-RFP-0001",
    original_message=REQUEST,
    cancellation_id="GOLDEN-CXL-0002",
    original_instruction_id=InstructionId("GOLDEN-RFP-INSTR-0001"),
    original_end_to_end_id=EndToEndId("GOLDEN-RFP-E2E-0001"),
    original_uetr=UETR,
    original_amount=Amount(8820),
    original_requested_execution=date(2026, 2, 10),
    reasons=(Reason(reason=Code("PAID"), additional=(Personal("paid in cash"),)),),
)
SENT_TWICE: Final = PaymentCancellationRequest(
    message_id=MessageId("20260202990000013RETREQ001"),
    assigner=SENDER,
    assignee=RECEIVER,
    creation_time=morning(hour=8),
    case=Case(id="GOLDEN-CASE-0001", creator=SENDER),
    number_of_transactions="1",
    cancellation_id="GOLDEN-CXL-0001",
    original_message=ORIGINAL,
    original_instruction_id=InstructionId("GOLDEN-INSTR-0001"),
    original_end_to_end_id=EndToEndId("GOLDEN-E2E-0001"),
    original_uetr=UETR,
    original_amount=Amount(125075),
    original_settlement_date=date(2026, 1, 31),
    reasons=(Reason(reason=Code("DUPL"), additional=(Personal("sent twice"),)),),
)
TIMED_OUT: Final = PaymentCancellationRequest(
    message_id=MessageId("M20260202990000039T1HGLD00000000001"),
    assigner=RTP,
    assignee=Agent(member_id=RoutingNumber("990000026"), clearing_system=None),
    creation_time=datetime(2026, 2, 2, 13, 0, 20, tzinfo=UTC),
    case=Case(id="M20260202990000039T1HGLD00000000001", creator=RTP),
    original_group=GroupCancellation(
        message_id=MessageId("M20260202990000013A1BGLD00000000002"), message_name="pacs.008.001.08"
    ),
    original_instruction_id=InstructionId("20260202990000013A1BGOLD00000000002"),
    original_end_to_end_id=EndToEndId("GOLDEN-RTP-E2E"),
    original_transaction_id=TransactionId("20260202990000013A1BGOLD00000000002"),
    original_clearing_system_reference="001",
    original_amount=Amount(1200),
    original_settlement_date=date(2026, 2, 2),
    reasons=(Reason(reason=Code("DS24")),),
)

INVESTIGATIONS: Final[dict[str, Any]] = {
    "investigations/camt026_any.xml": ANYTHING,
    "investigations/camt026_duplicate.xml": DUPLICATE,
    "investigations/camt026_missing.xml": MISSING,
    "investigations/camt028_added.xml": ADDED,
    "investigations/camt029_request_cancelled.xml": CANCELLED,
    "investigations/camt029_return_refused.xml": REFUSED,
    "investigations/camt029_returned.xml": RETURNED,
    "investigations/camt055_request.xml": TAKEN_BACK,
    "investigations/camt056_duplicate.xml": SENT_TWICE,
    "investigations/camt056_time_out.xml": TIMED_OUT,
}
"""The value of each golden message, by its file."""
