"""A note that something was replicated, and waits to be folded or applied."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime


@dataclass(slots=True)
class Note:
    """One row of `projection_due`, or of `handed_over_due`."""

    position: int
    not_before: datetime | None = None
