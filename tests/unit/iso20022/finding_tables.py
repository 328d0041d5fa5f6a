"""The tables of faults in tests/golden/findings: what is planted into which golden message, and what is said about it.

``python -m tests.unit.iso20022.finding_tables`` writes the expected texts anew: read the difference before committing
it, the texts are part of the product.
"""

from __future__ import annotations

import re
import sys
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from iso20022 import FedNowProfile, Finding, Profile, examine, explain
from iso20022.profiles.rtp import RtpProfile
from tests.unit.iso20022.samples import GOLDEN

FOLDER: Final = GOLDEN / "findings"
PROFILES: Final[dict[str, Profile]] = {"fednow": FedNowProfile(), "rtp": RtpProfile()}
_EXPECTED: Final = re.compile(r'findings = """\n.*?"""', re.DOTALL)


@dataclass(frozen=True, slots=True, kw_only=True)
class PlantedFault:
    """One row: a golden message, the first place of a text in it that is replaced, and what is expected."""

    table: str
    planted: str
    message: str
    replace: str
    by: str
    rail: str
    findings: str

    @property
    def body(self) -> bytes:
        """The faulty message."""
        whole = (GOLDEN / self.message).read_bytes()
        before = self.replace.encode()
        assert before in whole, f"{self.planted}: {self.replace!r} is not in {self.message}"
        return whole.replace(before, self.by.encode(), 1)

    @property
    def said(self) -> str:
        """What is said about it now."""
        report = explain(examine(self.body, profile=PROFILES[self.rail]))
        return "".join(map(in_words, report.findings)) or "valid\n"


def in_words(finding: Finding) -> str:
    """A finding as the tables write it."""
    place = f"{finding.line or '-'}:{finding.column or '-'}"
    value = "" if finding.value is None else f" = {finding.value}"
    reject = "" if finding.reject_code is None else f"\n  reject code {finding.reject_code}"
    return (
        f"{finding.severity} {finding.code} at {place} {finding.xpath}{value}\n"
        f"  {finding.rule}\n  {finding.hint}{reject}\n"
    )


def rows(path: Path) -> list[PlantedFault]:
    """The rows of one table."""
    document = tomllib.loads(path.read_text("utf-8"))
    return [
        PlantedFault(
            table=path.stem,
            planted=row["planted"],
            message=row.get("message", document.get("message", "")),
            replace=row["replace"],
            by=row["with"],
            rail=document["rail"],
            findings=row["findings"],
        )
        for row in document["fault"]
    ]


def tables() -> list[Path]:
    """Every table."""
    return sorted(FOLDER.glob("*.toml"))


def main() -> int:
    """Write the expected texts of all tables anew."""
    for path in tables():
        pieces = _EXPECTED.split(path.read_text("utf-8"))
        said = (f'findings = """\n{_escaped(row.said)}"""' for row in rows(path))
        path.write_text(
            "".join((*(piece + text for piece, text in zip(pieces, said, strict=False)), pieces[-1])), "utf-8"
        )
    return 0


def _escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"""', '\\"\\"\\"')


if __name__ == "__main__":
    sys.exit(main())
