"""The program's settings: ``FIFTEEN_*`` variables, a TOML file, and secrets from files.

What is set in the environment goes before secret files, those before ``fifteen.toml`` (or the file that
``FIFTEEN_CONFIG_FILE`` names), and that before the defaults. Nested ones are written with two underscores:
``FIFTEEN_FEDNOW__URL``.
"""

from gateway.settings.fednow import FedNowSettings
from gateway.settings.ibm_mq import IbmMqSettings
from gateway.settings.loading import (
    SECRETS_DIRECTORY_VARIABLE,
    SettingsError,
    database_url_of,
    load_settings,
    masked,
    schemas_of,
    witness_url_of,
)
from gateway.settings.program import CONFIG_FILE_VARIABLE, DEVELOPMENT_INDEX_KEY, Settings
from gateway.settings.rtp import RtpSettings

__all__ = [
    "CONFIG_FILE_VARIABLE",
    "DEVELOPMENT_INDEX_KEY",
    "SECRETS_DIRECTORY_VARIABLE",
    "FedNowSettings",
    "IbmMqSettings",
    "RtpSettings",
    "Settings",
    "SettingsError",
    "database_url_of",
    "load_settings",
    "masked",
    "schemas_of",
    "witness_url_of",
]
