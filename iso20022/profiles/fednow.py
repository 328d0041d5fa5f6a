"""FedNow's settings: what is public, each with its source, and what an institution chooses for itself.

Sources: OP, the FedNow Operating Procedures (public edition of October 2024); SMP, the published sample messages; OSS,
an independent project's account of the message profile. Where the rail's rule is not public, the default is ours and
says so. FedNow is a service mark of the Federal Reserve Banks; this project is independent of them.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Final

from iso20022.codes import EnquiryAnswer
from iso20022.findings import Severity
from iso20022.header import MarketPractice
from iso20022.identifiers import ConnectionPartyId

FEDNOW_ID: Final = ConnectionPartyId("021150706")
"""The service's own id, in headers and as an agent (SMP)."""

FEDNOW_PRACTICE: Final = MarketPractice(
    registry="www2.swift.com/mystandards/#/group/Federal_Reserve_Financial_Services/FedNow_Service",
    id="frb.fednow.01",
)
"""The market practice of every message in this release (SMP)."""

MESSAGE_TYPES: Final = frozenset({"pacs.008.001.08", "pacs.002.001.10", "pacs.028.001.03", "admi.002.001.01"})
"""The Documents of this release that are read here; the header is head.001.001.02 (SMP)."""

SERVICE_ENQUIRY_CODES: Final[Mapping[str, EnquiryAnswer]] = MappingProxyType(
    {
        "E400": EnquiryAnswer.NOT_FOUND,
        "E401": EnquiryAnswer.NOT_AUTHORISED,
        "E402": EnquiryAnswer.NOT_PROCESSED,
        "E411": EnquiryAnswer.IN_PROCESS,
    }
)
"""The service's refusals of a status request, as two vendors publish them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FedNowProfile:
    """The rail as this installation knows it. Amounts are cents, times seconds, unless the name says otherwise."""

    name: str = "fednow"

    message_types: frozenset[str] = MESSAGE_TYPES
    """Which message types and versions the rail accepts (SMP)."""
    fednow_id: ConnectionPartyId = FEDNOW_ID
    """Who the rail is."""
    market_practice: MarketPractice = FEDNOW_PRACTICE
    """What every header names as its rule book."""
    clearing_system: str = "FDN"
    """``SttlmInf/ClrSys/Cd`` (SMP)."""
    local_instruments: frozenset[str] = frozenset({"FDNA"})
    """``LclInstrm/Prtry`` (SMP)."""
    own_connection_party: ConnectionPartyId | None = None
    """The connection party that message ids of ours carry; None where any may (a validator does not know)."""
    own_routing_numbers: frozenset[str] = frozenset()
    """The institutions that we may send for, by routing number; empty where any may."""
    category_purposes: frozenset[str] = frozenset({"CONS", "BIZZ"})
    """``CtgyPurp/Prtry``: these two are seen in samples, the full list is not public."""

    amount_min_cents: int = 1
    """The least amount: one cent (OP)."""
    network_limit_cents: int = 10_000_000_00
    """The network's limit per payment: 10 million dollars since November 2025 (press)."""
    sender_limit_cents: int | None = None
    """The institution's own limit for what it sends; None where it has none (the service's default is $100,000)."""
    amount_digits_max: int = 14
    """How many digits an amount may have in all (OSS)."""

    aba_severity: Severity = Severity.ERROR
    """What a routing number with a wrong check digit weighs; published samples carry such numbers."""
    agent_match_severity: Severity = Severity.WARNING
    """What it weighs that the instructing agent is not the debtor's, or the instructed not the creditor's (OP)."""
    header_id_severity: Severity = Severity.ERROR
    """What it weighs that a participant's header and Document carry different ids (equal in SMP; our rule)."""
    original_time_severity: Severity = Severity.WARNING
    """What it weighs that the original's creation time is left out (OSS)."""

    rail_clock_s: int = 20
    """The rail's clock for one payment (OP)."""
    status_request_wait_s: int = 25
    """How long after the message's time stamp a status request may first be sent (OP)."""
    time_zone: str = "America/New_York"
    """The zone of the rail's business day, with daylight saving (OP)."""

    enquiry_codes: Mapping[str, EnquiryAnswer] = field(default_factory=lambda: SERVICE_ENQUIRY_CODES)
    """Reason codes with which the *service* refuses a status request: they say nothing else of the payment's status."""
    limit_code: str = "E990"
    """The service's reason that an amount is above a limit (one vendor)."""

    @property
    def category_purposes_text(self) -> str:
        """The category purposes in words."""
        return _one_of(self.category_purposes)

    @property
    def local_instruments_text(self) -> str:
        """The local instruments in words."""
        return _one_of(self.local_instruments)

    @property
    def network_limit_text(self) -> str:
        """The network's limit in dollars."""
        return f"{self.network_limit_cents // 100:,}"

    @property
    def sender_limit_text(self) -> str:
        """The sender's limit in dollars."""
        return "none" if self.sender_limit_cents is None else f"{self.sender_limit_cents // 100:,}"


def _one_of(words: frozenset[str]) -> str:
    return " or ".join(sorted(words, reverse=True))
