"""What is decided on a transfer, as the fact that its history keeps. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from types import MappingProxyType
from typing import Final

from gateway.domain.incoming_transfer import CONTRADICTS, DECIDED_AS, IncomingFact, InstitutionAnswer
from gateway.domain.payment import Reason, ReasonOrigin
from gateway.domain.screening import PASSED, Screened


def decided_fact(
    answer: InstitutionAnswer,
    by: ReasonOrigin,
    *,
    is_ours: bool = False,
    screened: Screened = PASSED,
    found: Mapping[str, str] = MappingProxyType({}),
) -> IncomingFact:
    """Return what was decided, by whom, and what screening or whoever looked has found.

    `is_ours`: what nobody else has decided the gateway has, and no stand-in: of a return, or of what breaks rules.
    """
    reason = None if answer.reason_code is None else Reason(answer.reason_code, by, answer.text)
    is_ours = is_ours and by is not ReasonOrigin.SCREENING
    details = {"decided_by": "gateway" if is_ours else _NAMES[by], **screened.details}
    if answer.contradicts:
        details[CONTRADICTS] = "yes"
    return IncomingFact(DECIDED_AS[answer.verdict], reason, details={**details, **found})


def with_details(fact: IncomingFact, found: Mapping[str, str]) -> IncomingFact:
    """Return a fact with what else the record needs."""
    return replace(fact, details={**fact.details, **found})


_NAMES: Final = {
    ReasonOrigin.INSTITUTION: "institution",
    ReasonOrigin.GATEWAY: "stand_in",
    ReasonOrigin.SCREENING: "screening",
}
"""Who has decided, as the history keeps it."""
