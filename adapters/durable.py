"""Files that survive the loss of power: what adapters that write any share."""

from __future__ import annotations

import os
from pathlib import Path


def sync_directory(directory: Path) -> None:
    """Have the names in a directory written to the disk: a file that was synced is found again only then.

    Raises:
        OSError: it is not there, or the disk refuses.

    """
    descriptor = os.open(directory, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
