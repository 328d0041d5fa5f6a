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
simulator = typer.Typer(no_args_is_help=True, help="Play a rail, FedNow or RTP, or a bank's core, with their faults.")
database = typer.Typer(no_args_is_help=True, help="Look after the database.")
application.add_typer(simulator, name="simulator")
application.add_typer(database, name="db")
doubt = typer.Typer(no_args_is_help=True, help="Payments of which the rail could not tell what became of them.")
application.add_typer(doubt, name="doubt")
screening = typer.Typer(no_args_is_help=True, help="Payments that screening holds, and lists of names.")
application.add_typer(screening, name="screening")
received = typer.Typer(no_args_is_help=True, help="Transfers that came from a rail, and what is decided of them later.")
application.add_typer(received, name="incoming")
rail = typer.Typer(no_args_is_help=True, help="How we stand on a rail: sign-on, connection points, its news.")
application.add_typer(rail, name="rail")
returns = typer.Typer(no_args_is_help=True, help="Requests for the return of a payment, ours and theirs.")
application.add_typer(returns, name="returns")
conversations = typer.Typer(no_args_is_help=True, help="Requests for payment, questions and reports, ours and theirs.")
application.add_typer(conversations, name="conversations")
dlq = typer.Typer(no_args_is_help=True, help="Dead letters: deliveries that no handler settled.")
application.add_typer(dlq, name="dlq")
audit = typer.Typer(no_args_is_help=True, help="The history of payments: chained, sealed, and written down outside.")
application.add_typer(audit, name="audit")
archive = typer.Typer(no_args_is_help=True, help="Old messages: archived, found again, verified, removed at last.")
application.add_typer(archive, name="archive")
region = typer.Typer(no_args_is_help=True, help="Two regions: replication, leases and the map of slots.")
application.add_typer(region, name="region")
drill = typer.Typer(no_args_is_help=True, help="Kill and break things on purpose, and prove that nothing is lost.")
application.add_typer(drill, name="drill")

Rail = Literal["fednow", "rtp"]

_Loss = Annotated[
    float,
    typer.Option(help="How many pieces of a hundred are lost, and come when they were sent again.", min=0, max=99),
]


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
    rtp: Annotated[
        bool, typer.Option("--rtp", help="RTP's simulator too, and the same four payments over RTP as well.")
    ] = False,
) -> None:
    """Run gateway, worker, PostgreSQL and the FedNow simulator here, and send four payments.

    One settles, one is rejected (AC04), one is accepted without posting, and of one the answer is lost and found again
    by a status request, on RTP by a repeat. Then it stays up for payments of your own, until Ctrl-C.
    """
    from gateway.cli.demo import run_demo

    with explained():
        run_demo(stay=not (once or json), as_json=json, keep=keep, rtp=rtp)


@application.command()
def up(
    _regions: Annotated[int, typer.Option("--regions", help="How many regions: two.", min=2, max=2)] = 2,
    delay_ms: Annotated[float, typer.Option(help="The link's delay, one way.", min=0)] = 0.0,
    loss_percent: _Loss = 0.0,
    lease_s: Annotated[float, typer.Option(help="The length of the regions' leases.", min=3)] = 10.0,
    keep: Annotated[
        Path | None, typer.Option("--keep", help="Keep databases, journal and logs in this directory.", metavar="DIR")
    ] = None,
) -> None:
    """Run two complete regions here, a witness, and a link whose delay, loss and cut can be set, until Ctrl-C."""
    from gateway.cli.up import run_up

    with explained():
        run_up(delay_ms=delay_ms, loss_percent=loss_percent, lease_s=lease_s, keep=keep)


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


@application.command()
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


@application.command()
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


@application.command()
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
    wait: Annotated[int, typer.Option(min=0, max=15, help="Seconds to wait for the final status.")] = 15,
    json: Annotated[bool, typer.Option("--json", help="Print the gateway's answer as JSON.")] = False,
) -> None:
    """Send a payment through a gateway and wait for what becomes of it.

    Exits 0 when it settled, 1 when it was refused or rejected, 2 when nothing could be sent, 3 when it is not final.
    """
    from gateway.cli.send import send_file

    raise typer.Exit(
        send_file(file, settings_or_stop(), restamped=restamp, rail=rail, url=url, key=key, wait_s=wait, as_json=json)
    )


_PaymentIds = Annotated[list[str], typer.Argument(help="The payments' ids.", metavar="ID…")]
_Note = Annotated[str, typer.Option(help="What was found out, where and from whom; it stays in the history.")]
_Url = Annotated[str | None, typer.Option(help="The gateway; found by itself while a demo runs.")]


@doubt.command("list")
def doubt_list(
    url: _Url = None, json: Annotated[bool, typer.Option("--json", help="Print the answer as JSON.")] = False
) -> None:
    """List the payments that wait for a person: the rail was asked, and could not tell. Exits 1 when there are any."""
    from gateway.cli.doubt import list_payments

    raise typer.Exit(list_payments(settings_or_stop(), url=url, as_json=json))


@doubt.command("ask")
def doubt_ask(payment_ids: _PaymentIds, note: _Note, url: _Url = None) -> None:
    """Have the rail asked once more about these; its answer decides."""
    from gateway.cli.doubt import act_on

    raise typer.Exit(act_on(settings_or_stop(), payment_ids, action="ask", note=note, url=url))


@doubt.command("settled")
def doubt_settled(payment_ids: _PaymentIds, note: _Note, url: _Url = None) -> None:
    """Record the rail's word, heard on another way, that these settled. It is final."""
    from gateway.cli.doubt import act_on

    raise typer.Exit(act_on(settings_or_stop(), payment_ids, action="record_settlement", note=note, url=url))


@doubt.command("rejected")
def doubt_rejected(payment_ids: _PaymentIds, note: _Note, url: _Url = None) -> None:
    """Record the rail's word, heard on another way, that these did not settle and cannot any more. It is final."""
    from gateway.cli.doubt import act_on

    raise typer.Exit(act_on(settings_or_stop(), payment_ids, action="record_rejection", note=note, url=url))


@screening.command("list")
def screening_list(
    url: _Url = None, json: Annotated[bool, typer.Option("--json", help="Print the answer as JSON.")] = False
) -> None:
    """List the payments that screening holds, what expires first, and what was found. Exits 1 when there are any."""
    from gateway.cli.screening import list_held

    raise typer.Exit(list_held(settings_or_stop(), url=url, as_json=json))


@screening.command("release")
def screening_release(payment_ids: _PaymentIds, note: _Note, url: _Url = None) -> None:
    """Have these sent, at once. It cannot be taken back."""
    from gateway.cli.screening import decide

    raise typer.Exit(decide(settings_or_stop(), payment_ids, decision="release", note=note, code=None, url=url))


@screening.command("reject")
def screening_reject(
    payment_ids: _PaymentIds,
    note: _Note,
    reason: Annotated[str | None, typer.Option(help="An ISO 20022 reason; else what the tenant's rules say.")] = None,
    url: _Url = None,
) -> None:
    """Reject these. It is final."""
    from gateway.cli.screening import decide

    raise typer.Exit(decide(settings_or_stop(), payment_ids, decision="reject", note=note, code=reason, url=url))


@screening.command("explain")
def screening_explain(
    file: Annotated[Path, typer.Argument(help="The list: lines of id,kind,value.")],
    name: Annotated[str, typer.Argument(help="The name to hold against it.")],
    threshold: Annotated[int, typer.Option(min=50, max=100, help="From this similarity on, of 100.")] = 88,
) -> None:
    """Say how a name is compared with a list, and which entries it is like. Exits 1 when there are any."""
    from gateway.cli.screening import explain

    raise typer.Exit(explain(file, name, threshold=threshold))


@application.command()
def ledger(
    tenant: Annotated[str | None, typer.Option(help="The balances of this tenant alone.")] = None,
    json: Annotated[bool, typer.Option("--json", help="Print balances and faults as JSON.")] = False,
) -> None:
    """Show what the ledger's accounts hold, and every payment that is not booked as its state says.

    Exits 1 when there is one, or a posting has one side. It reads every posting: quick for a day, minutes for years.
    """
    from gateway.cli.ledger import show_ledger

    settings = settings_or_stop()
    with explained():
        raise typer.Exit(show_ledger(settings, tenant_id=tenant, as_json=json))


@application.command()
def replay(
    into: Annotated[
        str, typer.Option(help="postgresql://… of the owner of an empty database, which this fills.", metavar="URL")
    ],
    json: Annotated[bool, typer.Option("--json", help="Print the outcome as JSON.")] = False,
) -> None:
    """Run history again from its raw messages into an empty database, and prove that it comes out the same.

    What came in is read and judged anew, what went out is built anew and must be the bytes that left; states, events,
    messages and ledger are compared. Exits 1 when a payment comes out otherwise. Nothing is sent to anybody.
    """
    from gateway.cli.replay import replay_history

    settings = settings_or_stop()
    with explained():
        raise typer.Exit(replay_history(settings, into=into, as_json=json))


_Json = Annotated[bool, typer.Option("--json", help="Print the answer as JSON.")]
_Delivery = Annotated[str, typer.Argument(help="The delivery's id.", metavar="ID")]
_Deliveries = Annotated[list[str] | None, typer.Argument(help="Deliveries, by their ids.", metavar="ID…")]
_WhichQueue = Annotated[str | None, typer.Option(help="rail.direction.class, such as fednow.out.value.")]
_AllOfQueue = Annotated[str | None, typer.Option(help="Every parked one of this queue (200 at a time).")]
_Why = Annotated[str, typer.Option(help="Why this is right; it stays with the dead letter.")]


_Transfer = Annotated[str, typer.Argument(metavar="TRANSFER_ID", help="As `fifteen incoming list` shows it.")]


@received.command("list")
def incoming_list(
    state: Annotated[list[str] | None, typer.Option(help="Those in this state; may be repeated.")] = None,
    url: _Url = None,
    json: _Json = False,
) -> None:
    """List incoming transfers: what must be decided first, then the newest."""
    from gateway.cli.incoming import list_transfers

    raise typer.Exit(list_transfers(settings_or_stop(), url=url, states=state or (), as_json=json))


@received.command("show")
def incoming_show(transfer: _Transfer, url: _Url = None, json: _Json = False) -> None:
    """Show one, with its history."""
    from gateway.cli.incoming import show_transfer

    raise typer.Exit(show_transfer(settings_or_stop(), transfer, url=url, as_json=json))


@received.command("decide")
def incoming_decide(
    transfer: _Transfer,
    outcome: Annotated[
        Literal["posted", "refused", "pending", "blocked"], typer.Argument(help="What became of the money.")
    ],
    reason: Annotated[
        str | None, typer.Option(help="ISO 20022 reason, such as AC06: needed for refused and blocked.")
    ] = None,
    text: Annotated[str | None, typer.Option(help="Words for the sender, one line.")] = None,
    url: _Url = None,
) -> None:
    """Say what became of money that has arrived; the rail is told."""
    from gateway.cli.incoming import decide_posting

    settings = settings_or_stop()
    raise typer.Exit(decide_posting(settings, transfer, outcome, reason=reason, text=text, url=url))


@received.command("return")
def incoming_return(
    transfer: _Transfer,
    amount: Annotated[
        str | None, typer.Option(help="US dollars, such as 20.00; all that is left if not given.")
    ] = None,
    reason: Annotated[
        str | None, typer.Option(help="ISO 20022 reason, such as CUST: needed for what was posted.")
    ] = None,
    text: Annotated[str | None, typer.Option(help="Words for the sender, one line.")] = None,
    key: Annotated[
        str | None, typer.Option(help="A repeat under the same key starts no second return; a fresh one if not given.")
    ] = None,
    note: Annotated[
        str | None, typer.Option(help="Where the rail contradicts itself: who says that no former return has settled.")
    ] = None,
    url: _Url = None,
) -> None:
    """Give money back by a pacs.004: what was posted, all or a part; or try again what is owed back."""
    from gateway.cli.incoming import return_transfer

    order = {"amount": amount, "reason_code": reason, "text": text, "note": note}
    raise typer.Exit(return_transfer(settings_or_stop(), transfer, order, key=key, url=url))


@received.command("record")
def incoming_record(
    transfer: _Transfer,
    outcome: Annotated[
        Literal["settled", "not-settled", "returned"],
        typer.Argument(help="What the rail has said: of a transfer in AWAITING_OPERATOR, or of one in RETURN_DUE."),
    ],
    note: Annotated[str, typer.Option(help="Where and from whom it was heard; it stays in the history.")],
    url: _Url = None,
) -> None:
    """Record the rail's word, heard on another way: whether a transfer has settled, or that it has gone back."""
    from gateway.cli.incoming import record

    raise typer.Exit(record(settings_or_stop(), transfer, outcome, note=note, url=url))


@returns.command("list")
def returns_list(url: _Url = None, json: _Json = False) -> None:
    """List open requests for returns, ours and theirs: what is due first comes first."""
    from gateway.cli.return_requests import list_requests

    raise typer.Exit(list_requests(settings_or_stop(), url=url, as_json=json))


@returns.command("ask")
def returns_ask(
    payment: Annotated[str, typer.Argument(metavar="PAYMENT_ID", help="A settled payment of yours.")],
    reason: Annotated[str, typer.Option(help="ISO 20022 reason, such as DUPL, CUST, AM09 or FRAD.")],
    text: Annotated[str | None, typer.Option(help="Words for the receiver, one line.")] = None,
    url: _Url = None,
) -> None:
    """Ask the receiver of a payment for its return (camt.056)."""
    from gateway.cli.return_requests import request_return

    raise typer.Exit(request_return(settings_or_stop(), payment, reason=reason, text=text, url=url))


@returns.command("answer")
def returns_answer(
    transfer: _Transfer,
    answer: Annotated[Literal["agreed", "pending", "refused"], typer.Argument(help="What is answered.")],
    amount: Annotated[str | None, typer.Option(help="Agreed for a part: US dollars, such as 20.00.")] = None,
    reason: Annotated[str | None, typer.Option(help="ISO 20022 reason of a refusal, such as CUST or LEGL.")] = None,
    text: Annotated[str | None, typer.Option(help="Words for the sender, one line.")] = None,
    url: _Url = None,
) -> None:
    """Answer a request for a return (camt.029); agreed, the money goes back with the answer."""
    from gateway.cli.return_requests import answer_return

    given = {"answer": answer, "amount": amount, "reason_code": reason, "text": text}
    raise typer.Exit(answer_return(settings_or_stop(), transfer, given, url=url))


_Conversation = Annotated[str, typer.Argument(help="The conversation's id.", metavar="ID")]
_Key = Annotated[str | None, typer.Option(help="The idempotency key; without one it is made of what is asked.")]


@conversations.command("list")
def conversations_list(
    kind: Annotated[
        Literal["request_for_payment", "information_request", "account_report"] | None,
        typer.Option(help="Of this kind alone."),
    ] = None,
    everything: Annotated[bool, typer.Option("--all", help="Those at their end too.")] = False,
    url: _Url = None,
    json: _Json = False,
) -> None:
    """List conversations of which something is to be expected: what is due first comes first."""
    from gateway.cli.conversations import list_conversations

    raise typer.Exit(list_conversations(settings_or_stop(), kind=kind, everything=everything, url=url, as_json=json))


@conversations.command("show")
def conversations_show(conversation: _Conversation, url: _Url = None, json: _Json = False) -> None:
    """Show one with its history and every message."""
    from gateway.cli.conversations import show_conversation

    raise typer.Exit(show_conversation(settings_or_stop(), conversation, url=url, as_json=json))


@conversations.command("request")
def conversations_request(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="A payment in JSON with pay_on, and perhaps expires.")],
    key: _Key = None,
    url: _Url = None,
) -> None:
    """Ask a debtor for a payment (pain.013)."""
    from gateway.cli.conversations import request_payment

    raise typer.Exit(request_payment(settings_or_stop(), file, key=key, url=url))


@conversations.command("ask")
def conversations_ask(
    transfer: _Transfer,
    missing: Annotated[list[str] | None, typer.Option(help="ISO 20022 code of what is missing, such as MS01.")] = None,
    incorrect: Annotated[list[str] | None, typer.Option(help="ISO 20022 code of what is wrong, such as IN01.")] = None,
    text: Annotated[str | None, typer.Option(help="With the code NARR: the question in words.")] = None,
    key: _Key = None,
    url: _Url = None,
) -> None:
    """Ask the sender of a transfer about it (camt.026)."""
    from gateway.cli.conversations import request_information

    raise typer.Exit(
        request_information(
            settings_or_stop(),
            transfer,
            missing=missing or (),
            incorrect=incorrect or (),
            text=text,
            key=key,
            url=url,
        )
    )


@conversations.command("report")
def conversations_report(
    kind: Annotated[str, typer.Argument(help="ABAR, AATR, AADR, IATR, CATR, CADR or CITR.")],
    account: Annotated[str, typer.Argument(help="The account's routing number.")],
    from_date: Annotated[str | None, typer.Option("--from", help="The first cycle day, YYYY-MM-DD.")] = None,
    to_date: Annotated[str | None, typer.Option("--to", help="The last one.")] = None,
    key: Annotated[str | None, typer.Option(help="The idempotency key; without one every call asks anew.")] = None,
    url: _Url = None,
) -> None:
    """Ask the rail for a report on an account (camt.060)."""
    from gateway.cli.conversations import request_report

    given = {"kind": kind, "account": account, "from_date": from_date, "to_date": to_date}
    raise typer.Exit(request_report(settings_or_stop(), given, key=key, url=url))


@conversations.command("answer")
def conversations_answer(
    conversation: _Conversation,
    answer: Annotated[str, typer.Argument(help="What is answered: one of those that `list` shows as yours to do.")],
    reason: Annotated[str | None, typer.Option(help="ISO 20022 reason of a refusal, such as AC04 or CUST.")] = None,
    text: Annotated[str | None, typer.Option(help="Words beside the reason, one line.")] = None,
    information: Annotated[list[str] | None, typer.Option(help="A line of what is told, with informed.")] = None,
    url: _Url = None,
) -> None:
    """Answer what we are asked (pain.014, camt.029, camt.028)."""
    from gateway.cli.conversations import answer_conversation

    given = {"answer": answer, "reason_code": reason, "text": text, "information": information}
    raise typer.Exit(answer_conversation(settings_or_stop(), conversation, given, part="answer", url=url))


@conversations.command("note")
def conversations_note(
    conversation: _Conversation,
    note: Annotated[str, typer.Option(help="What was found out, where and from whom: it stays in the history.")],
    url: _Url = None,
) -> None:
    """Say what was found out about one that needs attention: it needs none any more."""
    from gateway.cli.conversations import answer_conversation

    raise typer.Exit(answer_conversation(settings_or_stop(), conversation, {"note": note}, part="note", url=url))


@conversations.command("withdraw")
def conversations_withdraw(
    conversation: _Conversation,
    reason: Annotated[str, typer.Option(help="ISO 20022 reason, such as CUST, DUPL or PAID.")],
    text: Annotated[str | None, typer.Option(help="Words beside it, one line.")] = None,
    url: _Url = None,
) -> None:
    """Take a request for payment of ours back (camt.055)."""
    from gateway.cli.conversations import answer_conversation

    given = {"reason_code": reason, "text": text}
    raise typer.Exit(answer_conversation(settings_or_stop(), conversation, given, part="withdrawal", url=url))


@dlq.command("list")
def dlq_list(
    queue: _WhichQueue = None,
    state: Annotated[
        Literal["parked", "redriven", "discarded", "any"], typer.Option(help="What became of them.")
    ] = "parked",
    url: _Url = None,
    json: _Json = False,
) -> None:
    """List dead letters, the longest dead first. Exits 1 when there are any."""
    from gateway.cli.dlq import Desk

    raise typer.Exit(Desk(settings_or_stop(), url, as_json=json).list_letters(queue=queue, state=state))


@dlq.command("show")
def dlq_show(delivery: _Delivery, url: _Url = None, json: _Json = False) -> None:
    """Show one: why it died, what its payment's state is, and what a redrive would do."""
    from gateway.cli.dlq import Desk

    raise typer.Exit(Desk(settings_or_stop(), url, as_json=json).show(delivery))


@dlq.command("redrive")
def dlq_redrive(
    note: _Why, deliveries: _Deliveries = None, queue: _AllOfQueue = None, url: _Url = None, json: _Json = False
) -> None:
    """Put these on their queues again, each under a fresh id; what is past its time does no harm."""
    from gateway.cli.dlq import Desk

    _demand_one_of(deliveries, queue)
    desk = Desk(settings_or_stop(), url, as_json=json)
    raise typer.Exit(desk.close(deliveries or (), action="redrive", queue=queue, note=note))


@dlq.command("discard")
def dlq_discard(
    note: _Why, deliveries: _Deliveries = None, queue: _AllOfQueue = None, url: _Url = None, json: _Json = False
) -> None:
    """Decide that nothing is to be done with these; they are kept, with the note."""
    from gateway.cli.dlq import Desk

    _demand_one_of(deliveries, queue)
    desk = Desk(settings_or_stop(), url, as_json=json)
    raise typer.Exit(desk.close(deliveries or (), action="discard", queue=queue, note=note))


def _demand_one_of(deliveries: list[str] | None, queue: str | None) -> None:
    if bool(deliveries) is (queue is not None):
        raise typer.BadParameter("give ids, or --queue")


_WhichRail = Annotated[Rail, typer.Option("--rail", help="Which rail.")]
_Institution = Annotated[
    str | None, typer.Argument(help="An institution's routing number; without: the whole connection party.")
]
_Point = Annotated[str, typer.Argument(help="A connection point, as the rail calls it.")]
_Purpose = Annotated[str, typer.Option("--note", help="Why; it stays in the history.")]


@rail.command("ping")
def rail_ping(rail: _WhichRail = "fednow", url: _Url = None, json: _Json = False) -> None:
    """Ask whether the rail is there; not with any regularity, says its operator."""
    _operate("ping", rail, None, "asked on the command line", url, as_json=json)


@rail.command("sign-on")
def rail_sign_on(
    note: _Purpose, institution: _Institution = None, rail: _WhichRail = "fednow", url: _Url = None, json: _Json = False
) -> None:
    """Have payments forwarded to an institution, or to all of us."""
    _operate("sign_on", rail, institution, note, url, as_json=json)


@rail.command("sign-off")
def rail_sign_off(
    note: _Purpose, institution: _Institution = None, rail: _WhichRail = "fednow", url: _Url = None, json: _Json = False
) -> None:
    """Have payments to an institution, or to all of us, rejected by the rail; everything else flows."""
    _operate("sign_off", rail, institution, note, url, as_json=json)


@rail.command("connect")
def rail_connect(
    point: _Point, note: _Purpose, rail: _WhichRail = "fednow", url: _Url = None, json: _Json = False
) -> None:
    """Have what is for us go to a connection point again."""
    _operate("connect", rail, point, note, url, as_json=json)


@rail.command("disconnect")
def rail_disconnect(
    point: _Point, note: _Purpose, rail: _WhichRail = "fednow", url: _Url = None, json: _Json = False
) -> None:
    """Have what is for us, also what waits there, go to the other connection points; the last one cannot go."""
    _operate("disconnect", rail, point, note, url, as_json=json)


@rail.command("close")
def rail_close(
    message: Annotated[str, typer.Argument(help="The missing message's id, as the status shows it.", metavar="ID")],
    note: _Purpose,
    rail: _WhichRail = "fednow",
    url: _Url = None,
) -> None:
    """Say that a message which the rail has settled, and which never came, was looked at."""
    from gateway.cli.rail import close

    raise typer.Exit(close(settings_or_stop(), message, rail=rail, note=note, url=url))


@rail.command("status")
def rail_status(rail: _WhichRail = "fednow", url: _Url = None, json: _Json = False) -> None:
    """Show who is signed on, what is connected, what was asked, and the rail's news."""
    from gateway.cli.rail import show

    raise typer.Exit(show(settings_or_stop(), rail=rail, url=url, as_json=json))


def _operate(action: str, rail: str, subject: str | None, note: str, url: str | None, *, as_json: bool) -> None:
    from gateway.cli.rail import operate

    settings = settings_or_stop()
    raise typer.Exit(operate(settings, action, rail=rail, subject=subject, note=note, url=url, as_json=as_json))


@audit.command("verify")
def audit_verify(
    database_url: Annotated[
        str | None,
        typer.Option(help="postgresql://… of any role that may read; the default is FIFTEEN_DATABASE_URL."),
    ] = None,
    anchors: Annotated[
        list[str] | None,
        typer.Option(
            help="A directory or s3://bucket/prefix with anchors; else FIFTEEN_AUDIT_ANCHORS. May be repeated."
        ),
    ] = None,
    json: Annotated[bool, typer.Option("--json", help="Print the result as JSON.")] = False,
) -> None:
    """Compute every digest of the history anew, and hold it against seals and anchors.

    Finds what was changed, deleted, inserted, reordered or cut off, and says what is not sealed yet. Where there is an
    archive, all of it is verified too. Exits 0 when all fits, 1 with violations, 2 when something cannot be read.
    """
    from gateway.cli.audit import verify_trail

    with explained():
        raise typer.Exit(verify_trail(settings_or_stop(), database_url=database_url, anchors=anchors, as_json=json))


@archive.command("run")
def archive_run(json: _Json = False) -> None:
    """Archive what is old enough, now; a worker does the same every day.

    Messages are copied, and stay in the database until `fifteen db partitions --drop-archived` drops their month.
    """
    from adapters.system import SystemClock
    from gateway.cli.archive import run_archiver

    with explained():
        raise typer.Exit(run_archiver(settings_or_stop(), SystemClock(), as_json=json))


@archive.command("find")
def archive_find(
    uetr: Annotated[str, typer.Option(help="The payment's UETR.")],
    tenant: Annotated[str | None, typer.Option(help="Whose payment; the default is FIFTEEN_TENANT_ID.")] = None,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="Write each message's bytes to a file in here.", metavar="DIR")
    ] = None,
    json: _Json = False,
) -> None:
    """List every message of the payments with a UETR, and where it is: in the database, or in which object.

    The archive is read for it. Exits 1 when there is no such payment. The files of --output show all in clear.
    """
    from gateway.cli.archive import find_messages

    with explained():
        raise typer.Exit(find_messages(settings_or_stop(), uetr=uetr, tenant=tenant, output=output, as_json=json))


@archive.command("verify")
def archive_verify(json: _Json = False) -> None:
    """Read every object whole, open every record, and hold it against the index. `audit verify` does it as well.

    Finds what was edited, cut off, removed or put in another's place. Exits 0 when all fits, 1 with violations.
    """
    from adapters.system import SystemClock
    from gateway.cli.archive import verify_all

    with explained():
        raise typer.Exit(verify_all(settings_or_stop(), SystemClock(), as_json=json))


@archive.command("expire")
def archive_expire(
    trial: Annotated[bool, typer.Option("--trial", help="Say what would go, and leave it.")] = False,
) -> None:
    """Remove the objects that were kept for `FIFTEEN_ARCHIVE_YEARS`. In a directory: a bucket has its own rule."""
    from adapters.system import SystemClock
    from gateway.cli.archive import expire

    with explained():
        raise typer.Exit(expire(settings_or_stop(), SystemClock(), is_trial=trial))


@application.command()
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


@application.command()
def config() -> None:
    """Print the settings as this process sees them, secrets masked; docs/settings.md says what each means."""
    from gateway.settings import masked

    OUT.print_json(json_library.dumps(masked(settings_or_stop())))


@application.command()
def version() -> None:
    """Print the version."""
    OUT.print(f"fifteen {version_of('fifteen')}")


@application.command()
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


@database.command()
def upgrade(
    phase: Annotated[
        Literal["pre", "post"] | None,
        typer.Option(
            help="pre: what new code needs, before it is deployed. post: what takes away what old code used, after it "
            "has ended. Without it: both."
        ),
    ] = None,
) -> None:
    """Create or migrate the schema, the regions' partitions and the first tenant; a repeat changes nothing.

    Runs as the owner (`FIFTEEN_DATABASE_OWNER_URL`). Registers `FIFTEEN_API_KEY` for the tenant, where it is set, and
    makes the role that `FIFTEEN_DATABASE_URL` logs in as, where that is set and there is none.
    Refuses what code that still runs would not survive (docs/deploy.md).
    """
    from adapters.postgres.phases import Phase
    from gateway.cli.database import upgrade_database

    with explained():
        upgrade_database(settings_or_stop(), phase=None if phase is None else Phase(phase))


@database.command("check")
def check_schema(
    json: Annotated[bool, typer.Option("--json", help="Print the answer as JSON.")] = False,
) -> None:
    """Say what the database's schema has, what an upgrade would do to it, and which releases run on it.

    Changes nothing. Exits 0 where this program can serve, 1 where a migration of phase pre is missing.
    """
    from gateway.cli.database import check_database

    with explained():
        raise typer.Exit(check_database(settings_or_stop(), as_json=json))


@database.command()
def partitions(
    drop_archived: Annotated[
        bool, typer.Option("--drop-archived", help="Drop the months that the archive has whole, and gives back.")
    ] = False,
) -> None:
    """Make the months for messages to come; a job for every day, beside `upgrade`, which does it as well.

    Runs as the owner (`FIFTEEN_DATABASE_OWNER_URL`). Exits 1 when a month is old enough to be dropped and cannot be.
    """
    from adapters.system import SystemClock
    from gateway.cli.partitions import keep_partitions

    with explained():
        raise typer.Exit(keep_partitions(settings_or_stop(), SystemClock(), drop_archived=drop_archived))


@database.command("accounts")
def accounts(
    file: Annotated[
        Path, typer.Argument(help="Lines of routing number, account, and open, closed or blocked.", metavar="FILE")
    ],
    tenant: Annotated[str | None, typer.Option(help="Whose they are; the first tenant's.")] = None,
) -> None:
    """Make these a tenant's whole account directory, which its stand-in looks into; accounts are kept as indexes alone.

    Runs as the owner (`FIFTEEN_DATABASE_OWNER_URL`), with the workers' `FIFTEEN_INDEX_KEY`.
    """
    from gateway.cli.directory import load_accounts

    with explained():
        load_accounts(settings_or_stop(), file, tenant_id=tenant)


@region.command()
def init(
    first: Annotated[
        bool,
        typer.Option(
            "--first", help="Make the map of slots at the witness: in the region that has accepted payments until now."
        ),
    ] = False,
) -> None:
    """Publish this region's partitions, guard the other's, and take its share of the slots from the witness.

    Runs as the owner (`FIFTEEN_DATABASE_OWNER_URL`), in each region, after `fifteen db upgrade`: with `--first` in the
    region that has accepted payments until now, or where none has in either, and then in the other. A repeat changes
    nothing.
    """
    from gateway.cli.regions import initialise

    with explained():
        initialise(settings_or_stop(), is_first=first)


@region.command()
def takeover() -> None:
    """Take over the other region's slots and payments, once it surely acts no more: it is fenced off, and waited for.

    Its payments in flight are in doubt, and the rail is asked about them. A repeat is safe.
    """
    from gateway.cli.regions import take_over_peer

    with explained():
        take_over_peer(settings_or_stop())


@region.command()
def rejoin(
    within: Annotated[float, typer.Option("--within", help="Give up after so many seconds.", min=1)] = 60.0,
) -> None:
    """Let this region, which was taken over, serve again: it catches up, and its share of the slots is handed back.

    Both regions run meanwhile; the other goes on with each slot until it has released it. A repeat is safe.
    """
    from gateway.cli.regions import come_back

    with explained():
        come_back(settings_or_stop(), within_s=within)


@region.command()
def join(
    anew: Annotated[
        bool, typer.Option("--anew", help="Drop what was copied of the other region, and copy it all again.")
    ] = False,
) -> None:
    """Follow the other region (`FIFTEEN_PEER_DATABASE_URL`), once `fifteen region init` was run in both.

    A repeat changes nothing. With `--anew` for a region whose slot was lost while it was away.
    """
    from gateway.cli.regions import follow

    with explained():
        follow(settings_or_stop(), anew=anew)


@region.command("status")
def region_status(json: _Json = False) -> None:
    """Show leases, the map of slots and replication, with what is wrong; exits 1 if anything is."""
    from gateway.cli.regions import show

    with explained():
        raise typer.Exit(show(settings_or_stop(), as_json=json))


@region.command()
def fence() -> None:
    """Fence the other region off: its lease is not renewed any more, and it serves nothing once that has run out."""
    from gateway.cli.regions import fence_peer

    with explained():
        fence_peer(settings_or_stop())


@region.command()
def readmit(
    within: Annotated[float, typer.Option(help="How long the two may take to be in step, in seconds.", min=5)] = 60.0,
    alone: Annotated[
        bool, typer.Option("--alone", help="Do not ask the other region: for one that is gone for good.")
    ] = False,
) -> None:
    """Let this region serve again after it was fenced off, with the slots that the witness says it has.

    It must follow the other region, and have what that has accepted meanwhile.
    """
    from gateway.cli.regions import let_in

    with explained():
        let_in(settings_or_stop(), within_s=within, is_alone=alone)


class _WithBehaviours(TyperCommand):
    """A command, named as its rail, whose help ends with what the simulator does with which payment."""

    def format_help(self, ctx: Any, formatter: Any) -> None:
        """Print the help, then the table."""
        from gateway.cli.simulate import behaviour_table

        super().format_help(ctx, formatter)
        OUT.print(behaviour_table(str(self.name)))


_Host = Annotated[str, typer.Option(help="Where it listens.")]
_Port = Annotated[int, typer.Option(help="Its port; 0 takes a free one.")]
_Amqp = Annotated[
    str | None, typer.Option(help="Serve participants over this broker's queues too: amqp://…", metavar="URL")
]
_Journal = Annotated[
    Path | None, typer.Option(help="Keep every message in this file, and remember them at the next start.")
]


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
) -> None:
    """Play FedNow: verify, keep the clock, settle, reject or stay silent.

    What happens to a payment is chosen by the creditor's account, or by the exact amount, as the table says.
    """
    from gateway.cli.simulate import points_from, run_fednow

    try:
        named = points_from(points or ())
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
    )


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
    loss_percent: _Loss = 0.0,
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
) -> None:
    """Play an institution: its core reserves debtors' money, posts it, releases it; it accepts and posts what comes.

    An account that ends in 9901 does not exist (AC01), 9904 has too little (AM04), 9906 is blocked (AC06); about one
    that ends in 9999 there is never an answer.
    """
    from gateway.cli.simulate import run_core

    run_core(host=host, port=port, balance_cents=round(balance * 100), webhook_secret=webhook_secret)


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
) -> None:
    """Play RTP: verify, keep the clock, settle, reject, repeat its status for a message marked DUPL, or stay silent.

    What happens to a payment is chosen by the creditor's account, or by the exact amount, as the table says.
    """
    from gateway.cli.simulate import run_rtp

    run_rtp(
        host=host,
        port=port,
        amqp_url=amqp,
        journal=journal,
        rail_clock_s=rail_clock,
        check_duplicates=check_duplicates,
    )


@drill.command()
def crash(
    seed: Annotated[int | None, typer.Option(help="Where and when is killed; printed, and fresh by default.")] = None,
    payments: Annotated[int, typer.Option(min=1, help="How many payments are submitted.")] = 2_000,
    seconds: Annotated[float, typer.Option(min=1, help="Over how long they are spread.")] = 30.0,
    kills: Annotated[int, typer.Option(min=0, help="How often a gateway or worker is killed (-9).")] = 20,
    kill_servers: Annotated[int, typer.Option(min=0, help="How often PostgreSQL and RabbitMQ are, each.")] = 0,
    broker: Annotated[
        Literal["rabbitmq", "embedded"], typer.Option(help="A RabbitMQ of its own, or the bus in PostgreSQL.")
    ] = "rabbitmq",
    point: Annotated[
        list[str] | None, typer.Option(help="Kill at these points alone; --list-points shows them.")
    ] = None,
    plant: Annotated[
        list[str] | None, typer.Option(help="Take a guard away: the drill must then fail; --list-plants shows them.")
    ] = None,
    keep: Annotated[
        Path | None, typer.Option("--keep", help="Leave ledger, tables and answers in this directory.", metavar="DIR")
    ] = None,
    json: Annotated[bool, typer.Option("--json", help="Print the count as JSON.")] = False,
    list_points: Annotated[bool, typer.Option("--list-points", help="Show the points, and exit.")] = False,
    list_plants: Annotated[bool, typer.Option("--list-plants", help="Show the plants, and exit.")] = False,
) -> None:
    """Kill gateways and workers under load, at named points and at random, and count the money afterwards.

    Exits 0 when every payment that was acknowledged is accounted for, none is doubled and none is stuck.
    """
    from gateway.cli.drill.chance import fresh_seed
    from gateway.cli.drill.command import plants_table, points_table, run_drill
    from gateway.cli.drill.plants import named
    from gateway.cli.drill.points import BY_NAME
    from gateway.cli.drill.supervisor import DrillPlan

    if list_points or list_plants:
        OUT.print(points_table() if list_points else plants_table())
        raise typer.Exit
    try:
        plants = named(tuple(plant or ()))
    except ValueError as error:
        raise typer.BadParameter(f"{error}: --list-plants shows them") from error
    if unknown := set(point or ()) - BY_NAME.keys():
        raise typer.BadParameter(f"no such point: {', '.join(sorted(unknown))}; --list-points shows them")
    plan = DrillPlan(
        seed=fresh_seed() if seed is None else seed,
        payments=payments,
        seconds=seconds,
        kills=kills,
        server_kills=kill_servers,
        broker=broker,
        plants=plants,
        points=tuple(point or ()),
    )
    raise typer.Exit(run_drill(plan, as_json=json, keep=keep))


@drill.command(name="region")
def drill_region(
    scenario: Annotated[
        list[str] | None,
        typer.Option(
            help="killed, cut, witness, one-way, lossy, cut-60, isolated, frozen-5, frozen-60, both, old-map, "
            "unattended, clock; or all. Without: the first three."
        ),
    ] = None,
    seed: Annotated[int | None, typer.Option(help="Repeats the drill's choices; printed when it was drawn.")] = None,
    plant: Annotated[
        list[str] | None,
        typer.Option(
            help="Take a guard away, home, send-anew, no-fence, shared-rows, random-ids, fresh-stamp or answer-alone: "
            "it has to fail."
        ),
    ] = None,
    keep: Annotated[
        Path | None, typer.Option("--keep", help="Leave journal, databases and logs in this directory.", metavar="DIR")
    ] = None,
    json: Annotated[bool, typer.Option("--json", help="Print a list of results as JSON.")] = False,
) -> None:
    """Lose a region under load on both, cut the way between them, lose the witness; and count the money afterwards.

    JSON is one object for each scenario; what was wrong is told beside it.

    Exits 0 when every payment that was acknowledged is accounted for, none is doubled and both regions have the same.
    """
    from gateway.cli.drill.chance import fresh_seed
    from gateway.cli.drill.region.command import run_region_drill
    from gateway.cli.drill.region.plants import Plant
    from gateway.cli.drill.region.scenarios import ALL, QUICK, SCENARIOS

    names = tuple(SCENARIOS) if scenario and ALL in scenario else tuple(scenario or QUICK)
    if unknown := (set(names) - SCENARIOS.keys()) | (set(plant or ()) - set(Plant)):
        raise typer.BadParameter(
            f"no {', '.join(sorted(unknown))}: scenarios are {', '.join((*SCENARIOS, ALL))}, plants {', '.join(Plant)}"
        )
    plants = frozenset(map(Plant, plant or ()))
    code = run_region_drill(names, seed=fresh_seed() if seed is None else seed, plants=plants, as_json=json, keep=keep)
    raise typer.Exit(code)


@drill.command()
def recount(
    directory: Annotated[Path, typer.Argument(help="What a drill with --keep has left.")],
    json: Annotated[bool, typer.Option("--json", help="Print the count as JSON.")] = False,
) -> None:
    """Count again, from the files that a drill has kept and nothing else."""
    from gateway.cli.drill.command import run_recount

    raise typer.Exit(run_recount(directory, as_json=json))


def _listening(url: str) -> None:
    import structlog

    structlog.get_logger("fifteen").info("listening", url=url)
