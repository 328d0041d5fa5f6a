"""``fifteen validate``: the verdict on files, every finding with its place and its remedy, and certain mends."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from importlib.metadata import version as version_of
from pathlib import Path
from typing import Any, Literal

from gateway.cli import EXIT_FINDINGS, EXIT_OK, EXIT_UNREADABLE
from gateway.cli.console import OUT, stop
from gateway.cli.finding_text import print_mends, print_report
from gateway.cli.message_file import file_name, read_message
from gateway.cli.sarif import sarif
from iso20022 import Finding, Report
from iso20022.code_book import source_of_finding
from iso20022.mend import Mended, mended

Form = Literal["text", "json", "sarif"]
"""How findings are printed."""


def validate_files(files: Sequence[Path], explained: Callable[[bytes], Report], *, form: Form) -> int:
    """Print what is to be said of each file and return the exit code of the worst. Writes nothing."""
    reports = [(file, explained(read_message(file))) for file in files]
    match form:
        case "text":
            for file, report in reports:
                print_report(file, report)
        case "json":
            _print_json([_as_json(file, report) for file, report in reports])
        case "sarif":
            OUT.print_json(json.dumps(sarif(reports, version=version_of("fifteen"))))
    return max((_exit_code(report) for _, report in reports), default=EXIT_OK)


def fix_files(
    files: Sequence[Path], explained: Callable[[bytes], Report], *, output: Path | None, as_json: bool
) -> int:
    """Write a mended copy of each file that can be mended, print what was changed; the exit code is that of the copies.

    The copy of ``payment.xml`` is ``payment.fixed.xml``, or ``output`` for a single file; one that is there is
    overwritten. A file without a certain mend gets no copy. The file itself is never changed.
    """
    if output is not None and len(files) > 1:
        stop("--output names one copy: give one file")
    if output is not None and output.resolve() == files[0].resolve():
        stop("--output names the file itself, which is never changed: name another")
    worst, results = EXIT_OK, []
    for file in files:
        body = read_message(file)
        result = mended(body, explained)
        target = (output or file.with_name(f"{file.stem}.fixed{file.suffix}")) if result.mends else None
        if target is not None:
            _write(target, result.body)
        worst = max(worst, _exit_code(result.report))
        if as_json:
            results.append(_as_json(file, explained(body)) | {"fixed": _fixed_as_json(target, result)})
        else:
            print_report(file, explained(body))
            print_mends(target, result)
    if as_json:
        _print_json(results)
    return worst


def _write(file: Path, body: bytes) -> None:
    try:
        file.write_bytes(body)
    except OSError as error:
        stop(f"{file}: {error.strerror}")


def _exit_code(report: Report) -> int:
    if not report.readable:
        return EXIT_UNREADABLE
    return EXIT_OK if report.valid else EXIT_FINDINGS


def _print_json(results: list[dict[str, Any]]) -> None:
    OUT.print_json(json.dumps(results[0] if len(results) == 1 else results))


def _as_json(file: Path, report: Report) -> dict[str, Any]:
    return {
        "file": file_name(file),
        "valid": report.valid,
        "message": report.message_type,
        "rail": report.profile.rail.value,
        "findings": [_finding_as_json(finding) for finding in report.findings],
    }


def _finding_as_json(finding: Finding) -> dict[str, Any]:
    return finding.as_json() | {"column": finding.column, "source": source_of_finding(finding.code)}


def _fixed_as_json(target: Path | None, result: Mended) -> dict[str, Any]:
    return {
        "file": None if target is None else file_name(target),
        "valid": result.report.valid,
        "mends": [mend.as_json() for mend in result.mends],
        "findings": [_finding_as_json(finding) for finding in result.report.findings],
    }
