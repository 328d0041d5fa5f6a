"""Samples of the messages that RTP alone has: administration, acknowledgement, remittance, token identification."""

from collections.abc import Callable
from typing import Final

from iso20022.codes import Direction
from iso20022.identifiers import ConnectionPartyId, InstructionId
from iso20022.messages.acmt022 import AccountAtAgent, IdentificationModificationAdvice
from iso20022.messages.actors import Actor, OrganisationIdentification, OtherIdentification, PartyDetails
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
from iso20022.messages.investigation import Case
from iso20022.messages.remittance import (
    CreditorReference,
    ReferenceType,
    ReferredDocument,
    RemittanceAmounts,
    StructuredRemittance,
)
from iso20022.messages.remt001 import RemittanceAdvice, RemittanceInformation, RemittedPayment
from iso20022.messages.shape import Code
from iso20022.personal import Personal
from iso20022.sampling.scene import OURS, RTP, THEIRS, Scene

_Request = SignOnRequest | SignOffRequest | EchoRequest | AvailabilityRequest
_Verdict = SignOnResponse | SignOffResponse

_REASONS: Final = ("9948", "9946", "9964", "DS0H", "RC02")


def request_of(value_type: type[_Request]) -> Callable[[Scene], _Request]:
    """What makes samples of one kind of request: we ask the rail, or the rail us."""

    def request(scene: Scene) -> _Request:
        author, reader = _ends(scene)
        return value_type(
            message_id=scene.administration_id(author),
            creation_time=scene.at,
            instruction_id=scene.instruction_id(by=author),
            instructing_agent=author,
            instructed_agent=reader,
        )

    return request


def response_of(value_type: type[_Verdict]) -> Callable[[Scene], _Verdict]:
    """What makes samples of the answer to a sign-on or a sign-off: accepted, or rejected with a reason."""

    def response(scene: Scene) -> _Verdict:
        author, reader = _ends(scene)
        status = scene.vary.pick("status", tuple(SignOnStatus))
        reason = scene.vary.pick("reason", _REASONS) if status is SignOnStatus.RJCT else None
        return value_type(
            message_id=scene.administration_id(author),
            creation_time=scene.at,
            original_instruction_id=_asked(scene, reader),
            instructing_agent=author,
            instructed_agent=reader,
            status=status,
            reason=reason,
        )

    return response


def echo_response(scene: Scene) -> EchoResponse:
    """Here I am."""
    author, reader = _ends(scene)
    return EchoResponse(
        message_id=scene.administration_id(author),
        creation_time=scene.at,
        original_instruction_id=_asked(scene, reader),
        instructing_agent=author,
        instructed_agent=reader,
    )


def availability_report(scene: Scene) -> AvailabilityReport:
    """Who is not available."""
    author, reader = _ends(scene)
    participants = (scene.participant(THEIRS), ConnectionPartyId("990000039A1"))
    return AvailabilityReport(
        message_id=scene.administration_id(author),
        creation_time=scene.at,
        original_instruction_id=_asked(scene, reader),
        instructing_agent=author,
        instructed_agent=reader,
        unavailable=Unavailable(
            connections=scene.vary.several("connections", (f"CONN{scene.vary.digits('connection', 6)}", "CONN2")),
            signed_off=scene.vary.several("signed off", participants),
            suspended=scene.vary.several("suspended", participants[1:]),
        ),
    )


def acknowledgement(scene: Scene) -> PaymentAcknowledgement:
    """The creditor's institution has posted a payment of the day."""
    message_id = scene.message_id()
    payer = scene.participant(scene.reader)
    creators: tuple[Actor, ...] = (scene.agent(scene.author), PartyDetails(name=scene.name("Creditor")))
    return PaymentAcknowledgement(
        message_id=message_id,
        assigner=scene.agent(scene.author),
        assignee=scene.agent(scene.reader),
        creation_time=scene.at,
        case=Case(id=message_id, creator=scene.vary.pick("creator", creators)),
        kind=scene.vary.pick("kind", tuple(AcknowledgementKind)),
        remark=scene.vary.seldom("remark", Personal("Posted to the invented account")),
        original_instruction_id=scene.instruction_id(by=payer, on=scene.earlier.date()),
        original_end_to_end_id=scene.end_to_end_id(),
        original_transaction_id=scene.transaction_id(by=payer, on=scene.earlier.date()),
        original_uetr=scene.vary.seldom("UETR", scene.vary.uetr("payment")),
    )


def remittance_advice(scene: Scene) -> RemittanceAdvice:
    """What a payment pays, in lines and in structured entries."""
    vary = scene.vary
    entry = StructuredRemittance(
        documents=(
            ReferredDocument(
                document_type=ReferenceType(word=Code(vary.pick("document", ("CINV", "CREN")))),
                number=Personal(f"INV-{vary.digits('invoice', 6)}"),
                related_date=scene.today,
            ),
        ),
        amounts=RemittanceAmounts(due_payable=vary.amount("due"), remitted=vary.amount("remitted")),
        creditor_reference=vary.seldom("reference", CreditorReference(reference=Personal("REF 4711"))),
        additional=vary.several("additional", (Personal("thank you"),)),
    )
    return RemittanceAdvice(
        message_id=scene.message_id(),
        creation_time=scene.at,
        initiating_party=_known(scene.author),
        recipient=_known(scene.reader),
        remittances=(
            RemittanceInformation(
                remittance_id=f"RMT{vary.digits('remittance', 8)}",
                unstructured=scene.remarks("remittance"),
                structured=vary.several("structured", (entry, entry)),
                payment=RemittedPayment(
                    instruction_id=vary.often("instruction", scene.instruction_id(on=scene.earlier.date())),
                    end_to_end_id=scene.end_to_end_id(),
                    uetr=vary.seldom("UETR", vary.uetr("payment")),
                    amount=vary.amount("payment"),
                    requested_execution=vary.seldom("execution", scene.today),
                    debtor=vary.often("debtor", PartyDetails(name=scene.name("Debtor"))),
                    debtor_account=vary.seldom("debtor's account", scene.account("debtor")),
                    debtor_agent=scene.agent(scene.author),
                    creditor=vary.often("creditor", PartyDetails(name=scene.name("Creditor"))),
                    creditor_account=vary.seldom("creditor's account", scene.account("creditor")),
                    creditor_agent=scene.agent(scene.reader),
                ),
            ),
        ),
    )


def token_identification(scene: Scene) -> IdentificationModificationAdvice:
    """The account behind a token."""
    payer = scene.participant(scene.reader)
    return IdentificationModificationAdvice(
        message_id=scene.message_id(),
        creation_time=scene.at,
        assigner=scene.author,
        assignee=scene.reader,
        original_message_id=scene.message_id("original", by=scene.reader, on=scene.earlier.date()),
        original_message_name=scene.vary.pick("original", ("pacs.008.001.08", "pain.013.001.07")),
        original_creation_time=scene.earlier,
        original_instruction_id=scene.instruction_id(by=payer, on=scene.earlier.date()),
        original_end_to_end_id=scene.end_to_end_id(),
        original_transaction_id=scene.transaction_id(by=payer, on=scene.earlier.date()),
        modification_id=f"MOD{scene.vary.digits('modification', 8)}",
        original=scene.vary.seldom("token", AccountAtAgent(account=scene.account_number("token"), agent=scene.author)),
        updated=AccountAtAgent(account=scene.account_number("creditor"), agent=scene.author),
        additional=scene.vary.seldom("additional", Personal("an invented remark")),
    )


def _ends(scene: Scene) -> tuple[ConnectionPartyId, ConnectionPartyId]:
    """Who asks or answers, and whom: a participant and the rail."""
    us = scene.participant(OURS)
    return (us, RTP) if scene.direction is Direction.TO_RAIL else (RTP, us)


def _asked(scene: Scene, asker: ConnectionPartyId) -> InstructionId:
    return scene.instruction_id("asked", by=asker)


def _known(number: str) -> PartyDetails:
    """A party known by an identifier of its own."""
    identifier = OtherIdentification(id=Personal(f"ORG{number}"))
    return PartyDetails(identification=OrganisationIdentification(others=(identifier,)))
