"""Findings as SARIF 2.1.0 (OASIS), which code hosts show beside the lines they are about."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote

from iso20022 import Finding, Report, Severity
from iso20022.code_book import CodeEntry, CodeList, explained

_SCHEMA: Final = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"
_LEVELS: Final = {Severity.ERROR: "error", Severity.WARNING: "warning"}


def sarif(reports: Sequence[tuple[Path, Report]], *, version: str) -> dict[str, Any]:
    """One run over all files: a rule for each code that occurs, a result for each finding. Deterministic."""
    codes = sorted({finding.code for _, report in reports for finding in report.findings})
    results = [
        _result(file, finding, codes.index(finding.code)) for file, report in reports for finding in report.findings
    ]
    driver = {"name": "fifteen", "semanticVersion": version, "rules": [_rule(code) for code in codes]}
    run = {"tool": {"driver": driver}, "columnKind": "unicodeCodePoints", "results": results}
    return {"$schema": _SCHEMA, "version": "2.1.0", "runs": [run]}


def _rule(code: str) -> dict[str, Any]:
    entry = next((entry for entry in explained(code) if entry.code_list is CodeList.FINDING), None)
    return {"id": code, **({} if entry is None else _described(entry))}


def _described(entry: CodeEntry) -> dict[str, Any]:
    return {
        "shortDescription": {"text": entry.meaning},
        "help": {"text": f"{entry.advice} Source: {entry.source}."},
    }


def _result(file: Path, finding: Finding, index: int) -> dict[str, Any]:
    physical: dict[str, Any] = {"artifactLocation": {"uri": _uri(file)}}
    if finding.line is not None:
        column = {} if finding.column is None else {"startColumn": finding.column}
        physical["region"] = {"startLine": finding.line, **column}
    properties = {"value": finding.value, "hint": finding.hint, "rejectCode": finding.reject_code}
    return {
        "ruleId": finding.code,
        "ruleIndex": index,
        "level": _LEVELS[finding.severity],
        "message": {"text": f"{finding.rule} {finding.hint}".strip()},
        "locations": [
            {
                "physicalLocation": physical,
                "logicalLocations": [{"fullyQualifiedName": finding.xpath, "kind": "element"}],
            }
        ],
        "properties": {name: value for name, value in properties.items() if value is not None},
    }


def _uri(file: Path) -> str:
    """A relative path stays relative, as code hosts want it."""
    return file.as_uri() if file.is_absolute() else quote(os.fsencode(file.as_posix()))
