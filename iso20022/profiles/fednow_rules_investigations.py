"""FedNow's rules for return requests, information requests, cancellations and their answers, beyond the schema.

Sources as in :mod:`iso20022.profiles.fednow`; a rule that is not public is not here. Deadlines that depend on another
message than the one at hand (until when to answer, how often to renew a pending answer) are none of a validator's.
"""

from typing import Final
from zoneinfo import ZoneInfo

from iso20022.fields import read_date, read_date_time
from iso20022.messages import camt026, camt028, camt029, camt055, camt056
from iso20022.messages.camt029 import Confirmation
from iso20022.profiles.fednow_rule import FedNowFacts, FedNowRule
from iso20022.profiles.fednow_shared_rules import (
    agent_rules,
    amount_form_rules,
    creation_time_rule,
    has_reason,
    message_id_rules,
    needed_part_rule,
    one_coded_reason_rules,
    one_rule,
    optional_one_rule,
    original_rules,
    original_type_rule,
    own_institution_rule,
)
from iso20022.profiles.profile import NOT_FROM_RAIL, TO_RAIL

FRAUD: Final = "FRAD"
"""The reason of a return request that reports a fraud (OP)."""

WARRANTY_CLAIM: Final = "WNTB"
"""The reason of a return request that claims the warranty of a request for payment (OP)."""

_REASONS_OF_RESOLUTIONS: Final = (
    "group.reasons",
    "requests.reasons",
    "requests.transactions.reasons",
    "payments.reasons",
)


def _in_time(text: str, facts: FedNowFacts) -> bool:
    """Whether a return request comes soon enough after the payment settled; true where a date cannot be read."""
    reason = facts.texts["reasons.reason.code"]
    settled, created = read_date(text), read_date_time(facts.texts["creation_time"])
    if reason == FRAUD or settled is None or created is None or created.tzinfo is None:
        return True
    profile = facts.profile
    days_max = profile.warranty_claim_days_max if reason == WARRANTY_CLAIM else profile.return_request_days_max
    return (created.astimezone(ZoneInfo(profile.time_zone)).date() - settled).days <= days_max


def _classified(text: str, facts: FedNowFacts) -> bool:
    return facts.texts["reasons.reason.code"] not in {FRAUD, WARRANTY_CLAIM} or text != "0"


def _practice(facts: FedNowFacts) -> str:
    """The market practice that says which kind of answer this is; ``""`` where there is no header."""
    return "" if facts.header is None else facts.header["practice"]


def _confirmation_allowed(text: str, facts: FedNowFacts) -> bool:
    kinds = facts.profile.resolution_statuses
    return text in kinds.get(_practice(facts), frozenset[str]().union(*kinds.values()))


def _refusal_explained(_text: str, facts: FedNowFacts) -> bool:
    refused = facts.texts["confirmation"] == Confirmation.RJCR
    return not refused or any(has_reason(facts, field) for field in _REASONS_OF_RESOLUTIONS)


def _rejection_listed(text: str, facts: FedNowFacts) -> bool:
    return not text or not facts.profile.cancellation_rejections or text in facts.profile.cancellation_rejections


def _cancellation_listed(text: str, facts: FedNowFacts) -> bool:
    return not text or not facts.profile.cancellation_reasons or text in facts.profile.cancellation_reasons


def _assignment_rules() -> tuple[FedNowRule, ...]:
    return (
        creation_time_rule(),
        *agent_rules("assigner.agent", "Assgnr/Agt"),
        own_institution_rule("assigner.agent", "Assgnr/Agt"),
        *agent_rules("assignee.agent", "Assgne/Agt"),
    )


def _case_rule(field: str, tag: str) -> FedNowRule:
    return needed_part_rule(
        "FEDNOW_CASE",
        field,
        f"{tag}, the case of the investigation,",
        severity="case_severity",
        directions=NOT_FROM_RAIL,  # what the service itself answers with is not public in every detail
    )


def _reason_list_rule(field: str) -> FedNowRule:
    return FedNowRule(
        code="FEDNOW_REASON_LIST",
        field=field,
        agrees=_cancellation_listed,
        rule="The reason is one that the rail takes.",
        hint="Use a code of your institution's list; it is a setting.",
    )


def _underlying_rules() -> tuple[FedNowRule, ...]:
    """What an information request, and an answer to one, may be about (OP): a payment, a return, a request."""
    return (
        *_named_original_rules(),
        *amount_form_rules("underlying.payment.original_amount"),
        *amount_form_rules("underlying.request.original_amount"),
        FedNowRule(
            code="FEDNOW_UNDERLYING",
            field="underlying.entry",
            holds=lambda text: text == "0",
            rule="What is asked about is a payment or a request for payment, not an entry of an account report.",
            hint="Name the payment in IntrBk, or the request in Initn.",
        ),
    )


def _named_original_rules() -> tuple[FedNowRule, ...]:
    """The rules of the original message, in whichever branch it is named."""
    return (
        original_type_rule("underlying.payment.original_message.message_name", "pacs.008", "pacs.004"),
        original_type_rule("underlying.request.original_message.message_name", "pain.013"),
        FedNowRule(
            code="FEDNOW_ORIGINAL",
            field="underlying",
            agrees=_original_named,
            rule="The original message is named: OrgnlGrpInf with OrgnlMsgId and OrgnlMsgNmId.",
            hint="Add the element.",
        ),
    )


def _original_named(_text: str, facts: FedNowFacts) -> bool:
    return any(facts.texts[f"underlying.{branch}.original_message"] != "0" for branch in ("payment", "request"))


CAMT056_RULES: Final = (
    *message_id_rules(),
    *_assignment_rules(),
    _case_rule("case", "Case"),
    optional_one_rule("number_of_transactions", "CtrlData/NbOfTxs"),
    one_rule("underlyings", "Undrlyg"),
    one_rule("transactions", "TxInf"),
    *original_rules("original_message.", "OrgnlGrpInf"),
    original_type_rule("original_message.message_name", "pacs.008"),
    *amount_form_rules("original_amount"),
    FedNowRule(
        code="FEDNOW_RETURN_REQUEST_LATE",
        field="original_settlement_date",
        agrees=_in_time,
        directions=NOT_FROM_RAIL,  # what the rail has taken in time, it delivers when it can
        rule="A return is asked for within {p.return_request_days_max} calendar days of settlement, a warranty claim "
        "(WNTB) made within {p.warranty_claim_days_max}; a report of fraud (FRAD) may come later.",
        hint="The rail's time for this is over; settle it with the other institution.",
    ),
    *one_coded_reason_rules("CxlRsnInf"),
    _reason_list_rule("reasons.reason.code"),
    FedNowRule(
        code="FEDNOW_CLASSIFIER",
        field="reasons.additional",
        agrees=_classified,
        severity="classifier_severity",
        rule="A report of fraud (FRAD) and a warranty claim (WNTB) carry a classifier in CxlRsnInf/AddtlInf.",
        hint="Add the classifier; the list of them is not public.",
    ),
)
"""The return request (OSS, OP)."""

CAMT055_RULES: Final = (
    *message_id_rules(),
    *_assignment_rules(),
    optional_one_rule("number_of_transactions", "CtrlData/NbOfTxs"),
    one_rule("underlyings", "Undrlyg"),
    one_rule("requests", "OrgnlPmtInfAndCxl"),
    one_rule("transactions", "TxInf"),
    FedNowRule(
        code="FEDNOW_ORIGINAL",
        field="original_message",
        agrees=lambda text, facts: text != "0" or facts.texts["original_group"] != "0",
        rule="The original message is named, for the request (OrgnlGrpInf) or for the group (OrgnlGrpInfAndCxl).",
        hint="Add the element.",
    ),
    original_type_rule("original_message.message_name", "pain.013"),
    original_type_rule("original_group.message_name", "pain.013"),
    *amount_form_rules("original_amount"),
    _reason_list_rule("reasons.reason.code"),
)
"""The cancellation of a request for payment (OP)."""

CAMT026_RULES: Final = (*message_id_rules(), *_assignment_rules(), *_underlying_rules())
"""The information request (OP)."""

CAMT028_RULES: Final = (*message_id_rules(), *_assignment_rules(), *_underlying_rules())
"""Additional payment information (OP)."""

CAMT029_RULES: Final = (
    *message_id_rules(TO_RAIL),  # the service sends negative answers of its own
    *_assignment_rules(),
    _case_rule("resolved_case", "RslvdCase"),
    FedNowRule(
        code="FEDNOW_RESOLUTION_STATUS",
        field="confirmation",
        agrees=_confirmation_allowed,
        rule="Sts/Conf is one that this kind of answer knows: {p.resolution_statuses_text}.",
        hint="Use one of the kind that the header's market practice names.",
    ),
    FedNowRule(
        code="FEDNOW_REASON",
        field="payments.reasons",
        agrees=_refusal_explained,
        rule="RJCR states its reason: CxlDtls/…/CxlStsRsnInf.",
        hint="Add an ISO code such as LEGL or NOAS, with the original that it is about.",
    ),
    *(
        FedNowRule(
            code="FEDNOW_REASON_LIST",
            field=f"{field}.reason.code",
            agrees=_rejection_listed,
            rule="The reason of a refusal is one that the rail takes.",
            hint="Use a code of your institution's list; it is a setting.",
        )
        for field in _REASONS_OF_RESOLUTIONS
    ),
)
"""The answer in an investigation (OSS, OP)."""

INVESTIGATION_RULES: Final[dict[str, tuple[FedNowRule, ...]]] = {
    camt026.MESSAGE_TYPE: CAMT026_RULES,
    camt028.MESSAGE_TYPE: CAMT028_RULES,
    camt029.MESSAGE_TYPE: CAMT029_RULES,
    camt055.MESSAGE_TYPE: CAMT055_RULES,
    camt056.MESSAGE_TYPE: CAMT056_RULES,
}
"""The rules for each Document of this module."""
