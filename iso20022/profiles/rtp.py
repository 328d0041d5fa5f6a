"""RTP's settings: what is public, each with its source, and what an institution chooses for itself.

Sources: MRTP, the public schemas and samples of RTP's releases 2.9 and 3.0 in ``moov-io/rtp20022``; INT, integrators'
public guides (IBM, Oracle, Citizens, Plaid, Increase). Where the rail's rule is not public, the default is ours and
says so. RTP is a mark of The Clearing House Payments Company; this project is independent of it.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

from iso20022.codes import Rail
from iso20022.findings import Severity
from iso20022.header import RTP_HEADER_TYPE
from iso20022.identifiers import ConnectionPartyId
from iso20022.local_time import EASTERN
from iso20022.profiles.checks import code_words, one_of
from iso20022.profiles.profile import Release
from iso20022.profiles.rtp_element_rules import ELEMENT_RULES
from iso20022.profiles.rtp_header_rules import HEADER_RULES, unused_header_elements
from iso20022.profiles.rtp_rules_payments import PAYMENT_RULES
from iso20022.profiles.rtp_rules_requests import REQUEST_RULES
from iso20022.profiles.rtp_rules_system import SYSTEM_RULES
from iso20022.schemas import OUR_SCHEMAS, RTP_SCHEMAS, SchemaSet
from iso20022.wrappers import RTP_WRAPPERS, directions_of

RTP_IDS: Final = frozenset({ConnectionPartyId("990000001T1"), ConnectionPartyId("990000001S1")})
"""The ids under which the rail itself stands in headers and administration messages (MRTP samples)."""

RTP_RELEASE: Final[Release["RtpProfile"]] = Release(
    name="rtp-3.0",
    header_type=RTP_HEADER_TYPE,
    directions=directions_of(RTP_WRAPPERS),
    header_rules=HEADER_RULES,
    document_rules=MappingProxyType({**PAYMENT_RULES, **REQUEST_RULES, **SYSTEM_RULES}),
    element_rules=ELEMENT_RULES,
    schemas=RTP_SCHEMAS,
    further_header_findings=unused_header_elements,
    has_local_times=True,
    schema_reject_code="650",
)
"""The message set of RTP's releases 2.9 and 3.0 (MRTP); 650 by a bank's public guide to its payments API."""

_STATUS_REASONS: Final = code_words(
    "AC02 AC03 AC04 AC06 AC11 AC13 AC14 AG01 AG03 AGNT AM02 AM04 AM09 AM12 AM13 AM14 BE04 BE06 BE07 BE10 BE11 BE16 BE17"
    " DS0H DS24 DT04 DUPL FF02 FF08 MD07 NARR RC01 RC02 RC03 RC04 SL03 TK01 TK02 TK03 TK04 TK05 TK06 TK07 TK08 TK09"
    " TM01"
)
_PROPRIETARY_STATUS_REASONS: Final = code_words(
    "1100 9909 9910 9912 9914 9934 9946 9947 9948 9952 9953 9954 9956 9957 9964 NOAT"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class RtpProfile:
    """The rail as this installation knows it. Amounts are cents, times seconds, unless the name says otherwise."""

    name: str = "RTP"

    release: Release["RtpProfile"] = RTP_RELEASE
    """Which release of the message set the rail speaks."""
    message_types: frozenset[str] = frozenset(RTP_RELEASE.directions)
    """Which message types and versions the rail accepts (MRTP)."""
    schemas: SchemaSet = OUR_SCHEMAS
    """The schemas; an institution's own, where it has a licence for the rail's."""
    rtp_ids: frozenset[ConnectionPartyId] = RTP_IDS
    """Who the rail is, in headers (MRTP samples)."""
    own_institutions: frozenset[str] = frozenset()
    """The institutions that we may send for, by their nine digits; empty where any may."""

    clearing_system: str = "TCH"
    """``SttlmInf/ClrSys/Cd`` (MRTP)."""
    service_levels: frozenset[str] = code_words("SDVA")
    """``SvcLvl/Cd`` (MRTP)."""
    local_instruments: frozenset[str] = frozenset({"STANDARD", "INTERMEDIARY", "ZELLE", "IXB", "FOREIGN AFFILIATE"})
    """``LclInstrm/Prtry`` of a payment (MRTP)."""
    request_local_instruments: frozenset[str] = code_words("STANDARD INTERMEDIARY ZELLE IXB")
    """``LclInstrm/Prtry`` of a request for payment (MRTP)."""
    category_purposes: frozenset[str] = code_words("CONSUMER BUSINESS")
    """``CtgyPurp/Prtry`` (MRTP)."""
    creditor_agent_instructions: frozenset[str] = code_words("PRTK TKCM TKSG TKSP TKVE TKXP TOKN VLTK")
    """``InstrForCdtrAgt/Cd`` (MRTP)."""

    statuses: frozenset[str] = code_words("ACTC ACWP RCVD RJCT")
    """What a pacs.002 may say of a payment, whoever sends it (MRTP)."""
    status_reasons: frozenset[str] = _STATUS_REASONS
    """``Rsn/Cd`` of a pacs.002 (MRTP)."""
    proprietary_status_reasons: frozenset[str] = _PROPRIETARY_STATUS_REASONS
    """``Rsn/Prtry`` of a pacs.002 (MRTP)."""
    request_statuses: frozenset[str] = code_words("ACTC RJCT")
    """What a pain.014 may say of a request for payment (MRTP)."""
    request_reasons: frozenset[str] = code_words("AC06 AG01 AG03 AM09 AM14 BE04 BE07 CH11 CUST DS04 MD07 NARR SL12")
    """``Rsn/Cd`` of a pain.014 (MRTP)."""
    proprietary_request_reasons: frozenset[str] = code_words("1100")
    """``Rsn/Prtry`` of a pain.014 (MRTP)."""
    return_reasons: frozenset[str] = code_words("AC03 AM09 CUST DS24 DUPL FRAD FRTR TECH UPAY")
    """``CxlRsnInf/Rsn/Cd`` of a camt.056; DS24 is the rail's own, after a time-out (MRTP)."""
    proprietary_return_reasons: frozenset[str] = code_words("WIAM WICT WIDP WIFD WIFT WITH")
    """``CxlRsnInf/Rsn/Prtry`` of a camt.056 (MRTP)."""
    resolutions: frozenset[str] = code_words("IPAY PECR RJCR")
    """``Sts/Conf`` of a camt.029 (MRTP)."""
    resolution_reasons: frozenset[str] = code_words("AC04 AM04 ARDT CUST LEGL NOAS NOOR")
    """``CxlStsRsnInf/Rsn/Cd`` of a camt.029 (MRTP)."""
    acknowledgements: frozenset[str] = code_words("ACK ACWP")
    """``PrtryData/Tp`` of a camt.035 (MRTP)."""
    incorrect_codes: frozenset[str] = code_words("IN01 IN04 IN06 IN15 IN19 IN38 IN39 MM20 MM21 NARR")
    """``IncrrctInf/Cd`` of a camt.026 (MRTP)."""
    missing_codes: frozenset[str] = code_words("MS01 NARR")
    """``MssngInf/Cd`` of a camt.026 (MRTP)."""
    event_codes: frozenset[str] = code_words("960 971 972 975 976 981 982 993 994 996 998 999")
    """``EvtCd`` of an admi.004 (MRTP samples, INT)."""

    amount_min_cents: int = 1
    """The least amount: one cent (MRTP)."""
    network_limit_cents: int = 10_000_000_00
    """The network's limit per payment: 10 million dollars since February 2025 (the operator's announcement)."""
    sender_limit_cents: int | None = None
    """The institution's own limit for what it sends; None where it has none."""

    aba_severity: Severity = Severity.WARNING
    """What an institution's nine digits with a wrong check digit weigh: the rail's own id and samples have such."""
    account_severity: Severity = Severity.WARNING
    """What an account weighs that is not 3 to 20 letters, digits or . / ( ) & ' space - (one vendor's guide)."""
    id_party_severity: Severity = Severity.WARNING
    """What it weighs that an id names another participant than the header's sender (our rule)."""
    event_severity: Severity = Severity.WARNING
    """What an event code outside the public list weighs: the rail may add events."""

    rail_clock_s: int = 15
    """How long a payment may take: commonly said, in no authoritative public text."""
    time_zone: str = EASTERN
    """The zone of every time in a message (MRTP, INT)."""

    @property
    def rail(self) -> Rail:
        """RTP."""
        return Rail.RTP

    @property
    def rail_ids(self) -> frozenset[str]:
        """The ids under which the rail itself stands in headers."""
        return frozenset(self.rtp_ids)

    @property
    def words(self) -> Mapping[str, str]:
        """Each setting that is a set of code words, in words, for the rules' texts."""
        return _Words(self)

    @property
    def network_limit_text(self) -> str:
        """The network's limit in dollars."""
        return f"{self.network_limit_cents // 100:,}"

    @property
    def sender_limit_text(self) -> str:
        """The sender's limit in dollars."""
        return "none" if self.sender_limit_cents is None else f"{self.sender_limit_cents // 100:,}"


class _Words(dict[str, str]):
    """The words of a setting, made when a text asks for them."""

    def __init__(self, profile: RtpProfile) -> None:
        super().__init__()
        self._profile: Final = profile

    def __missing__(self, setting: str) -> str:
        return one_of(getattr(self._profile, setting))
