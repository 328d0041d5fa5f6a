"""What a simulated rail refuses technically: the fault, and words for it."""

from __future__ import annotations

from dataclasses import dataclass

from iso20022 import Report
from simulators.facts import Verdict


@dataclass(frozen=True, slots=True)
class TechnicalFault:
    """Why a message is refused with admi.002: the code, words for a person, and how its copy is counted."""

    code: str
    description: str
    verdict: Verdict = Verdict.REFUSED


def first_finding(report: Report) -> str:
    """What is wrong with a message in the first place: the code and the place."""
    errors = [finding for finding in report.findings if finding.severity == "error"]
    return (
        f"{errors[0].code} at {errors[0].xpath}" if errors else "the message has no header, or another rail's envelope"
    )
