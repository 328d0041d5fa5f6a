"""The one program, ``fifteen``: every role and tool is a command of it."""

from __future__ import annotations

import sys
from typing import Final

EXIT_OK: Final = 0
EXIT_FINDINGS: Final = 1
EXIT_UNREADABLE: Final = 2
EXIT_OPEN: Final = 3
"""The payment has no final status yet."""


def main() -> None:
    """Run a command; a missing extra or setting is said in one line, never as a traceback."""
    from gateway.cli.processes import end_with_parent

    end_with_parent()
    try:
        from gateway.cli.application import application

        application()
    except ModuleNotFoundError as error:
        sys.exit(f"fifteen: {error.name} is not installed: pip install 'fifteen[gateway,embedded]'")
