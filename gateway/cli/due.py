"""``fifteen due``: what waits for somebody here, of every kind, what expires first first."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any, Final

from rich.markup import escape

from gateway.cli import EXIT_FINDINGS, EXIT_OK
from gateway.cli.client import Answer, GatewayClient
from gateway.cli.console import OUT
from gateway.cli.desk import ask, print_freshness, print_line, print_refusal
from gateway.settings import Settings

_REMEDY: Final = "is it running? Nothing was changed"


def list_due(settings: Settings, *, kinds: Sequence[str], everything: bool, url: str | None, as_json: bool) -> int:
    """Print what is due, the first page or every one; return 1 when anything of it is late."""
    found: list[dict[str, Any]] = []
    after: str | None = None
    while True:
        answer = ask(settings, url, partial(_page, kinds=kinds, after=after), remedy=_REMEDY)
        if answer.status != 200:
            return print_refusal(answer)
        found += answer.document["due"]
        after = answer.document["next"]
        if after is None or not everything:
            break
    if as_json:
        print(json.dumps({**answer.document, "due": found}, indent=2))
    else:
        _print(found, more=answer.document["next"] is not None)
        print_freshness(answer)
    return EXIT_FINDINGS if any(each["overdue"] for each in found) else EXIT_OK


def _print(found: Sequence[Mapping[str, Any]], *, more: bool) -> None:
    if not found:
        OUT.print("[green]nothing is due[/]")
    for each in found:
        amount = "" if each["amount"] is None else f"  {each['amount']['value']} {each['amount']['currency']}"
        by = "no deadline" if each["by"] is None else f"by {each['by']}"
        late = "  [red]late[/]" if each["overdue"] else ""
        print_line(f"{by}{late}  [bold]{each['kind']}[/]{amount}: {', '.join(each['expected'])}")
        since = "" if each["since"] is None else f" since {each['since']}"
        print_line(
            f"  {escape(each['links']['self'])}  {each['state']}{since}, {each['rail']}, region {each['region']}"
        )
        if each["links"]["payment"] not in {None, each["links"]["self"]}:
            print_line(f"  about {escape(each['links']['payment'])}")
    if more:
        OUT.print("There is more: name a kind with --kind, or see every page with --all.")


async def _page(client: GatewayClient, *, kinds: Sequence[str], after: str | None) -> Answer:
    return await client.due(kinds, after)
