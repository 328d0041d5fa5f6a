"""FedNow's rules for each Document beyond the schema, one table for each message type.

Each rule is stated for one field; where a rule's content is a setting, it is one of :class:`FedNowProfile`. Sources as
there. A rule that is not public is not here.
"""

from collections.abc import Callable
from functools import lru_cache
from typing import Final

from iso20022.amount import Amount
from iso20022.codes import Direction, TransactionStatus
from iso20022.fields import read_date
from iso20022.identifiers import (
    connection_party_of,
    has_aba_check_digit,
    is_fednow_message_id,
    is_routing_number,
)
from iso20022.messages import admi002, pacs002, pacs008, pacs028
from iso20022.messages.agents import CLEARING_SYSTEM
from iso20022.profiles.checks import equals, has_offset, is_absent, is_present
from iso20022.profiles.fednow_rule import FedNowFacts, FedNowRule
from iso20022.profiles.fednow_rules_investigations import INVESTIGATION_RULES
from iso20022.profiles.fednow_rules_reports import REPORT_RULES
from iso20022.profiles.fednow_rules_system import SYSTEM_RULES
from iso20022.profiles.fednow_rules_transfers import TRANSFER_RULES
from iso20022.profiles.profile import NOT_FROM_RAIL, TO_RAIL

_STATUSES: Final[dict[Direction | None, frozenset[str]]] = {
    Direction.TO_RAIL: frozenset({"ACTC", "ACWP", "RJCT", "ACCC", "PDNG", "BLCK"}),
    Direction.FROM_RAIL: frozenset({"ACTC", "ACWP", "RJCT", "ACCC", "PDNG", "BLCK", "ACSC"}),
    None: frozenset({"ACTC", "ACWP", "RJCT", "ACCC", "PDNG", "BLCK", "ACSC"}),
}
_STATUSES_WITH_REASON: Final = frozenset({TransactionStatus.RJCT, TransactionStatus.BLCK})


@lru_cache(maxsize=256)  # one amount is looked at by several rules
def _amount(text: str) -> Amount | None:
    try:
        return Amount.from_xml_decimal(text)
    except ValueError:
        return None


def _amount_form(text: str, facts: FedNowFacts) -> bool:
    amount = _amount(text)
    return amount is not None and amount.cents < 10**facts.profile.amount_digits_max


def _amount_least(text: str, facts: FedNowFacts) -> bool:
    amount = _amount(text)
    return amount is None or amount.cents >= facts.profile.amount_min_cents


def _network_limit(text: str, facts: FedNowFacts) -> bool:
    amount = _amount(text)
    return amount is None or amount.cents <= facts.profile.network_limit_cents


def _sender_limit(text: str, facts: FedNowFacts) -> bool:
    amount, limit = _amount(text), facts.profile.sender_limit_cents
    return amount is None or limit is None or amount.cents <= limit


def _aba(text: str) -> bool:
    return not is_routing_number(text) or has_aba_check_digit(text)


def _same_as(other: str) -> Callable[[str, FedNowFacts], bool]:
    return lambda text, facts: text == facts.texts[other] or not text or not facts.texts[other]


def _status_allowed(text: str, facts: FedNowFacts) -> bool:
    return text in _STATUSES[facts.direction]


def _reason_given(_text: str, facts: FedNowFacts) -> bool:
    return facts.texts["reasons"] != "0" or facts.texts["status"] not in _STATUSES_WITH_REASON


def _agent_rules(agent: str, tag: str) -> tuple[FedNowRule, ...]:
    return (
        FedNowRule(
            code="FEDNOW_AGENT_CLEARING_SYSTEM",
            field=f"{agent}_clearing_system",
            holds=equals(CLEARING_SYSTEM),
            rule=f"{tag} is known by an ABA routing number: ClrSysMmbId/ClrSysId/Cd is USABA.",
            hint="Write USABA there.",
        ),
        FedNowRule(
            code="FEDNOW_AGENT_ROUTING_NUMBER",
            field=agent,
            holds=is_routing_number,
            rule=f"{tag} has a routing number of nine digits in ClrSysMmbId/MmbId.",
            hint="Write the institution's nine digits, without spaces or dashes.",
        ),
        FedNowRule(
            code="FEDNOW_ABA_CHECK_DIGIT",
            field=agent,
            holds=_aba,
            severity="aba_severity",
            rule="A routing number's digits, weighted 3, 7, 1 in turn, add up to a multiple of ten.",
            hint="Correct the routing number: a digit is wrong or two are swapped.",
        ),
    )


def _match_rule(agent: str, other: str, tags: tuple[str, str]) -> FedNowRule:
    return FedNowRule(
        code="FEDNOW_AGENT_MATCH",
        field=agent,
        agrees=_same_as(other),
        severity="agent_match_severity",
        rule=f"{tags[0]} should be the same routing number as {tags[1]}.",
        hint=f"Use one routing number for both, or know why {tags[0]} acts for {tags[1]}.",
    )


def _needed(code: str, field: str, what: str) -> FedNowRule:
    return FedNowRule(code=code, field=field, holds=is_present, rule=f"{what} is mandatory.", hint="Add the element.")


def _creation_time() -> FedNowRule:
    return FedNowRule(
        code="FEDNOW_TIME_OFFSET",
        field="creation_time",
        holds=has_offset,
        rule="A creation time is UTC or local with its offset.",
        hint="Write it as 2026-01-31T09:30:00-05:00, or with Z.",
    )


def _one(field: str, element: str) -> FedNowRule:
    return FedNowRule(
        code="FEDNOW_ONE_PAYMENT",
        field=field,
        holds=equals("1"),
        rule=f"A message holds one payment: one {element}.",
        hint="Send each payment in a message of its own.",
    )


def _message_id(directions: frozenset[Direction | None]) -> FedNowRule:
    return FedNowRule(
        code="FEDNOW_MESSAGE_ID",
        field="message_id",
        holds=is_fednow_message_id,
        directions=directions,
        rule="A message id is the date CCYYMMDD, the sender's connection party id of 9, and 1 to 18 letters or digits.",
        hint="Build it so, 18 to 35 characters in all, new for every message.",
    )


def _message_id_party() -> FedNowRule:
    return FedNowRule(
        code="FEDNOW_MESSAGE_ID_PARTY",
        field="message_id",
        agrees=lambda text, facts: (
            facts.header is None
            or not is_fednow_message_id(text)
            or connection_party_of(text) == facts.header["sender"]
        ),
        directions=TO_RAIL,
        rule="The connection party in the message id is the header's sender.",
        hint="Use the id of the connection party that sends the message, in both places.",
    )


_ORIGINAL: Final = (
    _needed("FEDNOW_ORIGINAL", "original_message_id", "OrgnlGrpInf/OrgnlMsgId, the original's message id,"),
    _needed("FEDNOW_ORIGINAL", "original_message_name", "OrgnlGrpInf/OrgnlMsgNmId, the original's message type,"),
    FedNowRule(
        code="FEDNOW_ORIGINAL_TIME",
        field="original_creation_time",
        holds=is_present,
        severity="original_time_severity",
        rule="OrgnlGrpInf/OrgnlCreDtTm says when the original was created.",
        hint="Copy it from the original.",
    ),
)
_BOTH_AGENTS: Final = _agent_rules("instructing_agent", "InstgAgt") + _agent_rules("instructed_agent", "InstdAgt")

PACS008_RULES: Final = (
    # The sender's id stays when the service delivers the message, so its form holds both ways.
    _message_id(frozenset({None, Direction.TO_RAIL, Direction.FROM_RAIL})),
    _message_id_party(),
    FedNowRule(
        code="FEDNOW_OWN_CONNECTION_PARTY",
        field="message_id",
        agrees=lambda text, facts: (
            facts.profile.own_connection_party is None
            or connection_party_of(text) in {None, facts.profile.own_connection_party}
        ),
        directions=TO_RAIL,
        rule="The connection party in the message id is the one that this gateway sends as: {p.own_connection_party}.",
        hint="Put it behind the date in the message id, or send through the gateway of the other connection party.",
    ),
    FedNowRule(
        code="FEDNOW_OWN_ROUTING_NUMBER",
        field="debtor_agent",
        agrees=lambda text, facts: not facts.profile.own_routing_numbers or text in facts.profile.own_routing_numbers,
        directions=TO_RAIL,
        rule="The debtor's agent is an institution that this gateway may send for.",
        hint="Use your institution's routing number; who may send is a setting of the gateway.",
    ),
    _creation_time(),
    _one("number_of_transactions", "in NbOfTxs too"),
    _one("transactions", "CdtTrfTxInf"),
    FedNowRule(
        code="FEDNOW_SETTLEMENT_METHOD",
        field="settlement_method",
        holds=equals("CLRG"),
        rule="Payments settle through the clearing system: SttlmMtd is CLRG.",
        hint="Write CLRG.",
    ),
    FedNowRule(
        code="FEDNOW_CLEARING_SYSTEM",
        field="clearing_system",
        agrees=lambda text, facts: text == facts.profile.clearing_system,
        rule="The clearing system is FedNow: SttlmInf/ClrSys/Cd is {p.clearing_system}.",
        hint="Write {p.clearing_system}.",
    ),
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
        agrees=_amount_form,
        rule="An amount has at most two decimals and {p.amount_digits_max} digits in all.",
        hint="Write dollars and cents, for example 51.74.",
    ),
    FedNowRule(
        code="FEDNOW_AMOUNT_LEAST",
        field="amount",
        agrees=_amount_least,
        rule="The least amount is {p.amount_min_cents} cent.",
        hint="Send no payment of nothing.",
    ),
    FedNowRule(
        code="FEDNOW_NETWORK_LIMIT",
        field="amount",
        agrees=_network_limit,
        reject_code="limit_code",
        rule="A payment is at most {p.network_limit_text} dollars, the network's limit.",
        hint="Use another rail, or several payments where your customer agrees.",
    ),
    FedNowRule(
        code="FEDNOW_SENDER_LIMIT",
        field="amount",
        agrees=_sender_limit,
        directions=NOT_FROM_RAIL,
        reject_code="limit_code",
        rule="A payment is at most {p.sender_limit_text} dollars, the sender's own limit.",
        hint="Have the institution raise its limit, or use another rail.",
    ),
    FedNowRule(
        code="FEDNOW_SETTLEMENT_DATE",
        field="settlement_date",
        holds=lambda text: read_date(text) is not None,
        rule="IntrBkSttlmDt, the settlement date, is mandatory, and has no time zone.",
        hint="Write the rail's business day as 2026-01-31.",
    ),
    FedNowRule(
        code="FEDNOW_CHARGE_BEARER",
        field="charge_bearer",
        holds=equals("SLEV"),
        rule="Charges follow the service level: ChrgBr is SLEV.",
        hint="Write SLEV.",
    ),
    *_BOTH_AGENTS,
    _needed("FEDNOW_DEBTOR", "debtor_name", "Dbtr/Nm, the debtor's name,"),
    _needed("FEDNOW_DEBTOR", "debtor_account", "DbtrAcct/Id/Othr/Id, the debtor's account,"),
    *_agent_rules("debtor_agent", "DbtrAgt"),
    _match_rule("debtor_agent", "instructing_agent", ("DbtrAgt", "InstgAgt")),
    *_agent_rules("creditor_agent", "CdtrAgt"),
    _match_rule("creditor_agent", "instructed_agent", ("CdtrAgt", "InstdAgt")),
    _needed("FEDNOW_CREDITOR", "creditor_name", "Cdtr/Nm, the creditor's name,"),
    _needed("FEDNOW_CREDITOR", "creditor_account", "CdtrAcct/Id/Othr/Id, the creditor's account,"),
)
"""The customer credit transfer."""

PACS002_RULES: Final = (
    _message_id(TO_RAIL),  # the service's own ids are free text
    _message_id_party(),
    _creation_time(),
    _one("transactions", "TxInfAndSts"),
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
    _message_id(frozenset({None, Direction.TO_RAIL, Direction.FROM_RAIL})),
    _message_id_party(),
    _creation_time(),
    _one("transactions", "TxInf"),
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
