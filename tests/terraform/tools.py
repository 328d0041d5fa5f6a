"""checkov, hadolint, moto, in an environment of their own: checkov pins old libraries that nobody else should get."""

from __future__ import annotations

import hashlib
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from tests.terraform.running import BUILD, ROOT, Answer

LOCK: Final = ROOT / "requirements-terraform.lock"
FOLDER: Final = BUILD / "tools"
STARTS_WITHIN_S: Final = 60
MOTO_ACCOUNT: Final = "123456789012"
"""The account that moto answers for."""

_MOTO: Final = {"MOTO_EC2_LOAD_DEFAULT_AMIS": "false", "MOTO_IAM_LOAD_MANAGED_POLICIES": "true"}

# Each environment differs by its values alone, and a region from the other by nothing: one of each kind is looked at.
_LOOKED_AT: Final = ("modules", "stacks", "bootstrap", "environments/tools", "environments/dev", "environments/prod")
_LEFT_OUT: Final = ("/us-east-2/",)


def tool(name: str) -> Path:
    """Return a tool's command, after its environment has been made where it is missing or older than the lock."""
    digest = hashlib.sha256(LOCK.read_bytes()).hexdigest()
    stamp = FOLDER / "lock.sha256"
    if not stamp.exists() or stamp.read_text() != digest:
        subprocess.run([sys.executable, "-m", "venv", "--clear", FOLDER], check=True)
        subprocess.run(
            [FOLDER / "bin" / "pip", "install", "--quiet", "--disable-pip-version-check", "--no-deps",
             "--require-hashes", "--only-binary", ":all:", "-r", LOCK],
            check=True,
        )  # fmt: skip
        stamp.write_text(digest)
    return FOLDER / "bin" / name


def checkov(folder: Path) -> Answer:
    """Hold a copy of `terraform/` against checkov's rules; a waiver stands where it holds, with its reason."""
    chosen = [argument for part in _LOOKED_AT for argument in ("--directory", str(folder / part))]
    left_out = [argument for part in _LEFT_OUT for argument in ("--skip-path", part)]
    return _answer(
        [
            str(tool("checkov")),
            *chosen,
            *left_out,
            "--framework",
            "terraform",
            "--skip-download",
            "--compact",
            "--quiet",
        ]
    )


def hadolint() -> Answer:
    """Hold the Dockerfile against hadolint's rules."""
    return _answer([str(tool("hadolint")), "--failure-threshold", "style", str(ROOT / "Dockerfile")])


def _answer(command: list[str]) -> Answer:
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=ROOT)
    return Answer(done.returncode == 0, done.stdout + done.stderr)


@contextmanager
def moto_server(log: Path) -> Iterator[Mapping[str, str]]:
    """Run a moto server on a free port of the loopback; yield the variables that lead Terraform to it."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    with log.open("w") as output:
        process = subprocess.Popen(
            [tool("moto_server"), "--host", "127.0.0.1", "--port", str(port)],
            stdout=output, stderr=subprocess.STDOUT, env={**os.environ, **_MOTO},
        )  # fmt: skip
        try:
            _wait_for(port, process)
            yield {
                "AWS_ENDPOINT_URL": f"http://127.0.0.1:{port}",
                "AWS_ACCESS_KEY_ID": "testing",
                "AWS_SECRET_ACCESS_KEY": "testing",
                "AWS_REGION": "us-east-1",
            }
        finally:
            process.terminate()
            process.wait(timeout=10)


def _wait_for(port: int, process: subprocess.Popen[bytes]) -> None:
    until = time.monotonic() + STARTS_WITHIN_S
    while time.monotonic() < until:
        if process.poll() is not None:
            raise RuntimeError(f"moto's server ended with {process.returncode}; its log says why")
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.1)
    raise TimeoutError(f"moto's server was not there within {STARTS_WITHIN_S} s")
