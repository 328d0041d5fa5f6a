"""RabbitMQ for the tests: installed where it is missing and may be; the node itself is the program's own."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from fcntl import LOCK_EX, flock
from pathlib import Path
from typing import Final

from adapters.rabbitmq.server import RabbitMqMissingError, RabbitMqNode, RabbitMqNodeError, find_scripts

__all__ = ["RabbitMqMissingError", "RabbitMqNode", "RabbitMqNodeError", "ensure_installed"]

INSTALL_TIMEOUT_S: Final = 600.0

_ONE_INSTALLER: Final = Path(tempfile.gettempdir()) / "fifteen-tests-install.lock"

_POLICY: Final = Path("/usr/sbin/policy-rc.d")
"""While it is there and answers 101, Debian's packages start no service (invoke-rc.d(8))."""


def ensure_installed() -> Path:
    """Return the folder of RabbitMQ's scripts; on Debian, as root, install the package where it is missing.

    The package's own node is kept from starting.

    Raises:
        RabbitMqMissingError: it is missing and cannot be installed.

    """
    try:
        return find_scripts()
    except RabbitMqMissingError:
        if os.geteuid() != 0 or shutil.which("apt-get") is None:
            raise
    with _ONE_INSTALLER.open("w") as lock:
        flock(lock, LOCK_EX)  # tests run in several processes: who comes second finds it installed
        try:
            return find_scripts()
        except RabbitMqMissingError:
            _install()
    return find_scripts()


def _install() -> None:
    policy_is_ours = not _POLICY.exists()
    if policy_is_ours:
        _POLICY.write_text("#!/bin/sh\nexit 101\n")
        _POLICY.chmod(0o755)
    install = ("apt-get", "-o", "DPkg::Lock::Timeout=300", "install", "-y", "--no-install-recommends")
    try:
        for command in (("apt-get", "update"), (*install, "rabbitmq-server")):
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
                raise RabbitMqMissingError(f"`{' '.join(command)}` failed:\n{answer.stdout}")
    finally:
        if policy_is_ours:
            _POLICY.unlink(missing_ok=True)
