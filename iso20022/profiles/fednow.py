"""FedNow's settings: what is public, each with its source, and what an institution chooses for itself.

Sources: OP, the FedNow Operating Procedures (public edition of October 2024); SMP, the published sample messages; OSS,
an independent project's account of the message profile. Where the rail's rule is not public, the default is ours and
says so. FedNow is a service mark of the Federal Reserve Banks; this project is independent of them.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import time
from types import MappingProxyType
from typing import Final

from iso20022.codes import EnquiryAnswer, Rail
from iso20022.findings import Severity
from iso20022.header import HEADER_TYPE, MarketPractice
from iso20022.identifiers import ConnectionPartyId
from iso20022.profiles.checks import one_of
from iso20022.profiles.fednow_header_rules import HEADER_RULES, unused_header_elements
from iso20022.profiles.fednow_rules import DOCUMENT_RULES
from iso20022.profiles.profile import Release
from iso20022.profiles.status_reasons import ISO_STATUS_REASONS, SERVICE_STATUS_REASONS
from iso20022.schemas import OUR_SCHEMAS, SchemaSet
from iso20022.wrappers import FEDNOW_WRAPPERS, directions_of

FEDNOW_ID: Final = ConnectionPartyId("021150706")
"""The service's own id, in headers and as an agent (SMP)."""

FEDNOW_PRACTICE: Final = MarketPractice(
    registry="www2.swift.com/mystandards/#/group/Federal_Reserve_Financial_Services/FedNow_Service",
    id="frb.fednow.01",
)
"""The market practice of every message in this release (SMP)."""

FEDNOW_RELEASE: Final[Release["FedNowProfile"]] = Release(
    name="fednow-2024",
    header_type=HEADER_TYPE,
    directions=directions_of(FEDNOW_WRAPPERS),
    header_rules=HEADER_RULES,
    document_rules=DOCUMENT_RULES,
    further_header_findings=unused_header_elements,
)
"""The message set of FedNow's first releases, up to the Operating Procedures of October 2024 (SMP, OP)."""

SERVICE_ENQUIRY_CODES: Final[Mapping[str, EnquiryAnswer]] = MappingProxyType(
    {
        "E400": EnquiryAnswer.NOT_FOUND,
        "E401": EnquiryAnswer.NOT_AUTHORISED,
        "E402": EnquiryAnswer.NOT_PROCESSED,
        "E411": EnquiryAnswer.IN_PROCESS,
    }
)
"""The service's refusals of a status request, as two vendors publish them."""


STATUS_REASONS: Final = ISO_STATUS_REASONS | SERVICE_STATUS_REASONS
"""Why a payment is rejected, as far as it is public: the service relays ISO's, and has its own."""

RESOLUTION_STATUSES: Final[Mapping[str, frozenset[str]]] = MappingProxyType(
    {
        "frb.fednow.rrr.01": frozenset({"IPAY", "PECR", "RJCR", "PDCR"}),
        "frb.fednow.irr.01": frozenset({"PDNG", "INFO", "NINF", "IDUP", "IPAY"}),
        "frb.fednow.rcr.01": frozenset({"CNCL", "RJCR", "PDCR"}),
    }
)
"""The answers to a return request, an information request, and a cancellation, by their market practice (OP)."""

REPORT_KINDS: Final[Mapping[str, frozenset[str]]] = MappingProxyType(
    {
        "frb.fednow.aba.01": frozenset({"ABAR"}),
        "frb.fednow.aad.01": frozenset({"AADR", "CADR"}),
        "frb.fednow.aat.01": frozenset({"AATR", "IATR", "CATR", "CITR"}),
    }
)
"""The account reports by their market practice: balance, details, totals (OP, OSS)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FedNowProfile:
    """The rail as this installation knows it. Amounts are cents, times seconds, unless the name says otherwise."""

    name: str = "FedNow"

    release: Release["FedNowProfile"] = FEDNOW_RELEASE
    """Which release of the message set the rail speaks."""
    message_types: frozenset[str] = frozenset(FEDNOW_RELEASE.directions)
    """Which message types and versions the rail accepts (SMP)."""
    schemas: SchemaSet = OUR_SCHEMAS
    """The schemas; an institution's own, where it has a licence for the rail's."""
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
    receive_only: frozenset[str] = frozenset()
    """Those of ours that may not send customers' transfers: receive only, or for liquidity or settlement only (OP)."""
    lmt_senders: frozenset[str] | None = None
    """Those of ours that may send liquidity transfers (OP); None where that is not known (to a validator)."""
    lmt_hours: tuple[time, time] | None = None
    """From when until when, US Eastern, the rail takes liquidity transfers; None where that is not known."""
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

    lmt_instruments: frozenset[str] = frozenset({"LMT1"})
    """``LclInstrm/Prtry`` of a liquidity management transfer (OSS)."""
    lmt_limit_cents: int = 2_500_000_00
    """The limit of one liquidity management transfer (OP, October 2024; it may have changed)."""
    request_statuses: frozenset[str] = frozenset({"RCVD", "PRES", "ACTC", "RJCT"})
    """What may become of a request for payment (OP)."""
    resolution_statuses: Mapping[str, frozenset[str]] = field(default_factory=lambda: RESOLUTION_STATUSES)
    """What an answer in an investigation may say, by the market practice of its kind (OP)."""
    participant_events: frozenset[str] = frozenset({"PING", "FPON", "FPOF", "FPCD", "FPCR"})
    """The events that a participant reports (OP)."""
    service_events: frozenset[str] = frozenset({"FPON", "FPOF", "EXTN", "ROLL", "FNKY", "ADHC", "FPRE", "SITL"})
    """The events that the service broadcasts (OP; the last three are seen in public samples only)."""
    receipt_statuses: frozenset[str] = frozenset({"TS01", "TS02"})
    """``ReqHdlg/StsCd``: these two are seen in samples, the full list is not public."""
    retrieval_messages_max: int = 50
    """How many messages one request may retrieve (OP)."""
    report_kinds: Mapping[str, frozenset[str]] = field(default_factory=lambda: REPORT_KINDS)
    """Which account reports come under which market practice (OP, OSS)."""
    report_history_days_max: int = 90
    """How many cycle days back account reports go (OP)."""
    return_reasons: frozenset[str] = frozenset()
    """``RtrRsnInf/Rsn/Cd``; empty where any ISO code may: the rail's list is not public."""
    cancellation_reasons: frozenset[str] = frozenset()
    """``CxlRsnInf/Rsn/Cd``; empty where any ISO code may: FRAD and WNTB are public, the rest of the list is not."""
    cancellation_rejections: frozenset[str] = frozenset()
    """``CxlStsRsnInf/Rsn/Cd``; empty where any ISO code may: the rail's list is not public."""
    return_request_days_max: int = 60
    """How many calendar days after settlement a return may be asked for, but for fraud (OP)."""
    warranty_claim_days_max: int = 95
    """How many calendar days after settlement the warranty of a request for payment may be claimed (OP)."""

    aba_severity: Severity = Severity.ERROR
    """What a routing number with a wrong check digit weighs; published samples carry such numbers."""
    agent_match_severity: Severity = Severity.WARNING
    """What it weighs that the instructing agent is not the debtor's, or the instructed not the creditor's (OP)."""
    header_id_severity: Severity = Severity.ERROR
    """What it weighs that a participant's header and Document carry different ids (equal in SMP; our rule)."""
    original_time_severity: Severity = Severity.WARNING
    """What it weighs that the original's creation time is left out (OSS)."""

    case_severity: Severity = Severity.ERROR
    """What it weighs that a return request, or an answer, names no case (OSS)."""
    service_event_severity: Severity = Severity.WARNING
    """What it weighs that the service speaks of an event that is not known: the message is still to be read (ours)."""
    classifier_severity: Severity = Severity.WARNING
    """What it weighs that a report of fraud or a warranty claim has no classifier (OP, which has no list of them)."""
    request_over_severity: Severity = Severity.WARNING
    """What it weighs that a request for payment is over when it is made (our inference from OP's deadlines)."""

    rail_clock_s: int = 20
    """The rail's clock for one payment (OP)."""
    status_request_wait_s: int = 25
    """How long after the message's time stamp a status request may first be sent (OP)."""
    time_zone: str = "America/New_York"
    """The zone of the rail's business day, with daylight saving (OP)."""

    enquiry_codes: Mapping[str, EnquiryAnswer] = field(default_factory=lambda: SERVICE_ENQUIRY_CODES)
    """Reason codes with which the *service* refuses a status request: they say nothing else of the payment's status."""
    status_reasons: frozenset[str] = STATUS_REASONS
    """``Rsn`` of an RJCT from the service, of either kind, beside those of `enquiry_codes`. Its list is not public."""
    limit_code: str = "E990"
    """The service's reason that an amount is above a limit (one vendor)."""

    @property
    def rail(self) -> Rail:
        """FedNow."""
        return Rail.FEDNOW

    @property
    def rail_ids(self) -> frozenset[str]:
        """The ids under which the service stands in headers."""
        return frozenset({self.fednow_id})

    @property
    def category_purposes_text(self) -> str:
        """The category purposes in words."""
        return one_of(self.category_purposes)

    @property
    def local_instruments_text(self) -> str:
        """The local instruments in words."""
        return one_of(self.local_instruments)

    @property
    def lmt_instruments_text(self) -> str:
        """The local instruments of a liquidity management transfer in words."""
        return one_of(self.lmt_instruments)

    @property
    def lmt_limit_text(self) -> str:
        """The limit of a liquidity management transfer in dollars."""
        return f"{self.lmt_limit_cents // 100:,}"

    def takes_liquidity_at(self, local: time) -> bool:
        """Whether the rail takes a liquidity transfer at this time of its zone; hours may go past midnight."""
        if self.lmt_hours is None:
            return True
        opens, closes = self.lmt_hours
        return opens <= local < closes if opens < closes else local >= opens or local < closes

    @property
    def lmt_hours_text(self) -> str:
        """The hours of liquidity transfers in words."""
        if self.lmt_hours is None:
            return "at any hour"
        opens, closes = self.lmt_hours
        return f"from {opens:%H:%M} to {closes:%H:%M} US Eastern"

    @property
    def lmt_senders_text(self) -> str:
        """The institutions that may send liquidity transfers in words."""
        return one_of(self.lmt_senders) if self.lmt_senders else "none of ours"

    @property
    def request_statuses_text(self) -> str:
        """The statuses of a request for payment in words."""
        return one_of(self.request_statuses)

    @property
    def resolution_statuses_text(self) -> str:
        """What each kind of answer may say, in words."""
        return "; ".join(f"{practice}: {one_of(words)}" for practice, words in self.resolution_statuses.items())

    @property
    def network_limit_text(self) -> str:
        """The network's limit in dollars."""
        return f"{self.network_limit_cents // 100:,}"

    @property
    def sender_limit_text(self) -> str:
        """The sender's limit in dollars."""
        return "none" if self.sender_limit_cents is None else f"{self.sender_limit_cents // 100:,}"

    @property
    def participant_events_text(self) -> str:
        """The events of participants in words."""
        return one_of(self.participant_events)

    @property
    def service_events_text(self) -> str:
        """The events of the service in words."""
        return one_of(self.service_events)

    @property
    def receipt_statuses_text(self) -> str:
        """The statuses of a receipt in words."""
        return one_of(self.receipt_statuses)

    @property
    def report_kinds_text(self) -> str:
        """Which report comes under which market practice, in words."""
        return "; ".join(f"{practice}: {one_of(kinds)}" for practice, kinds in self.report_kinds.items())
