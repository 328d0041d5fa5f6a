"""Debian's packages for the tests: installed where they are missing and may be, their services kept from starting."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from collections.abc import Callable
from fcntl import LOCK_EX, flock
from pathlib import Path
from typing import Final

INSTALL_TIMEOUT_S: Final = 600.0

_ONE_INSTALLER: Final = Path(tempfile.gettempdir()) / "fifteen-tests-install.lock"

_POLICY: Final = Path("/usr/sbin/policy-rc.d")
"""While it is there and answers 101, Debian's packages start no service (invoke-rc.d(8))."""


class PackageMissingError(Exception):
    """A package is not installed and cannot be; the text says why."""


def ensure_package(name: str, *, is_there: Callable[[], bool]) -> None:
    """Install a package where it is missing: on Debian, as root.

    Raises:
        PackageMissingError: it is missing and cannot be installed.

    """
    if is_there():
        return
    if os.geteuid() != 0 or shutil.which("apt-get") is None:
        raise PackageMissingError(f"{name} is not installed, and only root can on Debian: apt-get install {name}")
    with _ONE_INSTALLER.open("w") as lock:
        flock(lock, LOCK_EX)  # tests run in several processes: who comes second finds it installed
        if not is_there():
            _install(name)
    if not is_there():
        raise PackageMissingError(f"{name} was installed and is not found")


def _install(name: str) -> None:
    policy_is_ours = not _POLICY.exists()
    if policy_is_ours:
        _POLICY.write_text("#!/bin/sh\nexit 101\n")
        _POLICY.chmod(0o755)
    install = ("apt-get", "-o", "DPkg::Lock::Timeout=300", "install", "-y", "--no-install-recommends")
    try:
        for command in (("apt-get", "update"), (*install, name)):
            answer = subprocess.run(
                command,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                encoding="utf-8",
                env={**os.environ, "DEBIAN_FRONTEND": "noninteractive"},
                timeout=INSTALL_TIMEOUT_S,
                check=False,
            )
            if answer.returncode != 0:
                raise PackageMissingError(f"`{' '.join(command)}` failed:\n{answer.stdout}")
    finally:
        if policy_is_ours:
            _POLICY.unlink(missing_ok=True)
