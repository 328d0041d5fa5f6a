"""Findings as a terminal shows them: the line with a caret, the rule with its source, the remedy."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Final

from rich.markup import escape

from gateway.cli.console import OUT
from gateway.cli.message_file import file_name
from iso20022 import Finding, Report, Severity
from iso20022.code_book import source_of_finding
from iso20022.excerpt import excerpt
from iso20022.mend import Mended

_OBEYED: Final = re.compile(r"[\x00-\x08\x0a-\x1f\x7f-\x9f]")  # control characters, but for the tab

_STYLES: Final = {Severity.ERROR: "bold red", Severity.WARNING: "yellow"}


def plain(text: str) -> str:
    """A text of somebody else's for the terminal: no markup, and nothing that the terminal would obey."""
    return escape(_OBEYED.sub("\N{REPLACEMENT CHARACTER}", text))


def print_report(file: Path, report: Report) -> None:
    """Print the verdict on a file and every finding."""
    verdict = "[green]valid[/]" if report.valid else "[red]not valid[/]" if report.readable else "[red]unreadable[/]"
    rail = f"on {report.profile.rail.value}" if report.readable else ""
    OUT.print(
        f"[bold]{plain(file_name(file))}[/]  {report.message_type or 'no message'}  {rail}  {verdict}", soft_wrap=True
    )
    for finding in report.findings:
        _print_finding(finding, report.body)


def print_mends(target: Path | None, result: Mended) -> None:
    """Print what was changed in which copy, and what remains."""
    if target is None:
        is_clean = result.report.valid
        what = "nothing to mend" if is_clean else "nothing that can be mended with certainty"
        OUT.print(f"  [dim]{what}; no copy was written[/]")
        return
    OUT.print(
        f"  [green]mended[/] {plain(file_name(target))}  {'valid' if result.report.valid else 'still not valid'}",
        soft_wrap=True,
    )
    for mend in result.mends:
        OUT.print(f"    line {mend.line}  {plain(mend.xpath)}: {plain(mend.what)}  [dim]{mend.code}[/]", soft_wrap=True)


def _print_finding(finding: Finding, body: bytes) -> None:
    OUT.print(
        f"  [{_STYLES[finding.severity]}]{finding.severity}[/] {finding.code}  {_place(finding)}  "
        f"{plain(finding.xpath)}",
        soft_wrap=True,
    )
    shown = excerpt(body, finding)
    if shown is not None:
        OUT.print(f"    [dim]{finding.line:>5} │[/] {plain(shown.text)}", no_wrap=True, overflow="ellipsis", crop=False)
        if shown.caret is not None:
            OUT.print(f"    [dim]      │[/] {' ' * shown.caret}[bold red]^[/]", soft_wrap=True)
    OUT.print(f"    {plain(finding.rule)}", soft_wrap=True)
    if finding.hint:
        OUT.print(f"    [cyan]{plain(finding.hint)}[/]", soft_wrap=True)
    OUT.print(f"    [dim]source: {plain(source_of_finding(finding.code))}[/]", soft_wrap=True)
    if finding.reject_code:
        OUT.print(f"    [dim]a rail would answer {plain(finding.reject_code)}[/]")


def _place(finding: Finding) -> str:
    if finding.line is None:
        return "the message"
    return f"line {finding.line}" + ("" if finding.column is None else f", column {finding.column}")
