"""How the text of a variable is read, and what an address among them must be."""

from __future__ import annotations

import re
from ipaddress import ip_address
from typing import Any, Final
from urllib.parse import urlsplit

from yarl import URL

QUEUE: Final = "queue:"
"""How the address of an institution begins that is asked over a queue of its broker."""

UNVERIFIED: Final = "no_verify_ssl"
"""With this in its URL, with any value but 0 and with none, the library takes any certificate of a broker."""

_QUEUE_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,199}")


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


def institution_address(value: str | None) -> str | None:
    """Refuse what is neither a queue's name nor an address that is safe for names and accounts."""
    if value is None or not value.startswith(QUEUE):
        return https_or_loopback(value)
    if not _QUEUE_NAME.fullmatch(value.removeprefix(QUEUE)):
        raise ValueError("must be queue:name, of letters, digits, dots, hyphens and underscores; its broker is no part")
    return value


def institution_broker(url: str) -> str:
    """Refuse a broker at which names and accounts would go over a network in clear; the text shows no password.

    It is read as the library reads it: what is looked at is what is done.
    """
    try:
        address = URL(url)
        host = address.host
    except ValueError:
        raise ValueError("is no address") from None
    if not host or address.scheme not in {"amqp", "amqps"}:
        raise ValueError("must be amqps://user:password@host/virtual-host")
    if address.scheme == "amqp" and not _is_loopback(host):
        raise ValueError("must be amqps: in clear only on the loopback (localhost, 127.0.0.1, ::1)")
    if UNVERIFIED in address.query:
        raise ValueError(f"must not say {UNVERIFIED}: name its authority (FIFTEEN_INSTITUTION_AUTHORITIES)")
    return url


def virtual_host_of(url: str) -> tuple[str, str]:
    """Return where a broker's URL leads to, as the library reads it: host and virtual host.

    The ports of a host are taken for one broker's (5672 and 5671 are), and every name of the loopback for one host.
    """
    address = URL(url)
    host = (address.host or "").rstrip(".")
    return "localhost" if _is_loopback(host) else host, address.path.removeprefix("/").replace("%2F", "/") or "/"


def _is_loopback(host: str) -> bool:
    try:
        return host == "localhost" or ip_address(host).is_loopback
    except ValueError:
        return False
