"""``fifteen simulator``: play a rail, a link or a bank's core."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer
from typer.core import TyperCommand

from gateway.cli.commands.options import Json, Loss
from gateway.cli.console import OUT

simulator = typer.Typer(no_args_is_help=True, help="Play a rail, FedNow or RTP, or a bank's core, with their faults.")

_Host = Annotated[str, typer.Option(help="Where it listens.")]
_Port = Annotated[int, typer.Option(help="Its port; 0 takes a free one.")]
_Amqp = Annotated[
    str | None, typer.Option(help="Serve participants over this broker's queues too: amqp://…", metavar="URL")
]
_Journal = Annotated[
    Path | None, typer.Option(help="Keep every message in this file, and remember them at the next start.")
]


_SigningKeys = Annotated[
    Path | None,
    typer.Option(help="Sign, with the keys of this folder: KEY_ID.pem, private key and certificate.", metavar="DIR"),
]
_ParticipantKeys = Annotated[
    Path | None,
    typer.Option(help="Refuse what none of the certificates in this folder signed: KEY_ID.pem.", metavar="DIR"),
]


class _WithBehaviours(TyperCommand):
    """A command, named as its rail, whose help ends with what the simulator does with which payment."""

    def format_help(self, ctx: Any, formatter: Any) -> None:
        """Print the help, then the table."""
        from gateway.cli.simulate import behaviour_table

        super().format_help(ctx, formatter)
        OUT.print(behaviour_table(str(self.name)))


@simulator.command(cls=_WithBehaviours)
def fednow(
    host: _Host = "127.0.0.1",
    port: _Port = 8020,
    amqp: _Amqp = None,
    journal: _Journal = None,
    rail_clock: Annotated[float, typer.Option(help="The rail's time-out clock in seconds.")] = 20.0,
    check_duplicates: Annotated[
        bool, typer.Option(help="Off: book every copy, as no real rail does, so that drills can count them.")
    ] = True,
    points: Annotated[
        list[str] | None,
        typer.Option(help="Connection points of a party, each with a queue of its own.", metavar="PARTY=A,B"),
    ] = None,
    liquidity_hours: Annotated[
        str | None,
        typer.Option(help="When it takes liquidity transfers, US Eastern; always without.", metavar="07:00-19:00"),
    ] = None,
    signing_keys: _SigningKeys = None,
    participant_keys: _ParticipantKeys = None,
) -> None:
    """Play FedNow: verify, keep the clock, settle, reject or stay silent.

    What happens to a payment is chosen by the creditor's account, or by the exact amount, as the table says.
    """
    from gateway.cli.simulate import liquidity_profile, points_from, run_fednow, signatures_of

    try:
        named, hours = points_from(points or ()), liquidity_profile(liquidity_hours)
        signatures = signatures_of("fednow", signing_keys, participant_keys)
    except ValueError as error:
        raise typer.BadParameter(str(error)) from error
    run_fednow(
        host=host,
        port=port,
        amqp_url=amqp,
        journal=journal,
        rail_clock_s=rail_clock,
        check_duplicates=check_duplicates,
        connection_points=named,
        **hours,
        **signatures,
    )


@simulator.command()
def clock(
    at: Annotated[
        str | None,
        typer.Option(help="Show this instant: 2026-11-25T18:59:50, US Eastern unless it says its offset."),
    ] = None,
    ahead: Annotated[
        str | None, typer.Option(help="Move on by so much, also while it stands: 60d, 1h30m, 2.5s.")
    ] = None,
    freeze: Annotated[bool, typer.Option("--freeze", help="Stand still from then on.")] = False,
    run: Annotated[bool, typer.Option("--run", help="Run again from what it shows.")] = False,
    system: Annotated[bool, typer.Option("--system", help="Show the machine's time again, and run.")] = False,
    url: Annotated[
        str | None,
        typer.Option(help="The simulator; without, the running demo's, else http://127.0.0.1:8020."),
    ] = None,
    json: Json = False,
) -> None:
    """Show a simulated rail's clock, or set it: time-outs, days, hours, expiries and late answers go by it.

    It does not go back while business is open: that is refused, and exits 1.
    """
    from gateway.cli.rail_clock import change_of, set_clock

    try:
        change = change_of(at=at, ahead=ahead, freeze=freeze, run=run, system=system)
    except ValueError as error:
        raise typer.BadParameter(str(error)) from error
    raise typer.Exit(set_clock(change, url=url, as_json=json))


@simulator.command()
def link(
    way: Annotated[
        list[str],
        typer.Option(
            help="From one place to another, with the ports on 127.0.0.1; may be repeated.",
            metavar="FROM:TO:LISTENING:TARGET",
        ),
    ],
    port: Annotated[int, typer.Option(help="Where the link is told of its delay, and cut.")] = 8030,
    delay_ms: Annotated[float, typer.Option(help="One way.", min=0)] = 0.0,
    loss_percent: Loss = 0.0,
    seed: Annotated[int, typer.Option(help="Which pieces are lost; the same seed has the same lost again.")] = 1,
) -> None:
    """Play the network between two regions: carry bytes, late or not at all."""
    import asyncio

    from simulators.link import Way, run_link

    try:
        ways = [Way.read(each) for each in way]
    except ValueError as error:
        raise typer.BadParameter("a way is two places and two ports: use1:usw2:8031:8000") from error
    asyncio.run(run_link(ways, port=port, delay_s=delay_ms / 1000, loss_percent=loss_percent, seed=seed))


@simulator.command()
def core(
    host: _Host = "127.0.0.1",
    port: _Port = 8030,
    balance: Annotated[float, typer.Option(min=0, help="What every account has at first, in dollars.")] = 100_000_000,
    webhook_secret: Annotated[
        str | None, typer.Option(help="Demand that what it is asked about incoming payments is signed with this.")
    ] = None,
    amqp: Annotated[
        str | None, typer.Option(help="Take what it is asked from this broker's queues too: amqp://…", metavar="URL")
    ] = None,
    queue: Annotated[str, typer.Option(help="What the names of these queues begin with.")] = "institution",
) -> None:
    """Play an institution: its core reserves debtors' money, posts it, releases it; it accepts and posts what comes.

    An account that ends in 9901 does not exist (AC01), 9904 has too little (AM04), 9906 is blocked (AC06); about one
    that ends in 9999 there is never an answer.
    """
    from gateway.cli.simulate import run_core

    if amqp is not None and webhook_secret is None:
        raise typer.BadParameter("--amqp needs --webhook-secret: what is answered over a queue is signed")
    run_core(
        host=host,
        port=port,
        balance_cents=round(balance * 100),
        webhook_secret=webhook_secret,
        amqp_url=amqp,
        queue=queue,
    )


@simulator.command(cls=_WithBehaviours)
def rtp(
    host: _Host = "127.0.0.1",
    port: _Port = 8021,
    amqp: _Amqp = None,
    journal: _Journal = None,
    rail_clock: Annotated[float, typer.Option(help="How long a payment may take, in seconds.")] = 15.0,
    check_duplicates: Annotated[
        bool, typer.Option(help="Off: book every copy not marked DUPL, as no real rail does, for drills to count.")
    ] = True,
    signing_keys: _SigningKeys = None,
    participant_keys: _ParticipantKeys = None,
) -> None:
    """Play RTP: verify, keep the clock, settle, reject, repeat its status for a message marked DUPL, or stay silent.

    What happens to a payment is chosen by the creditor's account, or by the exact amount, as the table says.
    """
    from gateway.cli.simulate import run_rtp, signatures_of

    try:
        signatures = signatures_of("rtp", signing_keys, participant_keys)
    except ValueError as error:
        raise typer.BadParameter(str(error)) from error
    run_rtp(
        host=host,
        port=port,
        amqp_url=amqp,
        journal=journal,
        rail_clock_s=rail_clock,
        check_duplicates=check_duplicates,
        **signatures,
    )
