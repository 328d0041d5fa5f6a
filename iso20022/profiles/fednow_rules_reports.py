"""FedNow's rules for account reports and notifications, and for the request for a report, beyond the schema.

Sources as in :mod:`iso20022.profiles.fednow`. Of several reports, or several notifications, the first is looked at;
published samples have one kind in a message.
"""

from datetime import date
from typing import Final
from zoneinfo import ZoneInfo

from iso20022.fields import read_date, read_date_time
from iso20022.identifiers import has_aba_check_digit, is_routing_number
from iso20022.messages import camt052, camt054, camt060
from iso20022.messages.camt060 import ReportKind
from iso20022.messages.entries import EntryStatus
from iso20022.profiles.checks import equals
from iso20022.profiles.fednow_rule import FedNowFacts, FedNowRule
from iso20022.profiles.fednow_shared_rules import creation_time_rule, message_id_rules, original_type_rule
from iso20022.profiles.profile import TO_RAIL

_KINDS: Final = frozenset(kind.value for kind in ReportKind)


def _practice_fits(text: str, facts: FedNowFacts) -> bool:
    """Whether the header's market practice is the one of this kind of report; true where there is no header."""
    practice = "" if facts.header is None else facts.header["practice"]
    return text in facts.profile.report_kinds.get(practice, _KINDS)


def _asked_on(facts: FedNowFacts) -> date | None:
    asked = read_date_time(facts.texts["creation_time"])
    if asked is None or asked.tzinfo is None:
        return None
    return asked.astimezone(ZoneInfo(facts.profile.time_zone)).date()


def _in_history(text: str, facts: FedNowFacts) -> bool:
    day, asked = read_date(text), _asked_on(facts)
    return day is None or asked is None or (asked - day).days <= facts.profile.report_history_days_max


def _in_order(text: str, facts: FedNowFacts) -> bool:
    first, last = read_date(facts.texts["requests.period.from_date"]), read_date(text)
    return first is None or last is None or first <= last


def _account_rules(field: str) -> tuple[FedNowRule, ...]:
    return (
        FedNowRule(
            code="FEDNOW_REPORT_ACCOUNT",
            field=field,
            holds=is_routing_number,
            rule="The account of a report is an institution's, known by its routing number of nine digits.",
            hint="Write the nine digits in Acct/Id/Othr/Id.",
        ),
    )


def _kind_rule(field: str) -> FedNowRule:
    return FedNowRule(
        code="FEDNOW_REPORT_KIND",
        field=field,
        holds=lambda text: text in _KINDS,
        rule=f"A report is one of {', '.join(ReportKind)}.",
        hint="Use one of these.",
    )


CAMT060_RULES: Final = (
    *message_id_rules(),
    creation_time_rule(),
    FedNowRule(
        code="FEDNOW_ONE_REPORT",
        field="requests",
        holds=equals("1"),
        rule="A message asks for one report: one RptgReq.",
        hint="Ask for each report in a message of its own.",
    ),
    _kind_rule("requests.kind"),
    FedNowRule(
        code="FEDNOW_REPORT_MESSAGE",
        field="requests.requested_message_name",
        agrees=lambda text, facts: text in facts.profile.message_types and text.startswith("camt.052."),
        rule="What is asked for is an account report: ReqdMsgNmId is camt.052, in the rail's version.",
        hint="Write camt.052.001.08.",
    ),
    *_account_rules("requests.account"),
    FedNowRule(
        code="FEDNOW_AGENT_ROUTING_NUMBER",
        field="requests.account_owner",
        holds=is_routing_number,
        rule="AcctOwnr has a routing number of nine digits in Agt/FinInstnId/ClrSysMmbId/MmbId.",
        hint="Write the institution's nine digits, without spaces or dashes.",
    ),
    FedNowRule(
        code="FEDNOW_ABA_CHECK_DIGIT",
        field="requests.account_owner",
        holds=lambda text: not is_routing_number(text) or has_aba_check_digit(text),
        severity="aba_severity",
        rule="A routing number's digits, weighted 3, 7, 1 in turn, add up to a multiple of ten.",
        hint="Correct the routing number: a digit is wrong or two are swapped.",
    ),
    FedNowRule(
        code="FEDNOW_OWN_ROUTING_NUMBER",
        field="requests.account_owner",
        agrees=lambda text, facts: not facts.profile.own_routing_numbers or text in facts.profile.own_routing_numbers,
        directions=TO_RAIL,
        rule="AcctOwnr is an institution that this gateway may send for.",
        hint="Use your institution's routing number; who may send is a setting of the gateway.",
    ),
    FedNowRule(
        code="FEDNOW_REPORT_PERIOD",
        field="requests.period.to_date",
        agrees=_in_order,
        rule="A period ends no earlier than it begins.",
        hint="Swap FrDt and ToDt.",
    ),
    FedNowRule(
        code="FEDNOW_REPORT_HISTORY",
        field="requests.period.from_date",
        agrees=_in_history,
        rule="Reports go back at most {p.report_history_days_max} cycle days.",
        hint="Begin later; older activity is in your own records.",
    ),
)
"""The request for a report."""

CAMT052_RULES: Final = (
    _kind_rule("kind"),
    FedNowRule(
        code="FEDNOW_REPORT_PRACTICE",
        field="kind",
        agrees=_practice_fits,
        rule="The header's market practice is the one of this kind of report: {p.report_kinds_text}.",
        hint="Do not act on the message; find out which report it is.",
    ),
    creation_time_rule(),
    original_type_rule("original_query.message_name", "camt.060"),
    *_account_rules("reports.account.id"),
)
"""The account report."""

CAMT054_RULES: Final = (
    FedNowRule(
        code="FEDNOW_REPORT_KIND",
        field="kind",
        holds=equals(camt054.NOTIFICATION_KIND),
        rule="A notification has ADCN where other messages have their id.",
        hint="Do not act on the message; find out what it is.",
    ),
    creation_time_rule(),
    *_account_rules("notifications.account"),
    FedNowRule(
        code="FEDNOW_NOTIFICATION_STATUS",
        field="notifications.entries.status",
        holds=lambda text: text in {"", EntryStatus.BOOK},
        rule="A notification is about what has settled: Ntry/Sts/Cd is BOOK.",
        hint="Do not book the entry; ask for a report of the day.",
    ),
)
"""The debit and credit notification."""

REPORT_RULES: Final[dict[str, tuple[FedNowRule, ...]]] = {
    camt052.MESSAGE_TYPE: CAMT052_RULES,
    camt054.MESSAGE_TYPE: CAMT054_RULES,
    camt060.MESSAGE_TYPE: CAMT060_RULES,
}
"""The rules for each message about an account."""
