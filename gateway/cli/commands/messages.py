"""Commands that read, explain, make and send a message."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer

from gateway.cli.commands.options import Rail
from gateway.cli.console import settings_or_stop


def validate(
    files: Annotated[
        list[Path],
        typer.Argument(help="ISO 20022 messages: bare Documents or AppHdrs, or both in a rail's envelope."),
    ],
    rail: Annotated[
        Rail | None, typer.Option(help="Whose rules; without it those of the rail that the message shows.")
    ] = None,
    direction: Annotated[
        Literal["in", "out"] | None,
        typer.Option(help="in: from the rail to the participant; out: to the rail. Guessed from the envelope."),
    ] = None,
    routing_numbers: Annotated[
        Literal["error", "warning"] | None,
        typer.Option(help="What a wrong ABA check digit is; the default is the setting."),
    ] = None,
    json: Annotated[bool, typer.Option("--json", help="Print the findings as JSON.")] = False,
    sarif: Annotated[bool, typer.Option("--sarif", help="Print the findings as SARIF 2.1.0, for code hosts.")] = False,
    fix: Annotated[
        bool, typer.Option("--fix", help="Write a mended copy, FILE.fixed.xml, where the mend is certain.")
    ] = False,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="Where --fix writes the copy of a single file.")
    ] = None,
) -> None:
    """Check messages against their schema and the rail's rules: every finding at once, with place and remedy.

    Exits 0 when valid, 1 with findings, 2 when a file cannot be read as a message; with --fix that is said of the copy.
    """
    from gateway.cli.rails import examiner
    from gateway.cli.validate import fix_files, validate_files

    if sarif and (json or fix):
        raise typer.BadParameter("--sarif goes with neither --json nor --fix")
    if output is not None and not fix:
        raise typer.BadParameter("--output goes with --fix")
    explained = examiner(settings_or_stop(), rail=rail, direction=direction, routing_numbers=routing_numbers)
    if fix:
        raise typer.Exit(fix_files(files, explained, output=output, as_json=json))
    raise typer.Exit(validate_files(files, explained, form="sarif" if sarif else "json" if json else "text"))


def explain(
    code: Annotated[str | None, typer.Argument(help="A code of ISO 20022, FedNow, RTP, or of a finding.")] = None,
    every: Annotated[bool, typer.Option("--list", help="Print every code that is known, by list.")] = False,
    json: Annotated[bool, typer.Option("--json", help="Print it as JSON.")] = False,
) -> None:
    """Say what a code means, whether another try may help, who must act, and where that is published.

    Exits 0 when the code is known, 1 when not: then it names codes that are written alike.
    """
    from gateway.cli.explain import explain_code, list_codes

    if (code is None) is not every:
        raise typer.BadParameter("give a code, or --list")
    raise typer.Exit(list_codes(as_json=json) if code is None else explain_code(code, as_json=json))


def diff(
    before: Annotated[Path, typer.Argument(help="A message.")],
    after: Annotated[Path, typer.Argument(help="Another.")],
    show_personal: Annotated[
        bool, typer.Option("--show-personal", help="Show names, accounts and texts instead of ***.")
    ] = False,
    json: Annotated[bool, typer.Option("--json", help="Print the differences as JSON.")] = False,
) -> None:
    """Say in what two messages differ, element by element.

    White space between elements, comments and prefixes do not count. Exits 0 when they say the same, 1 when they
    differ, 2 when one cannot be read.
    """
    from gateway.cli.diff import diff_files

    raise typer.Exit(diff_files(before, after, show_personal=show_personal, as_json=json))


def sample(
    message: Annotated[str, typer.Argument(help="A message type: pacs.008, or pacs.008.001.08.")],
    rail: Annotated[Rail, typer.Option(help="On which rail.")] = "fednow",
    direction: Annotated[
        Literal["in", "out"] | None,
        typer.Option(help="in: from the rail to the participant; out: to the rail. Out, where the message goes there."),
    ] = None,
    bare: Annotated[bool, typer.Option("--bare", help="The Document alone, without header and envelope.")] = False,
    variation: Annotated[
        int, typer.Option(min=0, help="Another number, another sample: what is optional comes and goes.")
    ] = 0,
    output: Annotated[Path | None, typer.Option("--output", "-o", help="Write it to this file.")] = None,
) -> None:
    """Make a valid message of any type, dated now; names, accounts and institutions in it are invented.

    docs/messages.md has the message types of both rails. Exits 2 when the rail has no such message, or none that way.
    """
    from gateway.cli.sample import write_sample

    write_sample(message, rail=rail, direction=direction, variation=variation, bare=bare, output=output)


def send(
    file: Annotated[Path, typer.Argument(help="A pacs.008 or pacs.009 as XML, or a payment as JSON.")],
    restamp: Annotated[
        bool,
        typer.Option(
            "--restamp",
            help="Renew ids, times and dates, and map routing numbers to the simulator's participants; prints each.",
        ),
    ] = False,
    rail: Annotated[
        Rail | None, typer.Option(help="Over which rail, where the file shows none; else the gateway's default.")
    ] = None,
    url: Annotated[str | None, typer.Option(help="The gateway; found by itself while a demo runs.")] = None,
    key: Annotated[
        str | None,
        typer.Option(
            help="The Idempotency-Key of a JSON payment; by default the file's digest: the same file, the same payment."
        ),
    ] = None,
    liquidity: Annotated[bool, typer.Option("--liquidity", help="The JSON asks for a liquidity transfer.")] = False,
    wait: Annotated[int, typer.Option(min=0, max=15, help="Seconds to wait for the final status.")] = 15,
    json: Annotated[bool, typer.Option("--json", help="Print the gateway's answer as JSON.")] = False,
) -> None:
    """Send a payment through a gateway and wait for what becomes of it.

    Exits 0 when it settled, 1 when it was refused or rejected, 2 when nothing could be sent, 3 when it is not final.
    """
    from gateway.cli.send import send_file

    raise typer.Exit(
        send_file(
            file,
            settings_or_stop(),
            restamped=restamp,
            rail=rail,
            url=url,
            key=key,
            wait_s=wait,
            as_json=json,
            is_liquidity=liquidity,
        )
    )
