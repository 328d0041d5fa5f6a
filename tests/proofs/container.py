"""The image, carried out in a clean Debian: ``python -m tests.proofs.container``. Needs root and debootstrap.

Every instruction of the Dockerfile runs as it stands; then the program runs in what came out, as its user, on a file
system that cannot be written. The report is docs/proofs/container.md.
"""

from __future__ import annotations

import asyncio
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

from adapters.child_process import children_of, free_loopback_port
from adapters.postgres.server import EmbeddedPostgres
from adapters.system import SystemClock
from tests.acceptance.test_synthetic import rows_of
from tests.proofs.report import circumstances, part, table, write
from tests.servers.image import ROOT, Image, bootstrap, build

RELEASE: Final = "2026.11.1"

TOOLS: Final = ("as", "c++", "cc", "g++", "gcc", "ld", "make", "pip", "pip3", "rustc")
"""What no final stage has."""

HIDDEN: Final = "/usr/lib/x86_64-linux-gnu/libssl.so.3"
"""The control: without this library the program must not pass."""

IMPORT_ALL: Final = """
import importlib, pkgutil
count = 0
for name in ("iso20022", "gateway", "adapters", "simulators"):
    package = importlib.import_module(name)
    for module in pkgutil.walk_packages(package.__path__, f"{name}."):
        # Run by alembic; IBM's own client; run as programs; tools of the work that are in no image.
        if any(part in module.name for part in ("migrations.", "ibm_mq", "__main__", "s.generate", "schemas.source")):
            continue
        importlib.import_module(module.name)
        count += 1
print(count)
"""

LIBRARIES: Final = """
import pathlib, subprocess
files = [file for file in pathlib.Path("/opt/fifteen").rglob("*.so*") if file.is_file()]
missing = [f"{file}: {line.strip()}" for file in files
           for line in subprocess.run(["ldd", file], capture_output=True, text=True).stdout.splitlines()
           if "not found" in line]
print(len(files))
raise SystemExit("\\n".join(missing) if missing else 0)
"""


def proved() -> dict[str, Any]:
    """Build, look and run; returns what was found."""
    clock = SystemClock()
    with tempfile.TemporaryDirectory(prefix="fifteen-image-") as name:
        directory = Path(name)
        directory.chmod(0o755)
        started_s = clock.monotonic_s()
        bootstrap(directory / "base")
        bootstrapped_s = clock.monotonic_s()
        image = build((ROOT / "Dockerfile").read_text(), directory / "base", directory, arguments={"RELEASE": RELEASE})
        built_s = clock.monotonic_s()
        figures = {**_looked_at(image), **_run(image, directory)}
        size = _mebibytes(image.root)
        added = size - _mebibytes(directory / "base")
    return {
        "seconds for Debian": round(bootstrapped_s - started_s, 1),
        "seconds for both stages": round(built_s - bootstrapped_s, 1),
        "MiB of the final stage": size,
        "of which on top of Debian": added,
        **figures,
    }


def _mebibytes(root: Path) -> int:
    return int(subprocess.run(["du", "-sm", root], capture_output=True, text=True, check=True).stdout.split()[0])


def _looked_at(image: Image) -> dict[str, Any]:
    """Return what the final stage has, and has not."""
    found = [tool for tool in TOOLS if image.run("sh", "-c", f"command -v {tool}").returncode == 0]
    modules = image.run("python", "-c", IMPORT_ALL)
    libraries = image.run("python", "-c", LIBRARIES)
    blind = image.run("python", "-c", IMPORT_ALL, hidden=[HIDDEN])
    written = image.run("sh", "-c", "touch /etc/x || touch /opt/fifteen/x || touch /x")
    user = image.run("id", "-u").stdout.strip()
    return {
        "compilers and installers": ", ".join(found) or "none",
        "modules imported": _number(modules),
        "shared libraries, none missing": _number(libraries),
        "without libssl (the control)": "refused" if blind.returncode else "PASSED",
        "user": user,
        "file system": "read-only" if written.returncode else "WRITABLE",
        "components in the SBOM, those of the lock": _components(image),
        "version": image.run(*image.entrypoint, "version").stdout.strip(),
    }


def _number(answer: subprocess.CompletedProcess[str]) -> int | str:
    return int(answer.stdout) if answer.returncode == 0 else answer.stderr[-2_000:]


def _components(image: Image) -> int | str:
    """The number of components, if they are what the lock pins for this platform, and the program itself."""
    bill = json.loads((image.root / "opt/fifteen/sbom.cdx.json").read_text())
    named = {(each["name"].lower().replace("_", "-"), each["version"]) for each in bill["components"]}
    pinned = set(
        re.findall(r"^([a-z0-9][a-z0-9._-]*)==(\S+)", (ROOT / "requirements-image.lock").read_text(), re.MULTILINE)
    )
    others = {name for name, version in named - {(name.replace("_", "-"), version) for name, version in pinned}}
    return len(named) if others == {"fifteen"} else f"not in the lock: {sorted(others)}"


def _run(image: Image, directory: Path) -> dict[str, Any]:
    """Run the program in it, on a real PostgreSQL outside."""
    with EmbeddedPostgres(directory / "postgres") as postgres:
        environment = {
            "FIFTEEN_DATABASE_URL": postgres.application_dsn,
            "FIFTEEN_DATABASE_OWNER_URL": postgres.superuser_dsn.rpartition("/")[0] + "/fifteen",
            "FIFTEEN_SYNTHETIC_PAYMENTS": "true",
            "FIFTEEN_RTP__URL": "http://127.0.0.1:1",
            "FIFTEEN_FEDNOW__URL": "http://127.0.0.1:1",
            "FIFTEEN_HTTP_PORT": str(free_loopback_port()),
            "FIFTEEN_WORKER_PORT": str(free_loopback_port()),
        }
        upgraded = image.run(*image.entrypoint, "db", "upgrade", environment=environment)
        synthetic = image.run(*image.entrypoint, "synthetic", "--json", environment=environment)
        answer = json.loads(synthetic.stdout.splitlines()[-1]) if synthetic.returncode == 0 else synthetic.stderr
        books = asyncio.run(rows_of(environment["FIFTEEN_DATABASE_OWNER_URL"]))
        roles = {
            role: _role(image, role, environment, int(environment[variable]))
            for role, variable in (("gateway", "FIFTEEN_HTTP_PORT"), ("worker", "FIFTEEN_WORKER_PORT"))
        }
    return {
        "fifteen db upgrade": "done" if upgraded.returncode == 0 else upgraded.stderr,
        "fifteen synthetic": answer if isinstance(answer, str) else {p["rail"]: p["state"] for p in answer["payments"]},
        "release of it": answer["release"] if isinstance(answer, dict) else "none",
        "rows in the books": sum(books.values()),
        **{f"fifteen {role}": said for role, said in roles.items()},
    }


def _role(image: Image, role: str, environment: dict[str, str], port: int) -> str:
    """Start a role, ask it from outside, ask the health check inside, and end it as Docker does."""
    with _started(image, role, environment) as process:
        if not _answers(f"http://127.0.0.1:{port}/healthz"):
            return "does not answer"
        (inside,) = children_of(process.pid)
        health = _health(image, inside, environment)
        os.kill(inside, signal.SIGTERM)
        try:
            code = process.wait(40)
        except subprocess.TimeoutExpired:
            return "does not end"
    return f"healthy by the image's own check: {health}; SIGTERM ends it with {code}"


@contextmanager
def _started(image: Image, role: str, environment: dict[str, str]) -> Iterator[subprocess.Popen[bytes]]:
    command = image.command(*image.entrypoint, role, environment=environment)
    process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        yield process
    finally:
        process.kill()
        process.wait()


def _health(image: Image, process_id: int, environment: dict[str, str]) -> bool:
    """Run the HEALTHCHECK of the Dockerfile beside the role, and once more while it cannot be healthy."""
    check = re.search(r"HEALTHCHECK .* CMD (\[.*\])", (ROOT / "Dockerfile").read_text())
    assert check is not None
    enter = [
        "nsenter",
        "--target",
        str(process_id),
        "--mount",
        "--pid",
        "chroot",
        f"--userspec={image.user}",
        str(image.root),
    ]

    def asked(**more: str) -> int:
        variables = [f"{name}={value}" for name, value in {**image.environment, **environment, **more}.items()]
        return subprocess.run([*enter, "env", "-i", *variables, *json.loads(check[1])], check=False).returncode

    return asked() == 0 and asked(FIFTEEN_HTTP_PORT="1", FIFTEEN_WORKER_PORT="1") == 1


def _answers(url: str) -> bool:
    pause = threading.Event()
    for _ in range(600):
        try:
            with urllib.request.urlopen(url, timeout=2) as response:
                return bool(response.status == 200)
        except (urllib.error.URLError, OSError):
            pause.wait(0.1)
    return False


def is_good(figures: dict[str, Any]) -> bool:
    """Whether every figure is what it must be."""
    healthy = "healthy by the image's own check: True; SIGTERM ends it with 0"
    return (
        figures["compilers and installers"] == "none"
        and isinstance(figures["modules imported"], int)
        and isinstance(figures["shared libraries, none missing"], int)
        and figures["without libssl (the control)"] == "refused"
        and figures["user"] == "10001"
        and figures["file system"] == "read-only"
        and isinstance(figures["components in the SBOM, those of the lock"], int)
        and figures["fifteen synthetic"] == {"fednow": "SETTLED", "rtp": "SETTLED"}
        and figures["release of it"] == RELEASE
        and figures["rows in the books"] == 0
        and figures["fifteen gateway"] == figures["fifteen worker"] == healthy
    )


_PAGE: Final = """# Proof: the image, carried out in a clean Debian

{circumstances}

There is no Docker engine at hand. Every instruction of the `Dockerfile` was read from it and carried out, both stages,
in a Debian of debootstrap (`--variant=minbase`) in the place of `debian:bookworm-slim`. Then the program ran in the
final stage: as user 10001, on a file system mounted read-only, with a temporary directory of its own, against a
PostgreSQL outside.

{figures}

What it does not prove: layers, the base image's own content and digest, and what a container engine adds.
"""


def main() -> int:
    """Make the proof and its report."""
    if shutil.which("debootstrap") is None:
        print("left out: the image's proof needs debootstrap (apt-get install debootstrap) and root", flush=True)
        return 0
    figures = dict(part("container", "image", proved))
    good = is_good(figures)
    on_it = "debootstrap and pip from their registries"
    shown = table(["figure", "value"], list(figures.items()))
    page = _PAGE.format(circumstances=circumstances("python -m tests.proofs.container", on_it=on_it), figures=shown)
    write("container", page)
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
