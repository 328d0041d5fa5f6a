"""RTP's rules for the header of every message. Sources as in :mod:`iso20022.profiles.rtp`."""

from itertools import islice
from typing import Final

from lxml import etree

from iso20022 import header
from iso20022.codes import Direction
from iso20022.findings import Finding
from iso20022.identifiers import is_routing_number, is_rtp_business_message_id, is_rtp_participant_id
from iso20022.paths import line_of, named_xpath
from iso20022.profiles.profile import TO_RAIL
from iso20022.profiles.rtp_rule import RtpRule

_ELEMENTS_MAX: Final = 50  # what a person can read; a hostile header has thousands
_BRANCH_LENGTH: Final = 11


def _party(field: str, tag: str) -> RtpRule:
    return RtpRule(
        code="RTP_HEADER_PARTY",
        field=field,
        holds=is_rtp_participant_id,
        rule=f"{tag} names a participant, eleven digits or capitals, in FIId/FinInstnId/ClrSysMmbId/MmbId.",
        hint="Write the institution's nine digits and the participant's own two characters.",
    )


def _branch(field: str, tag: str) -> RtpRule:
    return RtpRule(
        code="RTP_HEADER_BRANCH",
        field=field,
        holds=lambda text: len(text) in {0, _BRANCH_LENGTH},
        rule=f"{tag}/FIId/BrnchId/Id has eleven characters.",
        hint="Correct the branch, or leave it out.",
    )


def _is_of(participant: str, institution: str) -> bool:
    """Whether the participant is the institution's; true where the Document names none by its nine digits."""
    return not is_routing_number(institution) or participant.startswith(institution)


HEADER_RULES: Final = (
    _party("sender", "Fr"),
    _branch("sender_branch", "Fr"),
    _party("receiver", "To"),
    _branch("receiver_branch", "To"),
    RtpRule(
        code="RTP_HEADER_MESSAGE_ID",
        field="business_message_id",
        holds=is_rtp_business_message_id,
        rule="BizMsgIdr is B, the date YYYYMMDD, the participant's eleven characters, and the rest, 35 in all.",
        hint="Build it so, new for every message but a repeat that is marked DUPL.",
    ),
    RtpRule(
        code="RTP_HEADER_MESSAGE_ID_PARTY",
        field="business_message_id",
        agrees=lambda text, facts: facts.header is None or text[9:20] == facts.header["sender"],
        severity="id_party_severity",
        directions=TO_RAIL,
        rule="The participant in BizMsgIdr is the header's sender.",
        hint="Use the id of the participant that sends the message, in both places.",
    ),
    RtpRule(
        code="RTP_HEADER_INSTITUTION",
        field="sender",
        agrees=lambda text, facts: _is_of(text, facts.texts.get("instructing_agent", "")),
        severity="id_party_severity",
        directions=TO_RAIL,
        rule="The participant that sends is one of the instructing agent: Fr begins with InstgAgt's nine digits.",
        hint="Use the institution's number in both places, or know why another participant sends for it.",
    ),
    RtpRule(
        code="RTP_HEADER_MESSAGE_KNOWN",
        field="message_type",
        agrees=lambda text, facts: text in facts.profile.message_types,
        rule="MsgDefIdr is one of the message types of this release.",
        hint="Write the whole identifier, for example pacs.008.001.08.",
    ),
    RtpRule(
        code="RTP_HEADER_MESSAGE_TYPE",
        field="message_type",
        agrees=lambda text, facts: facts.message_type in {text, header.RTP_HEADER_TYPE},
        rule="The header names the type of the message that follows: MsgDefIdr is the one of its namespace.",
        hint="Make the two agree.",
    ),
    RtpRule(
        code="RTP_HEADER_COPY",
        field="copy_duplicate",
        holds=lambda text: text in {"", "COPY", "DUPL"},
        rule="CpyDplct is COPY or DUPL.",
        hint="Write DUPL where the same message is sent again, or leave the element out.",
    ),
)
"""The header of every message."""


def unused_header_elements(
    element: etree._Element, others: list[etree._Element], _direction: Direction | None
) -> list[Finding]:
    """A finding for each header element that RTP does not have: CharSet, Rltd, parties named otherwise, and so on."""
    return [
        Finding(
            code="RTP_HEADER_ELEMENT",
            xpath=named_xpath(other, element),
            line=line_of(other),
            rule="RTP's header has only Fr and To (by MmbId), BizMsgIdr, MsgDefIdr, BizSvc, CreDt, CpyDplct, Sgntr.",
            hint="Leave the element out.",
        )
        for other in islice(others, _ELEMENTS_MAX)
    ]
