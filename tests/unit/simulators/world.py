"""A rail on a virtual clock with a bank at either end: what the simulator's unit tests talk to."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta

from iso20022 import (
    Amount,
    BusinessHeader,
    BusinessMessageId,
    ConnectionPartyId,
    CustomerCreditTransfer,
    Direction,
    EndToEndId,
    EnvelopeKind,
    InstructionId,
    MessageId,
    MessageReject,
    Party,
    PaymentStatusReport,
    PaymentStatusRequest,
    Personal,
    RoutingNumber,
    TransactionStatus,
    Uetr,
    admi002,
    examine,
    header,
    pacs002,
    pacs008,
    pacs028,
    wrap,
)
from iso20022.messages import admi004
from iso20022.messages.admi004 import PING, SystemEventNotification
from iso20022.messages.admi007 import ReceiptAcknowledgement
from iso20022.messages.admi998 import ParticipantFile
from iso20022.messages.pain014 import RequestForPaymentResponse
from simulators.facts import Fact
from simulators.fednow.decide import cycle_day
from simulators.fednow.rail import fednow_rail
from simulators.fednow.settings import FedNowSimulatorSettings
from simulators.journal import decode, encode
from simulators.outqueue import Waiting
from simulators.participants import PARTICIPANTS
from simulators.rail import SimulatedRail

NOON = datetime(2026, 3, 10, 16, 0, 0, tzinfo=UTC)
"""Noon in New York, in daylight saving time."""

SENDER = PARTICIPANTS[0]
OTHER_SENDER = PARTICIPANTS[2]
RECEIVER = PARTICIPANTS[3]
STRANGER = PARTICIPANTS[4]
UNKNOWN_AGENT = RoutingNumber("990001601")

MESSAGE_CLASSES = {
    pacs008.MESSAGE_TYPE: "value",
    pacs028.MESSAGE_TYPE: "inquiry",
    pacs002.MESSAGE_TYPE: "nonvalue",
    admi002.MESSAGE_TYPE: "system",
}


@dataclass(frozen=True, slots=True)
class Told:
    """What an answer says, in short: status and codes of a pacs.002, or the code of an admi.002."""

    about: str
    status: str
    codes: tuple[str, ...] = ()


UNREADABLE = Told(about="", status="unreadable")


class LinesJournal:
    """A journal in memory, as lines: what a restarted rail reads has been through the encoding."""

    def __init__(self) -> None:
        self.lines: list[bytes] = []

    def append(self, facts: Iterable[Fact]) -> None:
        """Keep the facts as lines."""
        self.lines += [encode(fact) for fact in facts]

    def load(self) -> list[Fact]:
        """Every fact so far."""
        return [decode(line) for line in self.lines]


class World:
    """The rail, the present instant, and the means to send and to fetch."""

    def __init__(self, settings: FedNowSimulatorSettings | None = None) -> None:
        self.now = NOON
        self.settings = settings or FedNowSimulatorSettings()
        self.journal = LinesJournal()
        self.rail = self._new_rail()
        self._references = 0

    def restart(self) -> None:
        """Kill the rail and make it anew from its journal."""
        self.rail = self._new_rail()

    def pass_time(self, seconds: float) -> None:
        """Let time go by; nobody tells the rail."""
        self.now += timedelta(seconds=seconds)

    def new_message_id(self, party: ConnectionPartyId = SENDER.connection_party) -> MessageId:
        """A message id that has not been used."""
        self._references += 1
        return MessageId(f"{self.now:%Y%m%d}{party}TEST{self._references:06d}")

    def pay(
        self,
        account: str = "SIMSETTLE",
        *,
        amount: str = "51.74",
        debtor_agent: RoutingNumber = SENDER.routing_number,
        creditor_agent: RoutingNumber = RECEIVER.routing_number,
        settlement_date: date | None = None,
    ) -> MessageId:
        """Send a credit transfer to this account; returns its message id."""
        message_id = self.new_message_id()
        body = transfer_bytes(
            self.now,
            message_id,
            account=account,
            amount=amount,
            debtor_agent=debtor_agent,
            creditor_agent=creditor_agent,
            settlement_date=settlement_date,
        )
        self.send(body)
        return message_id

    def ask(
        self,
        original: MessageId,
        *,
        connection_party: ConnectionPartyId = SENDER.connection_party,
        agent: RoutingNumber = SENDER.routing_number,
        original_creation_time: datetime | None = None,
        message_id: MessageId | None = None,
        asked: RoutingNumber | None = None,
        message_class: str | None = None,
    ) -> MessageId:
        """Send a status request about `original`, to the rail or who is `asked`; returns its own message id."""
        message_id = message_id or self.new_message_id(connection_party)
        request = PaymentStatusRequest(
            message_id=message_id,
            creation_time=self.now,
            original_message_id=original,
            original_message_name=pacs008.MESSAGE_TYPE,
            original_creation_time=original_creation_time,
            original_end_to_end_id=EndToEndId("END-TO-END"),
            instructing_agent=agent,
            instructed_agent=asked or RoutingNumber(self.settings.profile.fednow_id),
        )
        body = wrap(
            EnvelopeKind.FEDNOW_INCOMING,
            header.build(header_of(pacs028.MESSAGE_TYPE, message_id, sender=connection_party, created_at=self.now)),
            pacs028.build(request),
        )
        usual = "nonvalue" if asked else "inquiry"
        self.send(body, message_class=message_class or usual, connection_party=connection_party)
        return message_id

    def send(
        self,
        body: bytes,
        *,
        message_class: str = "value",
        connection_party: ConnectionPartyId = SENDER.connection_party,
    ) -> None:
        """Hand bytes to the rail."""
        self.rail.receive(body, connection_party=connection_party, message_class=message_class, now=self.now)

    def fetch(self, party: ConnectionPartyId = SENDER.connection_party) -> Sequence[Waiting]:
        """Fetch what waits, and leave it leased."""
        return self.rail.fetch(party, messages_max=1_000, now=self.now)

    def bodies(self, party: ConnectionPartyId = SENDER.connection_party) -> list[bytes]:
        """Fetch and acknowledge what waits."""
        waiting = self.fetch(party)
        self.rail.acknowledge(party, [entry.receipt for entry in waiting])
        return [entry.body for entry in waiting]

    def answers(self, party: ConnectionPartyId = SENDER.connection_party) -> list[Told]:
        """Fetch and acknowledge what waits; what it says, in short."""
        return [self.told(body) for body in self.bodies(party) if self.file(body) is None]

    def file(self, body: bytes) -> ParticipantFile | None:
        """The participant file, if an answer is one: each day's roll brings it."""
        report = examine(body, profile=self.settings.profile, direction=Direction.FROM_RAIL)
        if not isinstance(report.message, ParticipantFile):
            return None
        assert report.valid, report.findings
        return report.message

    def told(self, body: bytes) -> Told:
        """What an answer says, in short: valid but for a reason of the simulator's own, or not readable at all."""
        report = examine(body, profile=self.settings.profile, direction=Direction.FROM_RAIL)
        if not report.readable:
            return UNREADABLE
        assert report.valid or {finding.code for finding in report.findings} == {"FEDNOW_REASON_CODE"}, report.findings
        match report.message:
            case PaymentStatusReport() as status:
                codes = tuple(str(reason.code or reason.proprietary) for reason in status.reasons)
                return Told(status.original_message_id, status.status, codes)
            case MessageReject() as reject:
                return Told(reject.related_reference, "admi.002", (reject.reason_code,))
            case ReceiptAcknowledgement(receipts=(receipt,)):
                return Told(receipt.related_reference, "admi.007", (receipt.status_code,))
            case RequestForPaymentResponse() as response:
                return Told(response.original_message_id, response.status)
            case other:
                raise AssertionError(f"the rail does not send {other}")

    def report(self, body: bytes) -> PaymentStatusReport:
        """The pacs.002 in an answer."""
        message = examine(body, profile=self.settings.profile, direction=Direction.FROM_RAIL).message
        assert isinstance(message, PaymentStatusReport)
        return message

    def _new_rail(self) -> SimulatedRail:
        return fednow_rail(self.settings, self.journal, started_at=self.now, facts=self.journal.load())


def header_of(
    message_type: str, message_id: MessageId, *, sender: ConnectionPartyId, created_at: datetime
) -> BusinessHeader:
    """A header as a participant writes it."""
    profile = FedNowSimulatorSettings().profile
    return BusinessHeader(
        sender=sender,
        receiver=profile.fednow_id,
        business_message_id=BusinessMessageId(message_id),
        message_type=message_type,
        market_practice=profile.market_practice,
        creation_time=created_at,
    )


def transfer_bytes(
    created_at: datetime,
    message_id: MessageId,
    *,
    account: str = "SIMSETTLE",
    amount: str = "51.74",
    sender: ConnectionPartyId = SENDER.connection_party,
    debtor_agent: RoutingNumber = SENDER.routing_number,
    creditor_agent: RoutingNumber = RECEIVER.routing_number,
    settlement_date: date | None = None,
    uetr: str = "8a562c67-ca16-48ba-b074-65581be6f011",
) -> bytes:
    """A pacs.008 in FedNow's incoming envelope; its parties and accounts are invented."""
    transfer = CustomerCreditTransfer(
        message_id=message_id,
        creation_time=created_at,
        instruction_id=InstructionId("INSTRUCTION"),
        end_to_end_id=EndToEndId("END-TO-END"),
        uetr=Uetr(uetr),
        local_instrument="FDNA",
        category_purpose="CONS",
        amount=Amount.parse(amount),
        settlement_date=settlement_date or cycle_day(created_at),
        instructing_agent=debtor_agent,
        instructed_agent=creditor_agent,
        debtor=Party(name=Personal("Debtor Sample")),
        debtor_account=Personal("DEBTOR-1"),
        debtor_agent=debtor_agent,
        creditor=Party(name=Personal("Creditor Sample")),
        creditor_account=Personal(account),
        creditor_agent=creditor_agent,
    )
    incoming = header_of(pacs008.MESSAGE_TYPE, message_id, sender=sender, created_at=created_at)
    return wrap(EnvelopeKind.FEDNOW_INCOMING, header.build(incoming), pacs008.build(transfer))


ACSC = TransactionStatus.ACSC
ACWP = TransactionStatus.ACWP
RJCT = TransactionStatus.RJCT


def ping_bytes(
    world: World, *, event_code: str = PING, parameter: str | None = None, ahead: timedelta = timedelta(0)
) -> tuple[bytes, MessageId]:
    """A system event of the sender's, and the message id that it goes under."""
    message_id = world.new_message_id()
    parameters = () if parameter is None else (parameter,)
    event = SystemEventNotification(event_code=event_code, parameters=parameters, event_time=world.now + ahead)
    body = wrap(
        EnvelopeKind.FEDNOW_INCOMING,
        header.build(header_of(admi004.MESSAGE_TYPE, message_id, sender=SENDER.connection_party, created_at=world.now)),
        admi004.build(event),
    )
    return body, message_id
