"""The AWS provider: found on this machine, since there may be no way to a registry.

The first that holds: `TF_CLI_CONFIG_FILE` where that file exists; a plugin of the right name in one of the usual
folders; what ``FIFTEEN_TERRAFORM_PROVIDER`` says: ``registry`` lets Terraform fetch it, ``none`` waives what needs it.
"""

from __future__ import annotations

import os
import platform
import shutil
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final

VERSION: Final = "5.100.0"
PLUGIN_NAME: Final = f"terraform-provider-aws_v{VERSION}"
ADDRESS: Final = f"registry.terraform.io/hashicorp/aws/{VERSION}"
WAIVER: Final = "FIFTEEN_TERRAFORM_PROVIDER"
DEPTH_MAX: Final = 8
"""Folders below a usual one that are looked through: a mirror's layout has six."""

_MACHINES: Final = {"x86_64": "amd64", "amd64": "amd64", "aarch64": "arm64", "arm64": "arm64"}


class ProviderMissingError(Exception):
    """The provider is nowhere; the text says where it was looked for, and what to do."""


def terraform_is_installed() -> bool:
    """Return whether there is a `terraform` command."""
    return shutil.which("terraform") is not None


def usual_folders(environment: Mapping[str, str]) -> list[Path]:
    """Return the folders in which plugins are kept, nearest first."""
    home = Path(environment.get("HOME", "/nonexistent"))
    named = [environment.get("TF_PLUGIN_CACHE_DIR"), environment.get("TF_PLUGIN_DIR")]
    system = ["/usr/local/share", "/usr/share", "/usr/local/lib", "/usr/lib", "/var/lib"]
    return [
        *(Path(folder) for folder in named if folder),
        home / ".terraform.d",
        home / ".local/share/terraform",
        home / ".cache/terraform",
        *(Path(folder) / "terraform" for folder in system),
        Path("/opt"),
    ]


def find_plugin(folders: list[Path]) -> Path | None:
    """Return the provider's executable in the first folder that has it."""
    return next((plugin for folder in folders for plugin in _plugins_below(folder, DEPTH_MAX)), None)


def _plugins_below(folder: Path, depth: int) -> Iterator[Path]:
    try:
        entries = sorted(os.scandir(folder), key=lambda entry: entry.name)
    except OSError:
        return
    for entry in entries:
        if entry.is_file() and entry.name.startswith(PLUGIN_NAME) and os.access(entry.path, os.X_OK):
            yield Path(entry.path)
    for entry in entries:
        if depth > 1 and entry.is_dir() and not entry.name.startswith(("node_modules", "site-packages")):
            yield from _plugins_below(Path(entry.path), depth - 1)


def configuration_file(work: Path, environment: Mapping[str, str]) -> Path | None:
    """Return a configuration by which Terraform finds the provider; None: it fetches it by itself.

    Raises:
        ProviderMissingError: it is nowhere, and nothing says to fetch it.

    """
    named = environment.get("TF_CLI_CONFIG_FILE")
    if named and Path(named).is_file():
        return Path(named)
    if environment.get(WAIVER) == "registry":
        return None
    folders = usual_folders(environment)
    plugin = find_plugin(folders)
    if plugin is None:
        raise ProviderMissingError(
            f"no {PLUGIN_NAME}* below {', '.join(map(str, folders))}, and TF_CLI_CONFIG_FILE names no file. "
            f"Set {WAIVER}=registry to have Terraform fetch it, or {WAIVER}=none to leave out what needs it."
        )
    return _mirror(plugin, work)


def _mirror(plugin: Path, work: Path) -> Path:
    """Write a configuration with a mirror that leads to the plugin's own folder."""
    machine = f"{platform.system().lower()}_{_MACHINES[platform.machine().lower()]}"
    place = work / "mirror" / ADDRESS / machine
    if place.resolve() != plugin.parent.resolve():
        place.unlink(missing_ok=True)  # it led to where the plugin was before
        place.parent.mkdir(parents=True, exist_ok=True)
        place.symlink_to(plugin.parent, target_is_directory=True)
    file = work / "terraform.rc"
    file.write_text(f'provider_installation {{\n  filesystem_mirror {{\n    path = "{work / "mirror"}"\n  }}\n}}\n')
    return file
