"""Rules that several of RTP's messages share. Sources as in :mod:`iso20022.profiles.rtp`."""

from iso20022.amount import Amount
from iso20022.identifiers import is_rtp_instruction_id, is_rtp_message_id
from iso20022.profiles.checks import equals, is_present
from iso20022.profiles.profile import NOT_FROM_RAIL, TO_RAIL
from iso20022.profiles.rtp_rule import RtpFacts, RtpRule


def amount_of(text: str) -> Amount | None:
    """The amount that a text states, None where it states none in whole cents."""
    try:
        return Amount.from_xml_decimal(text)
    except ValueError:
        return None


def needed(field: str, what: str) -> RtpRule:
    """The element with this text must be there."""
    return RtpRule(
        code="RTP_MISSING", field=field, holds=is_present, rule=f"{what} is mandatory on RTP.", hint="Add the element."
    )


def needed_part(field: str, what: str) -> RtpRule:
    """The element with others in it must be there."""
    return RtpRule(
        code="RTP_MISSING",
        field=field,
        holds=lambda text: text != "0",  # of a group, the number of its elements
        rule=f"{what} is mandatory on RTP.",
        hint="Add the element.",
    )


def fixed(code: str, field: str, value: str, what: str) -> RtpRule:
    """The element says exactly this."""
    return RtpRule(code=code, field=field, holds=equals(value), rule=f"{what} is {value}.", hint=f"Write {value}.")


def one(field: str, element: str) -> RtpRule:
    """A message is about one payment."""
    return RtpRule(
        code="RTP_ONE_PAYMENT",
        field=field,
        holds=equals("1"),
        rule=f"A message is about one payment: one {element}.",
        hint="Send each payment in a message of its own.",
    )


def at_most_one(field: str, element: str) -> RtpRule:
    """A group that stands once at most."""
    return RtpRule(
        code="RTP_TOO_MANY",
        field=field,
        holds=lambda text: text in {"0", "1"},
        rule=f"{element} stands at most once on RTP.",
        hint="Remove the surplus.",
    )


def listed(code: str, field: str, setting: str, what: str, *, severity: str = "") -> RtpRule:
    """The text, where there is one, is among the code words of a setting."""
    return RtpRule(
        code=code,
        field=field,
        agrees=lambda text, facts: not text or text in getattr(facts.profile, setting),
        severity=severity,
        rule=f"{what} is {{p.words[{setting}]}}.",
        hint="Use one of these; the list is a setting.",
    )


def message_id() -> RtpRule:
    """The form of a Document's id."""
    return RtpRule(
        code="RTP_MESSAGE_ID",
        field="message_id",
        holds=is_rtp_message_id,
        rule="A message id is M, the date YYYYMMDD, the participant's eleven characters, and the rest, 35 in all.",
        hint="Build it so, new for every message.",
    )


def message_id_party() -> RtpRule:
    """The participant in a Document's id."""
    return RtpRule(
        code="RTP_MESSAGE_ID_PARTY",
        field="message_id",
        agrees=lambda text, facts: facts.header is None or text[9:20] == facts.header["sender"],
        severity="id_party_severity",
        directions=TO_RAIL,
        rule="The participant in the message id is the header's sender.",
        hint="Use the id of the participant that sends the message, in both places.",
    )


def instruction_id(field: str, tag: str) -> RtpRule:
    """The form of a payment's id, where it is there."""
    return RtpRule(
        code="RTP_INSTRUCTION_ID",
        field=field,
        holds=lambda text: not text or is_rtp_instruction_id(text),
        rule=f"{tag} is the date YYYYMMDD, the participant's eleven characters, and the rest, 35 in all.",
        hint="Build it so, new for every payment.",
    )


def amount_rules(field: str) -> tuple[RtpRule, ...]:
    """The amount of a payment: in cents, not nothing, and within the limits."""
    return (
        RtpRule(
            code="RTP_AMOUNT_FORM",
            field=field,
            holds=lambda text: amount_of(text) is not None,
            rule="An amount has at most two decimals.",
            hint="Write dollars and cents, for example 51.74.",
        ),
        RtpRule(
            code="RTP_AMOUNT_LEAST",
            field=field,
            agrees=_least,
            rule="The least amount is {p.amount_min_cents} cent.",
            hint="Send no payment of nothing.",
        ),
        RtpRule(
            code="RTP_NETWORK_LIMIT",
            field=field,
            agrees=_within_network_limit,
            rule="A payment is at most {p.network_limit_text} dollars, the network's limit.",
            hint="Use another rail, or several payments where your customer agrees.",
        ),
        RtpRule(
            code="RTP_SENDER_LIMIT",
            field=field,
            agrees=_within_sender_limit,
            directions=NOT_FROM_RAIL,
            rule="A payment is at most {p.sender_limit_text} dollars, the sender's own limit.",
            hint="Have the institution raise its limit, or use another rail.",
        ),
    )


def reason_given(status: str) -> RtpRule:
    """A rejection states its reason."""
    return RtpRule(
        code="RTP_REASON",
        field="reasons",
        agrees=lambda text, facts: text != "0" or facts.texts[status] != "RJCT",
        rule="RJCT states its reason: StsRsnInf/Rsn.",
        hint="Add a reason code such as AC04.",
    )


def _least(text: str, facts: RtpFacts) -> bool:
    amount = amount_of(text)
    return amount is None or amount.cents >= facts.profile.amount_min_cents


def _within_network_limit(text: str, facts: RtpFacts) -> bool:
    amount = amount_of(text)
    return amount is None or amount.cents <= facts.profile.network_limit_cents


def _within_sender_limit(text: str, facts: RtpFacts) -> bool:
    amount, limit = amount_of(text), facts.profile.sender_limit_cents
    return amount is None or limit is None or amount.cents <= limit
