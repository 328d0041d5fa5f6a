"""Message files: read as far as a message may reach, and named so that any terminal and any program can take it."""

from __future__ import annotations

import os
from pathlib import Path

from gateway.cli.console import stop
from iso20022 import LIMITS


def read_message(file: Path) -> bytes:
    """The file's bytes, at most one more than a message may have: enough for it to be refused as too large.

    Ends the program with one line where the file cannot be read.
    """
    try:
        with file.open("rb") as stream:
            return stream.read(LIMITS.bytes_max + 1)
    except OSError as error:
        stop(f"{file}: {error.strerror}")


def file_name(file: Path) -> str:
    """The path as text; what is not UTF-8 in it is replaced, since nothing could write it."""
    return os.fsencode(file).decode("utf-8", "replace")
