"""FedNow's rules for liquidity transfers: the rail settles between the agents, whoever is named beside them."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

import pytest
from lxml import etree

from iso20022 import Direction, FedNowProfile, Report, examine
from tests.unit.iso20022.samples import PROFILE, codes, golden

OURS: Final = "990000013"
OTHER: Final = "990000026"
THIRD: Final = "990000039"

BODY: Final = golden("transfers/pacs009_lmt.xml")


def naming(tag: str, member_id: str) -> bytes:
    """The liquidity transfer with another institution at one place."""
    before, within = BODY.split(f"<{tag}>".encode(), 1)
    inside, after = within.split(f"</{tag}>".encode(), 1)
    number = OURS if tag in {"InstgAgt", "Dbtr"} else OTHER
    assert number.encode() in inside
    changed = inside.replace(number.encode(), member_id.encode())
    return b"".join((before, f"<{tag}>".encode(), changed, f"</{tag}>".encode(), after))


def found(body: bytes, profile: FedNowProfile) -> list[tuple[str, str]]:
    """The code of each finding on what we send, and the institution that it is about."""
    report = examine(body, profile=profile, direction=Direction.TO_RAIL)
    return [(finding.code, finding.xpath.split("/CdtTrfTxInf/")[1].split("/")[0]) for finding in report.findings]


def brought(body: bytes, profile: FedNowProfile) -> Report:
    """The report on the Document when the rail brings it."""
    document = etree.tostring(next(etree.fromstring(body).iter("{*}Document")))
    return examine(document, profile=profile, direction=Direction.FROM_RAIL)


@pytest.mark.parametrize(
    ("tag", "expected"),
    [
        ("InstgAgt", [("FEDNOW_OWN_ROUTING_NUMBER", "InstgAgt"), ("FEDNOW_LMT_SENDER", "InstgAgt")]),
        ("Dbtr", []),
        ("InstdAgt", []),
        ("Cdtr", []),
    ],
)
def test_whose_money_moves_is_who_may_send_and_nobody_is_named_beside(
    tag: str, expected: list[tuple[str, str]]
) -> None:
    """The debtor may send, and another institution of ours instructs: it is that one's money that would go."""
    ours = replace(PROFILE, lmt_senders=frozenset({OURS}), own_routing_numbers=frozenset({OURS}))
    pair = "Dbtr" if tag in {"InstgAgt", "Dbtr"} else "Cdtr"

    assert found(BODY, ours) == [], "the control: as it is, nothing is wrong with it"
    assert found(naming(tag, THIRD), ours) == [*expected, ("FEDNOW_LMT_AGENTS", pair)]


def test_an_institution_that_may_send_customers_transfers_alone_moves_no_liquidity_of_its_own() -> None:
    """It is ours, and named everywhere; its profile at the rail does not let it."""
    nobody = replace(PROFILE, lmt_senders=frozenset(), own_routing_numbers=frozenset({OURS}))

    assert found(BODY, nobody) == [("FEDNOW_LMT_SENDER", "InstgAgt")]


@pytest.mark.parametrize("tag", ["InstgAgt", "Dbtr", "InstdAgt", "Cdtr"])
def test_of_what_has_come_it_is_not_asked_between_whom_it_settled(tag: str) -> None:
    """It has settled: the money is here, whoever is named in it."""
    profile = replace(PROFILE, lmt_senders=frozenset(), own_routing_numbers=frozenset({OURS}))

    assert codes(brought(naming(tag, THIRD), profile)) == []


@pytest.mark.parametrize(
    ("old", "new", "code"),
    [
        (b"2000000.00", b"2500000.01", "FEDNOW_LMT_LIMIT"),
        (b"LMT1", b"LMT2", "FEDNOW_LMT_INSTRUMENT"),
    ],
)
def test_what_has_come_is_not_held_against_our_settings(old: bytes, new: bytes, code: str) -> None:
    """The rail's limit may have become another than ours says; of what we send it counts (the control)."""
    body = BODY.replace(old, new)

    assert codes(brought(body, PROFILE)) == []
    assert codes(examine(body, profile=PROFILE)) == [code]
