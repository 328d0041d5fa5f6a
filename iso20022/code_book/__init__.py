"""What every code means that the rails, ISO 20022 or this library use: meaning, nature, who must act, source.

>>> [entry.meaning for entry in explained("AC04")][0]
'The account is closed.'
>>> close_codes("AC4")
('AC14', 'AC04', 'AC03')
"""

from collections.abc import Mapping
from difflib import get_close_matches
from functools import cache
from types import MappingProxyType
from typing import Final

from iso20022.code_book.entry import Actor, CodeEntry, CodeList, Nature
from iso20022.code_book.findings import FINDINGS
from iso20022.code_book.iso_investigations import INVESTIGATIONS
from iso20022.code_book.iso_reasons import REASONS
from iso20022.code_book.rails import RAIL_CODES

__all__ = ["ENTRIES", "Actor", "CodeEntry", "CodeList", "Nature", "close_codes", "explained", "source_of_finding"]

ENTRIES: Final[tuple[CodeEntry, ...]] = (*INVESTIGATIONS, *REASONS, *RAIL_CODES, *FINDINGS)
"""Every entry, by list."""

_CLOSE_MAX: Final = 3  # more suggestions than this help nobody


@cache
def _by_code() -> Mapping[str, tuple[CodeEntry, ...]]:
    found: dict[str, tuple[CodeEntry, ...]] = {}
    for entry in ENTRIES:
        found[entry.code] = (*found.get(entry.code, ()), entry)
    return MappingProxyType(found)


def explained(code: str) -> tuple[CodeEntry, ...]:
    """The entries of a code, in capitals or not, one for each list that has it; empty where nothing is known."""
    return _by_code().get(code.strip().upper(), ())


def close_codes(code: str) -> tuple[str, ...]:
    """Known codes that are written much like this one, the closest first."""
    return tuple(get_close_matches(code.strip().upper()[:80], _by_code(), n=_CLOSE_MAX, cutoff=0.6))


def source_of_finding(code: str) -> str:
    """Where the rule behind a finding comes from; ``""`` for a code that is not ours."""
    return next((entry.source for entry in explained(code) if entry.code_list is CodeList.FINDING), "")
