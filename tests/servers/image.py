"""The image without Docker: the Dockerfile's own instructions, carried out in a clean Debian made by debootstrap.

Only what our Dockerfile uses is understood; anything else is an error, so that nothing is passed over. Needs root.
"""

from __future__ import annotations

import os
import re
import shlex
import shutil
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).parents[2]
SUITE: Final = "bookworm"
BASE: Final = "${BASE_REPOSITORY}@${BASE_DIGEST}"
"""The base that both stages name: by a digest that whoever builds must give."""

REPOSITORY: Final = f"debian:{SUITE}-slim"
"""What it is a digest of, unless a mirror is named: what `bootstrap` makes the like of."""

COMMAND_MAX_S: Final = 900.0

NETWORK: Final = ("/etc/resolv.conf", "/etc/hosts")
"""What Docker puts into a container as well."""


class ImageError(Exception):
    """An instruction is not understood, or failed; the text says which."""


@dataclass(frozen=True, slots=True)
class Instruction:
    """One instruction of a Dockerfile: its word, and the rest of its line."""

    word: str
    text: str


@dataclass(slots=True)
class Stage:
    """One stage: its base, its name, its instructions."""

    base: str
    name: str
    instructions: list[Instruction] = field(default_factory=list)


def stages_of(dockerfile: str) -> tuple[dict[str, str | None], list[Stage]]:
    """Return the build arguments before the first stage, with their defaults, and the stages."""
    joined = re.sub(r"\\\n\s*", " ", "\n".join(line for line in dockerfile.splitlines() if not line.startswith("#")))
    arguments: dict[str, str | None] = {}
    stages: list[Stage] = []
    for line in filter(None, map(str.strip, joined.splitlines())):
        word, _, text = line.partition(" ")
        if word == "FROM":
            base, _, name = text.partition(" AS ")
            stages.append(Stage(base, name))
        elif stages:
            stages[-1].instructions.append(Instruction(word, text))
        else:
            name, sign, default = text.partition("=")
            arguments[name] = default if sign else None
    return arguments, stages


@dataclass(slots=True)
class Image:
    """A root file system, and what its instructions say of running it."""

    root: Path
    environment: dict[str, str] = field(
        default_factory=lambda: {"PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"}
    )
    directory: str = "/"
    user: str = "0:0"
    entrypoint: list[str] = field(default_factory=list)
    commands: list[str] = field(default_factory=list)
    """The RUN instructions as they were carried out."""

    def run(
        self,
        *command: str,
        environment: Mapping[str, str] | None = None,
        hidden: Sequence[str] = (),
        timeout_s: float = COMMAND_MAX_S,
    ) -> subprocess.CompletedProcess[str]:
        """Run a command as a container would: as its user, its root mounted read-only, with a /tmp of its own.

        `hidden` are files that it does not see.
        """
        return subprocess.run(
            self.command(*command, environment=environment, hidden=hidden),
            stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=timeout_s, check=False,
        )  # fmt: skip

    def command(
        self, *command: str, environment: Mapping[str, str] | None = None, hidden: Sequence[str] = ()
    ) -> list[str]:
        """Return the command line of a container: new mounts, new process ids, all of which end with it."""
        root = shlex.quote(str(self.root))
        steps = [
            f"mount --bind {root} {root}",
            f"mount -o remount,bind,ro,nosuid,nodev {root}",
            f"mount -t proc proc {root}/proc",
            f"mount -t tmpfs -o size=16m tmpfs {root}/tmp",
            f"mount -t tmpfs -o size=1m,mode=755 tmpfs {root}/dev",
            *(f"touch {root}/dev/{name} && mount --bind /dev/{name} {root}/dev/{name}" for name in ("null", "urandom")),
            *(f"mount --bind /dev/null {root}{shlex.quote(file)}" for file in hidden),
        ]
        variables = [f"{name}={value}" for name, value in {**self.environment, **(environment or {})}.items()]
        inner = shlex.join(["env", "-i", *variables, *command])
        where = f"cd {shlex.quote(self.directory)} && exec {inner}"
        script = " && ".join([*steps, f"exec chroot --userspec={self.user} {root} /bin/sh -c {shlex.quote(where)}"])
        return ["unshare", "--mount", "--pid", "--fork", "--kill-child", "--propagation", "private", "sh", "-c", script]


def bootstrap(target: Path) -> None:
    """Make a clean Debian, with nothing but what every Debian has.

    Raises:
        ImageError: debootstrap is missing, or failed.

    """
    if shutil.which("debootstrap") is None:
        raise ImageError("debootstrap is not installed: apt-get install debootstrap")
    _demand(["debootstrap", "--variant=minbase", SUITE, str(target)], "debootstrap")


def build(dockerfile: str, base: Path, directory: Path, *, arguments: Mapping[str, str]) -> Image:
    """Carry out every instruction of every stage; returns the last one.

    Raises:
        ImageError: a stage has another base, an instruction is not understood, or a command failed.

    """
    defaults, stages = stages_of(dockerfile)
    if defaults.get("BASE_REPOSITORY") != REPOSITORY:
        raise ImageError(f"the base is {defaults.get('BASE_REPOSITORY')}, not {REPOSITORY}")
    built: dict[str, Image] = {}
    for number, stage in enumerate(stages):
        if stage.base != BASE:
            raise ImageError(f"stage {number} is based on {stage.base}, not on {BASE}")
        root = directory / (stage.name or "final")
        _demand(["cp", "-a", "--reflink=auto", str(base), str(root)], "cp")
        image = Image(root)
        for instruction in stage.instructions:
            _carry_out(instruction, image, built, arguments)
        built[stage.name] = image
    return built[stages[-1].name]


def _carry_out(
    instruction: Instruction, image: Image, built: Mapping[str, Image], arguments: Mapping[str, str]
) -> None:
    text = instruction.text
    match instruction.word:
        case "RUN":
            image.commands.append(text)
            _run_build_step(image, text)
        case "COPY":
            _copy(image, text, built)
        case "ARG":
            name, _, default = text.partition("=")
            image.environment[name] = arguments.get(name, default.strip('"'))
        case "ENV":
            for name, value in (word.split("=", 1) for word in shlex.split(text)):
                image.environment[name] = re.sub(r"\$(\w+)", lambda found: image.environment[found[1]], value)
        case "USER":
            image.user = text
        case "WORKDIR":
            image.directory = text
            (image.root / text.lstrip("/")).mkdir(parents=True, exist_ok=True)
        case "ENTRYPOINT":
            image.entrypoint = [word.strip(' "') for word in text.strip("[]").split(",")]
        case "LABEL" | "EXPOSE" | "HEALTHCHECK" | "CMD" | "VOLUME":
            pass  # these say how the image is run, and are read by other tests
        case _:
            raise ImageError(f"{instruction.word} is not understood")


def _copy(image: Image, text: str, built: Mapping[str, Image]) -> None:
    words = text.split()
    source_root = ROOT
    if words[0].startswith("--from="):
        source_root = built[words.pop(0).removeprefix("--from=")].root
    *sources, target = words
    destination = image.root / Path(image.directory, target).as_posix().lstrip("/")
    for source in sources:
        origin = source_root / source.lstrip("/")
        if len(sources) > 1 or target.endswith("/") or target == "./":
            destination.mkdir(parents=True, exist_ok=True)
        elif origin.is_dir():
            destination.parent.mkdir(parents=True, exist_ok=True)
        if origin.is_dir():
            ignored = shutil.ignore_patterns("__pycache__") if source_root == ROOT else None
            shutil.copytree(origin, destination, symlinks=True, dirs_exist_ok=True, ignore=ignored)
        else:
            shutil.copy2(origin, destination)


def _run_build_step(image: Image, text: str) -> None:
    """Run a RUN as root. What this machine needs to reach the registries is lent for that time."""
    with _lent(image.root) as variables:
        command = ["env", "-i", *(f"{name}={value}" for name, value in {**image.environment, **variables}.items())]
        script = f"cd {shlex.quote(image.directory)} && {text}"
        _demand(["chroot", str(image.root), *command, "/bin/sh", "-c", script], text)


@contextmanager
def _lent(root: Path) -> Iterator[dict[str, str]]:
    """Lend the machine's name service and certificates for a build step, as a build secret would be."""
    variables = {"HOME": "/root", "DEBIAN_FRONTEND": "noninteractive"}
    files = [*map(Path, NETWORK)]
    bundle = os.environ.get("PIP_CERT") or os.environ.get("SSL_CERT_FILE")
    lent: list[Path] = []
    for file in files:
        target = root / str(file).lstrip("/")
        target.unlink(missing_ok=True)
        shutil.copy(file, target)
    if bundle is not None:
        target = root / "tmp" / "certificates-of-this-machine.crt"
        shutil.copy(bundle, target)
        lent.append(target)
        variables["PIP_CERT"] = "/tmp/certificates-of-this-machine.crt"
    try:
        yield variables
    finally:
        for target in lent:
            target.unlink(missing_ok=True)


def _demand(command: Sequence[str], what: str) -> None:
    answer = subprocess.run(command, capture_output=True, text=True, timeout=COMMAND_MAX_S, check=False)
    if answer.returncode != 0:
        raise ImageError(f"{what}\nended with {answer.returncode}:\n{(answer.stdout + answer.stderr)[-4_000:]}")
