"""The commands and their help."""

from __future__ import annotations

import json as json_library
from importlib.metadata import version as version_of
from pathlib import Path
from typing import Annotated, Any, Literal

import typer
from typer.core import TyperCommand

from gateway.cli.console import OUT, explained, settings_or_stop

application = typer.Typer(
    name="fifteen",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode="markdown",
    pretty_exceptions_enable=False,
    help=(
        "An instant payments gateway for FedNow and RTP on ISO 20022.\n\n"
        "New here? `fifteen demo` runs everything on this machine and settles payments before your eyes; "
        "`fifteen validate FILE` says what a message lacks; `fifteen send FILE --restamp` sends a sample through a "
        "running demo.\n\n"
        "Settings come from `FIFTEEN_*` variables, secret files and `fifteen.toml`: `fifteen config` shows them.\n\n"
        "Fifteen is an independent project. FedNow is a service mark of the Federal Reserve Banks, RTP of The Clearing "
        "House; neither has anything to do with it."
    ),
)
simulator = typer.Typer(no_args_is_help=True, help="Play a rail: FedNow, with its faults.")
database = typer.Typer(no_args_is_help=True, help="Look after the database.")
application.add_typer(simulator, name="simulator")
application.add_typer(database, name="db")

Rail = Literal["fednow"]


@application.command()
def demo(
    once: Annotated[
        bool, typer.Option("--once", help="Send the four payments and exit: 0 if all ended as they should.")
    ] = False,
    json: Annotated[
        bool, typer.Option("--json", help="Print the result as one JSON document; implies --once.")
    ] = False,
    keep: Annotated[
        Path | None, typer.Option("--keep", help="Keep database, journal and logs in this directory.", metavar="DIR")
    ] = None,
) -> None:
    """Run gateway, worker, PostgreSQL and the FedNow simulator here, and send four payments.

    One settles, one is rejected (AC04), one is accepted without posting, and of one the answer is lost and found again
    by a status request. Then it stays up for payments of your own, until Ctrl-C.
    """
    from gateway.cli.demo import run_demo

    with explained():
        run_demo(stay=not (once or json), as_json=json, keep=keep)


@application.command()
def gateway() -> None:
    """Serve the HTTP API: takes payments, commits them, says what became of them."""
    from gateway.main import run, run_gateway

    settings = settings_or_stop()
    with explained():
        run(lambda: run_gateway(settings, ready=_listening))


@application.command()
def worker() -> None:
    """Carry payments: relay the outbox, send to the rail, receive its answers, keep the timers."""
    from gateway.main import run, run_worker

    settings = settings_or_stop()
    with explained():
        run(lambda: run_worker(settings, ready=_listening))


@application.command()
def validate(
    files: Annotated[
        list[Path], typer.Argument(help="ISO 20022 messages: bare, with AppHdr, or in the rail's envelope.")
    ],
    rail: Annotated[Rail, typer.Option(help="Whose rules.")] = "fednow",
    direction: Annotated[
        Literal["in", "out"] | None,
        typer.Option(help="in: from the rail to the participant; out: to the rail. Guessed from the envelope."),
    ] = None,
    routing_numbers: Annotated[
        Literal["error", "warning"] | None,
        typer.Option(help="What a wrong ABA check digit is; the default is the setting."),
    ] = None,
    json: Annotated[bool, typer.Option("--json", help="Print the findings as JSON.")] = False,
) -> None:
    """Check messages against their schema and the rail's rules: every finding at once, with place and remedy.

    Exits 0 when valid, 1 with findings, 2 when a file cannot be read as a message.
    """
    from gateway.cli.validate import validate_files

    del rail  # one rail so far; the option names it for scripts
    raise typer.Exit(
        validate_files(files, settings_or_stop(), direction=direction, routing_numbers=routing_numbers, as_json=json)
    )


@application.command()
def send(
    file: Annotated[Path, typer.Argument(help="A pacs.008 as XML, or a payment as JSON.")],
    restamp: Annotated[
        bool,
        typer.Option(
            "--restamp",
            help="Renew ids, times and dates, and map routing numbers to the simulator's participants; prints each.",
        ),
    ] = False,
    url: Annotated[str | None, typer.Option(help="The gateway; found by itself while a demo runs.")] = None,
    key: Annotated[
        str | None,
        typer.Option(
            help="The Idempotency-Key of a JSON payment; by default the file's digest: the same file, the same payment."
        ),
    ] = None,
    wait: Annotated[int, typer.Option(min=0, max=15, help="Seconds to wait for the final status.")] = 15,
    json: Annotated[bool, typer.Option("--json", help="Print the gateway's answer as JSON.")] = False,
) -> None:
    """Send a payment through a gateway and wait for what becomes of it.

    Exits 0 when it settled, 1 when it was refused or rejected, 2 when nothing could be sent, 3 when it is not final.
    """
    from gateway.cli.send import send_file

    raise typer.Exit(
        send_file(file, settings_or_stop(), restamped=restamp, url=url, key=key, wait_s=wait, as_json=json)
    )


@application.command()
def config() -> None:
    """Print the settings as this process sees them, secrets masked; docs/settings.md says what each means."""
    from gateway.settings import masked

    OUT.print_json(json_library.dumps(masked(settings_or_stop())))


@application.command()
def version() -> None:
    """Print the version."""
    OUT.print(f"fifteen {version_of('fifteen')}")


@database.command()
def upgrade() -> None:
    """Create or migrate the schema, the regions' partitions and the first tenant; a repeat changes nothing.

    Runs as the owner (`FIFTEEN_DATABASE_OWNER_URL`). Registers `FIFTEEN_API_KEY` for the tenant, where it is set.
    """
    from gateway.cli.database import upgrade_database

    with explained():
        upgrade_database(settings_or_stop())


class _WithBehaviours(TyperCommand):
    """A command whose help ends with what the simulator does with which payment."""

    def format_help(self, ctx: Any, formatter: Any) -> None:
        """Print the help, then the table."""
        from gateway.cli.simulate import behaviour_table

        super().format_help(ctx, formatter)
        OUT.print(behaviour_table())


@simulator.command(cls=_WithBehaviours)
def fednow(
    host: Annotated[str, typer.Option(help="Where it listens.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(help="Its port; 0 takes a free one.")] = 8020,
    journal: Annotated[
        Path | None, typer.Option(help="Keep every message in this file, and remember them at the next start.")
    ] = None,
    rail_clock: Annotated[float, typer.Option(help="The rail's time-out clock in seconds.")] = 20.0,
    check_duplicates: Annotated[
        bool, typer.Option(help="Off: book every copy, as no real rail does, so that drills can count them.")
    ] = True,
) -> None:
    """Play FedNow: verify, keep the clock, settle, reject or stay silent.

    What happens to a payment is chosen by the creditor's account, or by the exact amount, as the table says.
    """
    from gateway.cli.simulate import run_fednow

    run_fednow(host=host, port=port, journal=journal, rail_clock_s=rail_clock, check_duplicates=check_duplicates)


def _listening(url: str) -> None:
    import structlog

    structlog.get_logger("fifteen").info("listening", url=url)
