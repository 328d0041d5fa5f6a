"""What rules ask of one text."""

from collections.abc import Callable
from datetime import datetime

from iso20022.fields import read_date_time


def equals(value: str) -> Callable[[str], bool]:
    """Whether the text is exactly this."""
    return lambda text: text == value


def is_present(text: str) -> bool:
    """Whether the field is there."""
    return text != ""


def is_absent(text: str) -> bool:
    """Whether the field is not there."""
    return text == ""


def has_offset(text: str) -> bool:
    """Whether the text is a point in time that states its offset from UTC."""
    time: datetime | None = read_date_time(text)
    return time is not None and time.tzinfo is not None


def one_of(words: frozenset[str]) -> str:
    """Code words in a sentence: ``CONS or BIZZ``."""
    return " or ".join(sorted(words, reverse=True))


def code_words(text: str) -> frozenset[str]:
    """The code words that stand in a text, between spaces."""
    return frozenset(text.split())
