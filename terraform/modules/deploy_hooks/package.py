"""Makes the functions' zip file: ``python package.py [file]``. The same sources make the same bytes, anywhere."""

from __future__ import annotations

import sys
from pathlib import Path
from zipfile import ZIP_DEFLATED, ZipFile, ZipInfo

HERE = Path(__file__).parent
DEFAULT = HERE / "build" / "deploy_hooks.zip"


def package(target: Path = DEFAULT) -> Path:
    """Write the zip file and return its path."""
    target.parent.mkdir(parents=True, exist_ok=True)
    with ZipFile(target, "w", ZIP_DEFLATED) as archive:
        for source in sorted((HERE / "functions").glob("*.py")):
            entry = ZipInfo(source.name, date_time=(1980, 1, 1, 0, 0, 0))
            entry.external_attr = 0o100644 << 16
            entry.compress_type = ZIP_DEFLATED
            archive.writestr(entry, source.read_bytes())
    return target


if __name__ == "__main__":
    sys.stdout.write(f"{package(Path(sys.argv[1]) if len(sys.argv) > 1 else DEFAULT)}\n")
