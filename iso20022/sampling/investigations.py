"""Samples of what is asked and answered about a payment or a request for payment."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from iso20022.codes import Direction
from iso20022.identifiers import InstructionId, RoutingNumber
from iso20022.messages.camt026 import InformationRequest, MissingOrIncorrect, Question
from iso20022.messages.camt028 import AddedInformation, AdditionalPaymentInformation
from iso20022.messages.camt029 import (
    Confirmation,
    PaymentResolution,
    RequestResolution,
    RequestTransactionResolution,
    Resolution,
)
from iso20022.messages.camt055 import RequestForPaymentCancellation
from iso20022.messages.camt056 import PaymentCancellationRequest
from iso20022.messages.investigation import Case, UnderlyingPayment
from iso20022.messages.original import Reason
from iso20022.messages.remittance import Remittance
from iso20022.messages.shape import Code
from iso20022.personal import Personal
from iso20022.sampling.scene import Scene

_TRANSFER: Final = "pacs.008.001.08"
_REQUEST: Final = "pain.013.001.07"

_RETURN: Final = "frb.fednow.rrr.01"
_INFORMATION: Final = "frb.fednow.irr.01"
_CANCELLATION: Final = "frb.fednow.rcr.01"

_CONFIRMATIONS: Final[Mapping[str, tuple[Confirmation, ...]]] = MappingProxyType(
    {
        _RETURN: (Confirmation.IPAY, Confirmation.RJCR, Confirmation.PDCR, Confirmation.PECR),
        _INFORMATION: (Confirmation.INFO, Confirmation.NINF, Confirmation.IDUP, Confirmation.IPAY, Confirmation.PDNG),
        _CANCELLATION: (Confirmation.CNCL, Confirmation.RJCR, Confirmation.PDCR),
    }
)


def resolution_practice(scene: Scene) -> str:
    """What a camt.029 answers, as FedNow's market practice says it; on RTP a return request always."""
    return scene.vary.pick("practice", tuple(_CONFIRMATIONS)) if scene.is_fednow else _RETURN


def information_request(scene: Scene) -> InformationRequest:
    """The receiver of a payment asks its sender for what is missing or wrong."""
    code = scene.vary.pick("missing", ("MS01", "NARR"))
    words = Personal("Which invented invoice?")
    return InformationRequest(
        message_id=scene.message_id(),
        assigner=scene.agent(scene.author),
        assignee=scene.agent(scene.reader),
        creation_time=scene.at,
        case=_case(scene, by=scene.author),
        underlying=_underlying(scene, by=scene.reader),
        justification=MissingOrIncorrect(
            missing=(Question(code=code, additional=words if code == "NARR" else scene.vary.seldom("words", words)),),
            incorrect=scene.vary.pick("incorrect", ((), (Question(code="IN01"),))),
        ),
    )


def additional_information(scene: Scene) -> AdditionalPaymentInformation:
    """The sender of a payment gives what was asked for."""
    return AdditionalPaymentInformation(
        message_id=scene.message_id(),
        assigner=scene.agent(scene.author),
        assignee=scene.agent(scene.reader),
        creation_time=scene.at,
        case=_case(scene, by=scene.reader),
        underlying=_underlying(scene, by=scene.author),
        information=AddedInformation(
            instruction_id=None if scene.is_fednow else _instruction(scene, by=scene.author),
            debtor=scene.vary.seldom("debtor", scene.party("Debtor")) if scene.is_fednow else None,
            remittance=Remittance(unstructured=(Personal(f"Invoice {scene.vary.digits('information', 6)}"),)),
        ),
    )


def resolution(scene: Scene) -> Resolution:
    """The answer to a return request, an information request, or the cancellation of a request for payment."""
    practice = resolution_practice(scene)
    if scene.is_fednow:
        confirmation = scene.vary.pick("confirmation", _CONFIRMATIONS[practice])
    else:
        confirmation = scene.vary.pick("confirmation", (Confirmation.IPAY, Confirmation.RJCR, Confirmation.PECR))
    reasons = (Reason(reason=Code(scene.vary.pick("reason", ("CUST", "AC04", "LEGL", "NOAS")))),)
    is_refused = confirmation is Confirmation.RJCR
    return Resolution(
        message_id=scene.message_id(),
        assigner=scene.agent(scene.author),
        assignee=scene.agent(scene.reader),
        creation_time=scene.at,
        resolved_case=_case(scene, by=scene.reader),
        confirmation=confirmation,
        requests=(_answered_request(scene, reasons if is_refused else ()),) if practice == _CANCELLATION else (),
        payments=() if practice == _CANCELLATION else (_answered_payment(scene, reasons if is_refused else ()),),
    )


def request_cancellation(scene: Scene) -> RequestForPaymentCancellation:
    """A creditor takes a request for payment back."""
    return RequestForPaymentCancellation(
        message_id=scene.message_id(),
        assigner=scene.agent(scene.author),
        assignee=scene.agent(scene.reader),
        creation_time=scene.at,
        case=_case(scene, by=scene.author),
        original_payment_information_id=scene.instruction_id("request"),
        original_message=scene.original(_REQUEST, by=scene.author),
        original_instruction_id=scene.vary.often("instruction", scene.instruction_id()),
        original_end_to_end_id=scene.end_to_end_id(),
        original_uetr=scene.vary.often("UETR", scene.vary.uetr("request")),
        original_amount=scene.vary.amount("request"),
        original_requested_execution=scene.today,
        reasons=(Reason(reason=Code(scene.vary.pick("reason", ("CUST", "DUPL", "PAID")))),),
    )


def return_request(scene: Scene) -> PaymentCancellationRequest:
    """The sender of a payment asks for its money back."""
    by = scene.participant(scene.author)
    timed_out = not scene.is_fednow and scene.direction is Direction.FROM_RAIL
    reason = scene.vary.pick("reason", ("DS24" if timed_out else "DUPL", "FRAD", "CUST", "AC03", "AM09", "TECH"))
    classifier = (Personal("an invented classifier"),) if reason == "FRAD" and scene.is_fednow else ()
    return PaymentCancellationRequest(
        message_id=scene.message_id(),
        assigner=scene.agent(scene.author),
        assignee=scene.agent(scene.reader),
        creation_time=scene.at,
        case=_case(scene, by=scene.author),
        original_message=scene.original(_TRANSFER, by=scene.author),
        original_instruction_id=_instruction(scene, by=scene.author),
        original_end_to_end_id=scene.end_to_end_id(),
        original_transaction_id=None if scene.is_fednow else scene.transaction_id(by=by, on=scene.earlier.date()),
        original_uetr=scene.vary.often("UETR", scene.vary.uetr("payment")),
        original_amount=scene.vary.amount("payment"),
        original_settlement_date=scene.earlier.date(),
        reasons=(Reason(reason=Code(reason), additional=classifier),),
    )


def _case(scene: Scene, *, by: RoutingNumber) -> Case:
    return Case(id=scene.message_id("case", by=by), creator=scene.agent(by))


def _instruction(scene: Scene, *, by: RoutingNumber) -> InstructionId:
    return scene.instruction_id(by=scene.participant(by), on=scene.earlier.date())


def _underlying(scene: Scene, *, by: RoutingNumber) -> UnderlyingPayment:
    return UnderlyingPayment(
        original_message=scene.original(_TRANSFER, by=by),
        original_instruction_id=_instruction(scene, by=by),
        original_end_to_end_id=scene.end_to_end_id(),
        original_uetr=scene.vary.often("UETR", scene.vary.uetr("payment")),
        original_amount=scene.vary.amount("payment"),
        original_settlement_date=scene.earlier.date(),
    )


def _answered_payment(scene: Scene, reasons: tuple[Reason, ...]) -> PaymentResolution:
    payer = scene.reader
    return PaymentResolution(
        original_message=scene.original(_TRANSFER, by=payer),
        original_instruction_id=_instruction(scene, by=payer),
        original_end_to_end_id=scene.end_to_end_id(),
        original_uetr=scene.vary.often("UETR", scene.vary.uetr("payment")),
        reasons=reasons,
        original_amount=scene.vary.amount("payment"),
        original_settlement_date=scene.earlier.date(),
    )


def _answered_request(scene: Scene, reasons: tuple[Reason, ...]) -> RequestResolution:
    return RequestResolution(
        original_payment_information_id=scene.instruction_id("request"),
        original_message=scene.original(_REQUEST, by=scene.reader),
        transactions=(
            RequestTransactionResolution(
                original_instruction_id=scene.vary.often("instruction", scene.instruction_id()),
                original_end_to_end_id=scene.end_to_end_id(),
                original_uetr=scene.vary.often("UETR", scene.vary.uetr("request")),
                reasons=reasons,
            ),
        ),
    )
