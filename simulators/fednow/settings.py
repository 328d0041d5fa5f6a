"""What can be set on the simulated rail, with the defaults and what is known of the real one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Final

from iso20022 import Amount, ConnectionPartyId, FedNowProfile, Severity
from simulators.participants import LIQUIDITY_ONLY, PARTICIPANTS, SETTLEMENT_ONLY, Participant

if TYPE_CHECKING:
    from simulators.signatures import RailSignatures


@dataclass(frozen=True, slots=True, kw_only=True)
class RejectCodes:
    """The rail's own codes. ``SIM-…`` are this simulator's: the real ones are not public, set them where you know them.

    E400, E401, E411, E980, E981 and E982 are in the lists that two bank-API vendors publish; E990 and E997 also in
    others' public texts (see the project's reference on rails, section A.8).
    """

    # Refused technically: admi.002.
    unreadable: str = "SIM-UNREADABLE"
    unsupported: str = "SIM-UNSUPPORTED"
    signature: str = "SIM-SIGNATURE"
    wrong_class: str = "SIM-CLASS"
    sender: str = "SIM-SENDER"
    duplicate: str = "SIM-DUPLICATE"
    schema: str = "SIM-SCHEMA"
    event_time: str = "SIM-EVENT-TIME"
    event_subject: str = "SIM-EVENT-SUBJECT"
    last_point: str = "SIM-LAST-POINT"
    too_many_details: str = "E301"
    # Refused as business: pacs.002 RJCT, proprietary reason.
    timed_out: str = "E997"
    future_dated: str = "SIM-FUTURE-DATED"
    over_limit: str = "E990"
    sender_profile: str = "E980"
    receiver_profile: str = "E981"
    not_enabled: str = "E982"
    liquidity_closed: str = "SIM-LMT-HOURS"
    receiver_signed_off: str = "SIM-SIGNED-OFF"
    unknown: str = "SIM-UNKNOWN"
    # A status request refused: pacs.002 RJCT about the pacs.028.
    not_found: str = "E400"
    not_authorised: str = "E401"
    still_in_process: str = "E411"
    too_old: str = "SIM-TOO-OLD"


NETWORK_LIMIT: Final = Amount(10_000_000_00)
"""The most that one payment may carry, since November 2025."""

DETAILS_MAX: Final = 15_000
"""Above so many messages of a day, details by message are refused."""

LIQUIDITY_LIMIT: Final = Amount(2_500_000_00)
"""The most that one liquidity transfer may carry (Operating Procedures v2.1, October 2024)."""

_MESSAGE_RULES: Final = replace(
    FedNowProfile(), aba_severity=Severity.WARNING, network_limit_cents=10**14, lmt_limit_cents=10**14
)


@dataclass(frozen=True, slots=True, kw_only=True)
class FedNowSimulatorSettings:
    """Everything that can be set; the durations are the network's public ones unless said otherwise.

    ``port`` 0 takes a free one. With ``amqp_url`` participants may come over that broker's queues too. Without
    ``journal`` everything is forgotten at the end. ``receiver_reserve_s``: a payment is forwarded only while that much
    of the clock is left (FedNow: each receiver's choice of 1-5 s; its default is not public). ``receiver_s`` is how
    long creditors' institutions take where their behaviour says nothing. ``visibility_s``: what is fetched and not
    acknowledged comes again after it. ``check_duplicates`` off books every copy of a message, which no real rail does:
    for drills that must see what a gateway would have doubled. ``connection_points`` are those of the parties that
    name theirs, as one with two sites does: each has a queue of its own. The ``lmt_hours`` of ``profile`` are when
    liquidity transfers are taken, US Eastern; None for always: the rail's hours are not public. With ``signatures`` it
    signs what it sends, and refuses what does not verify.
    """

    host: str = "127.0.0.1"
    port: int = 0
    amqp_url: str | None = None
    journal: Path | None = None
    rail_clock_s: float = 20
    receiver_reserve_s: float = 1
    receiver_s: float = 0
    future_tolerance_s: float = 2
    visibility_s: float = 5
    check_duplicates: bool = True
    signatures: RailSignatures | None = None
    network_limit: Amount = NETWORK_LIMIT
    liquidity_limit: Amount = LIQUIDITY_LIMIT
    details_max: int = DETAILS_MAX
    participants: tuple[Participant, ...] = (*PARTICIPANTS, LIQUIDITY_ONLY, SETTLEMENT_ONLY)
    connection_points: Mapping[ConnectionPartyId, Sequence[str]] = field(default_factory=dict)
    codes: RejectCodes = field(default_factory=RejectCodes)
    profile: FedNowProfile = field(default_factory=lambda: _MESSAGE_RULES)
    """The rules of form. What the rail treats as business is left to it: check digits (no such participant), limits."""

    @property
    def network(self) -> str:
        """The network's name, which begins those of queues."""
        return "fednow"

    @property
    def rail_clock(self) -> timedelta:
        """The payment timeout clock: from the header's creation time to the receiver's answer."""
        return timedelta(seconds=self.rail_clock_s)
