"""``fifteen dlq``: dead letters, and what operators decide on them, through a gateway's API."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, Final

from rich.markup import escape

from gateway.cli import EXIT_FINDINGS, EXIT_OK
from gateway.cli.client import Answer, GatewayClient
from gateway.cli.console import OUT, stop
from gateway.cli.desk import Request, ask, print_line, print_refusal
from gateway.settings import Settings

_REMEDY: Final = "repeat it: what was done is said to be, and is never done twice"


@dataclass(frozen=True, slots=True)
class Desk:
    """Where the dead letters are: a gateway, as the settings or ``--url`` name it, and how answers are printed."""

    settings: Settings
    url: str | None
    as_json: bool

    def list_letters(self, *, queue: str | None, state: str) -> int:
        """Print dead letters; return 1 when there are any, so that a script may ask."""
        answer = self._ask(lambda client: client.dead_letters(queue=queue, state=state))
        if answer.status != 200:
            return print_refusal(answer)
        letters = answer.document["dead_letters"]
        if self.as_json:
            OUT.print_json(json.dumps(answer.document))
        else:
            _print_list(letters, is_more=answer.document["more"])
        return EXIT_FINDINGS if letters else EXIT_OK

    def show(self, delivery_id: str) -> int:
        """Print one, with its payment and what a redrive would do."""
        answer = self._ask(lambda client: client.dead_letter(delivery_id))
        if answer.status != 200:
            return print_refusal(answer)
        if self.as_json:
            OUT.print_json(json.dumps(answer.document))
        else:
            _print_one(answer.document)
        return EXIT_OK

    def close(self, delivery_ids: Sequence[str], *, action: str, queue: str | None, note: str) -> int:
        """Redrive or discard these, or every parked one of a queue; return 1 when one was refused.

        Each is asked for by itself: what was refused (somebody was first, there is none) holds no other up.
        """
        answers = [
            (delivery_id, self._ask(partial(_close, delivery_id=delivery_id, action=action, note=note)))
            for delivery_id in (*delivery_ids, *self._parked_of(queue))
        ]
        if self.as_json:
            OUT.print_json(json.dumps({"answers": [answer.document for _, answer in answers]}))
        for delivery_id, answer in () if self.as_json else answers:
            if answer.status == 200:
                OUT.print(f"{escape(delivery_id)}  [bold]{answer.document['state']}[/]")
            else:
                OUT.print(escape(delivery_id))
                print_refusal(answer)
        return EXIT_OK if all(answer.status == 200 for _, answer in answers) else EXIT_FINDINGS

    def _parked_of(self, queue: str | None) -> list[str]:
        if queue is None:
            return []
        answer = self._ask(lambda client: client.dead_letters(queue=queue, state="parked"))
        if answer.status != 200:
            stop(str(answer.document.get("detail")))
        return [letter["delivery_id"] for letter in answer.document["dead_letters"]]

    def _ask(self, request: Request) -> Answer:
        return ask(self.settings, self.url, request, remedy=_REMEDY)


async def _close(client: GatewayClient, *, delivery_id: str, action: str, note: str) -> Answer:
    return await client.close_dead_letter(delivery_id, action=action, note=note)


def _print_list(letters: Sequence[dict[str, Any]], *, is_more: bool) -> None:
    if not letters:
        OUT.print("[green]no dead letters[/]")
        return
    for letter in letters:  # no table: an id that a narrow terminal shortens can be given to no other command
        print_line(f"[bold]{letter['delivery_id']}[/]  {letter['state']}  {letter['queue']}")
        print_line(
            f"  payment {letter['payment_id']}, dead since {letter['died_at']}, tried {letter['attempts']} times"
        )
        print_line(f"  {escape(letter['fault'] or letter['reason'])}")
    if is_more:
        OUT.print("there are more")
    OUT.print("Look at one: fifteen dlq show ID. Then: fifteen dlq redrive|discard ID --note …")


def _print_one(letter: dict[str, Any]) -> None:
    payment, redrive, closing = letter["payment"], letter["redrive"], letter["closing"]
    print_line(f"delivery   {letter['delivery_id']}  [bold]{letter['state']}[/]")
    print_line(f"queue      {letter['queue']}, handed out {letter['attempts']} times")
    print_line(f"reason     {letter['reason']}" + (f": {escape(letter['fault'])}" if letter["fault"] else ""))
    print_line(f"from       {letter['published_at']} to {letter['died_at']}")
    print_line(f"payment    {letter['payment_id']}  [bold]{payment['state'] if payment else 'unknown here'}[/]")
    if redrive:
        print_line(f"redrive    [bold]{redrive['would']}[/]: {escape(redrive['meaning'])}")
    if closing:
        print_line(f"closed     {closing['at']} by {escape(closing['by'])}: {escape(closing['note'])}")
        if closing["redriven_as"]:
            print_line(f"as         {closing['redriven_as']}")
