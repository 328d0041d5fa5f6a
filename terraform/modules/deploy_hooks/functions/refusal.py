"""How a check says no, and how time does."""

from __future__ import annotations


class RefusedError(Exception):
    """The green set is not proved healthy; the text says by what, and becomes a line of the log."""


class OutOfTimeError(BaseException):
    """The time is up. No `Exception`: libraries retry those, and a check that repeats itself takes them for its own."""
