"""FedNow's rules for returns, liquidity transfers, and requests for payment with their answers, beyond the schema.

Sources as in :mod:`iso20022.profiles.fednow`; a rule that is not public is not here.
"""

from datetime import date, datetime, time
from typing import Final
from zoneinfo import ZoneInfo

from iso20022.fields import read_date, read_date_time
from iso20022.messages import pacs004, pacs009, pain013, pain014
from iso20022.profiles.fednow_rule import FedNowFacts, FedNowRule
from iso20022.profiles.fednow_shared_rules import (
    agent_rules,
    amount_form_rules,
    amount_least_rule,
    amount_of,
    at_most,
    charge_bearer_rule,
    creation_time_rule,
    has_reason,
    message_id_rules,
    needed_part_rule,
    needed_rule,
    network_limit_rule,
    one_coded_reason_rules,
    one_rule,
    optional_one_rule,
    original_rules,
    original_time_rule,
    original_type_rule,
    own_institution_rule,
    settlement_date_rule,
    settlement_rules,
)
from iso20022.profiles.profile import NOT_FROM_RAIL, TO_RAIL

_END_OF_DAY: Final = time(23, 59, 59)  # of a day that is stated without a time (OP)


def _not_more_than_the_original(text: str, facts: FedNowFacts) -> bool:
    original = amount_of(facts.texts["original_amount"])
    return original is None or at_most(amount_of(text), original.cents)


def _lmt_limit(text: str, facts: FedNowFacts) -> bool:
    return at_most(amount_of(text), facts.profile.lmt_limit_cents)


def _may_send_liquidity(text: str, facts: FedNowFacts) -> bool:
    senders = facts.profile.lmt_senders
    return not text or senders is None or text in senders


def _lmt_agents_rule(institution: str, agent: str, tags: tuple[str, str]) -> FedNowRule:
    return FedNowRule(
        code="FEDNOW_LMT_AGENTS",
        field=f"{institution}.member_id",
        agrees=lambda text, facts: text == facts.texts[f"{agent}.member_id"],
        directions=TO_RAIL,
        rule=f"Of a liquidity transfer {tags[0]} is {tags[1]}, on whose account at the reserve bank it settles.",
        hint=f"Write the same routing number in {tags[0]} and {tags[1]}.",
    )


def _not_over_already(field: str, facts: FedNowFacts) -> bool:
    """Whether the day or time at a field ends after the message was made; true where one of them cannot be read."""
    zone = ZoneInfo(facts.profile.time_zone)
    created = read_date_time(facts.texts["creation_time"])
    end = read_date_time(facts.texts[f"{field}.time"]) or _end_of(read_date(facts.texts[f"{field}.date"]), zone)
    if created is None or created.tzinfo is None or end is None or end.tzinfo is None:
        return True
    return end >= created


def _end_of(day: date | None, zone: ZoneInfo) -> datetime | None:
    return None if day is None else datetime.combine(day, _END_OF_DAY, tzinfo=zone)


def _day_rule(field: str, tag: str, what: str) -> FedNowRule:
    return FedNowRule(
        code="FEDNOW_REQUEST_OVER",
        field=field,
        agrees=lambda _text, facts: _not_over_already(field, facts),
        severity="request_over_severity",
        rule=f"{tag}, {what}, is not over when the message is made; a day ends at 23:59:59 US Eastern.",
        hint="Correct the date, or the creation time.",
    )


PACS004_RULES: Final = (
    *message_id_rules(),
    creation_time_rule(),
    one_rule("number_of_transactions", "in NbOfTxs too"),
    one_rule("transactions", "TxInf"),
    *settlement_rules(),
    *original_rules("original_message.", "OrgnlGrpInf"),
    original_type_rule("original_message.message_name", "pacs.008"),
    needed_rule("FEDNOW_ORIGINAL_AMOUNT", "original_amount", "OrgnlIntrBkSttlmAmt, the original's amount,"),
    *amount_form_rules("original_amount"),
    settlement_date_rule("original_settlement_date", "OrgnlIntrBkSttlmDt"),
    *amount_form_rules("amount"),
    amount_least_rule("amount"),
    FedNowRule(
        code="FEDNOW_RETURN_AMOUNT",
        field="amount",
        agrees=_not_more_than_the_original,
        rule="The original amount is returned, or a part of it: RtrdIntrBkSttlmAmt is not above OrgnlIntrBkSttlmAmt.",
        hint="Return at most what was paid.",
    ),
    network_limit_rule("amount", "A return"),
    settlement_date_rule("settlement_date", "IntrBkSttlmDt"),
    charge_bearer_rule(),
    *agent_rules("instructing_agent", "InstgAgt"),
    own_institution_rule("instructing_agent", "InstgAgt"),
    *agent_rules("instructed_agent", "InstdAgt"),
    needed_part_rule("FEDNOW_RETURN_CHAIN", "return_chain", "RtrChain, who pays back to whom,"),
    *one_coded_reason_rules("RtrRsnInf"),
    FedNowRule(
        code="FEDNOW_REASON_LIST",
        field="reasons.reason.code",
        agrees=lambda text, facts: not text or not facts.profile.return_reasons or text in facts.profile.return_reasons,
        rule="The reason of a return is one that the rail takes.",
        hint="Use a code of your institution's list; it is a setting.",
    ),
    FedNowRule(
        code="FEDNOW_LOCAL_INSTRUMENT",
        field="original_transaction.payment_type.local_instrument.proprietary",
        agrees=lambda text, facts: text in facts.profile.local_instruments,
        rule="OrgnlTxRef/PmtTpInf/LclInstrm/Prtry is {p.local_instruments_text}.",
        hint="Write {p.local_instruments_text}, as the original has it.",
    ),
)
"""The payment return (OSS, OP): with or without a request for it, all of the amount or a part."""

PACS009_RULES: Final = (
    *message_id_rules(),
    creation_time_rule(),
    one_rule("number_of_transactions", "in NbOfTxs too"),
    one_rule("transactions", "CdtTrfTxInf"),
    *settlement_rules(),
    FedNowRule(
        code="FEDNOW_LMT_INSTRUMENT",
        field="payment_type.local_instrument.proprietary",
        agrees=lambda text, facts: text in facts.profile.lmt_instruments,
        directions=NOT_FROM_RAIL,  # what the rail brings has settled: our settings decide nothing about it
        rule="A transfer between institutions is for liquidity: PmtTpInf/LclInstrm/Prtry is {p.lmt_instruments_text}.",
        hint="Write {p.lmt_instruments_text}.",
    ),
    *amount_form_rules("amount"),
    amount_least_rule("amount"),
    FedNowRule(
        code="FEDNOW_LMT_LIMIT",
        field="amount",
        agrees=_lmt_limit,
        directions=NOT_FROM_RAIL,
        reject_code="limit_code",
        rule="A liquidity transfer is at most {p.lmt_limit_text} dollars.",
        hint="Send several, within what a cycle day allows in all.",
    ),
    settlement_date_rule("settlement_date", "IntrBkSttlmDt"),
    *agent_rules("instructing_agent", "InstgAgt"),
    own_institution_rule("instructing_agent", "InstgAgt"),
    FedNowRule(
        code="FEDNOW_LMT_SENDER",
        field="instructing_agent.member_id",  # whose money moves; Dbtr is the same
        agrees=_may_send_liquidity,
        directions=TO_RAIL,
        rule="InstgAgt is an institution that may send liquidity transfers: {p.lmt_senders_text}.",
        hint="Send for one that its profile at the rail lets send; which may is a setting of the gateway.",
    ),
    *agent_rules("instructed_agent", "InstdAgt"),
    *agent_rules("debtor", "Dbtr"),
    _lmt_agents_rule("debtor", "instructing_agent", ("Dbtr", "InstgAgt")),
    *agent_rules("creditor", "Cdtr"),
    _lmt_agents_rule("creditor", "instructed_agent", ("Cdtr", "InstdAgt")),
)
"""The liquidity management transfer (OSS, OP). It is given back by a new one, never by a return."""

PAIN013_RULES: Final = (
    *message_id_rules(),
    creation_time_rule(),
    one_rule("number_of_transactions", "in NbOfTxs too"),
    one_rule("requests", "PmtInf"),
    one_rule("transactions", "CdtTrfTx"),
    *amount_form_rules("amount"),  # nothing at all may be asked for: the zero-dollar request (OP)
    network_limit_rule("amount", "What is asked for"),
    charge_bearer_rule(),
    *agent_rules("debtor_agent", "DbtrAgt"),
    *agent_rules("creditor_agent", "CdtrAgt"),
    own_institution_rule("creditor_agent", "CdtrAgt"),
    _day_rule("requested_execution", "ReqdExctnDt", "until when the payment is to be sent"),
    _day_rule("expiry", "XpryDt", "until when the request stands"),
)
"""The request for payment (OP; OSS)."""

PAIN014_RULES: Final = (
    *message_id_rules(TO_RAIL),  # the service sends negative answers of its own
    creation_time_rule(),
    original_time_rule("original_creation_time", "OrgnlGrpInfAndSts"),
    original_type_rule("original_message_name", "pain.013"),
    optional_one_rule("original_number_of_transactions", "OrgnlNbOfTxs"),
    one_rule("requests", "OrgnlPmtInfAndSts"),
    one_rule("transactions", "TxInfAndSts"),
    FedNowRule(
        code="FEDNOW_REQUEST_STATUS",
        field="status",
        agrees=lambda text, facts: text in facts.profile.request_statuses,
        rule="The status of a request for payment is {p.request_statuses_text}.",
        hint="State one of these.",
    ),
    FedNowRule(
        code="FEDNOW_REASON",
        field="reasons",
        agrees=lambda _text, facts: facts.texts["status"] != "RJCT" or has_reason(facts, "reasons"),
        directions=TO_RAIL,
        rule="RJCT states its reason: StsRsnInf/Rsn.",
        hint="Add an ISO reason code such as AC04.",
    ),
    own_institution_rule("debtor_agent", "DbtrAgt"),
)
"""The answer to a request for payment (OP): RCVD, PRES, then ACTC or RJCT."""

TRANSFER_RULES: Final[dict[str, tuple[FedNowRule, ...]]] = {
    pacs004.MESSAGE_TYPE: PACS004_RULES,
    pacs009.MESSAGE_TYPE: PACS009_RULES,
    pain013.MESSAGE_TYPE: PAIN013_RULES,
    pain014.MESSAGE_TYPE: PAIN014_RULES,
}
"""The rules for each Document of this module."""
