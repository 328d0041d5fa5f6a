"""What the commands share: where they write, and how they end when a setting is wrong."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from io import TextIOWrapper
from typing import Final, NoReturn

from rich.console import Console

from gateway.cli import EXIT_UNREADABLE
from gateway.settings import Settings, SettingsError, load_settings

for _stream in (sys.stdout, sys.stderr):
    if isinstance(_stream, TextIOWrapper):
        _stream.reconfigure(errors="replace")  # a terminal of another encoding shows a question mark, and no traceback

OUT: Final = Console(highlight=False)
ERROR: Final = Console(stderr=True, highlight=False)


def stop(message: str, *, code: int = EXIT_UNREADABLE) -> NoReturn:
    """End the program with a message on standard error."""
    ERROR.print(f"fifteen: {message}", style="red", markup=False)
    sys.exit(code)


@contextmanager
def explained() -> Iterator[None]:
    """End with one clear line for what the user can mend."""
    try:
        yield
    except SettingsError as error:
        stop(str(error))


def settings_or_stop() -> Settings:
    """Return the settings, or end saying which one is wrong."""
    with explained():
        return load_settings()
