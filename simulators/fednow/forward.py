"""Payments that FedNow forwards to their receiver: the sender's Document under the service's header, and the advice."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Final

from iso20022 import (
    BusinessHeader,
    BusinessMessageId,
    ConnectionPartyId,
    CustomerCreditTransfer,
    Element,
    EndToEndId,
    EnvelopeKind,
    InstructionId,
    MessageId,
    Party,
    PaymentStatusReport,
    Personal,
    RoutingNumber,
    StatusReason,
    TransactionStatus,
    fednow_message_id,
    header,
    pacs002,
    pacs008,
    read,
    unwrap,
    wrap,
)
from iso20022.messages import pacs004, pacs009
from iso20022.moulds import status_moulds, transfer_moulds
from simulators.breaking import rewritten
from simulators.facts import PaymentBooked, TransferForwarded
from simulators.fednow.answers import eastern
from simulators.fednow.decide import EASTERN, cycle_day
from simulators.fednow.liquidity import liquidity_of, made_uetr
from simulators.fednow.requests import RequestWriter
from simulators.fednow.returns import return_of
from simulators.fednow.settings import FedNowSimulatorSettings
from simulators.fednow.value import Value, value_of
from simulators.forwarding import Order
from simulators.message_ids import MessageIds
from simulators.participants import participant_of
from simulators.relay import document_in


class FedNowForwarding:
    """Implements `simulators.forwarding.ForwardingRules` for FedNow."""

    settled: Final = TransactionStatus.ACSC

    def __init__(self, settings: FedNowSimulatorSettings, ids: MessageIds) -> None:
        self._settings = settings
        self._ids = ids
        self._service = settings.profile.fednow_id
        self._moulds = status_moulds(EnvelopeKind.FEDNOW_OUTGOING)
        self._transfer_moulds = transfer_moulds(EnvelopeKind.FEDNOW_OUTGOING)

    def forward(
        self,
        order: Order,
        number: int,
        *,
        recipient: ConnectionPartyId,
        now: datetime,
        original: PaymentBooked | None = None,
    ) -> TransferForwarded:
        """The payment as its sender has made it, so long ago as the order says, under the service's header."""
        created = eastern(now - timedelta(seconds=order.spent_s))
        if original is not None:
            returned = return_of(original, order, created=created, reference=self._ids.next_reference())
            document = pacs004.build(returned)
            return self._forwarded(order, value_of(returned), document, number, recipient=recipient, now=now)
        sender = participant_of(order.debtor_agent, self._settings.participants)
        party = ConnectionPartyId(order.debtor_agent) if sender is None else sender.connection_party
        reference = self._ids.next_reference()
        if order.liquidity:
            message_id = fednow_message_id(business_date=created.date(), connection_party=party, reference=reference)
            moved = liquidity_of(order, message_id, number, created=created, reference=reference)
            return self._forwarded(order, value_of(moved), pacs009.build(moved), number, recipient=recipient, now=now)
        transfer = CustomerCreditTransfer(
            message_id=fednow_message_id(business_date=created.date(), connection_party=party, reference=reference),
            creation_time=created,
            instruction_id=InstructionId(f"I{reference}"),
            end_to_end_id=EndToEndId(order.end_to_end_id or f"E{reference}"),
            uetr=made_uetr(number, reference),
            local_instrument="FDNA",
            category_purpose="CONS",
            amount=order.amount,
            settlement_date=cycle_day(created),
            instructing_agent=order.debtor_agent,
            instructed_agent=order.creditor_agent,
            debtor=Party(name=Personal(order.debtor_name)),
            debtor_account=Personal(order.debtor_account),
            debtor_agent=order.debtor_agent,
            creditor=Party(name=Personal(order.creditor_name)),
            creditor_account=Personal(order.creditor_account),
            creditor_agent=order.creditor_agent,
            remittance=(Personal(order.remittance),),
        )
        return self._forwarded(order, value_of(transfer), transfer, number, recipient=recipient, now=now)

    def relayed(
        self,
        transfer: Value,
        body: bytes,
        number: int,
        sent: BusinessHeader,
        *,
        recipient: ConnectionPartyId,
        now: datetime,
    ) -> TransferForwarded:
        """A participant's payment as it goes on: its Document, and the clock that its header has begun."""
        order = Order(debtor_agent=transfer.instructing_agent, creditor_agent=transfer.instructed_agent)
        forwarded = self._forwarded(order, transfer, document_in(body), number, recipient=recipient, now=now)
        return replace(forwarded, clock_ends_at=(sent.creation_time + self._settings.rail_clock).astimezone(UTC))

    def handed_on(self, sent: BusinessHeader, body: bytes, *, recipient: ConnectionPartyId, now: datetime) -> bytes:
        """What a participant says to another as it goes on: its Document under the service's header."""
        outgoing = self._header(sent.message_type, recipient, processed_at=now, now=now)
        outgoing = replace(outgoing, market_practice=sent.market_practice)
        return wrap(EnvelopeKind.FEDNOW_OUTGOING, header.build(outgoing), document_in(body))

    def _forwarded(
        self,
        order: Order,
        transfer: Value,
        content: CustomerCreditTransfer | Element,
        number: int,
        *,
        recipient: ConnectionPartyId,
        now: datetime,
    ) -> TransferForwarded:
        """The payment under the service's header; `content` is what its Document says, or the Document."""
        created = transfer.creation_time
        message_type = pacs004.MESSAGE_TYPE if transfer.is_return else pacs008.MESSAGE_TYPE
        if transfer.is_liquidity:
            message_type = pacs009.MESSAGE_TYPE
        outgoing = self._header(message_type, recipient, processed_at=created, now=now)
        if isinstance(content, CustomerCreditTransfer) and not order.writes:
            body = self._transfer_moulds.wrapped(outgoing, content)
        else:
            document = pacs008.build(content) if isinstance(content, CustomerCreditTransfer) else content
            body = wrap(EnvelopeKind.FEDNOW_OUTGOING, header.build(outgoing), rewritten(document, order.writes))
        return TransferForwarded(
            number=number,
            message_id=transfer.message_id,
            message_type=message_type,
            instruction_id=transfer.instruction_id,
            end_to_end_id=transfer.end_to_end_id,
            transaction_id=transfer.transaction_id,
            uetr=transfer.uetr,
            amount=transfer.amount,
            instructing_agent=transfer.instructing_agent,
            instructed_agent=transfer.instructed_agent,
            document_creation_time=created,
            recipient=recipient,
            forwarded_at=now,
            clock_ends_at=created.astimezone(now.tzinfo) + self._settings.rail_clock,
            copies=order.copies,
            copy_after_s=order.copy_after_s,
            again_after_s=order.again_after_s,
            advice=order.advice,
            advice_after_s=order.advice_after_s,
            advice_copies=order.advice_copies,
            body=body,
        )

    def again(self, forwarded: TransferForwarded, *, now: datetime) -> bytes:
        """The same Document under another header of the service's."""
        document = unwrap(read(forwarded.body)).document
        assert document is not None, "what was forwarded has a Document"
        outgoing = self._header(
            forwarded.message_type, forwarded.recipient, processed_at=forwarded.document_creation_time, now=now
        )
        return wrap(EnvelopeKind.FEDNOW_OUTGOING, header.build(outgoing), document)

    def advice(
        self,
        forwarded: TransferForwarded,
        status: TransactionStatus,
        reasons: Sequence[str],
        *,
        settlement_date: date | None,
        at: datetime,
    ) -> bytes:
        """The service's pacs.002 to the receiver."""
        settled = status is not TransactionStatus.RJCT
        message_id = self._message_id(at)
        report = PaymentStatusReport(
            message_id=message_id,
            creation_time=eastern(at),
            original_message_id=forwarded.message_id,
            original_message_name=forwarded.message_type,
            original_creation_time=eastern(forwarded.document_creation_time),
            original_instruction_id=forwarded.instruction_id,
            original_end_to_end_id=forwarded.end_to_end_id,
            original_transaction_id=forwarded.transaction_id,
            original_uetr=forwarded.uetr,
            status=status,
            reasons=() if settled else tuple(StatusReason(proprietary=code) for code in reasons or (self.timed_out(),)),
            acceptance_time=eastern(at) if settled else None,
            settlement_date=(settlement_date or cycle_day(at)) if settled else None,
            instructing_agent=RoutingNumber(self._service),
            instructed_agent=forwarded.instructed_agent,
        )
        outgoing = self._header(
            pacs002.MESSAGE_TYPE,
            forwarded.recipient,
            processed_at=forwarded.forwarded_at,
            now=at,
            message_id=message_id,
        )
        return self._moulds.wrapped(outgoing, report)

    def ask_back(
        self, forwarded: TransferForwarded, reason: str, *, days_later: int, is_unknown: bool, now: datetime
    ) -> bytes:
        """A camt.056."""
        writer = RequestWriter(self._settings, self._ids)
        return writer.asked(forwarded, reason, days_later=days_later, is_unknown=is_unknown, now=now)

    def timed_out(self) -> str:
        """The rail's clock has run out."""
        return self._settings.codes.timed_out

    def not_reached(self) -> str:
        """The receiver is signed off, itself or with its connection party."""
        return self._settings.codes.receiver_signed_off

    def completion_date(self, instant: datetime) -> date:
        """The network's cycle day."""
        return cycle_day(instant)

    def _header(
        self,
        message_type: str,
        recipient: ConnectionPartyId,
        *,
        processed_at: datetime,
        now: datetime,
        message_id: MessageId | None = None,
    ) -> BusinessHeader:
        return BusinessHeader(
            sender=self._service,
            receiver=recipient,
            business_message_id=BusinessMessageId(message_id or self._message_id(now)),
            message_type=message_type,
            market_practice=self._settings.profile.market_practice,
            creation_time=eastern(now),
            business_processing_date=eastern(processed_at),
        )

    def _message_id(self, now: datetime) -> MessageId:
        return fednow_message_id(
            business_date=now.astimezone(EASTERN).date(),
            connection_party=self._service,
            reference=self._ids.next_reference(),
        )
