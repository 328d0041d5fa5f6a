"""Samples of system messages: rejects, events, receipts, retrievals, FedNow's participant file."""

from datetime import timedelta
from typing import Final

from iso20022.codes import Direction
from iso20022.identifiers import ConnectionPartyId, MessageId, RoutingNumber
from iso20022.messages.admi002 import NOT_AVAILABLE, MessageReject
from iso20022.messages.admi004 import FEDNOW_EVENTS, RTP_EVENTS, SystemEventNotification
from iso20022.messages.admi006 import ResendCriterion, ResendRequest
from iso20022.messages.admi007 import Receipt, ReceiptAcknowledgement
from iso20022.messages.admi011 import SystemEventAcknowledgement
from iso20022.messages.admi998 import Participant, ParticipantFile, ParticipantService
from iso20022.personal import Personal
from iso20022.sampling.scene import OURS, THEIRS, Scene

_PARTICIPANT_EVENTS: Final = ("PING", "FPON", "FPOF", "FPCD", "FPCR")
_SERVICE_EVENTS: Final = ("ROLL", "EXTN", "FPON", "FPOF", "FNKY")
_ACKNOWLEDGED: Final = ("pain.013.001.07", "pain.014.001.07", "camt.026.001.07", "camt.056.001.08", "camt.029.001.09")
_NAMES: Final = ("Invented Bank", "Sample Credit Union", "Nowhere Savings & Loan")


def message_reject(scene: Scene) -> MessageReject:
    """A refusal of a message that could be read, or could not."""
    vary = scene.vary
    reference = scene.message_id("original", by=scene.reader, on=scene.earlier.date())
    return MessageReject(
        related_reference=vary.pick("related", (reference, MessageId(NOT_AVAILABLE))),
        reason_code=vary.pick("reason", ("T505", "E301") if scene.is_fednow else ("650", "690")),
        rejection_time=scene.at,
        error_location=vary.seldom("location", "/Document"),
        description=vary.often("description", "The message cannot be read."),
        additional_data=vary.seldom("data", Personal("<Document")),
    )


def system_event(scene: Scene) -> SystemEventNotification:
    """An event: a participant's to FedNow, or the rail's."""
    vary = scene.vary
    if not scene.is_fednow:
        code = vary.pick("event", tuple(RTP_EVENTS))
        parameters: tuple[str, ...] = (str(scene.business_message_id()), "Broadcast", scene.participant(THEIRS))
        return SystemEventNotification(
            event_code=code,
            parameters=(*parameters, vary.pick("state", ("AVAILABLE", "UNAVAILABLE"))),
            description=vary.seldom("description", "A text of the rail's"),
            event_time=scene.at,
        )
    to_rail = scene.direction is Direction.TO_RAIL
    code = vary.pick("event", _PARTICIPANT_EVENTS if to_rail else _SERVICE_EVENTS)
    assert code in FEDNOW_EVENTS
    return SystemEventNotification(event_code=code, parameters=_event_parameters(scene, code), event_time=scene.at)


def event_acknowledgement(scene: Scene) -> SystemEventAcknowledgement:
    """FedNow's answer to a participant's event."""
    code = scene.vary.pick("event", _PARTICIPANT_EVENTS)
    return SystemEventAcknowledgement(
        message_id=MessageId(scene.business_message_id("answer")),
        originator_reference=scene.vary.seldom("reference", str(scene.message_id(by=OURS))),
        event_code=code,
        parameters=_event_parameters(scene, code),
        event_time=scene.at,
    )


def resend_request(scene: Scene) -> ResendRequest:
    """A request for copies of one message or more."""
    wanted = ("pacs.008.001.08", "pain.013.001.07", "pacs.002.001.10")
    count = scene.vary.pick("messages", (1, 1, 2, 3))
    return ResendRequest(
        message_id=scene.message_id(),
        creation_time=scene.at,
        criteria=tuple(
            ResendCriterion(
                business_date=scene.today - timedelta(days=1),
                original_message_name=name,
                original_message_id=scene.message_id(name, on=scene.today - timedelta(days=1)),
                recipient=ConnectionPartyId(scene.author),
            )
            for name in wanted[:count]
        ),
    )


def receipt_acknowledgement(scene: Scene) -> ReceiptAcknowledgement:
    """The receipt of a nonvalue message."""
    name = scene.vary.pick("received", _ACKNOWLEDGED)
    return ReceiptAcknowledgement(
        message_id=scene.message_id(),
        creation_time=scene.at,
        receipts=(
            Receipt(
                related_reference=scene.message_id("received", by=scene.reader, on=scene.earlier.date()),
                related_message_name=name,
                status_code=scene.vary.pick("status", ("TS01", "TS01", "TS02")),
                status_time=scene.vary.seldom("time", scene.at),
                description=scene.vary.seldom("description", "Transmitted"),
            ),
        ),
    )


def participant_file(scene: Scene) -> ParticipantFile:
    """FedNow's participant file, with one to three invented participants."""
    numbers = (OURS, THEIRS, RoutingNumber("990000039"))
    count = scene.vary.pick("participants", (2, 1, 3))
    services = (ParticipantService.CTRO, ParticipantService.CTSR, ParticipantService.RFPR)
    return ParticipantFile(
        business_day=scene.today,
        participants=tuple(
            Participant(
                routing_number=number,
                name=name,
                services=services[: scene.vary.pick(f"services of {number}", (3, 2, 1))],
            )
            for number, name in zip(numbers[:count], _NAMES, strict=False)
        ),
    )


def _event_parameters(scene: Scene, code: str) -> tuple[str, ...]:
    """What stands beside FedNow's codes in public documents and samples."""
    profile = scene.vary.pick("profile", ((str(scene.author),), ()))
    day = (f"{scene.today:%Y%m%d}",)
    point = (f"CP{scene.vary.digits('connection point', 6)}",)
    return {"FPON": profile, "FPOF": profile, "FPCD": point, "FPCR": point, "EXTN": day, "ROLL": day}.get(code, ())
