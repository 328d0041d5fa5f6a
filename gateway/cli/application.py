"""The commands and their help: what is typed after ``fifteen``, in the order in which the help lists it."""

from __future__ import annotations

import typer

from gateway.cli.commands import (
    archive,
    audit,
    conversations,
    database,
    dlq,
    doubt,
    drill,
    due,
    incoming,
    messages,
    payment,
    posting,
    rail,
    region,
    returns,
    run,
    screening,
    show,
    simulator,
)

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

application.add_typer(simulator.simulator, name="simulator")
application.add_typer(database.database, name="db")
application.add_typer(payment.payment, name="payment")
application.add_typer(doubt.doubt, name="doubt")
application.add_typer(screening.screening, name="screening")
application.add_typer(incoming.received, name="incoming")
application.add_typer(rail.rail, name="rail")
application.add_typer(returns.returns, name="returns")
application.add_typer(posting.posting, name="posting")
application.add_typer(conversations.conversations, name="conversations")
application.add_typer(dlq.dlq, name="dlq")
application.add_typer(audit.audit, name="audit")
application.add_typer(archive.archive, name="archive")
application.add_typer(region.region, name="region")
application.add_typer(drill.drill, name="drill")

for command in (
    run.demo,
    run.up,
    run.gateway,
    run.worker,
    messages.validate,
    messages.explain,
    messages.diff,
    messages.sample,
    messages.send,
    due.due,
    show.ledger,
    show.replay,
    run.bench,
    show.config,
    show.version,
    run.synthetic,
):
    application.command()(command)
