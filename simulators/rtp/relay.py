"""RTP between two participants whose institutions are really there: see `simulators.relay`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from iso20022 import ConnectionPartyId, CustomerCreditTransfer, PaymentStatusReport, Report
from simulators.book import Book
from simulators.facts import Judged, Verdict
from simulators.rail import Arrival, Judgement
from simulators.relay import addressee_of, handed_on, party_of
from simulators.rtp import decide
from simulators.rtp.forward import RtpForwarding
from simulators.rtp.settings import RtpSimulatorSettings

_PAYMENT: Final = "pacs."


class RtpRelay:
    """Relays what is for an institution that answers for itself."""

    def __init__(self, settings: RtpSimulatorSettings, forwarding: RtpForwarding) -> None:
        self._settings = settings
        self._forwarding = forwarding

    def relayed(
        self, report: Report, body: bytes, judged: Callable[[Verdict], Judged], arrival: Arrival, book: Book
    ) -> Judgement | None:
        """What a message in good form leads to; None where the network answers it, or nobody does."""
        if report.header is None or not arrival.attended:
            return None
        message = report.message
        if isinstance(message, CustomerCreditTransfer):
            return self._forwarded(message, body, judged, arrival, book)
        listener = self._listener(message, arrival)
        if listener is None:
            return None
        told = self._forwarding.handed_on(report.header.message_type, body, recipient=listener, now=arrival.at)
        return Judgement((judged(Verdict.IGNORED),), broadcasts=((listener, told),))

    def _forwarded(
        self,
        transfer: CustomerCreditTransfer,
        body: bytes,
        judged: Callable[[Verdict], Judged],
        arrival: Arrival,
        book: Book,
    ) -> Judgement | None:
        """A payment on its way; a copy of one that is, is not answered before its receiver has answered."""
        recipient = party_of(transfer.instructed_agent, arrival.attended, self._settings.participants)
        is_faulty = decide.find_business_fault(transfer, settings=self._settings, standing=book.standing) is not None
        if recipient is None or is_faulty or decide.known_payment(transfer, book) is not None:
            return None
        assert transfer.instruction_id is not None, "a payment on RTP has an instruction id"
        if book.forwarded_with_instruction_id(transfer.instruction_id) is not None:
            return Judgement((judged(Verdict.REPEATED),))
        forwarded = self._forwarding.relayed(transfer, body, book.next_forwarding, recipient=recipient, now=arrival.at)
        forwarded = handed_on(forwarded, copy=arrival.copy, sender=arrival.connection_party)
        return Judgement((judged(Verdict.ACCEPTED), forwarded), broadcasts=((recipient, forwarded.body),))

    def _listener(self, message: object, arrival: Arrival) -> ConnectionPartyId | None:
        """Who is told what is said without money; that a message has arrived is said by a pacs.002."""
        number = addressee_of(message)
        if isinstance(message, PaymentStatusReport) and not message.original_message_name.startswith(_PAYMENT):
            number = message.instructed_agent
        return party_of(number, arrival.attended, self._settings.participants)
