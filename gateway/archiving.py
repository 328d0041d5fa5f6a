"""What the settings say of keys and of the archive: built here, for the roles and for the commands."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from urllib.parse import unquote, urlsplit

from adapters.archive.directory import DirectoryArchive
from adapters.keys.aes import AesVault, KeyFileError, read_key_file
from adapters.keys.clear import ClearVault
from gateway.domain.payment import RegionId
from gateway.service.archive import Archiver, Reader
from gateway.service.ports import Archive, ArchiveStore, Clock, Vault
from gateway.settings import Settings, SettingsError


def vault_of(settings: Settings) -> Vault:
    """Return what stored messages are sealed with: the keys of the file, or nothing where there is none.

    Raises:
        SettingsError: the key file cannot be used.

    """
    return aes_vault_of(settings) or ClearVault(_index_key(settings))


def aes_vault_of(settings: Settings) -> AesVault | None:
    """Return the vault of the key file, if one is set. Raises as `vault_of`."""
    if settings.keys_file is None:
        return None
    try:
        return AesVault(read_key_file(settings.keys_file), index_key=_index_key(settings))
    except KeyFileError as error:
        raise SettingsError(f"FIFTEEN_KEYS_FILE: {error}") from error


def archive_of(settings: Settings) -> Archive | None:
    """Return the archive, if one is set; nothing is opened before it is used.

    Raises:
        SettingsError: it is a bucket, and boto3 is not installed.

    """
    if settings.archive_url is None:
        return None
    if (directory := directory_of(settings)) is not None:
        return directory
    try:
        from adapters.archive.s3 import S3Archive
    except ImportError as error:
        raise SettingsError("FIFTEEN_ARCHIVE_URL: s3:// needs the extra s3: pip install 'fifteen[s3]'") from error
    address = urlsplit(settings.archive_url)
    return S3Archive(address.netloc, address.path)


def directory_of(settings: Settings) -> DirectoryArchive | None:
    """Return the archive, if it is a directory."""
    if settings.archive_url is None or not settings.archive_url.startswith("file:"):
        return None
    return DirectoryArchive(Path(unquote(urlsplit(settings.archive_url).path)))


def reader_of(settings: Settings, clock: Clock) -> Reader | None:
    """Return what gives archived messages back, if there is an archive. Raises as `vault_of` and `archive_of`."""
    archive, vault = archive_of(settings), aes_vault_of(settings)
    return None if archive is None or vault is None else Reader(archive, vault, clock, settings.archive_years)


def archiver_of(settings: Settings, store: ArchiveStore, clock: Clock) -> Archiver | None:
    """Return the archiver of the settings' region, if there is an archive. Raises as `vault_of` and `archive_of`."""
    archive, vault = archive_of(settings), aes_vault_of(settings)
    if archive is None or vault is None:
        return None
    after = timedelta(days=settings.archive_after_days)
    return Archiver(store, archive, vault, RegionId(settings.region), clock, after)


def _index_key(settings: Settings) -> bytes:
    return settings.index_key.get_secret_value().encode()
