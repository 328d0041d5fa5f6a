"""``fifteen sample``: a valid message of any type, to a file or to standard output."""

from __future__ import annotations

import sys
from pathlib import Path

from adapters.system import SystemClock
from gateway.cli.console import stop
from gateway.cli.rails import DIRECTIONS
from iso20022.sample import NoSampleError, indented, sample


def write_sample(
    message: str, *, rail: str, direction: str | None, variation: int, bare: bool, output: Path | None
) -> None:
    """Make the sample, dated now, and write it; ends the program where the rail has no such message."""
    try:
        body = sample(
            message,
            rail=rail,
            direction=DIRECTIONS[direction],
            at=SystemClock().now(),
            variation=variation,
            bare=bare,
        )
    except NoSampleError as error:
        stop(str(error))
    text = indented(body)
    if output is None:
        sys.stdout.write(text.decode())
        return
    try:
        output.write_bytes(text)
    except OSError as error:
        stop(f"{output}: {error.strerror}")
