"""RabbitMQ for the tests: installed where it is missing and may be; the node itself is the program's own."""

from __future__ import annotations

from pathlib import Path

from adapters.rabbitmq.server import RabbitMqMissingError, RabbitMqNode, RabbitMqNodeError, find_scripts
from tests.servers.debian import ensure_package

__all__ = ["RabbitMqMissingError", "RabbitMqNode", "RabbitMqNodeError", "ensure_installed"]


def ensure_installed() -> Path:
    """Return the folder of RabbitMQ's scripts; on Debian, as root, install the package where it is missing.

    Raises:
        PackageMissingError: it is missing and cannot be installed.

    """
    ensure_package("rabbitmq-server", is_there=_is_there)
    return find_scripts()


def _is_there() -> bool:
    try:
        find_scripts()
    except RabbitMqMissingError:
        return False
    return True
