"""Rules that several of FedNow's messages share, each made for the field that it looks at in one of them.

Sources as in :mod:`iso20022.profiles.fednow`.
"""

from functools import lru_cache

from iso20022.amount import Amount
from iso20022.codes import Direction
from iso20022.fields import read_date
from iso20022.identifiers import connection_party_of, has_aba_check_digit, is_fednow_message_id, is_routing_number
from iso20022.messages.agents import CLEARING_SYSTEM
from iso20022.profiles.checks import equals, has_offset, is_absent, is_present
from iso20022.profiles.fednow_rule import FedNowFacts, FedNowRule
from iso20022.profiles.profile import ANY_DIRECTION, TO_RAIL


def message_id_rules(directions: frozenset[Direction | None] = ANY_DIRECTION) -> tuple[FedNowRule, ...]:
    """The rules of a message id: its form (OSS), and that it names who sends it (OP).

    The sender's id stays when the service delivers the message; a type that the service sends itself too has ids of
    that form only on the way to the rail.
    """
    return (
        FedNowRule(
            code="FEDNOW_MESSAGE_ID",
            field="message_id",
            holds=is_fednow_message_id,
            directions=directions,
            rule="A message id is the date CCYYMMDD, the sender's connection party id of 9, and 1 to 18 letters or "
            "digits.",
            hint="Build it so, 18 to 35 characters in all, new for every message.",
        ),
        FedNowRule(
            code="FEDNOW_MESSAGE_ID_PARTY",
            field="message_id",
            agrees=_names_the_sender,
            directions=TO_RAIL,
            rule="The connection party in the message id is the header's sender.",
            hint="Use the id of the connection party that sends the message, in both places.",
        ),
        FedNowRule(
            code="FEDNOW_OWN_CONNECTION_PARTY",
            field="message_id",
            agrees=lambda text, facts: (
                facts.profile.own_connection_party is None
                or connection_party_of(text) in {None, facts.profile.own_connection_party}
            ),
            directions=TO_RAIL,
            rule="The connection party in the message id is the one that this gateway sends as: "
            "{p.own_connection_party}.",
            hint="Put it behind the date in the message id, or send through the gateway of the other connection party.",
        ),
    )


def creation_time_rule() -> FedNowRule:
    """The rule that a creation time states its offset (OP)."""
    return FedNowRule(
        code="FEDNOW_TIME_OFFSET",
        field="creation_time",
        holds=has_offset,
        rule="A creation time is UTC or local with its offset.",
        hint="Write it as 2026-01-31T09:30:00-05:00, or with Z.",
    )


def one_rule(field: str, element: str) -> FedNowRule:
    """The rule that a message is about one payment: exactly one such element, or the text 1 (OSS)."""
    return FedNowRule(
        code="FEDNOW_ONE_PAYMENT",
        field=field,
        holds=equals("1"),
        rule=f"A message is about one payment: one {element}.",
        hint="Send each payment in a message of its own.",
    )


def optional_one_rule(field: str, element: str) -> FedNowRule:
    """The rule that a count of payments, where it is stated, is one (OSS)."""
    return FedNowRule(
        code="FEDNOW_ONE_PAYMENT",
        field=field,
        holds=lambda text: text in {"", "1"},
        rule=f"A message is about one payment: {element} is 1.",
        hint="Write 1, or leave the element out.",
    )


def needed_rule(code: str, field: str, what: str) -> FedNowRule:
    """The rule that an element with a text is there."""
    return FedNowRule(code=code, field=field, holds=is_present, rule=f"{what} is mandatory.", hint="Add the element.")


def needed_part_rule(
    code: str,
    field: str,
    what: str,
    *,
    severity: str = "",
    directions: frozenset[Direction | None] = ANY_DIRECTION,
) -> FedNowRule:
    """The rule that an element with others in it is there."""
    return FedNowRule(
        code=code,
        field=field,
        holds=lambda text: text != "0",  # of a group, the number of its elements
        severity=severity,
        directions=directions,
        rule=f"{what} is mandatory.",
        hint="Add the element.",
    )


def agent_rules(agent: str, tag: str) -> tuple[FedNowRule, ...]:
    """The rules of an institution whose value has ``member_id`` and ``clearing_system``."""
    return institution_rules(f"{agent}.member_id", f"{agent}.clearing_system", tag)


def institution_rules(member_id: str, clearing_system: str, tag: str) -> tuple[FedNowRule, ...]:
    """The rules of an institution, named by the fields of its number and of its clearing system (SMP; digit: ABA)."""
    return (
        FedNowRule(
            code="FEDNOW_AGENT_CLEARING_SYSTEM",
            field=clearing_system,
            holds=equals(CLEARING_SYSTEM),
            rule=f"{tag} is known by an ABA routing number: ClrSysMmbId/ClrSysId/Cd is USABA.",
            hint="Write USABA there.",
        ),
        FedNowRule(
            code="FEDNOW_AGENT_ROUTING_NUMBER",
            field=member_id,
            holds=is_routing_number,
            rule=f"{tag} has a routing number of nine digits in ClrSysMmbId/MmbId.",
            hint="Write the institution's nine digits, without spaces or dashes.",
        ),
        FedNowRule(
            code="FEDNOW_ABA_CHECK_DIGIT",
            field=member_id,
            holds=lambda text: not is_routing_number(text) or has_aba_check_digit(text),
            severity="aba_severity",
            rule="A routing number's digits, weighted 3, 7, 1 in turn, add up to a multiple of ten.",
            hint="Correct the routing number: a digit is wrong or two are swapped.",
        ),
    )


def own_institution_rule(agent: str, tag: str) -> FedNowRule:
    """The rule that a message goes out for one of the institutions that the gateway may send for (a setting)."""
    return FedNowRule(
        code="FEDNOW_OWN_ROUTING_NUMBER",
        field=f"{agent}.member_id",
        agrees=lambda text, facts: (
            not text or not facts.profile.own_routing_numbers or text in facts.profile.own_routing_numbers
        ),
        directions=TO_RAIL,
        rule=f"{tag} is an institution that this gateway may send for.",
        hint="Use your institution's routing number; who may send is a setting of the gateway.",
    )


def settlement_rules() -> tuple[FedNowRule, ...]:
    """The rules of a message that settles: through the clearing system FedNow (SMP)."""
    return (
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
    )


def settlement_date_rule(field: str, tag: str) -> FedNowRule:
    """The rule that a settlement date is there, and is a plain day (SMP)."""
    return FedNowRule(
        code="FEDNOW_SETTLEMENT_DATE",
        field=field,
        holds=lambda text: read_date(text) is not None,
        rule=f"{tag}, the settlement date, is mandatory, and has no time zone.",
        hint="Write the rail's business day as 2026-01-31.",
    )


def charge_bearer_rule() -> FedNowRule:
    """The rule that charges follow the service level (SMP)."""
    return FedNowRule(
        code="FEDNOW_CHARGE_BEARER",
        field="charge_bearer",
        holds=equals("SLEV"),
        rule="Charges follow the service level: ChrgBr is SLEV.",
        hint="Write SLEV.",
    )


def amount_form_rules(field: str) -> tuple[FedNowRule, ...]:
    """The rules of an amount that may be left out: US dollars, two decimals, not too many digits (OSS)."""
    return (
        FedNowRule(
            code="FEDNOW_CURRENCY",
            field=f"{field}.currency",
            holds=lambda text: text in {"", "USD"},  # the schema demands it of an amount that is there
            rule="Amounts are US dollars.",
            hint='Write Ccy="USD".',
        ),
        FedNowRule(
            code="FEDNOW_AMOUNT_FORM",
            field=field,
            agrees=lambda text, facts: not text or has_form(amount_of(text), facts),
            rule="An amount has at most two decimals and {p.amount_digits_max} digits in all.",
            hint="Write dollars and cents, for example 51.74.",
        ),
    )


def amount_least_rule(field: str) -> FedNowRule:
    """The rule that something is paid (OP)."""
    return FedNowRule(
        code="FEDNOW_AMOUNT_LEAST",
        field=field,
        agrees=lambda text, facts: at_least(amount_of(text), facts.profile.amount_min_cents),
        rule="The least amount is {p.amount_min_cents} cent.",
        hint="Send no payment of nothing.",
    )


def network_limit_rule(field: str, what: str) -> FedNowRule:
    """The rule that an amount stays within the network's limit (OP; the limit is a setting)."""
    return FedNowRule(
        code="FEDNOW_NETWORK_LIMIT",
        field=field,
        agrees=lambda text, facts: at_most(amount_of(text), facts.profile.network_limit_cents),
        reject_code="limit_code",
        rule=f"{what} is at most {{p.network_limit_text}} dollars, the network's limit.",
        hint="Use another rail, or several payments where your customer agrees.",
    )


def original_rules(fields: str, tag: str) -> tuple[FedNowRule, ...]:
    """The rules of what names the original message: its id and type, and its creation time (OSS).

    ``fields`` is what the three fields' names begin with, its separator included.
    """
    return (
        needed_rule("FEDNOW_ORIGINAL", f"{fields}message_id", f"{tag}/OrgnlMsgId, the original's message id,"),
        needed_rule("FEDNOW_ORIGINAL", f"{fields}message_name", f"{tag}/OrgnlMsgNmId, the original's message type,"),
        original_time_rule(f"{fields}creation_time", tag),
    )


def original_time_rule(field: str, tag: str) -> FedNowRule:
    """The rule that the original's creation time is stated (OSS)."""
    return FedNowRule(
        code="FEDNOW_ORIGINAL_TIME",
        field=field,
        holds=is_present,
        severity="original_time_severity",
        rule=f"{tag}/OrgnlCreDtTm says when the original was created.",
        hint="Copy it from the original.",
    )


def original_type_rule(field: str, *families: str) -> FedNowRule:
    """The rule that the original is of a type that this message may be about (OP)."""
    prefixes = tuple(f"{family}." for family in families)
    return FedNowRule(
        code="FEDNOW_ORIGINAL_TYPE",
        field=field,
        holds=lambda text: not text or text.startswith(prefixes),
        rule=f"The original message is a {' or '.join(families)}.",
        hint="Name the message that this one is about, by its whole identifier, such as pacs.008.001.08.",
    )


def one_coded_reason_rules(tag: str) -> tuple[FedNowRule, ...]:
    """The rules of a message that states one reason, by an ISO code (OSS)."""
    return (
        FedNowRule(
            code="FEDNOW_REASON",
            field="reasons",
            agrees=lambda _text, facts: has_reason(facts, "reasons"),
            rule=f"The reason is stated: {tag}/Rsn/Cd.",
            hint="Add an ISO reason code.",
        ),
        FedNowRule(
            code="FEDNOW_REASON_ONE",
            field="reasons",
            holds=lambda text: text in {"0", "1"},
            rule=f"One reason is stated ({tag}).",
            hint="Keep the reason that decided.",
        ),
        FedNowRule(
            code="FEDNOW_REASON_CODE",
            field="reasons.reason.proprietary",
            holds=is_absent,
            rule="The reason is an ISO code (Rsn/Cd), not a proprietary one.",
            hint="Use Rsn/Cd.",
        ),
    )


def has_reason(facts: FedNowFacts, field: str) -> bool:
    """Whether a reason says what it is, by a code of either kind: words alone are none."""
    return facts.texts[f"{field}.reason.code"] != "" or facts.texts[f"{field}.reason.proprietary"] != ""


@lru_cache(maxsize=256)  # one amount is looked at by several rules
def amount_of(text: str) -> Amount | None:
    """The amount that a text states; None where it is none."""
    try:
        return Amount.from_xml_decimal(text)
    except ValueError:
        return None


def has_form(amount: Amount | None, facts: FedNowFacts) -> bool:
    """Whether it is an amount, of no more digits than the profile allows."""
    return amount is not None and amount.cents < 10**facts.profile.amount_digits_max


def at_least(amount: Amount | None, least_cents: int) -> bool:
    """Whether the amount is not below; where there is none, another rule says so."""
    return amount is None or amount.cents >= least_cents


def at_most(amount: Amount | None, most_cents: int) -> bool:
    """Whether the amount is not above; where there is none, another rule says so."""
    return amount is None or amount.cents <= most_cents


def _names_the_sender(text: str, facts: FedNowFacts) -> bool:
    return facts.header is None or not is_fednow_message_id(text) or connection_party_of(text) == facts.header["sender"]
