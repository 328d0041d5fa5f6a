"""The values of the golden returns, transfers and requests for payment, written by hand."""

from datetime import UTC, date, datetime, timedelta, timezone
from typing import Any, Final

from iso20022 import (
    Amount,
    EndToEndId,
    InstructionId,
    MessageId,
    Personal,
    PostalAddress,
    RoutingNumber,
    Uetr,
)
from iso20022.messages.actors import (
    Account,
    Agent,
    BirthPlace,
    ContactDetails,
    OrganisationIdentification,
    OtherIdentification,
    PartyDetails,
    PersonIdentification,
    Proxy,
)
from iso20022.messages.original import Instruction, OriginalMessage, OriginalTransaction, PaymentType, Reason
from iso20022.messages.pacs004 import PaymentReturn, ReturnChain
from iso20022.messages.pacs009 import InstitutionCreditTransfer
from iso20022.messages.pain013 import RequestForPayment
from iso20022.messages.pain014 import OriginalRequest, RequestForPaymentResponse, RequestStatus
from iso20022.messages.remittance import (
    ReferenceType,
    ReferredDocument,
    RelatedRemittance,
    Remittance,
    RemittanceAmounts,
    RemittanceLocation,
    StructuredRemittance,
    TypedAmount,
)
from iso20022.messages.request import ConditionStatus, PaymentCondition, Percentage
from iso20022.messages.shape import Code, Proprietary

EASTERN: Final = timezone(timedelta(hours=-5))
SENDER: Final = Agent(member_id=RoutingNumber("990000013"))
RECEIVER: Final = Agent(member_id=RoutingNumber("990000026"))
UETR: Final = Uetr("5b2f1d0e-8c4a-4f7b-9a3d-0123456789ab")


def account(number: str) -> Account:
    """An account by its number."""
    return Account(id=OtherIdentification(id=Personal(number)))


def morning(*, month: int = 2, day: int = 2, hour: int, minute: int = 0, second: int = 0) -> datetime:
    """A point in time of early 2026, US Eastern."""
    return datetime(2026, month, day, hour, minute, second, tzinfo=EASTERN)


DEBTOR_ACCOUNT: Final = account("000011112222")
CREDITOR_ACCOUNT: Final = account("000033334444")
ADDRESS: Final = PostalAddress(
    street_name=Personal("Imaginary Street"),
    building_number=Personal("12"),
    post_code=Personal("00000"),
    town_name=Personal("Nowhere"),
    country_sub_division=Personal("ZZ"),
    country="US",
)
ORIGINAL: Final = OriginalMessage(
    message_id=MessageId("20260131990000013GOLDEN0001"),
    message_name="pacs.008.001.08",
    creation_time=morning(month=1, day=31, hour=9, minute=30),
)

RETURN: Final = PaymentReturn(
    message_id=MessageId("20260202990000026RETURN0001"),
    creation_time=morning(hour=10),
    return_id="GOLDEN-RTR-0001",
    original_message=ORIGINAL,
    original_instruction_id=InstructionId("GOLDEN-INSTR-0001"),
    original_end_to_end_id=EndToEndId("GOLDEN-E2E-0001"),
    original_uetr=UETR,
    original_amount=Amount(125075),
    original_settlement_date=date(2026, 1, 31),
    amount=Amount(100000),
    settlement_date=date(2026, 2, 2),
    instructing_agent=RECEIVER,
    instructed_agent=SENDER,
    return_chain=ReturnChain(
        debtor=PartyDetails(name=Personal("Invented Creditor")),
        debtor_account=CREDITOR_ACCOUNT,
        debtor_agent=RECEIVER,
        creditor_agent=SENDER,
        creditor=PartyDetails(name=Personal("Invented Debtor & Daughters")),
        creditor_account=DEBTOR_ACCOUNT,
    ),
    reasons=(Reason(reason=Code("CUST"), additional=(Personal("the customer keeps a part"),)),),
    original_transaction=OriginalTransaction(
        payment_type=PaymentType(local_instrument=Proprietary("FDNA"), category_purpose=Proprietary("CONS"))
    ),
)

LIQUIDITY: Final = InstitutionCreditTransfer(
    message_id=MessageId("20260202990000013LMT0001"),
    creation_time=morning(hour=16),
    instruction_id=InstructionId("GOLDEN-LMT-0001"),
    end_to_end_id=EndToEndId("GOLDEN-LMT-E2E-0001"),
    uetr=UETR,
    payment_type=PaymentType(local_instrument=Proprietary("LMT1")),
    amount=Amount(2_000_000_00),
    settlement_date=date(2026, 2, 2),
    instructing_agent=SENDER,
    instructed_agent=RECEIVER,
    debtor=SENDER,
    creditor=RECEIVER,
    remittance=(Personal("liquidity for the weekend"),),
)

BILL: Final = RequestForPayment(
    message_id=MessageId("20260202990000026REQUEST01"),
    creation_time=morning(hour=8),
    initiating_party=PartyDetails(name=Personal("Invented Utility")),
    payment_information_id="GOLDEN-RFP-0001",
    requested_execution=date(2026, 2, 10),
    expiry=morning(day=12, hour=17),
    request_condition=PaymentCondition(
        amount_modification_allowed=False, early_payment_allowed=True, guaranteed_payment_requested=False
    ),
    debtor=PartyDetails(
        name=Personal("Invented Debtor & Daughters"),
        address=ADDRESS,
        contact=ContactDetails(phone_number=Personal("+1-5550100")),
    ),
    debtor_account=Account(id=OtherIdentification(id=Personal("000011112222")), account_type=Code("CACC")),
    debtor_agent=SENDER,
    instruction_id=InstructionId("GOLDEN-RFP-INSTR-0001"),
    end_to_end_id=EndToEndId("GOLDEN-RFP-E2E-0001"),
    uetr=UETR,
    payment_type=PaymentType(local_instrument=Proprietary("FDNA"), category_purpose=Proprietary("CONS")),
    amount=Amount(8820),
    creditor_agent=RECEIVER,
    creditor=PartyDetails(
        name=Personal("Invented Utility"),
        address=ADDRESS,
        identification=OrganisationIdentification(
            others=(OtherIdentification(id=Personal("990000000"), scheme=Code("TXID")),)
        ),
    ),
    creditor_account=CREDITOR_ACCOUNT,
    purpose=Code("ELEC"),
    remittance=Remittance(
        structured=(
            StructuredRemittance(
                documents=(
                    ReferredDocument(
                        document_type=ReferenceType(word=Code("CINV")),
                        number=Personal("INV-4711"),
                        related_date=date(2026, 1, 30),
                    ),
                ),
                amounts=RemittanceAmounts(
                    due_payable=Amount(9000),
                    discounts=(TypedAmount(amount_type=Proprietary("DSCT"), amount=Amount(180)),),
                    remitted=Amount(8820),
                ),
            ),
        )
    ),
)

BILL_ON_RTP: Final = RequestForPayment(
    message_id=MessageId("M20260202990000026A1BGLD00000000001"),
    creation_time=datetime(2026, 2, 2, 13, tzinfo=UTC),
    initiating_party=PartyDetails(
        identification=OrganisationIdentification(others=(OtherIdentification(id=Personal("990000026")),))
    ),
    payment_information_id="20260202990000026A1BGOLD00000000001",
    requested_execution=datetime(2026, 2, 10, 17, tzinfo=UTC),
    expiry=datetime(2026, 2, 12, 22, tzinfo=UTC),
    debtor=PartyDetails(
        name=Personal("Invented Debtor"),
        identification=PersonIdentification(
            birth=BirthPlace(birth_date=Personal("1970-01-01"), city=Personal("Nowhere"), country="US")
        ),
    ),
    debtor_account=DEBTOR_ACCOUNT,
    debtor_agent=Agent(member_id=RoutingNumber("990000013"), clearing_system=None),
    instruction_id=InstructionId("20260202990000026A1BGOLD00000000001"),
    end_to_end_id=EndToEndId("GOLDEN-RTP-E2E"),
    payment_type=PaymentType(
        service_levels=(Code("SDVA"),),
        local_instrument=Proprietary("STANDARD"),
        category_purpose=Proprietary("BUSINESS"),
    ),
    condition=PaymentCondition(
        amount_modification_allowed=True,
        early_payment_allowed=True,
        delay_penalty=Personal("one percent a month"),
        immediate_payment_rebate=Percentage("2.5"),
        guaranteed_payment_requested=True,
    ),
    amount=Amount(8820),
    creditor_agent=Agent(member_id=RoutingNumber("990000026"), clearing_system=None),
    creditor=PartyDetails(name=Personal("Invented Utility")),
    creditor_account=Account(
        id=OtherIdentification(id=Personal("000033334444")),
        proxy=Proxy(proxy_type=Code("TELE"), id=Personal("+1-5550100")),
    ),
    instructions_for_creditor_agent=(Instruction(code="HOLD", information=Personal("until called for")),),
    related_remittance=(
        RelatedRemittance(
            remittance_id="ADVICE-1",
            locations=(RemittanceLocation(method="EMAL", electronic_address=Personal("books@example.invalid")),),
        ),
    ),
    remittance=Remittance(unstructured=(Personal("account 4711"),)),
)

ACCEPTED: Final = RequestForPaymentResponse(
    message_id=MessageId("20260202990000013RFPACTC1"),
    creation_time=morning(hour=9),
    initiating_party=PartyDetails(name=Personal("Invented Bank")),
    debtor_agent=SENDER,
    creditor_agent=RECEIVER,
    original_message_id=MessageId("20260202990000026REQUEST01"),
    original_message_name="pain.013.001.07",
    original_creation_time=morning(hour=8),
    original_number_of_transactions="1",
    original_payment_information_id="GOLDEN-RFP-0001",
    status_id="GOLDEN-STS-0001",
    original_instruction_id=InstructionId("GOLDEN-RFP-INSTR-0001"),
    original_end_to_end_id=EndToEndId("GOLDEN-RFP-E2E-0001"),
    original_uetr=UETR,
    status=RequestStatus.ACTC,
    condition_status=ConditionStatus(accepted_amount=Amount(8820), guaranteed_payment=False, early_payment=True),
    debtor_decision_time=morning(hour=8, minute=59),
    acceptance_time=morning(hour=8, minute=59, second=30),
    original_request=OriginalRequest(
        amount=Amount(8820),
        requested_execution=date(2026, 2, 10),
        expiry=morning(day=12, hour=17),
        creditor_agent=RECEIVER,
        creditor=PartyDetails(name=Personal("Invented Utility")),
    ),
)

REFUSED: Final = RequestForPaymentResponse(
    message_id=MessageId("20260202990000013RFPRJCT1"),
    creation_time=morning(hour=9),
    initiating_party=PartyDetails(name=Personal("Invented Bank")),
    original_message_id=MessageId("20260202990000026REQUEST01"),
    original_message_name="pain.013.001.07",
    original_creation_time=morning(hour=8),
    original_number_of_transactions="1",
    original_payment_information_id="GOLDEN-RFP-0001",
    original_end_to_end_id=EndToEndId("GOLDEN-RFP-E2E-0001"),
    status=RequestStatus.RJCT,
    reasons=(
        Reason(
            originator=PartyDetails(name=Personal("Invented Debtor")),
            reason=Code("CUST"),
            additional=(Personal("never ordered"), Personal("wrong address")),
        ),
    ),
)

TRANSFERS: Final[dict[str, Any]] = {
    "transfers/pacs004_part.xml": RETURN,
    "transfers/pacs009_lmt.xml": LIQUIDITY,
    "transfers/pain013_bill.xml": BILL,
    "transfers/pain013_rtp.xml": BILL_ON_RTP,
    "transfers/pain014_actc.xml": ACCEPTED,
    "transfers/pain014_rjct.xml": REFUSED,
}
"""The value of each golden message, by its file."""
