"""What can be set on the simulated RTP, with the defaults and what is known of the real one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Final

from iso20022 import Amount, ConnectionPartyId, RtpProfile, Severity
from simulators.participants import Participant
from simulators.rtp.participants import PARTICIPANTS

if TYPE_CHECKING:
    from simulators.signatures import RailSignatures


@dataclass(frozen=True, slots=True, kw_only=True)
class RtpRejectCodes:
    """The rail's own codes. ``SIM-…`` are this simulator's: the real ones are not public, set them where you know them.

    650 and 690 are in a bank's public guide; the reasons of a pacs.002 are on the public schemas' list.
    """

    # Refused technically: admi.002.
    unreadable: str = "SIM-UNREADABLE"
    unsupported: str = "SIM-UNSUPPORTED"
    wrong_class: str = "SIM-CLASS"
    sender: str = "SIM-SENDER"
    duplicate: str = "SIM-DUPLICATE"
    schema: str = "650"
    signature: str = "690"
    # Refused as business: pacs.002 RJCT, one reason.
    timed_out: str = "DS24"
    over_limit: str = "AM02"
    sender_profile: str = "RC03"
    receiver_profile: str = "RC04"
    receiver_signed_off: str = "9910"
    sender_signed_off: str = "9934"
    sender_suspended: str = "9946"
    receiver_suspended: str = "9947"
    wrong_participant: str = "9964"
    not_found: str = "NARR"
    # What no list has, where a test wants such.
    unknown: str = "ZZ99"


NETWORK_LIMIT: Final = Amount(10_000_000_00)
"""The most that one payment may carry, since February 2025."""

RAIL_ID: Final = ConnectionPartyId("990000001T1")
"""Under which id the rail stands in headers (published samples)."""

_MESSAGE_RULES: Final = replace(RtpProfile(), aba_severity=Severity.WARNING, network_limit_cents=10**14)


@dataclass(frozen=True, slots=True, kw_only=True)
class RtpSimulatorSettings:
    """Everything that can be set.

    ``rail_clock_s`` is how long a payment may take from its arrival on; 15 s is commonly said, and in no authoritative
    public text. ``port`` 0 takes a free one. With ``amqp_url`` participants may come over that broker's queues too.
    Without ``journal`` everything is forgotten at the end. ``receiver_s`` is how long creditors' institutions take
    where their behaviour says nothing. ``visibility_s``: what is fetched and not acknowledged comes again after it.
    ``check_duplicates`` off books every copy that is not marked DUPL, which no real rail does: for drills that must see
    what a gateway would have doubled. With ``signatures`` it signs what it sends, and refuses what does not verify.
    """

    host: str = "127.0.0.1"
    port: int = 0
    amqp_url: str | None = None
    journal: Path | None = None
    rail_clock_s: float = 15
    receiver_s: float = 0
    visibility_s: float = 5
    check_duplicates: bool = True
    signatures: RailSignatures | None = None
    network_limit: Amount = NETWORK_LIMIT
    participants: tuple[Participant, ...] = PARTICIPANTS
    connection_points: Mapping[ConnectionPartyId, Sequence[str]] = field(default_factory=dict)
    rail_id: ConnectionPartyId = RAIL_ID
    codes: RtpRejectCodes = field(default_factory=RtpRejectCodes)
    profile: RtpProfile = field(default_factory=lambda: _MESSAGE_RULES)
    """The rules of form. What the rail treats as business is left to it: check digits (no such participant), limits."""

    @property
    def network(self) -> str:
        """The network's name, which begins those of queues."""
        return "rtp"

    @property
    def rail_clock(self) -> timedelta:
        """How long a payment may take."""
        return timedelta(seconds=self.rail_clock_s)
