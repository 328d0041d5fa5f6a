"""How the text of a variable is read, and what an address among them must be."""

from __future__ import annotations

from ipaddress import ip_address
from typing import Any
from urllib.parse import urlsplit


def as_sequence(value: Any) -> Any:
    """Read "a, b" as two values; what is a sequence already stays one."""
    return tuple(part.strip() for part in value.split(",") if part.strip()) if isinstance(value, str) else value


def none_if_empty(value: Any) -> Any:
    """Read a variable that is set to nothing as none."""
    return None if value == "" else value


def https_or_loopback(value: str | None) -> str | None:
    """Refuse an address at which names and accounts would go over a network in clear."""
    if not value:
        return None
    try:
        parts = urlsplit(value)
        host, _ = parts.hostname, parts.port  # reading the port checks it
    except ValueError as error:
        raise ValueError(f"is no address: {error}") from error
    if not host or parts.scheme not in {"http", "https"}:
        raise ValueError("must be https://host/path")
    if parts.username is not None or parts.password is not None:
        raise ValueError("must not carry a name or a password")
    if parts.scheme == "http" and not _is_loopback(host):
        raise ValueError("must be https: in clear only on the loopback (localhost, 127.0.0.1, ::1)")
    return value


def _is_loopback(host: str) -> bool:
    try:
        return host == "localhost" or ip_address(host).is_loopback
    except ValueError:
        return False
