"""What a task writes its secret files with, run as it is written: by a shell, from variables."""

from __future__ import annotations

import base64
import os
import subprocess
from pathlib import Path
from typing import Final

import pytest

from adapters.keys.aes import read_key_file
from tests.terraform.running import SOURCE

SCRIPT: Final = (SOURCE / "modules" / "task" / "files.sh").read_text()
STORE: Final = bytes(range(256))
KEYS: Final = b"2026-11 " + base64.b64encode(bytes(32)) + b"\n"


def write(folder: Path, variables: dict[str, str], *pairs: str) -> subprocess.CompletedProcess[str]:
    """Run it as the container does."""
    return subprocess.run(
        ["/bin/sh", "-c", SCRIPT, "files", str(folder), *pairs],
        env={"PATH": os.environ["PATH"], **variables}, capture_output=True, text=True, check=False,
    )  # fmt: skip


def test_each_variable_becomes_a_file_for_its_user_alone(tmp_path: Path) -> None:
    """Bytes as they were, key files of the mode that the program demands, and nothing else left there."""
    variables = {"MESSAGE_KEYS": base64.b64encode(KEYS).decode(), "STORE_P12": base64.encodebytes(STORE).decode()}

    done = write(tmp_path, variables, "MESSAGE_KEYS=message-keys", "STORE_P12=store.p12")

    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert sorted(file.name for file in tmp_path.iterdir()) == ["message-keys", "store.p12"]
    assert {file.stat().st_mode & 0o777 for file in tmp_path.iterdir()} == {0o600}
    assert (tmp_path / "store.p12").read_bytes() == STORE
    assert read_key_file(tmp_path / "message-keys")


@pytest.mark.parametrize("value", [None, "", "no Base64 at all!"])
def test_what_is_no_file_keeps_the_program_from_starting(tmp_path: Path, value: str | None) -> None:
    """ECS starts the program where this has ended well, and not otherwise."""
    variables = {} if value is None else {"MESSAGE_KEYS": value}

    assert write(tmp_path, variables, "MESSAGE_KEYS=message-keys").returncode != 0
