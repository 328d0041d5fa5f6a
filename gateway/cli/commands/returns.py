"""``fifteen returns``: requests for the return of a payment."""

from __future__ import annotations

from typing import Annotated, Literal

import typer

from gateway.cli.commands.options import Json, Transfer, Url
from gateway.cli.console import settings_or_stop

returns = typer.Typer(no_args_is_help=True, help="Requests for the return of a payment, ours and theirs.")


@returns.command("list")
def returns_list(url: Url = None, json: Json = False) -> None:
    """List open requests for returns, ours and theirs: what is due first comes first."""
    from gateway.cli.return_requests import list_requests

    raise typer.Exit(list_requests(settings_or_stop(), url=url, as_json=json))


@returns.command("ask")
def returns_ask(
    payment: Annotated[str, typer.Argument(metavar="PAYMENT_ID", help="A settled payment of yours.")],
    reason: Annotated[str, typer.Option(help="ISO 20022 reason, such as DUPL, CUST, AM09 or FRAD.")],
    text: Annotated[str | None, typer.Option(help="Words for the receiver, one line.")] = None,
    url: Url = None,
) -> None:
    """Ask the receiver of a payment for its return (camt.056)."""
    from gateway.cli.return_requests import request_return

    raise typer.Exit(request_return(settings_or_stop(), payment, reason=reason, text=text, url=url))


@returns.command("answer")
def returns_answer(
    transfer: Transfer,
    answer: Annotated[Literal["agreed", "pending", "refused"], typer.Argument(help="What is answered.")],
    amount: Annotated[str | None, typer.Option(help="Agreed for a part: US dollars, such as 20.00.")] = None,
    reason: Annotated[str | None, typer.Option(help="ISO 20022 reason of a refusal, such as CUST or LEGL.")] = None,
    text: Annotated[str | None, typer.Option(help="Words for the sender, one line.")] = None,
    url: Url = None,
) -> None:
    """Answer a request for a return (camt.029); agreed, the money goes back with the answer."""
    from gateway.cli.return_requests import answer_return

    given = {"answer": answer, "amount": amount, "reason_code": reason, "text": text}
    raise typer.Exit(answer_return(settings_or_stop(), transfer, given, url=url))
