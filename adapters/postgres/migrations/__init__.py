"""The schema's history, and how a database is brought up to date."""

from __future__ import annotations

from typing import Final

HEAD: Final = "0008"
"""The newest revision: what this program needs."""
