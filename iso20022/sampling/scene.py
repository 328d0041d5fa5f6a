"""Where a sample plays: on which rail, which way, when, between whom. All of it is invented.

The routing numbers begin with 99, which no institution has, and pass the ABA check.
"""

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Final

from iso20022.codes import Direction, Rail
from iso20022.identifiers import (
    BusinessMessageId,
    ConnectionPartyId,
    EndToEndId,
    InstructionId,
    MessageId,
    RoutingNumber,
    TransactionId,
    fednow_message_id,
    rtp_administration_id,
    rtp_business_message_id,
    rtp_instruction_id,
    rtp_message_id,
)
from iso20022.messages.actors import Account, Agent, OtherIdentification, PartyDetails
from iso20022.messages.agents import CLEARING_SYSTEM
from iso20022.messages.original import OriginalMessage
from iso20022.messages.party import PostalAddress
from iso20022.personal import Personal
from iso20022.sampling.variation import Variation

OURS: Final = RoutingNumber("990000013")
"""The participant whose rail link it is."""

THEIRS: Final = RoutingNumber("990000026")
"""The participant at the other end."""

FEDNOW: Final = ConnectionPartyId("021150706")
"""FedNow itself."""

RTP: Final = ConnectionPartyId("990000001T1")
"""RTP itself, as its public samples have it."""

_PARTICIPANT_SUFFIX: Final = "A1"  # what makes a routing number a participant of RTP's, in its public samples
_STREETS: Final = ("Imaginary Street", "Nowhere Avenue", "Invented Way")
_NAMES: Final = ("Sample", "Specimen & Daughters", "Invented Company Ltd", "Ångström Ejemplo", "O'Example <Test>")


@dataclass(frozen=True, slots=True, kw_only=True)
class Scene:
    """One sample's circumstances. ``at`` is the moment at which it is made, aware, in the rail's zone."""

    rail: Rail
    direction: Direction
    at: datetime
    vary: Variation

    @property
    def is_fednow(self) -> bool:
        """Whether it plays on FedNow."""
        return self.rail is Rail.FEDNOW

    @property
    def author(self) -> RoutingNumber:
        """The participant who wrote the message, unless the rail did."""
        return OURS if self.direction is Direction.TO_RAIL else THEIRS

    @property
    def reader(self) -> RoutingNumber:
        """The participant whom the message is for, unless it is for the rail."""
        return THEIRS if self.direction is Direction.TO_RAIL else OURS

    @property
    def rail_id(self) -> ConnectionPartyId:
        """The rail itself."""
        return FEDNOW if self.is_fednow else RTP

    @property
    def earlier(self) -> datetime:
        """When what the message speaks of happened: two minutes before, perhaps on the day before."""
        return self.at - self.vary.pick("earlier", (timedelta(minutes=2), timedelta(hours=20)))

    @property
    def today(self) -> date:
        """The calendar day."""
        return self.at.date()

    def participant(self, number: RoutingNumber) -> ConnectionPartyId:
        """How the rail's headers name a participant."""
        return ConnectionPartyId(number if self.is_fednow else f"{number}{_PARTICIPANT_SUFFIX}")

    def message_id(
        self, name: str = "message", *, by: RoutingNumber | None = None, on: date | None = None
    ) -> MessageId:
        """A message id in the rail's form, by the author unless another is named."""
        author, day = by or self.author, on or self.today
        if self.is_fednow:
            return fednow_message_id(
                business_date=day,
                connection_party=ConnectionPartyId(author),
                reference=self.vary.reference(name, 14),
            )
        return rtp_message_id(
            business_date=day,
            participant=self.participant(author),
            source=f"B{self.vary.reference(name, 3)}",
            serial=self._serial(name),
        )

    def business_message_id(self, name: str = "message") -> BusinessMessageId:
        """The header's id of a message that the rail sends, or of any message on RTP."""
        if self.is_fednow:
            return BusinessMessageId(f"{self.today:%Y%m%d}{FEDNOW}{self.vary.reference(name, 14)}")
        author, source = (self.participant(OURS), "B") if self.direction is Direction.TO_RAIL else (RTP, "H")
        return rtp_business_message_id(
            business_date=self.today,
            participant=author,
            source=f"{source}{self.vary.reference(name, 3)}",
            serial=self._serial(name),
        )

    def administration_id(self, author: ConnectionPartyId) -> MessageId:
        """A message id of RTP's administration."""
        reference = self.vary.digits("administration", 10)
        return rtp_administration_id(local_time=self.at, participant=author, reference=reference)

    def instruction_id(
        self, name: str = "payment", *, by: ConnectionPartyId | None = None, on: date | None = None
    ) -> InstructionId:
        """An instruction id; on RTP in the rail's form."""
        if self.is_fednow:
            return InstructionId(f"INSTR{self.vary.reference(name, 12)}")
        return rtp_instruction_id(
            business_date=on or self.today,
            participant=by or self.participant(self.author),
            source=f"B{self.vary.reference(name, 4)}",
            serial=self._serial(name),
        )

    def transaction_id(
        self, name: str = "payment", *, by: ConnectionPartyId | None = None, on: date | None = None
    ) -> TransactionId:
        """A transaction id; on RTP the instruction id."""
        return TransactionId(self.instruction_id(name, by=by, on=on))

    def end_to_end_id(self, name: str = "payment") -> EndToEndId:
        """An end-to-end id."""
        return EndToEndId(f"E2E-{self.vary.reference(name, 10)}")

    def agent(self, number: str) -> Agent:
        """An institution as the rail names it: FedNow says that its number is an ABA routing number, RTP does not."""
        return Agent(member_id=RoutingNumber(number), clearing_system=CLEARING_SYSTEM if self.is_fednow else None)

    def original(self, message_type: str, *, by: RoutingNumber) -> OriginalMessage:
        """An earlier message by a participant."""
        message_id = self.message_id("original", by=by, on=self.earlier.date())
        return OriginalMessage(message_id=message_id, message_name=message_type, creation_time=self.earlier)

    def party(self, role: str, *, with_address: bool = False) -> PartyDetails:
        """A customer, invented; with an address at times, or always."""
        address = self.address(role)
        return PartyDetails(name=self.name(role), address=address if with_address else self.vary.seldom(role, address))

    def name(self, role: str) -> Personal:
        """A customer's name."""
        return Personal(f"{role} {self.vary.pick(f'name of {role}', _NAMES)}")

    def address(self, role: str) -> PostalAddress:
        """A postal address with all that RTP asks for."""
        return PostalAddress(
            street_name=Personal(self.vary.pick(f"street of {role}", _STREETS)),
            building_number=self.vary.often(f"building of {role}", Personal("12")),
            post_code=Personal("00000"),
            town_name=Personal("Nowhere"),
            country_sub_division=Personal("ZZ"),
            country="US",
        )

    def account_number(self, role: str) -> Personal:
        """An account number."""
        return Personal(f"1000{self.vary.digits(f'account of {role}', 8)}")

    def account(self, role: str) -> Account:
        """An account by its number with its institution."""
        return Account(id=OtherIdentification(id=self.account_number(role)))

    def remarks(self, name: str) -> tuple[Personal, ...]:
        """At most one line of free text."""
        lines = (Personal(f"Invoice {self.vary.digits(name, 5)}"), Personal("Rent <March> & heating, 50 %"))
        return self.vary.several(name, (self.vary.pick(f"line of {name}", lines),))

    def _serial(self, name: str) -> int:
        return int(self.vary.digits(f"serial of {name}", 11))
