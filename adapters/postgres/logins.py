"""The role that the gateway logs in as, where a database has none yet."""

from __future__ import annotations

import base64
import hashlib
import hmac
from dataclasses import dataclass
from typing import Final
from urllib.parse import unquote, urlsplit

from sqlalchemy import Connection, text
from sqlalchemy.exc import DBAPIError

from adapters.postgres.phases import UpgradeError

ITERATIONS: Final = 4096
"""PostgreSQL's own number (scram_iterations)."""


@dataclass(frozen=True, slots=True)
class Login:
    """A role's name and password, as the application's URL has them."""

    name: str
    password: str

    def __repr__(self) -> str:
        """Show the name alone."""
        return f"Login({self.name!r})"


def login_of(application_dsn: str) -> Login | None:
    """Return the login in a URL; none where it has no name or no password."""
    parts = urlsplit(application_dsn)
    if parts.username is None or parts.password is None:
        return None
    return Login(unquote(parts.username), unquote(parts.password))


def verifier_of(password: str, salt: bytes) -> str:
    """Return what PostgreSQL keeps of a password (RFC 5803): the password itself is in no statement, and in no log."""
    salted = hashlib.pbkdf2_hmac("sha256", password.encode(), salt, ITERATIONS)
    stored = hashlib.sha256(hmac.digest(salted, b"Client Key", "sha256")).digest()
    server = hmac.digest(salted, b"Server Key", "sha256")
    encoded = [base64.b64encode(part).decode() for part in (salt, stored, server)]
    return f"SCRAM-SHA-256${ITERATIONS}:{encoded[0]}${encoded[1]}:{encoded[2]}"


def ensure_login(connection: Connection, login: Login, *, group: str) -> bool:
    """Make the role and a member of `group`, where there is none of this name; says whether it was made.

    One that is there is left as it is: whoever made it answers for its password.

    Raises:
        UpgradeError: it is missing, and the owner may not make it.

    """
    if connection.execute(text("SELECT 1 FROM pg_roles WHERE rolname = :name"), {"name": login.name}).first():
        return False
    role = connection.dialect.identifier_preparer.quote_identifier(login.name)
    salt = connection.execute(text("SELECT gen_random_uuid()")).scalar_one().bytes
    verifier = verifier_of(login.password, salt)
    try:
        connection.exec_driver_sql(f"CREATE ROLE {role} LOGIN PASSWORD '{verifier}' IN ROLE {group}")
    except DBAPIError as error:
        raise UpgradeError(
            f"the owner may not create roles: as a superuser, CREATE ROLE {login.name} LOGIN PASSWORD …, and GRANT "
            f"{group} to it"
        ) from error
    return True
