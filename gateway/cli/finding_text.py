"""Findings as a terminal shows them: the line with a caret, the rule with its source, the remedy."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from rich.markup import escape

from gateway.cli.console import OUT
from iso20022 import Finding, Report, Severity
from iso20022.code_book import source_of_finding
from iso20022.excerpt import excerpt
from iso20022.mend import Mended

_STYLES: Final = {Severity.ERROR: "bold red", Severity.WARNING: "yellow"}


def print_report(file: Path, report: Report) -> None:
    """Print the verdict on a file and every finding."""
    verdict = "[green]valid[/]" if report.valid else "[red]not valid[/]" if report.readable else "[red]unreadable[/]"
    rail = f"on {report.profile.rail.value}" if report.readable else ""
    OUT.print(f"[bold]{escape(str(file))}[/]  {report.message_type or 'no message'}  {rail}  {verdict}", soft_wrap=True)
    for finding in report.findings:
        _print_finding(finding, report.body)


def print_mends(target: Path | None, result: Mended) -> None:
    """Print what was changed in which copy, and what remains."""
    if target is None:
        OUT.print("  [dim]nothing that can be mended with certainty; no copy was written[/]")
        return
    OUT.print(
        f"  [green]mended[/] {escape(str(target))}  {'valid' if result.report.valid else 'still not valid'}",
        soft_wrap=True,
    )
    for mend in result.mends:
        OUT.print(
            f"    line {mend.line}  {escape(mend.xpath)}: {escape(mend.what)}  [dim]{mend.code}[/]", soft_wrap=True
        )


def _print_finding(finding: Finding, body: bytes) -> None:
    OUT.print(
        f"  [{_STYLES[finding.severity]}]{finding.severity}[/] {finding.code}  {_place(finding)}  "
        f"{escape(finding.xpath)}",
        soft_wrap=True,
    )
    shown = excerpt(body, finding)
    if shown is not None:
        OUT.print(
            f"    [dim]{finding.line:>5} │[/] {escape(shown.text)}", no_wrap=True, overflow="ellipsis", crop=False
        )
        if shown.caret is not None:
            OUT.print(f"    [dim]      │[/] {' ' * shown.caret}[bold red]^[/]", soft_wrap=True)
    OUT.print(f"    {escape(finding.rule)}", soft_wrap=True)
    if finding.hint:
        OUT.print(f"    [cyan]{escape(finding.hint)}[/]", soft_wrap=True)
    OUT.print(f"    [dim]source: {escape(source_of_finding(finding.code))}[/]")
    if finding.reject_code:
        OUT.print(f"    [dim]a rail would answer {escape(finding.reject_code)}[/]")


def _place(finding: Finding) -> str:
    if finding.line is None:
        return "the message"
    return f"line {finding.line}" + ("" if finding.column is None else f", column {finding.column}")
