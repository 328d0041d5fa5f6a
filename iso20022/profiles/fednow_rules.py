"""FedNow's rules for each Document beyond the schema, one table for each message type.

Each rule is stated for one field; where a rule's content is a setting, it is one of :class:`FedNowProfile`. Sources as
there. A rule that is not public is not here.
"""

from collections.abc import Callable
from typing import Final

from iso20022.codes import Direction, TransactionStatus
from iso20022.messages import admi002, pacs002, pacs008, pacs028
from iso20022.profiles.checks import equals, is_absent
from iso20022.profiles.fednow_rule import FedNowFacts, FedNowRule
from iso20022.profiles.fednow_rules_investigations import INVESTIGATION_RULES
from iso20022.profiles.fednow_rules_reports import REPORT_RULES
from iso20022.profiles.fednow_rules_system import SYSTEM_RULES
from iso20022.profiles.fednow_rules_transfers import TRANSFER_RULES
from iso20022.profiles.fednow_shared_rules import (
    amount_least_rule,
    amount_of,
    at_most,
    charge_bearer_rule,
    creation_time_rule,
    has_form,
    institution_rules,
    message_id_rules,
    needed_rule,
    network_limit_rule,
    one_rule,
    original_rules,
    settlement_date_rule,
    settlement_rules,
)
from iso20022.profiles.profile import FROM_RAIL, NOT_FROM_RAIL, TO_RAIL

_STATUSES: Final[dict[Direction | None, frozenset[str]]] = {
    Direction.TO_RAIL: frozenset({"ACTC", "ACWP", "RJCT", "ACCC", "PDNG", "BLCK"}),
    Direction.FROM_RAIL: frozenset({"ACTC", "ACWP", "RJCT", "ACCC", "PDNG", "BLCK", "ACSC"}),
    None: frozenset({"ACTC", "ACWP", "RJCT", "ACCC", "PDNG", "BLCK", "ACSC"}),
}
_STATUSES_WITH_REASON: Final = frozenset({TransactionStatus.RJCT, TransactionStatus.BLCK})


def _within_sender_limit(text: str, facts: FedNowFacts) -> bool:
    limit = facts.profile.sender_limit_cents
    return limit is None or at_most(amount_of(text), limit)


def _same_as(other: str) -> Callable[[str, FedNowFacts], bool]:
    return lambda text, facts: text == facts.texts[other] or not text or not facts.texts[other]


def _status_allowed(text: str, facts: FedNowFacts) -> bool:
    return text in _STATUSES[facts.direction]


def _reason_given(_text: str, facts: FedNowFacts) -> bool:
    return facts.texts["reasons"] != "0" or facts.texts["status"] not in _STATUSES_WITH_REASON


def _is_known_reason(text: str, facts: FedNowFacts) -> bool:
    is_known = text in facts.profile.status_reasons or text in facts.profile.enquiry_codes
    return is_known or not text or facts.texts["status"] != TransactionStatus.RJCT


def _agent_rules(agent: str, tag: str) -> tuple[FedNowRule, ...]:
    return institution_rules(agent, f"{agent}_clearing_system", tag)


def _match_rule(agent: str, other: str, tags: tuple[str, str]) -> FedNowRule:
    return FedNowRule(
        code="FEDNOW_AGENT_MATCH",
        field=agent,
        agrees=_same_as(other),
        severity="agent_match_severity",
        rule=f"{tags[0]} should be the same routing number as {tags[1]}.",
        hint=f"Use one routing number for both, or know why {tags[0]} acts for {tags[1]}.",
    )


_ORIGINAL: Final = original_rules("original_", "OrgnlGrpInf")
_BOTH_AGENTS: Final = _agent_rules("instructing_agent", "InstgAgt") + _agent_rules("instructed_agent", "InstdAgt")

PACS008_RULES: Final = (
    *message_id_rules(),
    FedNowRule(
        code="FEDNOW_OWN_ROUTING_NUMBER",
        field="debtor_agent",
        agrees=lambda text, facts: not facts.profile.own_routing_numbers or text in facts.profile.own_routing_numbers,
        directions=TO_RAIL,
        rule="The debtor's agent is an institution that this gateway may send for.",
        hint="Use your institution's routing number; who may send is a setting of the gateway.",
    ),
    FedNowRule(
        code="FEDNOW_RECEIVES_ONLY",
        field="debtor_agent",
        agrees=lambda text, facts: text not in facts.profile.receive_only,
        directions=TO_RAIL,
        rule="The debtor's agent may send customers' transfers: its profile at the rail is Send and Receive.",
        hint="Send for another institution; which only receive, or are for liquidity or settlement only, is a setting.",
    ),
    creation_time_rule(),
    one_rule("number_of_transactions", "in NbOfTxs too"),
    one_rule("transactions", "CdtTrfTxInf"),
    *settlement_rules(),
    FedNowRule(
        code="FEDNOW_PAYMENT_ID",
        field="uetr",
        agrees=lambda text, facts: text != "" or facts.texts["transaction_id"] != "",
        rule="A payment has a UETR or a transaction id (PmtId/TxId).",
        hint="Add a UETR: a version 4 UUID in lower case.",
    ),
    FedNowRule(
        code="FEDNOW_LOCAL_INSTRUMENT",
        field="local_instrument",
        agrees=lambda text, facts: text in facts.profile.local_instruments,
        rule="PmtTpInf/LclInstrm/Prtry is {p.local_instruments_text}.",
        hint="Write {p.local_instruments_text}.",
    ),
    FedNowRule(
        code="FEDNOW_CATEGORY_PURPOSE",
        field="category_purpose",
        agrees=lambda text, facts: text in facts.profile.category_purposes,
        rule="PmtTpInf/CtgyPurp/Prtry is {p.category_purposes_text}.",
        hint="Say whether a consumer or a business pays; the list is a setting.",
    ),
    FedNowRule(
        code="FEDNOW_CURRENCY",
        field="currency",
        holds=equals("USD"),
        rule="Amounts are US dollars.",
        hint='Write Ccy="USD".',
    ),
    FedNowRule(
        code="FEDNOW_AMOUNT_FORM",
        field="amount",
        agrees=lambda text, facts: has_form(amount_of(text), facts),
        rule="An amount has at most two decimals and {p.amount_digits_max} digits in all.",
        hint="Write dollars and cents, for example 51.74.",
    ),
    amount_least_rule("amount"),
    network_limit_rule("amount", "A payment"),
    FedNowRule(
        code="FEDNOW_SENDER_LIMIT",
        field="amount",
        agrees=_within_sender_limit,
        directions=NOT_FROM_RAIL,
        reject_code="limit_code",
        rule="A payment is at most {p.sender_limit_text} dollars, the sender's own limit.",
        hint="Have the institution raise its limit, or use another rail.",
    ),
    settlement_date_rule("settlement_date", "IntrBkSttlmDt"),
    charge_bearer_rule(),
    *_BOTH_AGENTS,
    needed_rule("FEDNOW_DEBTOR", "debtor_name", "Dbtr/Nm, the debtor's name,"),
    needed_rule("FEDNOW_DEBTOR", "debtor_account", "DbtrAcct/Id/Othr/Id, the debtor's account,"),
    *_agent_rules("debtor_agent", "DbtrAgt"),
    _match_rule("debtor_agent", "instructing_agent", ("DbtrAgt", "InstgAgt")),
    *_agent_rules("creditor_agent", "CdtrAgt"),
    _match_rule("creditor_agent", "instructed_agent", ("CdtrAgt", "InstdAgt")),
    needed_rule("FEDNOW_CREDITOR", "creditor_name", "Cdtr/Nm, the creditor's name,"),
    needed_rule("FEDNOW_CREDITOR", "creditor_account", "CdtrAcct/Id/Othr/Id, the creditor's account,"),
)
"""The customer credit transfer."""

PACS002_RULES: Final = (
    *message_id_rules(TO_RAIL),  # the service's own ids are free text
    creation_time_rule(),
    one_rule("transactions", "TxInfAndSts"),
    *_ORIGINAL,
    FedNowRule(
        code="FEDNOW_STATUS",
        field="status",
        agrees=_status_allowed,
        rule="The status is one that its sender may state: ACTC, ACWP, RJCT, ACCC, PDNG, BLCK; ACSC is the service's.",
        hint="State one of these.",
    ),
    FedNowRule(
        code="FEDNOW_REASON",
        field="reasons",
        agrees=_reason_given,
        directions=TO_RAIL,
        rule="RJCT and BLCK state their reason: StsRsnInf/Rsn/Cd.",
        hint="Add an ISO reason code such as AC04.",
    ),
    FedNowRule(
        code="FEDNOW_REASON_ONE",
        field="reasons",
        holds=lambda text: text in {"0", "1"},
        directions=TO_RAIL,
        rule="A participant states at most one reason (StsRsnInf).",
        hint="Keep the reason that decided.",
    ),
    FedNowRule(
        code="FEDNOW_REASON_CODE",
        field="reason_proprietary",
        holds=is_absent,
        directions=TO_RAIL,
        rule="A participant's reason is an ISO code (Rsn/Cd); Rsn/Prtry is the service's.",
        hint="Use Rsn/Cd.",
    ),
    *(
        FedNowRule(
            code="FEDNOW_REASON_CODE",
            field=field,
            agrees=_is_known_reason,
            directions=FROM_RAIL,
            rule=f"The reason of an RJCT ({tag}) is ISO's, or one of the service's that are known here.",
            hint="Ask the rail's support what it means, and add it to the list, which is a setting.",
        )
        for field, tag in (("reason_code", "Rsn/Cd"), ("reason_proprietary", "Rsn/Prtry"))
    ),
    *(
        FedNowRule(
            code="FEDNOW_SERVICE_ELEMENT",
            field=field,
            holds=is_absent,
            directions=TO_RAIL,
            rule=f"{tag} is the service's to state.",
            hint="Leave the element out.",
        )
        for field, tag in (("acceptance_time", "AccptncDtTm"), ("settlement_date", "FctvIntrBkSttlmDt"))
    ),
    *_BOTH_AGENTS,
)
"""The payment status report."""

PACS028_RULES: Final = (
    *message_id_rules(),
    creation_time_rule(),
    one_rule("transactions", "TxInf"),
    *_ORIGINAL,
    *_BOTH_AGENTS,
)
"""The payment status request."""

DOCUMENT_RULES: Final[dict[str, tuple[FedNowRule, ...]]] = {
    pacs008.MESSAGE_TYPE: PACS008_RULES,
    pacs002.MESSAGE_TYPE: PACS002_RULES,
    pacs028.MESSAGE_TYPE: PACS028_RULES,
    admi002.MESSAGE_TYPE: (),
    **TRANSFER_RULES,
    **INVESTIGATION_RULES,
    **REPORT_RULES,
    **SYSTEM_RULES,
}
"""The rules for each Document."""
