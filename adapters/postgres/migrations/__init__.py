"""The schema's history, and how a database is brought up to date.

Revisions are numbers of four digits that grow: they are compared as text. Each says its phase (docs/adr/0020).
"""

from __future__ import annotations

from typing import Final

HEAD: Final = "0030"
"""The newest revision that this program knows."""

NEEDED: Final = "0030"
"""The newest revision of phase `pre`: what this program cannot do without."""
