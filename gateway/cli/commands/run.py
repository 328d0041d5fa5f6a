"""Commands that run something here: the roles, the demo, two regions, benchmarks."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer

from gateway.cli.commands.options import Loss
from gateway.cli.console import explained, settings_or_stop


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
    rtp: Annotated[
        bool, typer.Option("--rtp", help="RTP's simulator too, and the same four payments over RTP as well.")
    ] = False,
    rail_time: Annotated[
        bool,
        typer.Option(
            "--rail-time", help="Gateway and worker follow the rail's clock: fifteen simulator clock sets it."
        ),
    ] = False,
) -> None:
    """Run gateway, worker, PostgreSQL and the FedNow simulator here, and send four payments.

    One settles, one is rejected (AC04), one is accepted without posting, and of one the answer is lost and found again
    by a status request, on RTP by a repeat. Then it stays up for payments of your own, until Ctrl-C.
    """
    from gateway.cli.demo import run_demo

    if rtp and rail_time:
        raise typer.BadParameter("--rail-time follows the clock of one rail, and --rtp brings a second")
    with explained():
        run_demo(stay=not (once or json), as_json=json, keep=keep, rtp=rtp, rail_time=rail_time)


def up(
    _regions: Annotated[int, typer.Option("--regions", help="How many regions: two.", min=2, max=2)] = 2,
    delay_ms: Annotated[float, typer.Option(help="The link's delay, one way.", min=0)] = 0.0,
    loss_percent: Loss = 0.0,
    lease_s: Annotated[float, typer.Option(help="The length of the regions' leases.", min=3)] = 10.0,
    keep: Annotated[
        Path | None, typer.Option("--keep", help="Keep databases, journal and logs in this directory.", metavar="DIR")
    ] = None,
) -> None:
    """Run two complete regions here, a witness, and a link whose delay, loss and cut can be set, until Ctrl-C."""
    from gateway.cli.up import run_up

    with explained():
        run_up(delay_ms=delay_ms, loss_percent=loss_percent, lease_s=lease_s, keep=keep)


def gateway() -> None:
    """Serve the HTTP API: takes payments, commits them, says what became of them."""
    from gateway.main import run, run_gateway

    settings = settings_or_stop()
    with explained():
        run(lambda: run_gateway(settings, ready=_listening))


def worker() -> None:
    """Carry payments: relay the outbox, send to the rail, receive its answers, keep the timers."""
    from gateway.main import run, run_worker

    settings = settings_or_stop()
    with explained():
        run(lambda: run_worker(settings, ready=_listening))


def bench(
    rate: Annotated[float, typer.Option(min=0, help="Payments a second; 0: as many as the clients can.")] = 300.0,
    seconds: Annotated[float, typer.Option(min=1, help="How long it is measured.")] = 60.0,
    peak: Annotated[bool, typer.Option("--peak", help="The same as --rate 0.")] = False,
    clients: Annotated[int, typer.Option(min=1, help="Clients that submit and wait, where the rate is 0.")] = 64,
    workers: Annotated[int, typer.Option(min=1, help="Worker processes.")] = 1,
    gateways: Annotated[int, typer.Option(min=1, help="Gateway processes.")] = 1,
    broker: Annotated[
        Literal["rabbitmq", "embedded"], typer.Option(help="A RabbitMQ of its own, or the bus in PostgreSQL.")
    ] = "rabbitmq",
    warmup: Annotated[float, typer.Option(min=0, help="Seconds of load before it is measured.")] = 5.0,
    log_level: Annotated[
        Literal["info", "warning"], typer.Option(help="What the roles log at the least; a line costs CPU.")
    ] = "info",
    keep: Annotated[
        Path | None, typer.Option("--keep", help="Keep database and logs in this directory.", metavar="DIR")
    ] = None,
    json: Annotated[bool, typer.Option("--json", help="Print the figures as JSON.")] = False,
    incoming: Annotated[
        bool,
        typer.Option("--incoming", help="Measure receiving: payments from the rail, asked about, answered, posted."),
    ] = False,
) -> None:
    """Measure a whole installation on this machine: throughput, times, and CPU per payment by process.

    PostgreSQL, RabbitMQ, simulator, gateway, worker and the load are processes of their own. Exits 0 where the bars
    hold, 1 where one does not.
    """
    from gateway.cli.bench.command import run_bench
    from gateway.cli.bench.measure import Load
    from gateway.cli.installation import Plan

    plan = Plan(broker=broker, gateways=gateways, workers=workers, log_level=log_level)
    if incoming:
        from gateway.cli.bench.incoming import run_incoming_bench

        raise typer.Exit(run_incoming_bench(plan, rate=rate, seconds=seconds, warmup_s=warmup, as_json=json, keep=keep))
    load = Load(rate=0.0 if peak else rate, seconds=seconds, warmup_s=warmup, clients=clients)
    raise typer.Exit(run_bench(plan, load, as_json=json, keep=keep))


def synthetic(
    json: Annotated[bool, typer.Option("--json", help="Print the outcome as JSON.")] = False,
) -> None:
    """Carry one payment over each rail, to a simulator, as the program is installed here; no money, no books.

    Gateway, worker and simulators run in this process for a moment, on the database beside the books whose name ends
    in `_synthetic` (`fifteen db upgrade` makes it where FIFTEEN_SYNTHETIC_PAYMENTS is true). Exits 0 when every payment
    settled, 1 when one did not, 2 when none could be made.
    """
    from gateway.cli.synthetic import run_synthetic

    with explained():
        raise typer.Exit(run_synthetic(settings_or_stop(), as_json=json))


def _listening(url: str) -> None:
    import structlog

    structlog.get_logger("fifteen").info("listening", url=url)
