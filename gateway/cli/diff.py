"""``fifteen diff``: in what two messages differ, element by element."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Final

from gateway.cli import EXIT_FINDINGS, EXIT_OK
from gateway.cli.console import OUT, stop
from gateway.cli.finding_text import plain
from gateway.cli.message_file import file_name, read_message
from iso20022 import RemoteProtocolError
from iso20022.difference import Change, Difference, differences

_SIGNS: Final = {
    Change.CHANGED: ("yellow", "~"),
    Change.REMOVED: ("red", "-"),
    Change.ADDED: ("green", "+"),
    Change.MOVED: ("yellow", "↕"),
}


def diff_files(before: Path, after: Path, *, show_personal: bool, as_json: bool) -> int:
    """Print every difference; the exit code is 0 when there is none, else 1. Ends with 2 for an unreadable file."""
    found = _differences(before, after, show_personal=show_personal)
    if as_json:
        document = {
            "before": file_name(before),
            "after": file_name(after),
            "same": not found,
            "differences": [each.as_json() for each in found],
        }
        OUT.print_json(json.dumps(document))
    else:
        for each in found:
            _print(each)
        count = f"{len(found)} difference{'' if len(found) == 1 else 's'}"
        OUT.print(f"[dim]{count}[/]" if found else "[green]no difference[/]")
    return EXIT_FINDINGS if found else EXIT_OK


def _differences(before: Path, after: Path, *, show_personal: bool) -> tuple[Difference, ...]:
    try:
        return differences(read_message(before), read_message(after), show_personal=show_personal)
    except RemoteProtocolError as error:
        stop(f"unreadable: {error.findings[0].code}: {error.findings[0].rule} `fifteen validate` says where.")


def _print(each: Difference) -> None:
    style, sign = _SIGNS[each.change]
    OUT.print(f"[{style}]{sign}[/] {plain(each.xpath)}  [dim]{_lines(each)}[/]", soft_wrap=True)
    for sign_of_value, value in (("-", each.before), ("+", each.after)):
        if value is not None:
            OUT.print(f"    {sign_of_value} {plain(value)}", soft_wrap=True)


def _lines(each: Difference) -> str:
    lines = [str(line) for line in (each.line_before, each.line_after) if line is not None]
    return f"line {' → '.join(lines)}" if lines else ""
