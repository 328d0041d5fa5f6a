"""What the codes of findings about FedNow's rules mean, each with the source of its rule."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from iso20022.code_book.entry import Actor, CodeEntry
from iso20022.code_book.finding_rows import FindingRow, finding_entries

_OP: Final = "FedNow Operating Procedures, public edition of October 2024"
_SMP: Final = "sample messages published for FedNow"
_OSS: Final = "an independent project's account of FedNow's message profile"
_SETTING: Final = "a setting of the institution"
_OWN: Final = "our own rule; the rail's is not public"

_HEADER: Final[tuple[FindingRow, ...]] = (
    ("FEDNOW_HEADER_PARTY", "A party in the header is no connection party id of nine.", "Write it, and nothing else."),
    ("FEDNOW_HEADER_RECEIVER", "A participant's message is not addressed to the service.", "Write the service's id."),
    ("FEDNOW_HEADER_SENDER", "A message to a participant does not come from the service.", "Find out who sent it."),
    ("FEDNOW_HEADER_MESSAGE_ID", "Header and Document of a participant carry different ids.", "Use one id for both."),
    (
        "FEDNOW_HEADER_MESSAGE_TYPE",
        "The header announces another message than the one that follows.",
        "Make them agree.",
    ),
    ("FEDNOW_HEADER_PRACTICE", "The market practice is not the one of this release or kind.", "Copy it exactly."),
    ("FEDNOW_HEADER_TIME", "The header's time, from which the clock runs, has no offset.", "Add it, or Z."),
    ("FEDNOW_HEADER_SERVICE_ELEMENT", "The header holds what only the service may set.", "Leave it out."),
    ("FEDNOW_HEADER_ELEMENT", "The header holds an element that the rail does not use.", "Leave it out."),
    ("HEADER_NOT_FOR_US", "The header is addressed to another connection party than ours.", "Find out who sent it."),
)
_PAYMENTS: Final[tuple[FindingRow, ...]] = (
    ("FEDNOW_MESSAGE_ID", "The message id does not have the rail's form.", "Date, connection party, reference."),
    ("FEDNOW_MESSAGE_ID_DATE", "The date in the message id is not today's on the rail.", "Build a new id."),
    ("FEDNOW_MESSAGE_ID_PARTY", "The message id is that of another connection party.", "Use the sender's own."),
    ("FEDNOW_OWN_CONNECTION_PARTY", "The message id is not of this gateway's connection party.", "Use its own."),
    ("FEDNOW_OWN_ROUTING_NUMBER", "This gateway may not send for that institution.", "Use your routing number."),
    ("FEDNOW_TIME_OFFSET", "A time does not say its offset from UTC.", "Add it, or Z."),
    ("FEDNOW_ONE_PAYMENT", "The message is not about exactly one payment.", "One message for each payment."),
    ("FEDNOW_SETTLEMENT_METHOD", "The settlement method is not clearing.", "Write CLRG."),
    ("FEDNOW_CLEARING_SYSTEM", "The clearing system is not FedNow.", "Write FDN."),
    ("FEDNOW_PAYMENT_ID", "The payment has neither UETR nor transaction id.", "Add a UETR."),
    ("FEDNOW_LOCAL_INSTRUMENT", "The local instrument is not FedNow's.", "Write FDNA."),
    ("FEDNOW_LMT_INSTRUMENT", "The local instrument is not that of a liquidity transfer.", "Write LMT1."),
    ("FEDNOW_CATEGORY_PURPOSE", "The category purpose is none of those known.", "Consumer or business: CONS, BIZZ."),
    ("FEDNOW_CURRENCY", "The currency is not the US dollar.", 'Write Ccy="USD".'),
    ("FEDNOW_AMOUNT_FORM", "The amount has fractions of cents, or too many digits.", "Write dollars and cents."),
    ("FEDNOW_AMOUNT_LEAST", "The amount is below the least one.", "Send no payment of nothing."),
    ("FEDNOW_NETWORK_LIMIT", "The amount is above the network's limit.", "Use another rail."),
    ("FEDNOW_SENDER_LIMIT", "The amount is above the sending institution's own limit.", "Have it raised."),
    ("FEDNOW_LMT_LIMIT", "The liquidity transfer is above its limit.", "Send several."),
    ("FEDNOW_LMT_SENDER", "That institution may not send liquidity transfers.", "Send for one that may."),
    ("FEDNOW_LMT_AGENTS", "A liquidity transfer names others than those between whom it settles.", "Name the same."),
    ("FEDNOW_LMT_HOURS", "The rail takes no liquidity transfer at this time.", "Send it within the hours."),
    ("FEDNOW_RECEIVES_ONLY", "That institution may not send customers' transfers.", "Send for one that may."),
    ("FEDNOW_SETTLEMENT_DATE", "The settlement date is missing, or no plain date.", "Write it as 2026-01-31."),
    ("FEDNOW_CHARGE_BEARER", "Charges do not follow the service level.", "Write SLEV."),
    ("FEDNOW_AGENT_CLEARING_SYSTEM", "An institution is not known by an ABA routing number.", "Write USABA."),
    ("FEDNOW_AGENT_ROUTING_NUMBER", "A routing number is not nine digits.", "Write the nine digits."),
    ("FEDNOW_ABA_CHECK_DIGIT", "A routing number's check digit does not hold.", "Correct the routing number."),
    ("FEDNOW_AGENT_MATCH", "The instructing or instructed agent is not the one of the customer.", "Know why."),
    ("FEDNOW_DEBTOR", "The debtor's name or account is missing.", "Add it."),
    ("FEDNOW_CREDITOR", "The creditor's name or account is missing.", "Add it."),
    ("FEDNOW_RETURN_AMOUNT", "More is returned than was paid.", "Return at most the original amount."),
    ("FEDNOW_RETURN_CHAIN", "The return does not say who pays back to whom.", "Add RtrChain."),
)
_ANSWERS: Final[tuple[FindingRow, ...]] = (
    ("FEDNOW_STATUS", "The sender may not state this status.", "State one of those named."),
    ("FEDNOW_REQUEST_STATUS", "A request for payment does not have this status.", "State one of those named."),
    ("FEDNOW_RESOLUTION_STATUS", "This kind of answer does not know that status.", "Use one of its own."),
    ("FEDNOW_RECEIPT_STATUS", "A receipt does not have this status.", "Write TS01."),
    ("FEDNOW_REASON", "A refusal or return does not say its reason.", "Add an ISO reason code."),
    ("FEDNOW_REASON_ONE", "More than one reason is stated.", "Keep the one that decided."),
    ("FEDNOW_REASON_CODE", "The reason is no ISO code.", "Use Rsn/Cd."),
    ("FEDNOW_REASON_LIST", "The reason is not on the institution's list.", "Use one of the list."),
    ("FEDNOW_SERVICE_ELEMENT", "The message states what only the service may state.", "Leave it out."),
    ("FEDNOW_ORIGINAL", "It is not said which message this one is about.", "Name the original's id and type."),
    ("FEDNOW_ORIGINAL_TYPE", "This message cannot be about a message of that type.", "Name the original's type."),
    ("FEDNOW_ORIGINAL_TIME", "The original's creation time is left out.", "Copy it from the original."),
    ("FEDNOW_ORIGINAL_AMOUNT", "The original's amount is left out.", "Copy it from the original."),
    ("FEDNOW_CASE", "The investigation's case is left out.", "Name it."),
    ("FEDNOW_UNDERLYING", "What is asked about is neither a payment nor a request.", "Name one of these."),
    ("FEDNOW_CLASSIFIER", "A report of fraud or a warranty claim has no classifier.", "Add it."),
    ("FEDNOW_RETURN_REQUEST_LATE", "The time to ask for the money back is over.", "Settle it with the institution."),
    ("FEDNOW_REQUEST_OVER", "The request for payment is over before it is sent.", "Correct its dates."),
)
_SYSTEM: Final[tuple[FindingRow, ...]] = (
    ("FEDNOW_EVENT", "The system event is none that its sender may send.", "Use one of those named."),
    ("FEDNOW_EVENT_PARAMETER", "The event's parameter is not what this event takes.", "One event for each party."),
    ("FEDNOW_PARTICIPANT_FILE", "The file is not a participant file.", "FPFL is all that is known."),
    ("FEDNOW_RETRIEVAL_COUNT", "More messages are asked for than one request may.", "Ask for the rest in another."),
    ("FEDNOW_RETRIEVAL_DAY", "The day asked for has not begun.", "Give the day of the message."),
    ("FEDNOW_ONE_REPORT", "More than one report is asked for.", "One message for each report."),
    ("FEDNOW_REPORT_KIND", "The report is none of the rail's.", "Use one of those named."),
    ("FEDNOW_REPORT_MESSAGE", "What is asked for is no account report.", "Ask for a camt.052."),
    ("FEDNOW_REPORT_ACCOUNT", "The account is no institution's routing number.", "Write the nine digits."),
    ("FEDNOW_REPORT_HISTORY", "The report would go back further than the rail keeps.", "Begin later."),
    ("FEDNOW_REPORT_PERIOD", "The period ends before it begins.", "Swap the dates."),
    ("FEDNOW_REPORT_PRACTICE", "The market practice is that of another kind of report.", "Do not act on it."),
    ("FEDNOW_NOTIFICATION_STATUS", "The notification is about an entry that is not settled.", "Do not book it."),
)
_SOURCES: Final[Mapping[str, str]] = MappingProxyType(
    {
        **dict.fromkeys(
            ("FEDNOW_OWN_CONNECTION_PARTY", "FEDNOW_OWN_ROUTING_NUMBER", "FEDNOW_SENDER_LIMIT", "FEDNOW_REASON_LIST"),
            _SETTING,
        ),
        **dict.fromkeys(("FEDNOW_MESSAGE_ID_DATE", "HEADER_NOT_FOR_US", "FEDNOW_HEADER_MESSAGE_ID"), _OWN),
        **dict.fromkeys(
            ("FEDNOW_AGENT_MATCH", "FEDNOW_AMOUNT_LEAST", "FEDNOW_LMT_LIMIT", "FEDNOW_ABA_CHECK_DIGIT"), _OP
        ),
        "FEDNOW_NETWORK_LIMIT": "press on FedNow's limit of November 2025; a setting",
        "FEDNOW_CATEGORY_PURPOSE": f"{_SMP}; a setting, since the full list is not public",
    }
)
_INFORMATIVE: Final = frozenset({"FEDNOW_AGENT_MATCH", "FEDNOW_ORIGINAL_TIME"})
_ACTORS: Final[Mapping[str, Actor]] = MappingProxyType(
    {
        "FEDNOW_HEADER_SENDER": Actor.RECEIVER,
        "HEADER_NOT_FOR_US": Actor.RECEIVER,
        "FEDNOW_REPORT_PRACTICE": Actor.RECEIVER,
        "FEDNOW_NOTIFICATION_STATUS": Actor.RECEIVER,
        "FEDNOW_NETWORK_LIMIT": Actor.SENDER,
        "FEDNOW_SENDER_LIMIT": Actor.SENDER,
        "FEDNOW_RETURN_REQUEST_LATE": Actor.SENDER,
    }
)


def _entries(rows: tuple[FindingRow, ...], source: str) -> tuple[CodeEntry, ...]:
    return finding_entries(rows, source, sources=_SOURCES, actors=_ACTORS, informative=_INFORMATIVE)


FEDNOW_FINDINGS: Final[tuple[CodeEntry, ...]] = (
    *_entries(_HEADER, _SMP),
    *_entries(_PAYMENTS, f"{_SMP}, and {_OSS}"),
    *_entries(_ANSWERS, f"{_OP}, and {_OSS}"),
    *_entries(_SYSTEM, _OP),
)
"""Every code of a finding about FedNow's rules."""
