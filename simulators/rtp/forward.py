"""Payments that RTP forwards to their receiver, under the rail's header, and what it says of their end."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime, timedelta
from typing import Final

from iso20022 import (
    ConnectionPartyId,
    CustomerCreditTransfer,
    Element,
    EndToEndId,
    InstructionId,
    Party,
    PaymentCancellationRequest,
    PaymentStatusReport,
    PaymentStatusRequest,
    Personal,
    RoutingNumber,
    TransactionId,
    TransactionStatus,
    marked_as_duplicate,
    pacs002,
    pacs008,
    rtp_instruction_id,
    rtp_message_id,
)
from iso20022.messages import camt056, pacs028
from iso20022.messages.investigation import Case, GroupCancellation
from iso20022.messages.original import Reason
from iso20022.messages.shape import Code
from simulators.breaking import rewritten
from simulators.facts import PaymentBooked, TransferForwarded
from simulators.forwarding import Order
from simulators.participants import participant_of
from simulators.relay import document_in
from simulators.rtp.answers import AnswerWriter, agent
from simulators.rtp.decide import EASTERN, business_day
from simulators.rtp.requests import RequestWriter
from simulators.rtp.settings import RtpSimulatorSettings


class RtpForwarding:
    """Implements `simulators.forwarding.ForwardingRules` for RTP."""

    settled: Final = TransactionStatus.ACTC

    def __init__(self, settings: RtpSimulatorSettings, writer: AnswerWriter) -> None:
        self._settings = settings
        self._writer = writer
        self._number = RoutingNumber(settings.rail_id[:9])

    def forward(
        self,
        order: Order,
        number: int,
        *,
        recipient: ConnectionPartyId,
        now: datetime,
        original: PaymentBooked | None = None,
    ) -> TransferForwarded:
        """The payment as its sender has made it, so long ago as the order says, under the rail's header.

        The return of `original` is a payment too, which refers to it.
        """
        created = (now - timedelta(seconds=order.spent_s)).replace(microsecond=0)
        debtor_agent = order.debtor_agent if original is None else original.instructed_agent
        creditor_agent = order.creditor_agent if original is None else original.instructing_agent
        sender = participant_of(debtor_agent, self._settings.participants)
        party = ConnectionPartyId(f"{debtor_agent}A1") if sender is None else sender.connection_party
        source, serial = self._writer.next_number("B")
        day = created.astimezone(EASTERN).date()
        instruction_id = rtp_instruction_id(business_date=day, participant=party, source=f"{source}0", serial=serial)
        transfer = CustomerCreditTransfer(
            message_id=rtp_message_id(business_date=day, participant=party, source=source, serial=serial),
            creation_time=created,
            instruction_id=instruction_id,
            end_to_end_id=_end_to_end_id(order, serial) if original is None else original.end_to_end_id,
            transaction_id=TransactionId(instruction_id),
            service_level="SDVA",
            local_instrument="STANDARD",
            category_purpose="CONSUMER",
            amount=order.amount if original is None else order.returned or original.amount,
            settlement_date=day,
            instructing_agent=debtor_agent,
            instructed_agent=creditor_agent,
            debtor=Party(name=Personal(order.debtor_name)),
            debtor_account=Personal(order.debtor_account),
            debtor_agent=debtor_agent,
            creditor=Party(name=Personal(order.creditor_name)),
            creditor_account=Personal(order.creditor_account),
            creditor_agent=creditor_agent,
            remittance=(Personal(order.remittance if original is None else order.reason),),
            returned_instruction_id=None if original is None else _instruction_id(original),
            clearing_system=self._settings.profile.clearing_system,
            agent_clearing_system=None,
            states_group=True,
        )
        clock_ends_at = now - timedelta(seconds=order.spent_s) + self._settings.rail_clock
        document = rewritten(pacs008.build(transfer), order.writes)
        return self._forwarded(order, transfer, document, number, clock_ends_at, recipient=recipient, now=now)

    def relayed(
        self, transfer: CustomerCreditTransfer, body: bytes, number: int, *, recipient: ConnectionPartyId, now: datetime
    ) -> TransferForwarded:
        """A participant's payment as it goes on: its Document, while the rail's clock runs."""
        order = Order(debtor_agent=transfer.instructing_agent, creditor_agent=transfer.instructed_agent)
        clock_ends_at = now + self._settings.rail_clock
        return self._forwarded(order, transfer, document_in(body), number, clock_ends_at, recipient=recipient, now=now)

    def handed_on(self, message_type: str, body: bytes, *, recipient: ConnectionPartyId, now: datetime) -> bytes:
        """What a participant says to another as it goes on: its Document under the rail's header."""
        return self._writer.wrapped(message_type, document_in(body), recipient=recipient, now=now)

    def _forwarded(
        self,
        order: Order,
        transfer: CustomerCreditTransfer,
        document: Element,
        number: int,
        clock_ends_at: datetime,
        *,
        recipient: ConnectionPartyId,
        now: datetime,
    ) -> TransferForwarded:
        return TransferForwarded(
            number=number,
            message_id=transfer.message_id,
            message_type=pacs008.MESSAGE_TYPE,
            instruction_id=transfer.instruction_id,
            end_to_end_id=transfer.end_to_end_id,
            transaction_id=transfer.transaction_id,
            uetr=transfer.uetr,
            amount=transfer.amount,
            instructing_agent=transfer.instructing_agent,
            instructed_agent=transfer.instructed_agent,
            document_creation_time=transfer.creation_time,
            recipient=recipient,
            forwarded_at=now,
            clock_ends_at=clock_ends_at,
            copies=order.copies,
            copy_after_s=order.copy_after_s,
            again_after_s=order.again_after_s,
            advice=order.advice,
            advice_after_s=order.advice_after_s,
            advice_copies=order.advice_copies,
            body=self._writer.wrapped(pacs008.MESSAGE_TYPE, document, recipient=recipient, now=now),
        )

    def again(self, forwarded: TransferForwarded, *, now: datetime) -> bytes:  # noqa: ARG002
        """The identical message, marked DUPL."""
        return marked_as_duplicate(forwarded.body)

    def advice(
        self,
        forwarded: TransferForwarded,
        status: TransactionStatus,
        reasons: Sequence[str],
        *,
        settlement_date: date | None,
        at: datetime,
    ) -> bytes:
        """The rail's pacs.002 to the receiver; of a time-out its camt.056."""
        if status is TransactionStatus.RJCT and tuple(reasons) == (self.timed_out(),):
            return self._given_up(forwarded, at=at)
        codes = reasons or ((self.timed_out(),) if status is TransactionStatus.RJCT else ())
        return self.status(forwarded, status, codes, settlement_date=settlement_date, at=at)

    def status(
        self,
        forwarded: TransferForwarded,
        status: TransactionStatus,
        codes: Sequence[str],
        *,
        settlement_date: date | None = None,
        at: datetime,
    ) -> bytes:
        """A pacs.002 of the rail's about a forwarded payment."""
        report = PaymentStatusReport(
            message_id=self._writer.message_id(at),
            creation_time=at,
            original_message_id=forwarded.message_id,
            original_message_name=forwarded.message_type,
            original_creation_time=forwarded.document_creation_time,
            original_instruction_id=forwarded.instruction_id,
            original_transaction_id=forwarded.transaction_id,
            original_uetr=forwarded.uetr,
            original_amount=forwarded.amount,
            original_settlement_date=settlement_date or business_day(forwarded.document_creation_time),
            status=status,
            reasons=tuple(self._writer.reason(code) for code in codes),
            acceptance_time=forwarded.forwarded_at,
            instructing_agent=self._number,
            instructed_agent=forwarded.instructed_agent,
            agent_clearing_system=None,
            states_group=True,
        )
        document = pacs002.build(report)
        return self._writer.wrapped(pacs002.MESSAGE_TYPE, document, recipient=forwarded.recipient, now=at)

    def question_refused(self, request: PaymentStatusRequest, *, recipient: ConnectionPartyId, at: datetime) -> bytes:
        """A rejection of the question itself: it is the pacs.028 that is the original here."""
        report = PaymentStatusReport(
            message_id=self._writer.message_id(at),
            creation_time=at,
            original_message_id=request.message_id,
            original_message_name=pacs028.MESSAGE_TYPE,
            original_creation_time=request.creation_time,
            original_instruction_id=request.original_instruction_id,
            status=TransactionStatus.RJCT,
            reasons=(self._writer.reason(self._settings.codes.not_found),),
            acceptance_time=at,
            instructing_agent=self._number,
            instructed_agent=request.instructing_agent,
            agent_clearing_system=None,
            states_group=True,
        )
        return self._writer.wrapped(pacs002.MESSAGE_TYPE, pacs002.build(report), recipient=recipient, now=at)

    def ask_back(
        self, forwarded: TransferForwarded, reason: str, *, days_later: int, is_unknown: bool, now: datetime
    ) -> bytes:
        """A camt.056 of the sender's."""
        writer = RequestWriter(self._writer)
        return writer.asked(forwarded, reason, days_later=days_later, is_unknown=is_unknown, now=now)

    def timed_out(self) -> str:
        """The rail's clock has run out."""
        return self._settings.codes.timed_out

    def not_reached(self) -> str:
        """The receiver is signed off."""
        return self._settings.codes.receiver_signed_off

    def completion_date(self, instant: datetime) -> date:
        """The calendar day in the network's zone."""
        return business_day(instant)

    def _given_up(self, forwarded: TransferForwarded, *, at: datetime) -> bytes:
        message_id, rail = self._writer.message_id(at), agent(self._number)
        request = PaymentCancellationRequest(
            message_id=message_id,
            assigner=rail,
            assignee=agent(forwarded.instructed_agent),
            creation_time=at,
            case=Case(id=message_id, creator=rail),
            original_group=GroupCancellation(message_id=forwarded.message_id, message_name=forwarded.message_type),
            original_instruction_id=forwarded.instruction_id,
            original_end_to_end_id=forwarded.end_to_end_id,
            original_transaction_id=forwarded.transaction_id,
            original_uetr=forwarded.uetr,
            original_amount=forwarded.amount,
            original_settlement_date=business_day(forwarded.document_creation_time),
            reasons=(Reason(reason=Code(self.timed_out())),),
        )
        document = camt056.build(request)
        return self._writer.wrapped(camt056.MESSAGE_TYPE, document, recipient=forwarded.recipient, now=at)


def _instruction_id(original: PaymentBooked) -> InstructionId:
    assert original.instruction_id is not None, "a payment on RTP has an instruction id"
    return original.instruction_id


def _end_to_end_id(order: Order, serial: int) -> EndToEndId:
    return EndToEndId(order.end_to_end_id or f"E{serial:011d}")
