"""Where a JSON payment's member became an element of the message: so that a rail's finding points into the JSON."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final

from iso20022 import Finding
from iso20022.messages import pacs008, pacs009

_MEMBERS: Final[Mapping[str, str]] = {
    "amount": "/amount",
    "total_amount": "/amount",
    "currency": "/currency",
    "debtor_name": "/debtor/name",
    "debtor_account": "/debtor_account",
    "debtor_agent": "/debtor_agent",
    "instructing_agent": "/debtor_agent",
    "creditor_name": "/creditor/name",
    "creditor_account": "/creditor_account",
    "creditor_agent": "/creditor_agent",
    "instructed_agent": "/creditor_agent",
    "category_purpose": "/category_purpose",
    "end_to_end_id": "/end_to_end_id",
    "instruction_id": "/instruction_id",
    "transaction_id": "/instruction_id",
    "uetr": "/uetr",
    "remittance": "/remittance",
}

_OF_LIQUIDITY: Final[Mapping[str, str]] = {
    "amount": "/amount",
    "debtor.member_id": "/debtor_agent",
    "instructing_agent.member_id": "/debtor_agent",
    "creditor.member_id": "/creditor_agent",
    "instructed_agent.member_id": "/creditor_agent",
    "end_to_end_id": "/end_to_end_id",
    "instruction_id": "/instruction_id",
    "uetr": "/uetr",
    "remittance": "/remittance",
}

POINTERS: Final[Mapping[str, str]] = {
    **{pacs008.LAYOUT.xpath_of(field): pointer for field, pointer in _MEMBERS.items()},
    **{pacs009.LAYOUT.xpath_of(field): pointer for field, pointer in _OF_LIQUIDITY.items()},
}
"""The JSON pointer of each element that a JSON payment decides, by the element's path."""

_INDEX: Final = re.compile(r"\[[0-9]+\]")


def with_pointer(finding: Finding) -> dict[str, Any]:
    """Return the finding's JSON form with the pointer of the member that it is about, None where there is none."""
    return {**finding.as_json(), "pointer": POINTERS.get(_INDEX.sub("", finding.xpath))}
