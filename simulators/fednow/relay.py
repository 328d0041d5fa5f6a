"""FedNow between two participants whose institutions are really there: see `simulators.relay`."""

from __future__ import annotations

from collections.abc import Callable

from iso20022 import (
    BusinessHeader,
    ConnectionPartyId,
    CustomerCreditTransfer,
    InstitutionCreditTransfer,
    PaymentReturn,
    PaymentStatusReport,
    PaymentStatusRequest,
    ReceiptAcknowledgement,
    Report,
    TransactionStatus,
    pacs028,
)
from simulators.book import Book
from simulators.facts import Fact, ForwardingCompleted, Judged, Verdict
from simulators.fednow import decide
from simulators.fednow.forward import FedNowForwarding
from simulators.fednow.settings import FedNowSimulatorSettings
from simulators.fednow.value import Value, value_of
from simulators.rail import Arrival, Judgement
from simulators.relay import addressee_of, handed_on, party_of


class FedNowRelay:
    """Relays what is for an institution that answers for itself."""

    def __init__(self, settings: FedNowSimulatorSettings, forwarding: FedNowForwarding) -> None:
        self._settings = settings
        self._forwarding = forwarding

    def relayed(
        self, report: Report, body: bytes, judged: Callable[[Verdict], Judged], arrival: Arrival, book: Book
    ) -> Judgement | None:
        """What a message in good form leads to; None where the network answers it, or nobody does."""
        header, message = report.header, report.message
        if header is None or not arrival.attended:
            return None
        if isinstance(message, CustomerCreditTransfer | PaymentReturn | InstitutionCreditTransfer):
            value = value_of(message)
            recipient = party_of(value.instructed_agent, arrival.attended, self._settings.participants)
            faults = decide.find_business_faults(
                value, header, now=arrival.at, settings=self._settings, standing=book.standing
            )
            if recipient is None or faults:
                return None
            forwarded = self._forwarding.relayed(
                value, body, book.next_forwarding, header, recipient=recipient, now=arrival.at
            )
            forwarded = handed_on(forwarded, copy=arrival.copy, sender=arrival.connection_party)
            facts: tuple[Fact, ...] = (judged(Verdict.ACCEPTED), forwarded, *_settled_at_once(value, arrival))
            return Judgement(facts, broadcasts=((recipient, forwarded.body),))
        listener = self._listener(message, arrival, book)
        return None if listener is None else self._handed_on(header, body, judged(Verdict.IGNORED), listener, arrival)

    def _listener(self, message: object, arrival: Arrival, book: Book) -> ConnectionPartyId | None:
        """Who is told what is said without money; of a receipt whoever has sent the message that it names.

        So of a word on a question: what an institution says of a payment is the network's to tell its sender.
        """
        match message:
            case ReceiptAcknowledgement(receipts=(receipt, *_)):
                return _sender_of(receipt.related_reference, book)
            case PaymentStatusReport(original_message_name=name) if name == pacs028.MESSAGE_TYPE:
                return _sender_of(message.original_message_id, book)
            case PaymentStatusRequest(instructed_agent=number):
                return party_of(number, arrival.attended, self._settings.participants)
            case _:
                return party_of(addressee_of(message), arrival.attended, self._settings.participants)

    def _handed_on(
        self, header: BusinessHeader, body: bytes, judged: Judged, listener: ConnectionPartyId, arrival: Arrival
    ) -> Judgement:
        told = self._forwarding.handed_on(header, body, recipient=listener, now=arrival.at)
        return Judgement((judged,), broadcasts=((listener, told),))


def _sender_of(message_id: str, book: Book) -> ConnectionPartyId | None:
    named = book.copies(message_id=message_id)
    return named[0].received.connection_party if named else None


def _settled_at_once(value: Value, arrival: Arrival) -> tuple[Fact, ...]:
    """A liquidity transfer has settled when it is forwarded: nobody answers it."""
    if not value.is_liquidity:
        return ()
    day = decide.cycle_day(arrival.at)
    return (ForwardingCompleted(value.message_id, arrival.at, TransactionStatus.ACSC, (), day),)
