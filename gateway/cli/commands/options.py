"""Options and arguments that commands of several groups have."""

from __future__ import annotations

from typing import Annotated, Literal

import typer

Rail = Literal["fednow", "rtp"]
Loss = Annotated[
    float,
    typer.Option(help="How many pieces of a hundred are lost, and come when they were sent again.", min=0, max=99),
]
PaymentIds = Annotated[list[str], typer.Argument(help="The payments' ids.", metavar="ID…")]
Note = Annotated[str, typer.Option(help="What was found out, where and from whom; it stays in the history.")]
Url = Annotated[str | None, typer.Option(help="The gateway; found by itself while a demo runs.")]
Json = Annotated[bool, typer.Option("--json", help="Print the answer as JSON.")]
Transfer = Annotated[str, typer.Argument(metavar="TRANSFER_ID", help="As `fifteen incoming list` shows it.")]
