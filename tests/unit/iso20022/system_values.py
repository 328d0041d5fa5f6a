"""The golden messages of reports, system and RTP administration, and the value that each stands for."""

from datetime import date, datetime, timedelta, timezone
from typing import Any, Final

from iso20022 import (
    Amount,
    ConnectionPartyId,
    EndToEndId,
    InstructionId,
    MessageId,
    Personal,
    RoutingNumber,
    TransactionId,
    Uetr,
)
from iso20022.messages.acmt022 import AccountAtAgent, IdentificationModificationAdvice
from iso20022.messages.actors import Account, Agent, OrganisationIdentification, OtherIdentification, PartyDetails
from iso20022.messages.admi004 import SystemEventNotification
from iso20022.messages.admi006 import ResendCriterion, ResendRequest
from iso20022.messages.admi007 import Receipt, ReceiptAcknowledgement
from iso20022.messages.admi011 import SystemEventAcknowledgement
from iso20022.messages.admi998 import Participant, ParticipantFile, ParticipantService
from iso20022.messages.admn import (
    AvailabilityReport,
    AvailabilityRequest,
    EchoRequest,
    EchoResponse,
    SignOffRequest,
    SignOffResponse,
    SignOnRequest,
    SignOnResponse,
    SignOnStatus,
    Unavailable,
)
from iso20022.messages.camt035 import AcknowledgementKind, PaymentAcknowledgement
from iso20022.messages.camt052 import (
    AccountReport,
    AccountReportMessage,
    ActivitySummary,
    Balance,
    CodeTotals,
    CreditLine,
    Net,
    OriginalQuery,
    ReportedAccount,
)
from iso20022.messages.camt054 import AccountNotification, DebitCreditNotification
from iso20022.messages.camt060 import AccountReportingRequest, ReportingPeriod, ReportingRequest, ReportKind
from iso20022.messages.entries import (
    CreditDebit,
    Entry,
    EntryDetails,
    EntryStatus,
    EntryTransaction,
    Page,
    References,
    RelatedAgent,
    RelatedTime,
    Totals,
    own_code,
)
from iso20022.messages.investigation import Case
from iso20022.messages.remittance import (
    CreditorReference,
    ReferenceType,
    ReferredDocument,
    RemittanceAmounts,
    StructuredRemittance,
)
from iso20022.messages.remt001 import RemittanceAdvice, RemittanceInformation, RemittedPayment
from iso20022.messages.shape import Code, Proprietary

EASTERN: Final = timezone(timedelta(hours=-5))
CREATED: Final = datetime(2026, 1, 31, 9, 30, tzinfo=EASTERN)
EARLIER: Final = datetime(2026, 1, 30, 16, 20, 15, tzinfo=EASTERN)
OURS, THEIRS = RoutingNumber("990000013"), RoutingNumber("990000026")
US, RTP = ConnectionPartyId("990000013A1"), ConnectionPartyId("990000001T1")
UETR: Final = Uetr("5b2f1d0e-8c4a-4f7b-9a3d-0123456789ab")
ONE_PAGE: Final = Page(number=1, is_last=True)
INSTRUCTION: Final = "20260130990000026A1BGLDN00000000001"
ORIGINAL_INSTRUCTION: Final = InstructionId(INSTRUCTION)

_PAID: Final = EntryTransaction(
    references=References(
        message_id=MessageId("20260130990000026GOLDEN0001"),
        instruction_id=InstructionId("GOLDEN-INSTR-0001"),
        end_to_end_id=EndToEndId("GOLDEN-E2E-0001"),
        uetr=UETR,
    ),
    instructing_agent=Agent(member_id=THEIRS),
    instructed_agent=Agent(member_id=OURS),
    related_agents=(RelatedAgent(role="INDA", agent=Agent(member_id=OURS, clearing_system=None)),),
    acceptance_time=EARLIER,
    related_times=(RelatedTime(kind="SDTM", at=EARLIER), RelatedTime(kind="BPRD", at=EARLIER)),
)

VALUES: Final[dict[str, Any]] = {
    "admi004_ping.xml": SystemEventNotification(event_code="PING", event_time=CREATED),
    "admi004_sign_off.xml": SystemEventNotification(event_code="FPOF", parameters=(OURS,), event_time=CREATED),
    "admi004_roll.xml": SystemEventNotification(
        event_code="ROLL",
        parameters=("20260201",),
        event_time=datetime(2026, 1, 31, 19, 0, 59, tzinfo=EASTERN),
    ),
    "admi004_rtp.xml": SystemEventNotification(
        event_code="960",
        parameters=("202601310930000BROADCAST0000000001", "Broadcast", "990000026A1", "UNAVAILABLE"),
        description="an invented outage",
        event_time=CREATED,
    ),
    "admi006_retrieval.xml": ResendRequest(
        message_id=MessageId("20260131990000013RETRIEVE01"),
        creation_time=CREATED,
        criteria=(
            ResendCriterion(
                business_date=date(2026, 1, 30),
                original_message_name="pacs.008.001.08",
                original_message_id=MessageId("20260130990000026GOLDEN0001"),
                recipient=ConnectionPartyId(OURS),
            ),
            ResendCriterion(
                business_date=date(2026, 1, 29),
                original_message_name="pain.013.001.07",
                original_message_id=MessageId("20260129990000026GOLDEN0002"),
                recipient=ConnectionPartyId(OURS),
            ),
        ),
    ),
    "admi007_received.xml": ReceiptAcknowledgement(
        message_id=MessageId("20260131990000013RECEIPT01"),
        creation_time=CREATED,
        receipts=(
            Receipt(
                related_reference=MessageId("20260131990000026REQUEST01"),
                related_message_name="pain.013.001.07",
                status_code="TS01",
                status_time=datetime(2026, 1, 31, 9, 29, 59, 500_000, tzinfo=EASTERN),
                description="arrived",
            ),
        ),
    ),
    "admi011_sign_on.xml": SystemEventAcknowledgement(
        message_id=MessageId("GoldenServiceReference0004"),
        originator_reference="20260131990000013EVENT01",
        event_code="FPON",
        parameters=(OURS,),
        event_time=CREATED,
    ),
    "admi998_participants.xml": ParticipantFile(
        business_day=date(2026, 1, 31),
        participants=(
            Participant(
                routing_number=OURS,
                name="Invented Bank & Trust",
                services=(ParticipantService.CTRO, ParticipantService.CTSR, ParticipantService.RFPR),
            ),
            Participant(routing_number=THEIRS, name="Sample Credit Union", services=(ParticipantService.CTRO,)),
        ),
    ),
    "camt060_details.xml": AccountReportingRequest(
        message_id=MessageId("20260131990000013REPORT01"),
        creation_time=CREATED,
        requests=(
            ReportingRequest(
                kind=ReportKind.AADR,
                account=OURS,
                account_owner=OURS,
                period=ReportingPeriod(from_date=date(2026, 1, 30), to_date=date(2026, 1, 30)),
            ),
        ),
    ),
    "camt060_balance.xml": AccountReportingRequest(
        message_id=MessageId("20260131990000013REPORT02"),
        creation_time=CREATED,
        requests=(ReportingRequest(kind=ReportKind.ABAR, account=OURS, account_type="M", account_owner=OURS),),
    ),
    "camt052_details.xml": AccountReportMessage(
        kind=ReportKind.AADR,
        creation_time=CREATED,
        page=ONE_PAGE,
        original_query=OriginalQuery(
            message_id=MessageId("20260131990000013REPORT01"), message_name="camt.060.001.05", creation_time=CREATED
        ),
        reports=(
            AccountReport(
                report_id="EDAY",
                creation_time=datetime(2026, 1, 30, tzinfo=EASTERN),
                account=ReportedAccount(id=OURS),
                activity=ActivitySummary(
                    credits=Totals(count=1, total=Amount(41060)),
                    debits=Totals(count=1, total=Amount(5600)),
                    by_code=(CodeTotals(count=1, code=own_code("RJTS")), CodeTotals(count=0, code=own_code("RJTR"))),
                ),
                entries=(
                    Entry(
                        amount=Amount(41060),
                        side=CreditDebit.CRDT,
                        status=EntryStatus.BOOK,
                        transaction_code=own_code("CRDT"),
                        message_name="pacs.008.001.08",
                        details=(EntryDetails(transactions=(_PAID,)),),
                    ),
                    Entry(
                        reference="GOLDEN-ENTRY-0002",
                        amount=Amount(5600),
                        side=CreditDebit.DBIT,
                        is_reversal=False,
                        status=EntryStatus.BOOK,
                        booked_at=date(2026, 1, 30),
                        value_at=EARLIER,
                        account_servicer_reference="GOLDEN-SERVICER-0002",
                        transaction_code=own_code("DBIT"),
                        message_name="pacs.008.001.08",
                        details=(
                            EntryDetails(
                                transactions=(
                                    EntryTransaction(
                                        references=References(transaction_id=TransactionId("GOLDEN-TX-0002")),
                                        amount=Amount(5600),
                                        side=CreditDebit.DBIT,
                                        local_instrument="FDNA",
                                        settlement_date=date(2026, 1, 30),
                                    ),
                                )
                            ),
                        ),
                    ),
                    Entry(
                        amount=Amount(8721),
                        side=CreditDebit.DBIT,
                        status=EntryStatus.RJCT,
                        transaction_code=own_code("RJTS"),
                        message_name="pacs.008.001.08",
                        details=(EntryDetails(transactions=(EntryTransaction(additional_information="E997"),)),),
                    ),
                ),
            ),
        ),
    ),
    "camt052_balance.xml": AccountReportMessage(
        kind=ReportKind.ABAR,
        creation_time=CREATED,
        page=ONE_PAGE,
        reports=(
            AccountReport(
                report_id="ABMS",
                creation_time=datetime(2026, 1, 31, tzinfo=EASTERN),
                account=ReportedAccount(id=OURS, account_type="M"),
                related_account=OURS,
                balances=(
                    Balance(
                        balance_type=Code("OPBD"),
                        amount=Amount(800000000),
                        side=CreditDebit.CRDT,
                        at=date(2026, 1, 31),
                    ),
                    Balance(
                        balance_type=Proprietary("ABAL"),
                        credit_lines=(
                            CreditLine(
                                is_included=True, line_type=Proprietary("COLL"), amount=Amount(10000000), at=CREATED
                            ),
                        ),
                        amount=Amount(802034916),
                        side=CreditDebit.CRDT,
                        at=CREATED,
                    ),
                ),
                activity=ActivitySummary(
                    by_code=(
                        CodeTotals(
                            net=Net(amount=Amount(1288406), side=CreditDebit.CRDT),
                            credits=Totals(count=258, total=Amount(4858218)),
                            debits=Totals(count=700, total=Amount(3569812)),
                            code=own_code("FDNF"),
                            at=CREATED,
                        ),
                    )
                ),
            ),
        ),
    ),
    "camt054_debit.xml": DebitCreditNotification(
        creation_time=CREATED,
        page=ONE_PAGE,
        notifications=(
            AccountNotification(
                notification_id="GoldenServiceReference0005",
                account=OURS,
                entries=(
                    Entry(
                        amount=Amount(5174),
                        side=CreditDebit.DBIT,
                        status=EntryStatus.BOOK,
                        transaction_code=own_code("DBIT"),
                        message_name="pacs.008.001.08",
                        details=(
                            EntryDetails(
                                transactions=(
                                    EntryTransaction(
                                        references=References(
                                            message_id=MessageId("20260131990000013GOLDEN0001"), uetr=UETR
                                        ),
                                        instructing_agent=Agent(member_id=OURS),
                                        instructed_agent=Agent(member_id=THEIRS),
                                        related_agents=(RelatedAgent(role="RESP", agent=Agent(member_id=OURS)),),
                                        local_instrument="FDNA",
                                        acceptance_time=CREATED,
                                        settlement_date=date(2026, 1, 31),
                                    ),
                                )
                            ),
                        ),
                    ),
                ),
            ),
        ),
    ),
    "camt035_posted.xml": PaymentAcknowledgement(
        message_id=MessageId("M20260131990000013A1BGLD00000000001"),
        assigner=Agent(member_id=OURS, clearing_system=None),
        assignee=Agent(member_id=THEIRS, clearing_system=None),
        creation_time=CREATED,
        case=Case(id="M20260131990000013A1BGLD00000000001", creator=PartyDetails(name=Personal("Invented Creditor"))),
        kind=AcknowledgementKind.ACWP,
        remark=Personal("posted this morning"),
        original_instruction_id=ORIGINAL_INSTRUCTION,
        original_end_to_end_id=EndToEndId("GOLDEN-E2E-0001"),
        original_transaction_id=TransactionId(INSTRUCTION),
        original_uetr=UETR,
    ),
    "remt001_invoice.xml": RemittanceAdvice(
        message_id=MessageId("M20260131990000013A1BGLD00000000002"),
        creation_time=CREATED,
        initiating_party=PartyDetails(
            identification=OrganisationIdentification(others=(OtherIdentification(id=Personal("990000013")),))
        ),
        recipient=PartyDetails(
            identification=OrganisationIdentification(others=(OtherIdentification(id=Personal("990000026")),))
        ),
        remittances=(
            RemittanceInformation(
                remittance_id="GOLDEN-REMITTANCE-0001",
                unstructured=(Personal("Invoice 4711"), Personal("second line")),
                structured=(
                    StructuredRemittance(
                        documents=(
                            ReferredDocument(
                                document_type=ReferenceType(word=Code("CINV")),
                                number=Personal("4711"),
                                related_date=date(2026, 1, 2),
                            ),
                        ),
                        amounts=RemittanceAmounts(due_payable=Amount(125075), remitted=Amount(125075)),
                        creditor_reference=CreditorReference(reference=Personal("GOLDEN-REF-0001")),
                        additional=(Personal("with thanks"),),
                    ),
                ),
                payment=RemittedPayment(
                    instruction_id=InstructionId("20260131990000013A1BGLDN00000000001"),
                    end_to_end_id=EndToEndId("GOLDEN-E2E-0001"),
                    uetr=UETR,
                    amount=Amount(125075),
                    requested_execution=date(2026, 1, 31),
                    debtor=PartyDetails(name=Personal("Invented Debtor")),
                    debtor_account=Account(id=OtherIdentification(id=Personal("000011112222"))),
                    debtor_agent=Agent(member_id=OURS, clearing_system=None),
                    creditor=PartyDetails(name=Personal("Invented Creditor")),
                    creditor_account=Account(id=OtherIdentification(id=Personal("000033334444"))),
                    creditor_agent=Agent(member_id=THEIRS, clearing_system=None),
                ),
            ),
        ),
    ),
    "acmt022_token.xml": IdentificationModificationAdvice(
        message_id=MessageId("M20260131990000013A1BGLD00000000003"),
        creation_time=CREATED,
        assigner=OURS,
        assignee=THEIRS,
        original_message_id=MessageId("M20260130990000026A1BGLD00000000004"),
        original_message_name="pacs.008.001.08",
        original_creation_time=EARLIER,
        original_instruction_id=ORIGINAL_INSTRUCTION,
        original_end_to_end_id=EndToEndId("GOLDEN-E2E-0001"),
        original_transaction_id=TransactionId(INSTRUCTION),
        modification_id="GOLDEN-MODIFICATION-0001",
        original=AccountAtAgent(account=Personal("TOKEN00001111"), agent=OURS),
        updated=AccountAtAgent(account=Personal("000033334444"), agent=OURS),
        additional=Personal("an invented token"),
    ),
    "admn001_sign_on.xml": SignOnRequest(
        message_id=MessageId("20260131093000990000013A1GOLDEN0001"),
        creation_time=CREATED,
        instruction_id=InstructionId("20260131990000013A1BGLDN00000000001"),
        instructing_agent=US,
        instructed_agent=RTP,
    ),
    "admn002_rejected.xml": SignOnResponse(
        message_id=MessageId("20260131093001990000001T1GOLDEN0002"),
        creation_time=datetime(2026, 1, 31, 9, 30, 1, tzinfo=EASTERN),
        original_instruction_id=InstructionId("20260131990000013A1BGLDN00000000001"),
        instructing_agent=RTP,
        instructed_agent=US,
        status=SignOnStatus.RJCT,
        reason="9948",
    ),
    "admn003_sign_off.xml": SignOffRequest(
        message_id=MessageId("20260131093000990000013A1GOLDEN0003"),
        creation_time=CREATED,
        instruction_id=InstructionId("20260131990000013A1BGLDN00000000003"),
        instructing_agent=US,
        instructed_agent=RTP,
    ),
    "admn004_accepted.xml": SignOffResponse(
        message_id=MessageId("20260131093001990000001T1GOLDEN0004"),
        creation_time=datetime(2026, 1, 31, 9, 30, 1, tzinfo=EASTERN),
        original_instruction_id=InstructionId("20260131990000013A1BGLDN00000000003"),
        instructing_agent=RTP,
        instructed_agent=US,
        status=SignOnStatus.ACTC,
    ),
    "admn005_echo.xml": EchoRequest(
        message_id=MessageId("20260131093000990000001T1GOLDEN0005"),
        creation_time=CREATED,
        instruction_id=InstructionId("20260131990000001T1HGLDN00000000005"),
        instructing_agent=RTP,
        instructed_agent=US,
    ),
    "admn006_echo.xml": EchoResponse(
        message_id=MessageId("20260131093001990000013A1GOLDEN0006"),
        creation_time=datetime(2026, 1, 31, 9, 30, 1, tzinfo=EASTERN),
        original_instruction_id=InstructionId("20260131990000001T1HGLDN00000000005"),
        instructing_agent=US,
        instructed_agent=RTP,
    ),
    "admn007_availability.xml": AvailabilityRequest(
        message_id=MessageId("20260131093000990000013A1GOLDEN0007"),
        creation_time=CREATED,
        instruction_id=InstructionId("20260131990000013A1BGLDN00000000007"),
        instructing_agent=US,
        instructed_agent=RTP,
    ),
    "admn008_availability.xml": AvailabilityReport(
        message_id=MessageId("20260131093001990000001T1GOLDEN0008"),
        creation_time=datetime(2026, 1, 31, 9, 30, 1, tzinfo=EASTERN),
        original_instruction_id=InstructionId("20260131990000013A1BGLDN00000000007"),
        instructing_agent=RTP,
        instructed_agent=US,
        unavailable=Unavailable(
            connections=("CONN0001",),
            signed_off=(ConnectionPartyId("990000026A1"), ConnectionPartyId("990000039A1")),
            suspended=(ConnectionPartyId("990000042A1"),),
        ),
    ),
}
"""Every golden message in ``tests/golden/system``, by its file's name."""
