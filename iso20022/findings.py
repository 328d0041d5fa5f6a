"""What is wrong with a message, said so that its sender can mend it."""

import re
from dataclasses import dataclass, replace
from enum import StrEnum
from functools import lru_cache
from typing import Final

_LINE_BYTES_MAX: Final = 4_000  # nobody looks for a column in a longer line, and the search would be slow


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
    """The findings with the column of their element, where its line of the body has exactly one such start tag."""
    if all(finding.line is None or finding.column is not None for finding in findings):
        return findings
    lines = body.split(b"\n")
    return tuple(finding if finding.column is not None else _with_column(finding, lines) for finding in findings)


def _with_column(finding: Finding, lines: list[bytes]) -> Finding:
    if finding.line is None or finding.line > len(lines):
        return finding
    steps = [step.partition("[")[0] for step in finding.xpath.split("/") if not step.startswith("@")]
    line = lines[finding.line - 1]
    if len(line) > _LINE_BYTES_MAX:
        return finding
    tags = [tag.start() for tag in _start_tag(steps[-1]).finditer(line)]
    if len(tags) != 1:
        return finding
    return replace(finding, column=len(line[: tags[0]].decode("utf-8", "replace")) + 1)


@lru_cache(maxsize=256)
def _start_tag(name: str) -> re.Pattern[bytes]:
    return re.compile(rb"<(?:[^\s<>/:]+:)?" + re.escape(name.encode()) + rb"(?=[\s/>])")
