"""Samples of payments, their returns, their status, and requests for payment."""

from collections.abc import Mapping
from datetime import timedelta
from types import MappingProxyType
from typing import Final

from iso20022.codes import Direction, Rail, TransactionStatus
from iso20022.identifiers import RoutingNumber, TransactionId
from iso20022.messages.actors import PartyDetails
from iso20022.messages.agents import CLEARING_SYSTEM
from iso20022.messages.original import OriginalTransaction, PaymentType, Reason
from iso20022.messages.pacs002 import PaymentStatusReport, StatusReason
from iso20022.messages.pacs004 import PaymentReturn, ReturnChain
from iso20022.messages.pacs008 import CustomerCreditTransfer
from iso20022.messages.pacs009 import InstitutionCreditTransfer
from iso20022.messages.pacs028 import PaymentStatusRequest
from iso20022.messages.pain013 import RequestForPayment
from iso20022.messages.pain014 import OriginalRequest, RequestForPaymentResponse, RequestStatus
from iso20022.messages.party import Party
from iso20022.messages.remittance import Remittance
from iso20022.messages.request import PaymentCondition
from iso20022.messages.shape import Code, Proprietary
from iso20022.sampling.scene import OURS, THEIRS, Scene

_REJECTIONS: Final = ("AC04", "AC03", "AC06", "AG01", "BE04", "MD07")
_TRANSFER: Final = "pacs.008.001.08"
_RTP_STATUSES: Final = ("ACTC", "RJCT", "ACWP", "RCVD")
_STATUSES: Final[Mapping[tuple[Rail, Direction], tuple[str, ...]]] = MappingProxyType(
    {
        (Rail.FEDNOW, Direction.TO_RAIL): ("ACTC", "ACWP", "RJCT", "ACCC", "PDNG", "BLCK"),
        (Rail.FEDNOW, Direction.FROM_RAIL): ("ACSC", "ACWP", "RJCT", "ACCC", "PDNG", "BLCK", "ACTC"),
        (Rail.RTP, Direction.TO_RAIL): _RTP_STATUSES,
        (Rail.RTP, Direction.FROM_RAIL): _RTP_STATUSES,
    }
)
_RTP_INSTRUMENTS: Final = ("STANDARD", "INTERMEDIARY", "IXB")
_REASON_DEMANDED: Final = frozenset({TransactionStatus.RJCT, TransactionStatus.BLCK})


def customer_credit_transfer(scene: Scene) -> CustomerCreditTransfer:
    """A payment from one customer to another; on RTP with what RTP demands beyond FedNow."""
    vary, rtp = scene.vary, not scene.is_fednow
    uetr = vary.pick("known by", (vary.uetr("payment"), None))
    address = scene.address("Creditor")
    return CustomerCreditTransfer(
        message_id=scene.message_id(),
        creation_time=scene.at,
        instruction_id=scene.instruction_id() if rtp else vary.often("instruction", scene.instruction_id()),
        end_to_end_id=scene.end_to_end_id(),
        transaction_id=scene.transaction_id() if rtp or uetr is None else None,
        uetr=uetr,
        service_level="SDVA" if rtp else vary.seldom("service level", "SDVA"),
        local_instrument=vary.pick("instrument", _RTP_INSTRUMENTS) if rtp else "FDNA",
        category_purpose=_category(scene),
        amount=vary.amount("payment"),
        settlement_date=scene.today,
        instructing_agent=scene.author,
        instructed_agent=scene.reader,
        debtor=Party(name=scene.name("Debtor"), address=vary.often("debtor's address", scene.address("Debtor"))),
        debtor_account=scene.account_number("debtor"),
        debtor_agent=scene.author,
        creditor=Party(name=scene.name("Creditor"), address=vary.seldom("creditor's address", address)),
        creditor_account=scene.account_number("creditor"),
        creditor_agent=scene.reader,
        remittance=scene.remarks("remittance"),
        clearing_system="TCH" if rtp else "FDN",
        agent_clearing_system=None if rtp else CLEARING_SYSTEM,
        states_group=rtp,
    )


def status_report(scene: Scene) -> PaymentStatusReport:
    """What has become of a payment: said by its receiver, or by the rail."""
    vary, rtp, to_rail = scene.vary, not scene.is_fednow, scene.direction is Direction.TO_RAIL
    status = TransactionStatus(vary.pick("status", _STATUSES[(scene.rail, scene.direction)]))
    settled = not to_rail and status in {TransactionStatus.ACSC, TransactionStatus.ACWP}
    payer = scene.reader
    original = scene.original(_TRANSFER, by=payer)
    instruction_id = scene.instruction_id(by=scene.participant(payer), on=scene.earlier.date())
    reason = StatusReason(
        code=vary.pick("reason", _REJECTIONS),
        additional=vary.several("additional", ("closed in an invented year",)),
    )
    service = vary.pick("said by", (RoutingNumber(scene.rail_id), THEIRS))
    return PaymentStatusReport(
        message_id=scene.message_id(),
        creation_time=scene.at,
        original_message_id=original.message_id,
        original_message_name=original.message_name,
        original_creation_time=original.creation_time,
        original_instruction_id=instruction_id if rtp else vary.often("instruction", instruction_id),
        original_end_to_end_id=None if rtp else vary.often("end to end", scene.end_to_end_id()),
        original_transaction_id=TransactionId(instruction_id) if rtp else None,
        original_uetr=vary.often("UETR", vary.uetr("payment")),
        status=status,
        reasons=(reason,) if status in _REASON_DEMANDED else (),
        acceptance_time=scene.at if rtp or settled else None,
        settlement_date=scene.today if settled and not rtp else None,
        instructing_agent=service if scene.is_fednow and not to_rail else scene.author,
        instructed_agent=payer,
        agent_clearing_system=None if rtp else CLEARING_SYSTEM,
        states_group=rtp,
    )


def status_request(scene: Scene) -> PaymentStatusRequest:
    """What has become of a payment? Asked of the rail, of the other participant, or of us."""
    vary, rtp = scene.vary, not scene.is_fednow
    asked = (RoutingNumber(scene.rail_id), THEIRS) if scene.direction is Direction.TO_RAIL else (OURS,)
    original = scene.original(_TRANSFER, by=scene.author)
    instruction_id = scene.instruction_id(on=scene.earlier.date())
    return PaymentStatusRequest(
        message_id=scene.message_id(),
        creation_time=scene.at,
        original_message_id=original.message_id,
        original_message_name=original.message_name,
        original_creation_time=original.creation_time,
        original_instruction_id=instruction_id if rtp else vary.often("instruction", instruction_id),
        original_end_to_end_id=vary.often("end to end", scene.end_to_end_id()),
        original_transaction_id=TransactionId(instruction_id) if rtp else None,
        original_uetr=vary.often("UETR", vary.uetr("payment")),
        instructing_agent=scene.author,
        instructed_agent=scene.reader if rtp else vary.pick("asked", asked),
        acceptance_time=scene.earlier if rtp else None,
        original_amount=vary.amount("payment") if rtp else None,
        original_settlement_date=scene.earlier.date() if rtp else None,
        agent_clearing_system=None if rtp else CLEARING_SYSTEM,
        states_group=rtp,
    )


def payment_return(scene: Scene) -> PaymentReturn:
    """Money sent back by its receiver, in whole or in part."""
    whole = scene.vary.amount("payment")
    return PaymentReturn(
        message_id=scene.message_id(),
        creation_time=scene.at,
        return_id=scene.vary.seldom("return", f"RTR{scene.vary.reference('return', 10)}"),
        original_message=scene.original(_TRANSFER, by=scene.reader),
        original_instruction_id=scene.vary.often("instruction", scene.instruction_id()),
        original_end_to_end_id=scene.vary.often("end to end", scene.end_to_end_id()),
        original_uetr=scene.vary.uetr("payment"),
        original_amount=whole,
        original_settlement_date=scene.earlier.date(),
        amount=whole,
        settlement_date=scene.today,
        instructing_agent=scene.agent(scene.author),
        instructed_agent=scene.agent(scene.reader),
        return_chain=ReturnChain(
            debtor=scene.party("Creditor"),
            debtor_account=scene.vary.often("creditor's account", scene.account("creditor")),
            debtor_agent=scene.agent(scene.author),
            creditor_agent=scene.agent(scene.reader),
            creditor=scene.party("Debtor"),
            creditor_account=scene.vary.often("debtor's account", scene.account("debtor")),
        ),
        reasons=(Reason(reason=Code(scene.vary.pick("reason", ("FOCR", "AC04", "CUST")))),),
        original_transaction=OriginalTransaction(payment_type=PaymentType(local_instrument=Proprietary("FDNA"))),
    )


def institution_credit_transfer(scene: Scene) -> InstitutionCreditTransfer:
    """Money from one institution to another."""
    author, reader, vary = scene.agent(scene.author), scene.agent(scene.reader), scene.vary
    amount = vary.amount("payment")
    rtp = not scene.is_fednow
    instrument = "STANDARD" if rtp else "LMT1"
    return InstitutionCreditTransfer(
        message_id=scene.message_id(),
        creation_time=scene.at,
        total_amount=amount if rtp else None,
        group_settlement_date=scene.today if rtp else None,
        clearing_system="TCH" if rtp else "FDN",
        instruction_id=scene.instruction_id() if rtp else vary.often("instruction", scene.instruction_id()),
        end_to_end_id=scene.end_to_end_id(),
        transaction_id=scene.transaction_id() if rtp else None,
        uetr=vary.often("UETR", vary.uetr("payment")) if rtp else vary.uetr("payment"),
        payment_type=PaymentType(
            service_levels=(Code("SDVA"),) if rtp else (),
            local_instrument=Proprietary(instrument),
            category_purpose=Proprietary("BUSINESS") if rtp else None,
        ),
        amount=amount,
        settlement_date=None if rtp else scene.today,
        instructing_agent=author,
        instructed_agent=reader,
        debtor=author,
        creditor=reader,
        remittance=scene.remarks("remittance"),
    )


def request_for_payment(scene: Scene) -> RequestForPayment:
    """A creditor asks a debtor, through their institutions, to pay."""
    vary, rtp = scene.vary, not scene.is_fednow
    due = scene.today + timedelta(days=vary.pick("due", (1, 0, 9)))
    condition = PaymentCondition(
        amount_modification_allowed=vary.pick("amount", (False, True)),
        early_payment_allowed=vary.pick("early", (True, False)),
        guaranteed_payment_requested=False,
    )
    return RequestForPayment(
        message_id=scene.message_id(),
        creation_time=scene.at,
        initiating_party=scene.party("Creditor", with_address=rtp),
        payment_information_id=scene.instruction_id(),
        requested_execution=due,
        expiry=due + timedelta(days=1),
        debtor=scene.party("Debtor", with_address=rtp),
        debtor_account=scene.account("debtor"),
        debtor_agent=scene.agent(scene.reader),
        instruction_id=scene.instruction_id("request") if rtp else vary.often("instruction", scene.instruction_id()),
        end_to_end_id=scene.end_to_end_id(),
        uetr=vary.often("UETR", vary.uetr("request")),
        payment_type=PaymentType(
            service_levels=(Code("SDVA"),) if rtp else (),
            local_instrument=Proprietary(vary.pick("instrument", _RTP_INSTRUMENTS) if rtp else "FDNA"),
            category_purpose=Proprietary(_category(scene)),
        ),
        condition=condition,
        amount=vary.amount("request"),
        creditor_agent=scene.agent(scene.author),
        creditor=scene.party("Creditor", with_address=rtp),
        creditor_account=scene.account("creditor"),
        remittance=_remittance(scene),
    )


def request_response(scene: Scene) -> RequestForPaymentResponse:
    """What becomes of a request for payment."""
    said = (
        (RequestStatus.ACTC, RequestStatus.RJCT, RequestStatus.RCVD, RequestStatus.PRES)
        if scene.is_fednow
        else (RequestStatus.ACTC, RequestStatus.RJCT)
    )
    status = scene.vary.pick("status", said)
    original = scene.original("pain.013.001.07", by=scene.reader)
    reasons = (Reason(reason=Code(scene.vary.pick("reason", ("AC06", "AM09", "CUST", "SL12")))),)
    creditor = PartyDetails(name=scene.name("Creditor"))
    return RequestForPaymentResponse(
        message_id=scene.message_id(),
        creation_time=scene.at,
        initiating_party=scene.party("Debtor"),
        debtor_agent=scene.agent(scene.author),
        creditor_agent=scene.agent(scene.reader),
        original_message_id=original.message_id,
        original_message_name=original.message_name,
        original_creation_time=original.creation_time,
        original_number_of_transactions=None if scene.is_fednow else "1",
        original_payment_information_id=scene.instruction_id(
            by=scene.participant(scene.reader), on=scene.earlier.date()
        ),
        original_instruction_id=scene.instruction_id(
            "request", by=scene.participant(scene.reader), on=scene.earlier.date()
        ),
        original_end_to_end_id=scene.end_to_end_id(),
        original_uetr=scene.vary.often("UETR", scene.vary.uetr("request")),
        status=status,
        reasons=reasons if status is RequestStatus.RJCT else (),
        acceptance_time=scene.at if not scene.is_fednow else None,
        original_request=OriginalRequest(
            amount=scene.vary.amount("request"),
            requested_execution=scene.today,
            creditor_agent=scene.agent(scene.reader),
            creditor=creditor,
        ),
    )


def _category(scene: Scene) -> str:
    return scene.vary.pick("category", ("CONS", "BIZZ") if scene.is_fednow else ("CONSUMER", "BUSINESS"))


def _remittance(scene: Scene) -> Remittance | None:
    lines = scene.remarks("remittance")
    return Remittance(unstructured=lines) if lines else None
