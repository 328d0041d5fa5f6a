"""The image and the compose file, read: what Docker would be told."""

from __future__ import annotations

import re
from typing import Any, Final

import pytest
import yaml

from adapters.postgres.cluster import APPLICATION_GROUP_ROLE, APPLICATION_ROLE, DATABASE, OWNER_ROLE
from gateway.health import address_of, is_alive
from tests.servers.green_set import Script, serving
from tests.servers.image import BASE, REPOSITORY, Stage, stages_of
from tests.unit.docs.documents import ROOT
from tests.unit.docs.tables import variables

DOCKERFILE: Final = (ROOT / "Dockerfile").read_text()
COMPOSE: Final[dict[str, Any]] = yaml.safe_load((ROOT / "docker-compose.yml").read_text())
EXAMPLE: Final = (ROOT / "terraform" / "delivery" / "compose" / "environment.example").read_text()


def stages() -> list[Stage]:
    """The stages of the Dockerfile."""
    return stages_of(DOCKERFILE)[1]


def words(stage: Stage, word: str) -> list[str]:
    """What an instruction says in a stage, each time."""
    return [each.text for each in stage.instructions if each.word == word]


def test_the_base_is_named_by_a_digest_that_nobody_invents() -> None:
    """Without BASE_DIGEST the image cannot be built: it has no default."""
    arguments, both = stages_of(DOCKERFILE)

    assert arguments == {"BASE_REPOSITORY": REPOSITORY, "BASE_DIGEST": None}
    assert [stage.base for stage in both] == [BASE, BASE]
    assert BASE.endswith("@${BASE_DIGEST}")


def test_the_final_stage_installs_what_runs_and_nothing_that_builds() -> None:
    """No compiler, no pip, no header: its packages are counted out."""
    _, final = stages()
    (command,) = words(final, "RUN")

    assert re.findall(r"--no-install-recommends ([a-z0-9 -]+?) +&&", command) == ["ca-certificates python3"]
    assert "rm -rf /var/lib/apt/lists/*" in command
    assert "pip" not in command


def test_the_program_runs_as_nobody_in_particular_on_a_file_system_it_does_not_write() -> None:
    """A number, so that whoever runs it can tell that it is not root."""
    _, final = stages()

    assert words(final, "USER") == ["10001:10001"]
    assert "PYTHONDONTWRITEBYTECODE=1" in words(final, "ENV")[0]
    assert words(final, "ENTRYPOINT") == ['["fifteen"]']
    assert words(final, "VOLUME") == ['["/tmp", "/run/fifteen"]'], "where a task's volumes are mounted (modules/task)"
    assert "install --directory --owner 10001 --group 10001 --mode 0700 /run/fifteen" in words(final, "RUN")[0]
    assert words(final, "HEALTHCHECK")[0].endswith('CMD ["python", "-m", "gateway.health"]')


def test_everything_that_is_installed_is_pinned_by_its_hash() -> None:
    """Python's packages; Debian's come with the base's own signatures."""
    commands = " ".join(command for stage in stages() for command in words(stage, "RUN"))
    installs = [command for command in re.split(r"&&", commands) if " install " in command and " pip" in command]

    assert len(installs) == 3
    for command in installs:
        assert "--no-deps" in command
        assert "--require-hashes" in command or "/wheels/" in command


@pytest.mark.parametrize(
    ("command", "environment", "address"),
    [
        (["python", "fifteen", "gateway"], {}, "http://127.0.0.1:8015/healthz"),
        (["/sbin/docker-init", "--", "fifteen", "worker"], {}, "http://127.0.0.1:8016/healthz"),
        (["fifteen", "gateway"], {"FIFTEEN_HTTP_PORT": "9000"}, "http://127.0.0.1:9000/healthz"),
        (["fifteen", "simulator", "rtp", "--host", "0.0.0.0"], {}, "http://127.0.0.1:8021/healthz"),
        (["fifteen", "simulator", "fednow", "--port", "9020"], {}, "http://127.0.0.1:9020/healthz"),
        (["fifteen", "simulator", "core", ""], {}, "http://127.0.0.1:8030/healthz"),
        (["fifteen", "db", "upgrade"], {}, None),
        (["fifteen", "simulator", "--help"], {}, None),
        ([""], {}, None),
    ],
)
def test_each_role_is_asked_at_its_own_port(
    command: list[str], environment: dict[str, str], address: str | None
) -> None:
    """One image for every role: what the container was started with says which."""
    assert address_of(command, environment) == address


def test_health_is_an_answer_of_200_and_nothing_else() -> None:
    """The control: an answer of 503, and none at all."""
    script = Script.healthy()
    with serving(script) as url:
        assert is_alive(f"{url}/healthz")
        script.answers["/healthz"] = (503, {})
        assert not is_alive(f"{url}/healthz")
    assert not is_alive(f"{url}/healthz")


def services(*, ours: bool) -> dict[str, dict[str, Any]]:
    """The services of the compose file that run our image, or another."""
    found: dict[str, dict[str, Any]] = COMPOSE["services"]
    return {name: each for name, each in found.items() if each["image"].startswith("${FIFTEEN_IMAGE:?") == ours}


def test_two_regions_are_composed_of_everything_that_is_asked_for() -> None:
    """PostgreSQL and RabbitMQ twice, gateways, workers, a simulator, Prometheus and Grafana."""
    assert set(services(ours=False)) == {
        "postgres-east", "postgres-west", "rabbitmq-east", "rabbitmq-west", "prometheus", "grafana"
    }  # fmt: skip
    assert {each["command"][0] for each in services(ours=True).values()} == {"db", "gateway", "worker", "simulator"}
    assert len([name for name in services(ours=True) if name.startswith("worker")]) == 4


def test_our_containers_are_read_only_unprivileged_and_without_capabilities() -> None:
    """As they are in the cloud."""
    for name, service in services(ours=True).items():
        assert service["read_only"] is True, name
        assert service["user"] == "10001:10001", name
        assert service["cap_drop"] == ["ALL"], name
        assert service["security_opt"] == ["no-new-privileges:true"], name


def test_nothing_listens_beyond_this_machine() -> None:
    """The API speaks plain HTTP here."""
    for name, service in COMPOSE["services"].items():
        assert all(port.startswith("127.0.0.1:") for port in service.get("ports", [])), name


def test_images_and_secrets_are_given_and_none_has_a_default() -> None:
    """No image by a tag, no password that everybody knows; the example names each of them, empty."""
    text = (ROOT / "docker-compose.yml").read_text()
    asked = set(re.findall(r"\$\{(\w+):\?", text))

    assert {each["image"] for each in COMPOSE["services"].values()} == set(
        re.findall(r"image: (\$\{\w+_IMAGE:\?[^}]+\})", text)
    )
    assert set(re.findall(r"\$\{(\w+)", text)) == asked
    assert ":-" not in text
    assert set(re.findall(r"^(\w+)=$", EXAMPLE, re.MULTILINE)) == asked


def test_every_setting_that_is_composed_is_one() -> None:
    """A slip of the pen would leave a default in force, or end every role."""
    for name, service in services(ours=True).items():
        assert set(service.get("environment", {})) <= variables(), name


def test_the_roles_of_the_database_are_those_of_the_program() -> None:
    """The script that the PostgreSQL image runs once."""
    script = (ROOT / "terraform" / "delivery" / "compose" / "postgres.sh").read_text()

    for name in (OWNER_ROLE, APPLICATION_GROUP_ROLE, APPLICATION_ROLE):
        assert f"CREATE ROLE {name} " in script
    assert f"CREATE DATABASE {DATABASE} OWNER {OWNER_ROLE};" in script


def test_prometheus_reads_every_role_that_serves_metrics() -> None:
    """And no other."""
    configuration = yaml.safe_load((ROOT / "terraform" / "delivery" / "compose" / "prometheus.yml").read_text())
    targets = {
        target.partition(":")[0]
        for job in configuration["scrape_configs"]
        for group in job["static_configs"]
        for target in group["targets"]
    }

    assert targets == {name for name in services(ours=True) if name.startswith(("gateway", "worker"))}
