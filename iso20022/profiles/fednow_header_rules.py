"""FedNow's rules for the header of every message. Sources as in :mod:`iso20022.profiles.fednow`."""

from itertools import islice
from typing import Final

from lxml import etree

from iso20022 import header
from iso20022.codes import Direction
from iso20022.findings import Finding
from iso20022.identifiers import is_connection_party_id
from iso20022.paths import line_of, local_name, named_xpath
from iso20022.profiles.checks import has_offset, is_absent
from iso20022.profiles.fednow_rule import FedNowFacts, FedNowRule
from iso20022.profiles.profile import FROM_RAIL, NOT_FROM_RAIL, TO_RAIL
from iso20022.wrappers import FEDNOW_WRAPPERS

_ELEMENTS_MAX: Final = 50  # what a person can read; a hostile header has thousands


def _header_party(field: str, tag: str) -> FedNowRule:
    return FedNowRule(
        code="FEDNOW_HEADER_PARTY",
        field=field,
        holds=is_connection_party_id,
        rule=f"{tag} names a connection party, nine digits or capitals, in FIId/FinInstnId/ClrSysMmbId/MmbId.",
        hint="Write the connection party id there, and nothing else about the party.",
    )


def _practices(facts: FedNowFacts) -> frozenset[str]:
    """The market practices that a message may name: one, but where its wrapper, which decides, is not known."""
    assert facts.header is not None, "a rule of the header is asked about a header"
    message_type = facts.header["message_type"]
    found = frozenset(
        wrapper.practice
        for wrapper in FEDNOW_WRAPPERS
        if wrapper.message_type == message_type and wrapper.practice and facts.wrapper in {None, wrapper.name}
    )
    return found or frozenset({facts.profile.market_practice.id})


HEADER_RULES: Final = (
    _header_party("sender", "Fr"),
    _header_party("receiver", "To"),
    FedNowRule(
        code="FEDNOW_HEADER_RECEIVER",
        field="receiver",
        agrees=lambda text, facts: text == facts.profile.fednow_id,
        directions=TO_RAIL,
        rule="What a participant sends goes to the service: To is {p.fednow_id}.",
        hint="Write {p.fednow_id}.",
    ),
    FedNowRule(
        code="FEDNOW_HEADER_SENDER",
        field="sender",
        agrees=lambda text, facts: text == facts.profile.fednow_id,
        directions=FROM_RAIL,
        rule="What a participant receives comes from the service: Fr is {p.fednow_id}.",
        hint="Do not act on the message; find out who sent it.",
    ),
    FedNowRule(
        code="FEDNOW_HEADER_MESSAGE_ID",
        field="business_message_id",
        agrees=lambda text, facts: facts.message_id in {text, ""},
        severity="header_id_severity",
        directions=NOT_FROM_RAIL,
        rule="A participant's header and Document carry the same id: BizMsgIdr is the message id.",
        hint="Write the Document's message id into the header.",
    ),
    FedNowRule(
        code="FEDNOW_HEADER_MESSAGE_TYPE",
        field="message_type",
        agrees=lambda text, facts: facts.message_type in {text, header.HEADER_TYPE},
        rule="The header names the type of the Document that follows: MsgDefIdr is its namespace's last part.",
        hint="Make the two agree.",
    ),
    FedNowRule(
        code="FEDNOW_HEADER_PRACTICE",
        field="registry",
        agrees=lambda text, facts: text == facts.profile.market_practice.registry,
        rule="MktPrctc/Regy is {p.market_practice.registry}.",
        hint="Copy it exactly.",
    ),
    FedNowRule(
        code="FEDNOW_HEADER_PRACTICE",
        field="practice",
        agrees=lambda text, facts: text in _practices(facts),
        rule="MktPrctc/Id is {p.market_practice.id}; a camt.029 and a camt.052 have the one of their wrapper, such as "
        "frb.fednow.rrr.01 in FedNowReturnRequestResponse.",
        hint="Copy it exactly.",
    ),
    FedNowRule(
        code="FEDNOW_HEADER_TIME",
        field="creation_time",
        holds=has_offset,
        rule="CreDt, from which the rail's clock runs, is UTC or local with its offset.",
        hint="Write it as 2026-01-31T09:30:00-05:00, or with Z.",
    ),
    *(
        FedNowRule(
            code="FEDNOW_HEADER_SERVICE_ELEMENT",
            field=field,
            holds=is_absent,
            directions=TO_RAIL,
            rule=f"{tag} is the service's to set.",
            hint="Leave the element out.",
        )
        for field, tag in (("business_processing_date", "BizPrcgDt"), ("copy_duplicate", "CpyDplct"))
    ),
)
"""The header of every message."""


def unused_header_elements(
    element: etree._Element, others: list[etree._Element], direction: Direction | None
) -> list[Finding]:
    """A finding for each header element that the profile removes: CharSet, Sgntr, parties named otherwise, and so on.

    ``others`` are the header's elements that are no field. ``Rltd`` is let pass unless a participant sends it.
    """
    return [
        Finding(
            code="FEDNOW_HEADER_ELEMENT",
            xpath=named_xpath(other, element),
            line=line_of(other),
            rule="FedNow's header has only Fr and To (by MmbId), BizMsgIdr, MsgDefIdr, MktPrctc and CreDt.",
            hint="Leave the element out.",
        )
        for other in islice(others, _ELEMENTS_MAX)
        if local_name(str(other.tag)) != "Rltd" or direction is Direction.TO_RAIL
    ]
