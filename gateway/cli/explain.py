"""``fifteen explain``: what a code means, transient or final, who must act, and where that is published."""

from __future__ import annotations

import json
from itertools import groupby

from rich.markup import escape
from rich.table import Table

from gateway.cli import EXIT_FINDINGS, EXIT_OK
from gateway.cli.console import ERROR, OUT
from iso20022.code_book import ENTRIES, CodeEntry, close_codes, explained


def explain_code(code: str, *, as_json: bool) -> int:
    """Print every meaning of the code; for an unknown one those that are written alike, and exit code 1."""
    entries = explained(code)
    if as_json:
        OUT.print_json(json.dumps([entry.as_json() for entry in entries]))
        return EXIT_OK if entries else EXIT_FINDINGS
    if not entries:
        close = close_codes(code)
        hint = f"Did you mean {', '.join(close)}?" if close else "`fifteen explain --list` prints all that are known."
        ERROR.print(f"fifteen: {code[:80]} is not known here. {hint}", style="red", markup=False)
        return EXIT_FINDINGS
    for entry in entries:
        _print(entry)
    return EXIT_OK


def list_codes(*, as_json: bool) -> int:
    """Print every code that is known, by list."""
    if as_json:
        OUT.print_json(json.dumps([entry.as_json() for entry in ENTRIES]))
        return EXIT_OK
    for code_list, entries in groupby(sorted(ENTRIES, key=_by_list), key=lambda entry: entry.code_list):
        table = Table(title=code_list.value, title_justify="left", show_header=False, box=None, pad_edge=False)
        for entry in entries:
            table.add_row(f"[bold]{entry.code}[/]", escape(entry.meaning))
        OUT.print(table)
        OUT.print()
    return EXIT_OK


def _by_list(entry: CodeEntry) -> tuple[str, str]:
    return entry.code_list.value, entry.code


def _print(entry: CodeEntry) -> None:
    OUT.print(f"[bold]{entry.code}[/]  [dim]{escape(entry.code_list.value)}[/]")
    OUT.print(f"  {escape(entry.meaning)}")
    if entry.advice:
        OUT.print(f"  [cyan]{escape(entry.advice)}[/]")
    OUT.print(f"  {escape(entry.nature.value)}")
    OUT.print(f"  to act: {entry.actor.value}")
    OUT.print(f"  [dim]source: {escape(entry.source)}[/]")
