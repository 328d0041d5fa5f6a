"""The rails' own codes, as far as they are public. The full lists are not: an unknown code is said to be unknown."""

from typing import Final

from iso20022.code_book.entry import Actor, CodeEntry, CodeList, Nature, Row, entries_of

_T, _F, _I, _U = Nature.TRANSIENT, Nature.FINAL, Nature.INFORMATION, Nature.UNKNOWN
_AUTHOR, _SENDER, _RECEIVER = Actor.AUTHOR, Actor.SENDER, Actor.RECEIVER
_DEBTOR, _RAIL, _NOBODY = Actor.DEBTOR, Actor.RAIL, Actor.NOBODY

_VENDORS: Final = "two bank API vendors' public lists; the Federal Reserve's own is not public"
_OPERATING: Final = "FedNow Operating Procedures, public edition of October 2024"
_SEEN: Final = "seen in a published sample; its meaning is not public"
_RTP: Final = "public RTP schemas (releases 2.9 and 3.0); meanings from bank API vendors' public lists"
_RTP_SIGNATURE: Final = "a bank's public guide to its payments API, and a published sample"
_RTP_GUIDE: Final = "a vendor's public guide to RTP"

_BY_VENDORS: Final[tuple[Row, ...]] = (
    ("E400", "The message asked about does not exist: the payment may be sent again.", _F, _SENDER),
    ("E401", "Whoever asks may not know the status of this payment.", _F, _SENDER),
    ("E402", "The message asked about was not processed: send the payment again under a new id.", _F, _SENDER),
    ("E411", "The payment is still being processed: ask again once the clock has run out.", _T, _SENDER),
    ("E481", "The dates of the report that is asked for are wrong.", _F, _AUTHOR),
    ("E500", "An internal fault of the service.", _T, _RAIL),
    ("E600", "The balance of this account may not be asked for.", _F, _SENDER),
    ("E760", "The answer's sender and receiver are not those of the original.", _F, _RECEIVER),
    ("E890", "A pending status is not possible for this message.", _F, _RECEIVER),
    ("E891", "A final status is not possible for this message.", _F, _RECEIVER),
    ("E960", "An internal fault of the service.", _T, _RAIL),
    ("E970", "The two institutions have no valid settlement relationship.", _F, _SENDER),
    ("E974", "An internal fault of the service.", _T, _RAIL),
    ("E980", "The sender's profile does not allow it to send this.", _F, _SENDER),
    ("E981", "The receiver's profile does not allow it to receive this.", _F, _SENDER),
    ("E982", "An institution has no profile enabled for instant payments.", _F, _SENDER),
    ("E990", "The amount is above a limit.", _F, _SENDER),
    ("E997", "The service's clock ran out before the payment settled.", _T, _SENDER),
)
_BY_OPERATING_PROCEDURES: Final[tuple[Row, ...]] = (
    ("E301", "The report is too long to be sent as a message (more than 15,000 entries).", _F, _SENDER),
    ("F002", "The sender's own negative list stands against the payment.", _F, _SENDER),
    ("F004", "The negative list could not be checked in time; the payment went on.", _I, _SENDER),
    ("F101", "Another fraud control of the institution stands against the payment.", _F, _SENDER),
)
_UNKNOWN_CODES: Final[tuple[Row, ...]] = (
    ("E000", "The service's advice of a rejection; what exactly it says is not public.", _U, _SENDER),
    ("T505", "The service could not process the message; the exact meaning is not public.", _U, _AUTHOR),
    ("T574", "The service could not process the message; the exact meaning is not public.", _U, _AUTHOR),
)
_EVENTS: Final[tuple[Row, ...]] = (
    ("PING", "A participant asks whether the service answers; it answers with admi.011.", _I, _NOBODY),
    ("FPON", "A participant signs on.", _I, _NOBODY),
    ("FPOF", "A participant signs off: no value message reaches it.", _I, _SENDER),
    ("FPCD", "A connection point is disconnected.", _I, _SENDER),
    ("FPCR", "A connection point is connected again.", _I, _SENDER),
    ("EXTN", "The cycle day is extended.", _I, _NOBODY),
    ("ROLL", "A new cycle day begins.", _I, _NOBODY),
    ("FNKY", "The service has a new signing key.", _I, _SENDER),
    ("ADHC", "A text in free form from the service.", _I, _SENDER),
    ("FPRE", "Seen in a published schema; its meaning is not public.", _U, _NOBODY),
    ("SITL", "Seen in a published schema; its meaning is not public.", _U, _NOBODY),
)
_REPORTS: Final[tuple[Row, ...]] = (
    ("ABAR", "Account balance.", _I, _NOBODY),
    ("AATR", "Account activity, totals, at the end of the day.", _I, _NOBODY),
    ("AADR", "Account activity, details, at the end of the day.", _I, _NOBODY),
    ("IATR", "Account activity, totals, within the day.", _I, _NOBODY),
    ("CATR", "A correspondent's activity, totals, at the end of the day.", _I, _NOBODY),
    ("CADR", "A correspondent's activity, details, at the end of the day.", _I, _NOBODY),
    ("CITR", "A correspondent's activity, totals, within the day.", _I, _NOBODY),
    ("ADCN", "Notice of a debit or credit to a correspondent's account.", _I, _NOBODY),
)
_RTP_OWN: Final[tuple[Row, ...]] = (
    ("1100", "Another reason, none of ISO's.", _F, _SENDER),
    ("9909", "The central switch has a fault.", _T, _RAIL),
    ("9910", "The instructed institution has signed off.", _T, _RECEIVER),
    ("9912", "The receiver's connection is not available.", _T, _RECEIVER),
    ("9914", "An element is missing that the scheme needs, or the schema is broken.", _F, _AUTHOR),
    ("9934", "The instructing institution has signed off.", _T, _SENDER),
    ("9941", "The proxy's identification is missing.", _F, _AUTHOR),
    ("9946", "The instructing institution is suspended.", _T, _SENDER),
    ("9947", "The instructed institution is suspended.", _T, _RECEIVER),
    ("9948", "The service of the central switch is suspended.", _T, _RAIL),
    ("9952", "The two releases of the message cannot be mapped onto each other.", _F, _RAIL),
    ("9953", "The code FULL is missing.", _F, _AUTHOR),
    ("9954", "The instruction for the creditor's agent is missing.", _F, _AUTHOR),
    ("9956", "The funding account of the instructing institution is suspended.", _T, _SENDER),
    ("9957", "The funding account of the instructed institution is suspended.", _T, _RECEIVER),
    ("9964", "The participant's id is not valid.", _F, _AUTHOR),
    ("NOAT", "The receiving account does not take this type of message.", _F, _DEBTOR),
)
_RTP_REFUSALS: Final[tuple[Row, ...]] = (
    ("650", "The message breaks the rail's schema.", _F, _AUTHOR),
    ("690", "The message's signature does not hold.", _F, _SENDER),
)
_RTP_RETURN_WORDS: Final[tuple[Row, ...]] = tuple(
    (code, "One of RTP's own reasons to ask for money back; its meaning is not public.", _U, _RECEIVER)
    for code in ("WIAM", "WICT", "WIDP", "WIFD", "WIFT", "WITH")
)
_RTP_EVENTS: Final[tuple[Row, ...]] = (
    ("960", "An institution's connectivity changed.", _I, _NOBODY),
    ("971", "The system's status changed.", _I, _NOBODY),
    ("972", "A participant was suspended, or admitted again.", _I, _NOBODY),
    ("975", "Notice about a settlement limit.", _I, _SENDER),
    ("976", "Notice about a security limit.", _I, _SENDER),
    ("981", "Free text to the participants.", _I, _NOBODY),
    ("982", "A participant signed on or off.", _I, _NOBODY),
    ("993", "The prefunded position comes near its limit.", _I, _SENDER),
    ("994", "The prefunded position is below its limit.", _I, _SENDER),
    ("996", "The required prefunding changed.", _I, _SENDER),
    ("998", "The prefunded balance changed.", _I, _NOBODY),
    ("999", "Totals for reconciliation.", _I, _NOBODY),
)

RAIL_CODES: Final[tuple[CodeEntry, ...]] = (
    *entries_of(CodeList.FEDNOW_SERVICE, _VENDORS, _BY_VENDORS),
    *entries_of(CodeList.FEDNOW_SERVICE, _OPERATING, _BY_OPERATING_PROCEDURES),
    *entries_of(CodeList.FEDNOW_SERVICE, _SEEN, _UNKNOWN_CODES),
    *entries_of(CodeList.FEDNOW_EVENT, _OPERATING, _EVENTS),
    *entries_of(CodeList.FEDNOW_REPORT, _OPERATING, _REPORTS),
    *entries_of(CodeList.RTP_OWN, _RTP, _RTP_OWN),
    *entries_of(CodeList.RTP_OWN, _RTP_SIGNATURE, _RTP_REFUSALS),
    *entries_of(CodeList.CANCELLATION_REASON, _RTP, _RTP_RETURN_WORDS),
    *entries_of(CodeList.RTP_EVENT, _RTP_GUIDE, _RTP_EVENTS),
)
"""What FedNow and RTP say in words of their own."""
