"""``fifteen conversations``: requests for payment, questions and reports."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer

from gateway.cli.commands.options import Json, Url
from gateway.cli.console import settings_or_stop

conversations = typer.Typer(no_args_is_help=True, help="Requests for payment, questions and reports, ours and theirs.")

_Conversation = Annotated[str, typer.Argument(help="The conversation's id.", metavar="ID")]
_Key = Annotated[str | None, typer.Option(help="The idempotency key; without one it is made of what is asked.")]


@conversations.command("list")
def conversations_list(
    kind: Annotated[
        Literal["request_for_payment", "information_request", "account_report"] | None,
        typer.Option(help="Of this kind alone."),
    ] = None,
    everything: Annotated[bool, typer.Option("--all", help="Those at their end too.")] = False,
    url: Url = None,
    json: Json = False,
) -> None:
    """List conversations of which something is to be expected: what is due first comes first."""
    from gateway.cli.conversations import list_conversations

    raise typer.Exit(list_conversations(settings_or_stop(), kind=kind, everything=everything, url=url, as_json=json))


@conversations.command("show")
def conversations_show(conversation: _Conversation, url: Url = None, json: Json = False) -> None:
    """Show one with its history and every message."""
    from gateway.cli.conversations import show_conversation

    raise typer.Exit(show_conversation(settings_or_stop(), conversation, url=url, as_json=json))


@conversations.command("request")
def conversations_request(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="A payment in JSON with pay_on, and perhaps expires.")],
    key: _Key = None,
    url: Url = None,
) -> None:
    """Ask a debtor for a payment (pain.013)."""
    from gateway.cli.conversations import request_payment

    raise typer.Exit(request_payment(settings_or_stop(), file, key=key, url=url))


@conversations.command("ask")
def conversations_ask(
    asked_about: Annotated[str, typer.Argument(metavar="ID", help="A transfer's, or with --request a conversation's.")],
    request: Annotated[bool, typer.Option("--request", help="About a request for payment that has come.")] = False,
    missing: Annotated[list[str] | None, typer.Option(help="ISO 20022 code of what is missing, such as MS01.")] = None,
    incorrect: Annotated[list[str] | None, typer.Option(help="ISO 20022 code of what is wrong, such as IN01.")] = None,
    text: Annotated[str | None, typer.Option(help="With the code NARR: the question in words.")] = None,
    key: _Key = None,
    url: Url = None,
) -> None:
    """Ask the sender of a transfer, or of a request for payment, about it (camt.026)."""
    from gateway.cli.conversations import request_information

    raise typer.Exit(
        request_information(
            settings_or_stop(),
            asked_about,
            is_request=request,
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
    url: Url = None,
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
    url: Url = None,
) -> None:
    """Answer what we are asked (pain.014, camt.029, camt.028)."""
    from gateway.cli.conversations import answer_conversation

    given = {"answer": answer, "reason_code": reason, "text": text, "information": information}
    raise typer.Exit(answer_conversation(settings_or_stop(), conversation, given, part="answer", url=url))


@conversations.command("resend")
def conversations_resend(conversation: _Conversation, url: Url = None) -> None:
    """Send a request of ours again, under another message id, of which nobody has said that it arrived."""
    from gateway.cli.conversations import resend_request

    raise typer.Exit(resend_request(settings_or_stop(), conversation, url=url))


@conversations.command("note")
def conversations_note(
    conversation: _Conversation,
    note: Annotated[str, typer.Option(help="What was found out, where and from whom: it stays in the history.")],
    url: Url = None,
) -> None:
    """Say what was found out about one that needs attention: it needs none any more."""
    from gateway.cli.conversations import answer_conversation

    raise typer.Exit(answer_conversation(settings_or_stop(), conversation, {"note": note}, part="note", url=url))


@conversations.command("withdraw")
def conversations_withdraw(
    conversation: _Conversation,
    reason: Annotated[str, typer.Option(help="ISO 20022 reason, such as CUST, DUPL or PAID.")],
    text: Annotated[str | None, typer.Option(help="Words beside it, one line.")] = None,
    url: Url = None,
) -> None:
    """Take a request for payment of ours back (camt.055; on RTP camt.056)."""
    from gateway.cli.conversations import answer_conversation

    given = {"reason_code": reason, "text": text}
    raise typer.Exit(answer_conversation(settings_or_stop(), conversation, given, part="withdrawal", url=url))


@conversations.command("status")
def conversations_status(conversation: _Conversation, url: Url = None) -> None:
    """Ask who was asked for a payment how a request of ours stands (pacs.028)."""
    from gateway.cli.conversations import answer_conversation

    raise typer.Exit(answer_conversation(settings_or_stop(), conversation, {}, part="status-request", url=url))
