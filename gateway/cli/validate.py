"""``fifteen validate``: the verdict on files, every finding with its place and its remedy."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

from rich.markup import escape

from gateway.cli import EXIT_FINDINGS, EXIT_OK, EXIT_UNREADABLE
from gateway.cli.console import OUT, stop
from gateway.settings import Settings
from iso20022 import Direction, FedNowProfile, Finding, Report, Severity, examine, explain

_DIRECTIONS: Final = {"in": Direction.FROM_RAIL, "out": Direction.TO_RAIL, None: None}
_STYLES: Final = {Severity.ERROR: "bold red", Severity.WARNING: "yellow"}


def validate_files(
    files: Sequence[Path], settings: Settings, *, direction: str | None, routing_numbers: str | None, as_json: bool
) -> int:
    """Print what is to be said of each file and return the exit code of the worst."""
    profile = FedNowProfile(
        aba_severity=Severity(routing_numbers or settings.fednow.routing_number_severity),
        network_limit_cents=settings.fednow.network_limit_cents,
        sender_limit_cents=settings.fednow.sender_limit_cents,
    )
    worst, results = EXIT_OK, []
    for file in files:
        try:
            body = file.read_bytes()
        except OSError as error:
            stop(f"{file}: {error.strerror}")
        report = explain(examine(body, profile=profile, direction=_DIRECTIONS[direction]))
        worst = max(worst, _exit_code(report))
        if as_json:
            results.append(_as_json(file, report))
        else:
            _print(file, report, body)
    if as_json:
        OUT.print_json(json.dumps(results[0] if len(results) == 1 else results))
    return worst


def _exit_code(report: Report) -> int:
    if not report.readable:
        return EXIT_UNREADABLE
    return EXIT_OK if report.valid else EXIT_FINDINGS


def _as_json(file: Path, report: Report) -> dict[str, Any]:
    return {
        "file": str(file),
        "valid": report.valid,
        "message": report.message_type,
        "rail": "fednow",
        "findings": [finding.as_json() for finding in report.findings],
    }


def _print(file: Path, report: Report, body: bytes) -> None:
    verdict = "[green]valid[/]" if report.valid else "[red]not valid[/]" if report.readable else "[red]unreadable[/]"
    OUT.print(f"[bold]{escape(str(file))}[/]  {report.message_type or 'no message'}  {verdict}")
    lines = body.decode(errors="replace").splitlines()
    for finding in report.findings:
        _print_finding(finding, lines)


def _print_finding(finding: Finding, lines: Sequence[str]) -> None:
    place = f"line {finding.line}" if finding.line else "the message"
    OUT.print(
        f"  [{_STYLES[finding.severity]}]{finding.severity}[/] {finding.code}  {place}  {escape(finding.xpath or '')}"
    )
    if (
        finding.line
        and finding.value is not None
        and not finding.value.startswith("***")
        and finding.line <= len(lines)
    ):
        OUT.print(f"    [dim]{finding.line:>5} │[/] {escape(lines[finding.line - 1].strip())}")
    OUT.print(f"    {escape(finding.rule)}")
    if finding.hint:
        OUT.print(f"    [cyan]{escape(finding.hint)}[/]")
    if finding.reject_code:
        OUT.print(f"    [dim]a rail would answer {escape(finding.reject_code)}[/]")
