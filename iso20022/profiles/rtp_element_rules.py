"""RTP's rules for elements wherever they stand in a message. Sources as in :mod:`iso20022.profiles.rtp`."""

import re
from typing import TYPE_CHECKING, Final

from lxml import etree

from iso20022.identifiers import has_aba_check_digit, is_routing_number, is_rtp_participant_id
from iso20022.paths import children_named
from iso20022.profiles.rtp_rule import RtpElementRule

if TYPE_CHECKING:
    from iso20022.profiles.rtp import RtpProfile

_PACS008: Final = frozenset({"pacs.008.001.08"})
_PACS002: Final = frozenset({"pacs.002.001.10"})
_PAYMENTS: Final = frozenset({"pacs.008.001.08", "pain.013.001.07"})
_ADMINISTRATION: Final = "admn."
_ADDRESS_PARTS: Final = ("StrtNm", "PstCd", "TwnNm", "CtrySubDvsn", "Ctry")
_INSTRUCTIONS_MAX: Final = 5
_DOCUMENTS_MAX: Final = 5
_ADDITIONAL_LENGTH_MAX: Final = 105
_ACCOUNT: Final = re.compile(r"[A-Za-z0-9./()&' -]{3,20}")


def _has_member_form(member: etree._Element, _profile: "RtpProfile", message_type: str) -> bool:
    text = member.text or ""
    return is_rtp_participant_id(text) if message_type.startswith(_ADMINISTRATION) else is_routing_number(text)


def _has_check_digit(member: etree._Element, profile: "RtpProfile", _message_type: str) -> bool:
    number = (member.text or "")[:9]
    own = {rail_id[:9] for rail_id in profile.rtp_ids}
    return not is_routing_number(number) or number in own or has_aba_check_digit(number)


def _has_no_clearing_system(member: etree._Element, _profile: "RtpProfile", _message_type: str) -> bool:
    return not children_named(member, "ClrSysId")


def _is_complete(address: etree._Element, _profile: "RtpProfile", _message_type: str) -> bool:
    return (
        all(children_named(address, name) for name in _ADDRESS_PARTS) and len(children_named(address, "AdrLine")) <= 1
    )


def _is_listed_instruction(instruction: etree._Element, profile: "RtpProfile", _message_type: str) -> bool:
    codes = [code.text for code in children_named(instruction, "Cd")]
    return bool(codes) and all(code in profile.creditor_agent_instructions for code in codes)


def _has_few_instructions(payment: etree._Element, _profile: "RtpProfile", _message_type: str) -> bool:
    return len(children_named(payment, "InstrForCdtrAgt")) <= _INSTRUCTIONS_MAX


def _is_single_remittance(remittance: etree._Element, _profile: "RtpProfile", _message_type: str) -> bool:
    structured = children_named(remittance, "Strd")
    documents = sum(len(children_named(one, "RfrdDocInf")) for one in structured)
    return len(children_named(remittance, "Ustrd")) <= 1 and len(structured) <= 1 and documents <= _DOCUMENTS_MAX


def _is_in_dollars(amount: etree._Element, _profile: "RtpProfile", _message_type: str) -> bool:
    return amount.get("Ccy") in {None, "USD"}


def _is_short(line: etree._Element, _profile: "RtpProfile", _message_type: str) -> bool:
    return len(line.text or "") <= _ADDITIONAL_LENGTH_MAX


def _has_account_form(account: etree._Element, _profile: "RtpProfile", _message_type: str) -> bool:
    numbers = [
        number.text or ""
        for identifier in children_named(account, "Id")
        for other in children_named(identifier, "Othr")
        for number in children_named(other, "Id")
    ]
    return all(_ACCOUNT.fullmatch(number) for number in numbers)


ELEMENT_RULES: Final = (
    RtpElementRule(
        code="RTP_AGENT_ID",
        element="MmbId",
        holds=_has_member_form,
        rule="An institution has nine digits in MmbId; in administration messages a participant has eleven characters.",
        hint="Write the institution's nine digits, without spaces or dashes.",
    ),
    RtpElementRule(
        code="RTP_ABA_CHECK_DIGIT",
        element="MmbId",
        holds=_has_check_digit,
        severity="aba_severity",
        rule="A routing number's digits, weighted 3, 7, 1 in turn, add up to a multiple of ten.",
        hint="Correct the routing number: a digit is wrong or two are swapped.",
    ),
    RtpElementRule(
        code="RTP_AGENT_CLEARING_SYSTEM",
        element="ClrSysMmbId",
        holds=_has_no_clearing_system,
        rule="An institution is known by its number alone: ClrSysMmbId has no ClrSysId.",
        hint="Leave ClrSysId out.",
    ),
    *(
        RtpElementRule(
            code="RTP_CURRENCY",
            element=element,
            holds=_is_in_dollars,
            rule="Amounts are US dollars.",
            hint='Write Ccy="USD".',
        )
        for element in ("IntrBkSttlmAmt", "TtlIntrBkSttlmAmt", "OrgnlIntrBkSttlmAmt", "InstdAmt", "AccptdAmt")
    ),
    RtpElementRule(
        code="RTP_ADDRESS",
        element="PstlAdr",
        holds=_is_complete,
        messages=_PACS008,
        rule="An address has StrtNm, PstCd, TwnNm, CtrySubDvsn and Ctry, and at most one AdrLine.",
        hint="Complete the address, or leave it out.",
    ),
    RtpElementRule(
        code="RTP_CREDITOR_AGENT_INSTRUCTION",
        element="InstrForCdtrAgt",
        holds=_is_listed_instruction,
        messages=_PACS008,
        rule="InstrForCdtrAgt/Cd is {p.words[creditor_agent_instructions]}.",
        hint="Use one of these; the list is a setting.",
    ),
    RtpElementRule(
        code="RTP_TOO_MANY",
        element="CdtTrfTxInf",
        holds=_has_few_instructions,
        messages=_PACS008,
        rule="InstrForCdtrAgt stands at most five times on RTP.",
        hint="Remove the surplus.",
    ),
    RtpElementRule(
        code="RTP_REMITTANCE",
        element="RmtInf",
        holds=_is_single_remittance,
        messages=_PAYMENTS,
        rule="RmtInf has one Ustrd and one Strd at most, with up to five documents.",
        hint="Shorten it, or send the rest as a remittance advice (remt.001).",
    ),
    *(
        RtpElementRule(
            code="RTP_ACCOUNT",
            element=element,
            holds=_has_account_form,
            messages=_PAYMENTS,
            severity="account_severity",
            rule="An account has 3 to 20 characters: letters, digits, . / ( ) & ' space or -.",
            hint="Check the account number.",
        )
        for element in ("DbtrAcct", "CdtrAcct")
    ),
    RtpElementRule(
        code="RTP_ADDITIONAL_LENGTH",
        element="AddtlInf",
        holds=_is_short,
        messages=_PACS002,
        rule="AddtlInf has at most 105 characters on RTP.",
        hint="Shorten the text.",
    ),
)
"""What holds in every message, or in the message types that a rule names."""
