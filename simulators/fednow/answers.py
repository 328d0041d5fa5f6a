"""The messages that the rail sends: pacs.002, admi.002 and admi.011 in FedNow's outgoing envelope."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import date, datetime
from functools import partial
from typing import Final

from lxml import etree

from iso20022 import (
    BusinessHeader,
    BusinessMessageId,
    ConnectionPartyId,
    EnvelopeKind,
    FedNowProfile,
    MessageId,
    MessageReject,
    PaymentStatusReport,
    PaymentStatusRequest,
    RoutingNumber,
    StatusReason,
    TransactionStatus,
    admi002,
    fednow_message_id,
    header,
    pacs002,
    pacs028,
    wrap,
)
from iso20022.messages import admi004, admi011, admi998
from iso20022.messages.admi004 import SystemEventNotification
from iso20022.messages.admi011 import SystemEventAcknowledgement
from iso20022.messages.admi998 import ParticipantFile
from iso20022.moulds import status_moulds
from simulators.facts import PaymentBooked, ReasonSource
from simulators.fednow.decide import EASTERN, cycle_day
from simulators.message_ids import MessageIds


class AnswerWriter:
    """Writes the rail's messages to participants. Each has an id of its own; no message depends on another."""

    def __init__(self, profile: FedNowProfile, ids: MessageIds) -> None:
        self._profile = profile
        self._ids = ids
        self._service = profile.fednow_id
        self._moulds = status_moulds(EnvelopeKind.FEDNOW_OUTGOING)

    def status(self, payment: PaymentBooked, *, settlement_date: date, now: datetime, is_asked: bool = False) -> bytes:
        """The payment's status as at completion; a rejection by the creditor's institution is relayed as its own.

        However often that is relayed it is one Document. Asked by a pacs.028 the service says it for itself.
        """
        is_institutions = payment.reason_source is ReasonSource.CREDITOR_AGENT
        if is_institutions and not is_asked:
            report_id = fednow_message_id(
                business_date=payment.completes_at.astimezone(EASTERN).date(),
                connection_party=ConnectionPartyId(payment.instructed_agent),
                reference=f"R{payment.message_id[-_REPORT_REFERENCE_LENGTH:]}",
            )
            return self._relayed(payment, payment.status, payment.reasons, message_id=report_id, now=now)
        settled = payment.status is not TransactionStatus.RJCT
        return self._about(
            payment,
            payment.status,
            tuple(
                StatusReason(code=code) if is_institutions else StatusReason(proprietary=code)
                for code in payment.reasons
            ),
            acceptance_time=eastern(payment.completes_at) if settled else None,
            settlement_date=settlement_date if settled else None,
            now=now,
        )

    def opposite(self, payment: PaymentBooked, *, code: str, now: datetime) -> bytes:
        """The contrary of the payment's status, in good form: what no real rail may say."""
        if payment.status is TransactionStatus.RJCT:
            return self._about(
                payment,
                TransactionStatus.ACSC,
                (),
                acceptance_time=eastern(now),
                settlement_date=cycle_day(now),
                now=now,
            )
        return self.rejected(payment, code=code, now=now)

    def rejected(self, payment: PaymentBooked, *, code: str, now: datetime) -> bytes:
        """A rejection of the service's own, with this reason, whatever is true."""
        return self._about(payment, TransactionStatus.RJCT, (StatusReason(proprietary=code),), now=now)

    def later_status(self, payment: PaymentBooked, status: TransactionStatus, *, now: datetime) -> bytes:
        """What the creditor's institution says after settlement, relayed; a refusal to post has the reason AC06."""
        needs_reason = status in {TransactionStatus.RJCT, TransactionStatus.BLCK}
        message_id = self._message_id(ConnectionPartyId(payment.instructed_agent), now)
        return self._relayed(payment, status, ("AC06",) if needs_reason else (), message_id=message_id, now=now)

    def enquiry_refused(
        self,
        request: PaymentStatusRequest,
        *,
        message_type: str,
        code: str,
        recipient: ConnectionPartyId,
        now: datetime,
    ) -> bytes:
        """A rejection of the status request itself: it is the request that is the original here."""
        message_id, reason = self._message_id(self._service, now), StatusReason(proprietary=code)
        report = _refusal(request, reason, by=self._service, message_id=message_id, message_type=message_type, now=now)
        return self._wrapped(report, business_message_id=message_id, recipient=recipient, processed_at=now, now=now)

    def question_refused(
        self, request: PaymentStatusRequest, *, code: str, recipient: ConnectionPartyId, now: datetime
    ) -> bytes:
        """The same by the institution that was asked, relayed: it cannot trace what it is asked about."""
        by, words = ConnectionPartyId(request.instructed_agent), ("It cannot be traced.",) if code == "NARR" else ()
        report = _refusal(
            request,
            StatusReason(code=code, additional=words),
            by=by,
            message_id=self._message_id(by, now),
            message_type=pacs028.MESSAGE_TYPE,
            now=now,
        )
        header_id = self._message_id(self._service, now)
        return self._wrapped(report, business_message_id=header_id, recipient=recipient, processed_at=now, now=now)

    def reject(
        self, *, related_reference: str, code: str, description: str, recipient: ConnectionPartyId, now: datetime
    ) -> bytes:
        """A technical refusal, admi.002."""
        document = admi002.build(
            MessageReject(
                related_reference=related_reference,
                reason_code=code,
                rejection_time=eastern(now),
                description=description[:_DESCRIPTION_MAX],
            )
        )
        message_id = self._message_id(self._service, now)
        outgoing = self._header(admi002.MESSAGE_TYPE, message_id, recipient=recipient, processed_at=now, now=now)
        return wrap(EnvelopeKind.FEDNOW_OUTGOING, header.build(outgoing), document)

    def acknowledge(
        self, event: SystemEventNotification, *, reference: str, recipient: ConnectionPartyId, now: datetime
    ) -> bytes:
        """The answer to a participant's system event, admi.011."""
        message_id = self._message_id(self._service, now)
        document = admi011.build(
            SystemEventAcknowledgement(
                message_id=message_id,
                originator_reference=reference,
                event_code=event.event_code,
                parameters=event.parameters,
                event_time=eastern(now),
            )
        )
        outgoing = self._header(admi011.MESSAGE_TYPE, message_id, recipient=recipient, processed_at=now, now=now)
        return wrap(EnvelopeKind.FEDNOW_OUTGOING, header.build(outgoing), document)

    def broadcast(
        self, event: SystemEventNotification, *, recipients: Sequence[ConnectionPartyId], now: datetime
    ) -> tuple[tuple[ConnectionPartyId, bytes], ...]:
        """An event of the service's own to these connection parties: the same id to all (Operating Procedures)."""
        return self._to_all(admi004.MESSAGE_TYPE, partial(admi004.build, event), recipients, now=now)

    def participant_file(
        self, file: ParticipantFile, *, recipients: Sequence[ConnectionPartyId], now: datetime
    ) -> tuple[tuple[ConnectionPartyId, bytes], ...]:
        """The participant file to these connection parties: the same id to all."""
        return self._to_all(admi998.MESSAGE_TYPE, partial(admi998.build, file), recipients, now=now)

    def _to_all(
        self,
        message_type: str,
        build: Callable[[], etree._Element],
        recipients: Sequence[ConnectionPartyId],
        *,
        now: datetime,
    ) -> tuple[tuple[ConnectionPartyId, bytes], ...]:
        message_id = self._message_id(self._service, now)
        return tuple(
            (
                recipient,
                wrap(
                    EnvelopeKind.FEDNOW_OUTGOING,
                    header.build(
                        self._header(message_type, message_id, recipient=recipient, processed_at=now, now=now)
                    ),
                    build(),
                ),
            )
            for recipient in recipients
        )

    def _about(
        self,
        payment: PaymentBooked,
        status: TransactionStatus,
        reasons: tuple[StatusReason, ...],
        *,
        now: datetime,
        acceptance_time: datetime | None = None,
        settlement_date: date | None = None,
    ) -> bytes:
        message_id = self._message_id(self._service, now)
        report = _report(
            payment,
            status,
            reasons,
            message_id=message_id,
            instructing_agent=RoutingNumber(self._service),
            acceptance_time=acceptance_time,
            settlement_date=settlement_date,
            now=now,
        )
        return self._to_sender(payment, report, business_message_id=message_id, now=now)

    def _relayed(
        self,
        payment: PaymentBooked,
        status: TransactionStatus,
        codes: tuple[str, ...],
        *,
        message_id: MessageId,
        now: datetime,
    ) -> bytes:
        """A status of the creditor's institution: its Document under the service's header, so the two ids differ."""
        report = _report(
            payment,
            status,
            tuple(StatusReason(code=code) for code in codes),
            message_id=message_id,
            instructing_agent=payment.instructed_agent,
            now=now,
        )
        return self._to_sender(payment, report, business_message_id=self._message_id(self._service, now), now=now)

    def _to_sender(
        self, payment: PaymentBooked, report: PaymentStatusReport, *, business_message_id: MessageId, now: datetime
    ) -> bytes:
        return self._wrapped(
            report,
            business_message_id=business_message_id,
            recipient=payment.connection_party,
            processed_at=payment.received_at,
            now=now,
        )

    def _wrapped(
        self,
        report: PaymentStatusReport,
        *,
        business_message_id: MessageId,
        recipient: ConnectionPartyId,
        processed_at: datetime,
        now: datetime,
    ) -> bytes:
        outgoing = self._header(
            pacs002.MESSAGE_TYPE, business_message_id, recipient=recipient, processed_at=processed_at, now=now
        )
        return self._moulds.wrapped(outgoing, report)

    def _header(
        self,
        message_type: str,
        message_id: MessageId,
        *,
        recipient: ConnectionPartyId,
        processed_at: datetime,
        now: datetime,
    ) -> BusinessHeader:
        return BusinessHeader(
            sender=self._service,
            receiver=recipient,
            business_message_id=BusinessMessageId(message_id),
            message_type=message_type,
            market_practice=self._profile.market_practice,
            creation_time=eastern(now),
            business_processing_date=eastern(processed_at),
        )

    def _message_id(self, party: ConnectionPartyId, now: datetime) -> MessageId:
        return fednow_message_id(
            business_date=now.astimezone(EASTERN).date(), connection_party=party, reference=self._ids.next_reference()
        )


_REPORT_REFERENCE_LENGTH: Final = 17
"""Of an id of 18 characters at least, date and connection party among them, what is its sender's."""

_DESCRIPTION_MAX: Final = 350
"""Max350Text of admi.002 RsnDesc."""


def eastern(instant: datetime) -> datetime:
    """The instant as the network stamps it: Eastern time with its offset, milliseconds at most."""
    local = instant.astimezone(EASTERN)
    return local.replace(microsecond=local.microsecond // 1000 * 1000)


def _refusal(
    request: PaymentStatusRequest,
    reason: StatusReason,
    *,
    by: ConnectionPartyId,
    message_id: MessageId,
    message_type: str,
    now: datetime,
) -> PaymentStatusReport:
    return PaymentStatusReport(
        message_id=message_id,
        creation_time=eastern(now),
        original_message_id=request.message_id,
        original_message_name=message_type,
        original_creation_time=request.creation_time,
        status=TransactionStatus.RJCT,
        reasons=(reason,),
        instructing_agent=RoutingNumber(by),
        instructed_agent=request.instructing_agent,
    )


def _report(
    payment: PaymentBooked,
    status: TransactionStatus,
    reasons: tuple[StatusReason, ...],
    *,
    message_id: MessageId,
    instructing_agent: RoutingNumber,
    now: datetime,
    acceptance_time: datetime | None = None,
    settlement_date: date | None = None,
) -> PaymentStatusReport:
    return PaymentStatusReport(
        message_id=message_id,
        creation_time=eastern(now),
        original_message_id=payment.message_id,
        original_message_name=payment.message_type,
        original_creation_time=payment.document_creation_time,
        original_instruction_id=payment.instruction_id,
        original_end_to_end_id=payment.end_to_end_id,
        original_transaction_id=payment.transaction_id,
        original_uetr=payment.uetr,
        status=status,
        reasons=reasons,
        acceptance_time=acceptance_time,
        settlement_date=settlement_date,
        instructing_agent=instructing_agent,
        instructed_agent=payment.instructing_agent,
    )
