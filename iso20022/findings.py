"""What is wrong with a message, said so that its sender can mend it."""

from dataclasses import dataclass, replace
from enum import StrEnum

from iso20022.places import Plan


class Severity(StrEnum):
    """How much a finding weighs: an error makes the message invalid, a warning does not."""

    ERROR = "error"
    WARNING = "warning"


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One fault of one message.

    ``xpath`` names the element (envelope left out, an index only where the element is repeated), ``line`` and
    ``column`` count from 1 and are None where unknown, ``value`` is masked at personal elements, ``rule`` says in plain
    words what holds, ``hint`` how to mend it, ``reject_code`` what the rail would answer, where that is public.
    """

    code: str
    severity: Severity = Severity.ERROR
    xpath: str = "/"
    line: int | None = None
    column: int | None = None
    value: str | None = None
    rule: str
    hint: str
    reject_code: str | None = None

    def as_json(self) -> dict[str, str | int | None]:
        """The stable JSON form; keys are only ever added."""
        return {
            "code": self.code,
            "severity": self.severity.value,
            "xpath": self.xpath,
            "line": self.line,
            "value": self.value,
            "rule": self.rule,
            "hint": self.hint,
            "reject_code": self.reject_code,
        }


def has_error(findings: tuple[Finding, ...]) -> bool:
    """Whether one of the findings is an error."""
    return any(finding.severity is Severity.ERROR for finding in findings)


def with_columns(findings: tuple[Finding, ...], body: bytes) -> tuple[Finding, ...]:
    """The findings with line and column of their element's start tag; of a missing one, of the element it belongs in.

    The body must be one that could be read. Findings that have a column, or no line, are left as they are.
    """
    if all(finding.line is None or finding.column is not None for finding in findings):
        return findings
    plan = Plan(body)
    return tuple(
        finding if finding.line is None or finding.column is not None else _placed(finding, plan)
        for finding in findings
    )


def _placed(finding: Finding, plan: Plan) -> Finding:
    place = plan.nearest(finding.xpath)
    if place is None:
        return finding
    attribute = plan.attribute(place, finding.xpath.rpartition("/@")[2]) if "/@" in finding.xpath else None
    line, column = plan.position(place.start if attribute is None else attribute)
    return replace(finding, line=line, column=column)
