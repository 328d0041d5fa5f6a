"""FedNow's rules for system messages, beyond the schema: events, receipts, retrievals, the participant file.

Sources as in :mod:`iso20022.profiles.fednow`. What stands in an event's parameters is told by their number alone.
"""

from typing import Final

from iso20022.codes import Direction
from iso20022.fields import read_date, read_date_time
from iso20022.messages import admi004, admi006, admi007, admi011, admi998
from iso20022.profiles.checks import equals, has_offset
from iso20022.profiles.fednow_rule import FedNowFacts, FedNowRule
from iso20022.profiles.fednow_shared_rules import (
    creation_time_rule,
    message_id_rules,
    needed_rule,
    original_type_rule,
)
from iso20022.profiles.profile import FROM_RAIL, NOT_FROM_RAIL, TO_RAIL

ACKNOWLEDGED: Final = (
    "pain.013", "pain.014", "camt.026", "camt.028", "camt.029", "camt.055", "camt.056", "pacs.028",
)  # fmt: skip
"""The messages whose receipt is acknowledged (OP)."""

_PARAMETERS_MAX: Final = {"FPON": 1, "FPOF": 1, "FPCD": 1, "FPCR": 1}
_PARAMETERS_MIN: Final = {"FPCD": 1, "FPCR": 1}


def _participant_event(text: str, facts: FedNowFacts) -> bool:
    events = facts.profile.participant_events
    return text in (events if facts.direction is Direction.TO_RAIL else events | facts.profile.service_events)


def _parameters_fit(text: str, facts: FedNowFacts) -> bool:
    code, count = facts.texts["event_code"], int(text)
    return _PARAMETERS_MIN.get(code, 0) <= count <= _PARAMETERS_MAX.get(code, count)


def _not_after_the_request(text: str, facts: FedNowFacts) -> bool:
    """Whether a business day is no later than the one on which it is asked for; FedNow's begins the evening before."""
    day, asked = read_date(text), read_date_time(facts.texts["creation_time"])
    return day is None or asked is None or (day - asked.date()).days <= 1


def _event_time(field: str, *, is_required: bool) -> FedNowRule:
    return FedNowRule(
        code="FEDNOW_TIME_OFFSET",
        field=field,
        holds=lambda text: has_offset(text) if text or is_required else True,
        rule="An event's time is UTC or local with its offset.",
        hint="Write it as 2026-01-31T09:30:00-05:00, or with Z.",
    )


ADMI004_RULES: Final = (
    FedNowRule(
        code="FEDNOW_EVENT",
        field="event_code",
        agrees=_participant_event,
        directions=NOT_FROM_RAIL,
        rule="A participant's event is {p.participant_events_text}.",
        hint="Use one of these.",
    ),
    FedNowRule(
        code="FEDNOW_EVENT",
        field="event_code",
        agrees=lambda text, facts: text in facts.profile.service_events,
        severity="service_event_severity",
        directions=FROM_RAIL,
        rule="The service's events that are known are {p.service_events_text}.",
        hint="Find out what this one means, and add it to the setting.",
    ),
    FedNowRule(
        code="FEDNOW_EVENT_PARAMETER",
        field="parameters",
        agrees=_parameters_fit,
        directions=TO_RAIL,
        rule="FPCD and FPCR name one connection point in EvtParam; FPON and FPOF one routing number, or none for all.",
        hint="Send an event for each profile or connection point in a message of its own.",
    ),
    _event_time("event_time", is_required=True),
)
"""The system event."""

ADMI006_RULES: Final = (
    *message_id_rules(),
    creation_time_rule(),
    FedNowRule(
        code="FEDNOW_RETRIEVAL_COUNT",
        field="criteria",
        agrees=lambda text, facts: int(text) <= facts.profile.retrieval_messages_max,
        rule="One request retrieves at most {p.retrieval_messages_max} messages.",
        hint="Ask for the rest in another request.",
    ),
    FedNowRule(
        code="FEDNOW_RETRIEVAL_DAY",
        field="criteria.business_date",
        agrees=_not_after_the_request,
        rule="A message is retrieved from a business day that has begun.",
        hint="Write the day on which the message was sent or received.",
    ),
)
"""The retrieval request."""

ADMI007_RULES: Final = (
    *message_id_rules(TO_RAIL),  # the service's own ids are free text
    creation_time_rule(),
    needed_rule("FEDNOW_ORIGINAL", "receipts.related_message_name", "RltdRef/MsgNm, the type of what was received,"),
    original_type_rule("receipts.related_message_name", *ACKNOWLEDGED),
    FedNowRule(
        code="FEDNOW_RECEIPT_STATUS",
        field="receipts.status_code",
        agrees=lambda text, facts: text in facts.profile.receipt_statuses,
        rule="A receipt's status is {p.receipt_statuses_text}.",
        hint="Write TS01 for a message that has arrived.",
    ),
)
"""The receipt acknowledgement."""

ADMI011_RULES: Final = (
    FedNowRule(
        code="FEDNOW_EVENT",
        field="event_code",
        agrees=lambda text, facts: text in facts.profile.participant_events,
        severity="service_event_severity",
        rule="What the service acknowledges is a participant's event: {p.participant_events_text}.",
        hint="Find out what this one means, and add it to the setting.",
    ),
    _event_time("event_time", is_required=False),
)
"""The system response."""

ADMI998_RULES: Final = (
    FedNowRule(
        code="FEDNOW_PARTICIPANT_FILE",
        field="data_type",
        holds=equals(admi998.PARTICIPANT_FILE),
        rule="The proprietary data is the participant file: PrtryData/Tp is FPFL.",
        hint="Nothing else is known to come in an admi.998.",
    ),
)
"""The participant file."""

SYSTEM_RULES: Final[dict[str, tuple[FedNowRule, ...]]] = {
    admi004.MESSAGE_TYPE: ADMI004_RULES,
    admi006.MESSAGE_TYPE: ADMI006_RULES,
    admi007.MESSAGE_TYPE: ADMI007_RULES,
    admi011.MESSAGE_TYPE: ADMI011_RULES,
    admi998.MESSAGE_TYPE: ADMI998_RULES,
}
"""The rules for each system message."""
