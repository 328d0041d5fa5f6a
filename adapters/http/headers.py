"""Our own headers, by name: a module that needs nothing, so that a command knows them without the server behind it."""

from __future__ import annotations

from typing import Final

FORWARDED_FROM: Final = "Fifteen-Forwarded-From"
"""Names the region that forwarded a request: it is answered where it arrives, and goes no further."""

ANSWERED_IN: Final = "Fifteen-Region"
"""Names the region that answers: what comes without it, or from another, is of something on the way."""

NOT_HOME: Final = "Fifteen-Not-Home"
"""On a refusal of what was forwarded: the key's home is not here."""

FRESHNESS: Final = "Fifteen-Freshness"
"""Says for each region as of when it is known where the answer comes from: a dictionary of RFC 9651, by region."""
