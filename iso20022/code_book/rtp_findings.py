"""What the codes of findings about RTP's rules mean, each with the source of its rule."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from iso20022.code_book.entry import Actor, CodeEntry
from iso20022.code_book.finding_rows import FindingRow, finding_entries

_MRTP: Final = "public RTP schemas and samples (releases 2.9 and 3.0)"
_OWN: Final = "our own rule; the rail's is not public"
_SETTING: Final = "a setting of the institution"

_HEADER: Final[tuple[FindingRow, ...]] = (
    ("RTP_HEADER_PARTY", "A party in the header is no participant id of eleven.", "Nine digits and two characters."),
    ("RTP_HEADER_INSTITUTION", "The header's participant is not the institution that instructs.", "Make them agree."),
    ("RTP_HEADER_BRANCH", "A branch in the header does not have eleven characters.", "Correct it, or leave it out."),
    ("RTP_HEADER_MESSAGE_ID", "The header's id does not have the rail's form.", "B, date, participant, the rest."),
    ("RTP_HEADER_MESSAGE_ID_PARTY", "The header's id is that of another participant.", "Use the sender's own."),
    ("RTP_HEADER_MESSAGE_TYPE", "The header announces another message than the one that follows.", "Make them agree."),
    ("RTP_HEADER_MESSAGE_KNOWN", "The header announces a message that the release does not have.", "Name one it has."),
    ("RTP_HEADER_COPY", "The header's copy mark is none of its code words.", "DUPL marks a repeat."),
    ("RTP_HEADER_ELEMENT", "The header holds an element that the rail does not use.", "Leave it out."),
)
_MESSAGES: Final[tuple[FindingRow, ...]] = (
    ("RTP_MISSING", "An element is missing that ISO lets be absent, but RTP does not.", "Add it."),
    ("RTP_TOO_MANY", "An element stands more often than RTP lets it.", "Remove the surplus."),
    ("RTP_ONE_PAYMENT", "The message is not about exactly one payment.", "One message for each payment."),
    ("RTP_LOCAL_TIME", "A time has an offset, or never stood on the clock in New York.", "Write the local time."),
    ("RTP_MESSAGE_ID", "The message id does not have the rail's form.", "M, date, participant, the rest."),
    ("RTP_MESSAGE_ID_DATE", "The date in the message id is not today's on the rail.", "Build a new id."),
    ("RTP_MESSAGE_ID_PARTY", "The message id is that of another participant.", "Use the sender's own."),
    ("RTP_INSTRUCTION_ID", "An instruction or transaction id does not have the rail's form.", "Build it anew."),
    ("RTP_ADMINISTRATION_ID", "The id of an administration message has another form.", "Build it anew."),
    ("RTP_OWN_INSTITUTION", "This gateway may not send for that institution.", "Use your institution's number."),
    ("RTP_CURRENCY", "The currency is not the US dollar.", 'Write Ccy="USD".'),
    ("RTP_AMOUNT_FORM", "The amount has fractions of cents.", "Write dollars and cents."),
    ("RTP_AMOUNT_LEAST", "The amount is below the least one.", "Send no payment of nothing."),
    ("RTP_TOTAL", "The total is not the payment's amount.", "Write the same amount in both."),
    ("RTP_NETWORK_LIMIT", "The amount is above the network's limit.", "Use another rail."),
    ("RTP_SENDER_LIMIT", "The amount is above the sending institution's own limit.", "Have it raised."),
    ("RTP_SETTLEMENT_METHOD", "The settlement method is not clearing.", "Write CLRG."),
    ("RTP_SETTLEMENT_DATE", "The settlement date is missing, or no plain date.", "Write it as 2026-01-31."),
    ("RTP_CLEARING_SYSTEM", "The clearing system is not RTP.", "Write TCH."),
    ("RTP_SERVICE_LEVEL", "The service level is none of RTP's.", "Write SDVA."),
    ("RTP_LOCAL_INSTRUMENT", "The local instrument is none of RTP's.", "Use one of those named."),
    ("RTP_CATEGORY_PURPOSE", "The category purpose is none of RTP's.", "CONSUMER or BUSINESS."),
    ("RTP_CHARGE_BEARER", "Charges do not follow the service level.", "Write SLEV."),
    ("RTP_PAYMENT_METHOD", "The payment method is no transfer.", "Write TRF."),
    ("RTP_AGENT_ID", "An institution is not known by its nine digits.", "Write the nine digits."),
    ("RTP_AGENT_CLEARING_SYSTEM", "An institution is named with its clearing system.", "Leave ClrSysId out."),
    ("RTP_ABA_CHECK_DIGIT", "A routing number's check digit does not hold.", "Correct the routing number."),
    ("RTP_ACCOUNT", "An account number is too short or long, or has other characters.", "Check it."),
    ("RTP_ADDRESS", "An address lacks what an address on RTP has.", "Complete it, or leave it out."),
    ("RTP_REMITTANCE", "There is more remittance information than a payment carries.", "Send a remt.001."),
    ("RTP_ADDITIONAL_LENGTH", "Additional information is too long for RTP.", "Shorten it."),
    ("RTP_CREDITOR_AGENT_INSTRUCTION", "The instruction for the creditor's agent is unknown.", "Use one named."),
    ("RTP_STATUS", "The status is none that RTP has in this message.", "Use one of those named."),
    ("RTP_REASON", "A refusal does not say its reason.", "Add a reason code."),
    ("RTP_REASON_CODE", "The reason is not on RTP's list.", "Use one of those named."),
    ("RTP_RESOLUTION", "The answer is none that RTP has.", "IPAY, PECR or RJCR."),
    ("RTP_INFORMATION_CODE", "What is missing or incorrect is none of RTP's codes.", "Use one of those named."),
    ("RTP_ORIGINAL_TYPE", "This message cannot be about a message of that type.", "Name the original's type."),
    ("RTP_ACKNOWLEDGEMENT", "The acknowledgement is none of RTP's.", "ACK or ACWP."),
    ("RTP_EVENT", "The system event is none of those known.", "Use one of those named."),
)
_SOURCES: Final[Mapping[str, str]] = MappingProxyType(
    {
        **dict.fromkeys(("RTP_OWN_INSTITUTION", "RTP_SENDER_LIMIT"), _SETTING),
        "RTP_MESSAGE_ID_DATE": _OWN,
        "RTP_NETWORK_LIMIT": "the operator's announcement of February 2025; a setting",
        "RTP_LOCAL_TIME": "a vendor's public guide to RTP: times are US Eastern",
        "RTP_ACCOUNT": "a vendor's public guide to RTP; what it weighs is a setting",
    }
)
_ACTORS: Final[Mapping[str, Actor]] = MappingProxyType(
    {"RTP_NETWORK_LIMIT": Actor.SENDER, "RTP_SENDER_LIMIT": Actor.SENDER}
)
_INFORMATIVE: Final = frozenset(
    {"RTP_ABA_CHECK_DIGIT", "RTP_ACCOUNT", "RTP_EVENT", "RTP_HEADER_MESSAGE_ID_PARTY", "RTP_MESSAGE_ID_PARTY"}
)

RTP_FINDINGS: Final[tuple[CodeEntry, ...]] = finding_entries(
    (*_HEADER, *_MESSAGES), _MRTP, sources=_SOURCES, actors=_ACTORS, informative=_INFORMATIVE
)
"""Every code of a finding about RTP's rules."""
