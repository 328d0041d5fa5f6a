"""A real Prometheus on the loopback interface: Debian's package, installed where it is missing and may be."""

from __future__ import annotations

import shutil
import subprocess
import threading
import urllib.error
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from adapters.child_process import free_loopback_port
from tests.servers.debian import ensure_package

PROGRAM: Final = "prometheus"
START_MAX_S: Final = 20.0

CONFIGURATION: Final = """
global:
  scrape_interval: 500ms
  scrape_timeout: 400ms
scrape_configs:
  - job_name: fifteen
    static_configs:
      - targets: {targets}
"""


def ensure_installed() -> None:
    """Install it where it is missing: on Debian, as root.

    Raises:
        PackageMissingError: it is missing and cannot be installed.

    """
    ensure_package(PROGRAM, is_there=lambda: shutil.which(PROGRAM) is not None)


@contextmanager
def running(directory: Path, targets: Sequence[str]) -> Iterator[str]:
    """Run it while the context is open, reading from `targets` twice a second; yields its address."""
    port = free_loopback_port()
    configuration = directory / "prometheus.yml"
    configuration.write_text(CONFIGURATION.format(targets=list(targets)))
    with (directory / "prometheus.log").open("wb") as log:
        process = subprocess.Popen(
            [
                PROGRAM,
                f"--config.file={configuration}",
                f"--storage.tsdb.path={directory / 'prometheus'}",
                f"--web.listen-address=127.0.0.1:{port}",
            ],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
        )
        try:
            _wait_until_ready(f"http://127.0.0.1:{port}")
            yield f"http://127.0.0.1:{port}"
        finally:
            process.kill()
            process.wait()


def _wait_until_ready(url: str) -> None:
    pause = threading.Event()
    for _ in range(int(START_MAX_S / 0.05)):
        try:
            with urllib.request.urlopen(f"{url}/-/ready", timeout=1) as response:
                if response.status == 200:
                    return
        except (urllib.error.URLError, OSError):
            pass
        pause.wait(0.05)
    raise TimeoutError("Prometheus did not become ready")
