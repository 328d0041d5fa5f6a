"""The deployment hooks: a healthy green set passes, a sick one is refused, and so is what cannot be known in time."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Final
from zipfile import ZipFile

import pytest

from tests.servers.deploy_hooks import MODULE, Context, Deployment, deployed, functions
from tests.servers.green_set import RELEASE, SETTLED, Script, serving

BUDGET: Final = {"objective": 0.999, "window": "30d", "volume_min": 10_000, "left_min": 0.1}


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Waits of minutes become parts of a second; what is waited for stays the same."""
    monkeypatch.setattr(functions("green"), "POLL_S", 0.01)
    monkeypatch.setattr(functions("green"), "READY_WITHIN_S", 0.3)
    monkeypatch.setattr(functions("green"), "ASK_MAX_S", 0.3)
    monkeypatch.setattr(functions("handler"), "OBSERVED_S", 0.05)
    monkeypatch.setattr(functions("handler"), "OBSERVED_EVERY_S", 0.02)
    monkeypatch.setattr(functions("handler"), "ANSWER_RESERVE_S", 1.0)


@pytest.fixture
def script() -> Script:
    """A healthy green set, for a test to make sick."""
    return Script.healthy()


@pytest.fixture
def variables(script: Script) -> Iterator[dict[str, str]]:
    """The functions' environment while that set is served."""
    with serving(script) as url:
        yield {
            "TEST_ENDPOINT": url,
            "METRICS_QUERY_ENDPOINT": f"{url}/",
            "QUEUE_AGE_THRESHOLD_S": "5",
            "ERROR_BUDGET": json.dumps(BUDGET),
        }


@pytest.fixture(scope="module")
def deployment() -> Iterator[Deployment]:
    """A deployment of the release that the healthy set shows."""
    with deployed(RELEASE) as deployment:
        yield deployment


TEST: Final = "after_allow_test_traffic"
HOOKS: Final = ("before_install", TEST, "before_allow_traffic", "after_allow_traffic")


@pytest.mark.parametrize("hook", HOOKS)
def test_a_healthy_green_set_passes(hook: str, variables: dict[str, str], deployment: Deployment) -> None:
    """The control of everything below: with nothing wrong each hook says yes."""
    assert deployment.run(hook, variables) == "Succeeded"


def test_prometheus_is_asked_with_a_signature(
    script: Script, variables: dict[str, str], deployment: Deployment
) -> None:
    """Amazon's managed one answers nobody else."""
    deployment.run("before_install", variables)

    assert len(script.signed) == 2
    assert all(re.match(r"AWS4-HMAC-SHA256 .*us-east-1/aps/aws4_request", header) for header in script.signed)


def answers(path: str, status: int, document: Any) -> Callable[[Script], None]:
    """A sickness: another answer."""
    return lambda script: script.answers.update({path: (status, document)})


def figure(name: str, *values: str) -> Callable[[Script], None]:
    """A sickness: another figure."""
    return lambda script: script.figures.update({name: list(values)})


def synthetic(**members: Any) -> Callable[[Script], None]:
    """A sickness: another synthetic payment."""
    return answers("/synthetic", 200, {**Script.healthy().answers["/synthetic"][1], **members})


SICK: Final = {
    "the test listener leads to the old release": (
        TEST, answers("/healthz", 200, {"status": "ok", "release": "2026.11.1"}),
        "behind the test listener is 2026.11.1, and 2026.11.2 is deployed"),
    "a release that does not say its name": (
        TEST, answers("/healthz", 200, {"status": "ok"}), "behind the test listener is 200"),
    "no answer to the first question": (TEST, answers("/healthz", 502, b""), "listener is 502"),
    "never ready": (
        TEST, answers("/readyz", 503, {"checks": {"database": "unavailable"}}),
        "not ready within.*database"),
    "a redirect instead of readiness": (TEST, answers("/readyz", 302, b""), "not ready.*302"),
    "synthetic payments switched off": (TEST, answers("/synthetic", 404, {}), "no synthetic.*404"),
    "a synthetic payment that failed": (
        TEST, synthetic(settled=False, fault="no database"), "did not settle.*no database"),
    "a synthetic payment of the old release": (
        TEST, synthetic(release="2026.11.1"), "was made by 2026.11.1"),
    "no payments at all": (TEST, synthetic(payments=[]), "did not settle"),
    "something that merely looks settled": (TEST, synthetic(settled="true"), "did not settle"),
    "one rail of two": (
        TEST, synthetic(payments=[SETTLED, {**SETTLED, "state": "IN_DOUBT"}]), "no proof.*IN_DOUBT"),
    "settled, and too slow": (
        TEST, synthetic(payments=[{**SETTLED, "seconds": 10.1}]), "no proof.*10.1"),
    "no JSON": (TEST, answers("/synthetic", 200, b"<html>"), "no JSON"),
    "a list": (TEST, answers("/synthetic", 200, []), "no JSON object"),
    "an answer without end": (TEST, answers("/synthetic", 200, b" " * 70_000), "more than 65536"),
    "payments that wait": ("before_install", figure("outbox", "5.1"), "waited 5.1 s"),
    "no figure of what waits": ("before_install", figure("outbox"), "0 values"),
    "two figures of one thing": ("before_install", figure("outbox", "0", "0"), "2 values"),
    "a figure that is no number": ("before_install", figure("outbox", "NaN"), "NaN"),
    "a budget that is used up": ("before_install", figure("30d", "0.09"), "9% of the error budget of 30d"),
    "a budget that is overdrawn": ("before_install", figure("30d", "-3.2"), "-320%"),
    "no figure of the budget": ("before_install", figure("30d"), "0 values"),
    "payments that wait with traffic": ("after_allow_traffic", figure("outbox", "7"), "waited 7.0 s"),
    "a promise that was broken": ("after_allow_traffic", figure("5m", "1"), "1 payments of the last five minutes"),
}  # fmt: skip


@pytest.mark.parametrize("sickness", SICK)
def test_a_sick_green_set_is_refused(
    sickness: str,
    script: Script,
    variables: dict[str, str],
    deployment: Deployment,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """One thing wrong is enough, and the log says which."""
    hook, infect, reason = SICK[sickness]
    infect(script)

    assert deployment.run(hook, variables) == "Failed"
    line = json.loads(capsys.readouterr().out)
    assert re.search(reason, line["reason"]), line
    assert (line["event"], line["status"]) == (hook, "Failed")


def test_a_set_that_becomes_ready_is_waited_for(
    script: Script, variables: dict[str, str], deployment: Deployment
) -> None:
    """Starting takes a moment; ready once is not ready."""
    states = iter([503, 200, 200, 503, *[200] * 5])

    class Starting(dict[str, tuple[int, Any]]):
        def get(self, path: str, default: Any = None) -> Any:
            return (next(states), {}) if path == "/readyz" else super().get(path, default)

    script.answers = Starting(script.answers)

    assert deployment.run(TEST, variables) == "Succeeded"
    assert list(states) == []


@pytest.mark.parametrize("release", [None, ""])
def test_a_deployment_that_does_not_say_its_release_is_refused(
    release: str | None, variables: dict[str, str], capsys: pytest.CaptureFixture[str]
) -> None:
    """Without it nothing tells the green set from the blue one."""
    with deployed(release) as nameless:
        assert nameless.run(TEST, variables) == "Failed"

    assert "does not say its release" in capsys.readouterr().out


@pytest.mark.parametrize("revision", [{}, {"revisionType": "S3"}, {"string": {"content": "no task definition"}}])
def test_a_deployment_without_a_task_definition_is_refused(revision: dict[str, Any]) -> None:
    """What is deployed has to be known before it can be proved."""

    class CodeDeploy:
        def get_deployment(self, **_: str) -> Any:
            return {"deploymentInfo": {"revision": revision}}

    with pytest.raises(functions("refusal").RefusedError, match="0 task definitions"):
        functions("green").release_of_deployment(CodeDeploy(), None, "d-1")


@pytest.mark.parametrize("path", ["/healthz", "/readyz", "/synthetic", "/api/v1/query"])
def test_a_time_out_fails_safe(
    path: str, script: Script, variables: dict[str, str], deployment: Deployment, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever hangs, the hook says no while it still can: with the reserve untouched."""
    monkeypatch.setattr(functions("green"), "ASK_MAX_S", 60)
    monkeypatch.setattr(functions("green"), "READY_WITHIN_S", 60)
    script.hang.add(path)
    hook = "before_install" if path == "/api/v1/query" else "after_allow_test_traffic"
    started_s = time.monotonic()

    assert deployment.run(hook, variables, left_s=1.4) == "Failed"

    assert time.monotonic() - started_s < 1.4


def test_the_alarm_is_not_taken_for_an_answer(
    script: Script, variables: dict[str, str], deployment: Deployment, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A check that repeats itself, and a library that retries, swallow exceptions: not this one."""
    monkeypatch.setattr(functions("green"), "READY_WITHIN_S", 60)
    script.answers["/readyz"] = (503, {})

    assert deployment.run(TEST, variables, left_s=1.4) == "Failed"
    assert not issubclass(functions("refusal").OutOfTimeError, Exception)


def test_without_time_nothing_is_proved(variables: dict[str, str], deployment: Deployment) -> None:
    """A function that is called too late refuses at once."""
    assert deployment.run("before_install", variables, left_s=0.5) == "Failed"


def test_a_fault_of_the_hooks_own_is_a_refusal(
    variables: dict[str, str], deployment: Deployment, capsys: pytest.CaptureFixture[str]
) -> None:
    """A missing variable, a figure in another form, a denied call: no exception leaves a deployment without answer."""
    del variables["ERROR_BUDGET"]

    assert deployment.run("before_install", variables) == "Failed"
    assert "KeyError: 'ERROR_BUDGET'" in capsys.readouterr().out


def test_an_answer_that_cannot_be_given_ends_the_function_with_a_fault(variables: dict[str, str]) -> None:
    """Then CodeDeploy hears nothing, which it takes for a no as well."""

    class Silent:
        def put_lifecycle_event_hook_execution_status(self, **_: str) -> None:
            raise ConnectionError("no way to CodeDeploy")

    handler = functions("handler")
    world = handler.World(Silent(), None, None, variables)
    with pytest.raises(ConnectionError):
        handler.prove("before_install", {"DeploymentId": "d", "LifecycleEventHookExecutionId": "e"}, Context(), world)


def test_each_moment_has_its_checks() -> None:
    """The handlers that Terraform names, and what each holds against the green set."""
    handler = functions("handler")

    assert {moment: [check.__name__ for check in checks] for moment, checks in handler.CHECKS.items()} == {
        "before_install": ["_queue_age", "_budget"],
        "after_allow_test_traffic": ["_release", "_ready", "_payment"],
        "before_allow_traffic": ["_release", "_ready", "_payment", "_queue_age", "_budget"],
        "after_allow_traffic": ["_observed"],
    }
    assert all(callable(getattr(handler, moment)) for moment in handler.CHECKS)


@pytest.mark.parametrize("moment", HOOKS)
def test_a_handler_makes_the_checks_of_its_own_moment(moment: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """What Lambda calls by its name."""
    handler, made = functions("handler"), []
    monkeypatch.setattr(handler, "prove", lambda *arguments: made.append(arguments))

    getattr(handler, moment)({"DeploymentId": "d"}, "context")

    assert made == [(moment, {"DeploymentId": "d"}, "context")]


def test_the_same_sources_make_the_same_zip_file(tmp_path: Path) -> None:
    """Wherever it is built, the code that was reviewed is the code that runs."""
    package = functions_packager()

    first, second = package(tmp_path / "a.zip"), package(tmp_path / "deeper" / "b.zip")

    assert first.read_bytes() == second.read_bytes()
    with ZipFile(first) as archive:
        assert set(archive.namelist()) == {file.name for file in (MODULE / "functions").glob("*.py")}
        assert b"def before_allow_traffic(" in archive.read("handler.py")


def functions_packager() -> Callable[[Path], Path]:
    """The program that makes the zip file."""
    import importlib.util

    spec = importlib.util.spec_from_file_location("hooks_package", MODULE / "package.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.package  # type: ignore[no-any-return]


def test_the_hooks_may_call_what_they_call_and_nothing_else() -> None:
    """Least privilege, read from both sides: the calls in the code, the actions in the role."""
    code = "".join(file.read_text() for file in (MODULE / "functions").glob("*.py"))
    calls = set(re.findall(r"\b(codedeploy|ecs)\.([a-z_]+)\(", code)) - {("codedeploy", "client")}
    called = {f"{service}:{name.title().replace('_', '')}" for service, name in calls}
    allowed = set(re.findall(r'"((?:codedeploy|ecs|aps|kms|logs|xray):\w+)"', (MODULE / "roles.tf").read_text()))

    assert called == {
        "codedeploy:GetDeployment",
        "codedeploy:PutLifecycleEventHookExecutionStatus",
        "ecs:DescribeTaskDefinition",
    }
    assert called <= allowed
    assert {action for action in allowed if action.split(":")[0] in {"codedeploy", "ecs"}} == called
