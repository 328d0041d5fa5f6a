"""The settings, read and checked, and what is made of them: addresses, schemas, a text to show."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any, Final

from pydantic import ValidationError

from gateway.settings.program import CONFIG_FILE_VARIABLE, PREFIX, Settings
from iso20022.schemas import OUR_SCHEMAS, SchemaFolderError, SchemaSet, read_folder

SECRETS_DIRECTORY_VARIABLE: Final = "FIFTEEN_SECRETS_DIR"

OTHER_VARIABLES: Final = {
    CONFIG_FILE_VARIABLE,
    SECRETS_DIRECTORY_VARIABLE,
    "FIFTEEN_PARENT_PROCESS_ID",  # ends a role with the process that started it
    "FIFTEEN_TEST_SEED",  # the tests'
}
"""Variables that begin like settings and are none."""

MASK: Final = "**********"
"""What is shown of a secret, as pydantic shows it."""


class SettingsError(Exception):
    """A setting is missing or wrong; the text says which, and how to set it."""


def load_settings() -> Settings:
    """Read the settings.

    Raises:
        SettingsError: one is unknown or out of its range, or a file that was named is not there.

    """
    _demand_known_variables()
    for variable in (CONFIG_FILE_VARIABLE, SECRETS_DIRECTORY_VARIABLE):
        if variable in os.environ and not Path(os.environ[variable]).exists():
            raise SettingsError(f"{variable}: {os.environ[variable]} does not exist")
    try:
        return Settings(_secrets_dir=os.environ.get(SECRETS_DIRECTORY_VARIABLE))
    except ValidationError as error:
        faults = [
            f"FIFTEEN_{'__'.join(str(part).upper() for part in fault['loc'])}: {fault['msg']}"
            for fault in error.errors()
        ]
        raise SettingsError("\n".join(faults)) from None


def _demand_known_variables() -> None:
    """A slip of the pen in a variable's name must not leave a default in force."""
    known = {PREFIX + name.upper() for name in Settings.model_fields} | OTHER_VARIABLES
    nested = (f"{PREFIX}FEDNOW__", f"{PREFIX}RTP__")
    unknown = [
        name for name in os.environ if name.startswith(PREFIX) and name not in known and not name.startswith(nested)
    ]
    if unknown:
        raise SettingsError(f"no such setting: {', '.join(sorted(unknown))}; `fifteen config` shows all")


def database_url_of(settings: Settings) -> str:
    """Return where the application's role finds the database.

    Raises:
        SettingsError: no database is named.

    """
    if settings.database_url is None:
        raise SettingsError(
            "FIFTEEN_DATABASE_URL is not set: postgresql://… of any PostgreSQL from 15 on, after `fifteen db upgrade`; "
            "`fifteen demo` brings a database of its own"
        )
    return settings.database_url.get_secret_value()


def witness_url_of(settings: Settings) -> str:
    """Return where the witness of two regions is.

    Raises:
        SettingsError: none is named.

    """
    if settings.witness_url is None:
        raise SettingsError(
            f"FIFTEEN_WITNESS_URL is not set: regions {' and '.join(settings.regions)} need a witness outside both, or "
            "each could believe that the other is dead (docs/regions.md)"
        )
    return settings.witness_url.get_secret_value()


def schemas_of(settings: Settings) -> SchemaSet:
    """Return the schemas that messages are held against: ours, an institution's own in the place of those it has.

    Raises:
        SettingsError: the folder that was named cannot be used.

    """
    if settings.schemas_folder is None:
        return OUR_SCHEMAS
    try:
        return read_folder(settings.schemas_folder).schemas
    except (SchemaFolderError, OSError) as error:
        raise SettingsError(f"FIFTEEN_SCHEMAS_FOLDER: {error}") from error


def masked(settings: Settings) -> dict[str, Any]:
    """Return the settings as they may be shown: secrets as stars."""
    shown: dict[str, Any] = settings.model_dump(mode="json")
    for rail in ("fednow", "rtp"):
        shown[rail]["url"] = _without_password(shown[rail]["url"])
    return shown


def _without_password(url: str | None) -> str | None:
    """A broker's URL may carry one."""
    if url is None:
        return None
    user, at, host = url.rpartition("@")
    scheme, separator, credentials = user.partition("://")
    name, colon, _ = credentials.partition(":")
    return f"{scheme}{separator}{name}:{MASK}@{host}" if at and colon else url
