"""What may be kept of an exception: its class and message, without what could be a person's."""

from __future__ import annotations

import re
from typing import Final

FAULT_TEXT_MAX: Final = 300
"""Characters of a fault that are kept."""

MASK: Final = "…"

_QUOTED: Final = re.compile(r"'[^']*'|\"[^\"]*\"|<[^>]*>")
"""Python quotes the value that it could not take; so do parsers, and lxml shows elements."""

_LONG_NUMBER: Final = re.compile(r"(?<![-\w])\d{5,}(?![-\w])")
"""Account and routing numbers. What stands between hyphens is part of an identifier of ours."""

_UNPRINTABLE: Final = re.compile(r"[^\x20-\x7e\u00a0-\uffff]+")


def fault_text(fault: BaseException) -> str:
    r"""Return the class and message of an exception, fit to be kept and shown: one line, bounded, values masked.

    Exceptions of ours carry no personal data in clear (house style, section 8), but libraries quote what they choke on.

    >>> fault_text(ValueError("invalid literal for int() with base 10: 'Jane Sample'"))
    'ValueError: invalid literal for int() with base 10: …'
    >>> fault_text(LookupError("no payment 000b4a65-6bd8-84c8-9450-000000000042"))
    'LookupError: no payment 000b4a65-6bd8-84c8-9450-000000000042'
    """
    message = _UNPRINTABLE.sub(" ", str(fault))
    for pattern in (_QUOTED, _LONG_NUMBER):
        message = pattern.sub(MASK, message)
    return f"{type(fault).__name__}: {message}".removesuffix(": ")[:FAULT_TEXT_MAX]
