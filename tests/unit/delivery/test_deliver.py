"""A delivery's order, and where it stops: AWS as botocore's model has it, Terraform as what it is asked and answers."""

from __future__ import annotations

import importlib.util
import json
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Final

import boto3
import pytest
from moto import mock_aws

from tests.unit.docs.documents import ROOT

IMAGE: Final = f"000000000000.dkr.ecr.us-east-1.amazonaws.com/fifteen@sha256:{'1' * 64}"
PLACE: Final = {
    "cluster": "fifteen-dev-use1",
    "gateway_service": "fifteen-dev-use1-gateway",
    "worker_service": "fifteen-dev-use1-worker",
    "codedeploy_application": "fifteen-dev-use1-gateway",
    "codedeploy_group": "fifteen-dev-use1-gateway",
    "appspec_parameter": "/fifteen/fifteen-dev-use1/gateway/appspec",
    "db_upgrade_family": "fifteen-dev-use1-db-upgrade",
    "one_off_family": "fifteen-dev-use1-one-off",
    "subnet_ids": ["subnet-1"],
    "one_off_security_group": "sg-1",
    "grafana": {"workspace_id": "g-1"},
}
ROLES: Final = ("gateway", "worker", "db-upgrade", "one-off")


def loaded(name: str) -> Any:
    """A program of the delivery, as a module."""
    spec = importlib.util.spec_from_file_location(name, ROOT / "terraform" / "delivery" / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module


DASHBOARDS: Final = loaded("dashboards")  # first: the delivery takes it from beside itself
DELIVER: Final = loaded("deliver")
BOOTSTRAP: Final = loaded("bootstrap")


class Aws:
    """Registers task definitions in moto; answers as told to what moto cannot run; writes down what was asked."""

    def __init__(self, ecs: Any) -> None:
        self._ecs = ecs
        self.done: list[str] = []
        self.exit_codes: dict[str, list[int]] = {}
        self.rollout = "COMPLETED"
        self.exchange = "Succeeded"
        self.appspec = json.dumps({"TaskDefinition": "<TASK_DEFINITION>"})
        self.exchanged_with = ""
        self.dashboards_refused = False
        self._command = ""
        self._workers = ""

    def describe_task_definition(self, **asked: Any) -> Any:
        return self._ecs.describe_task_definition(**asked)

    def register_task_definition(self, **asked: Any) -> Any:
        return self._ecs.register_task_definition(**asked)

    def run_task(self, **asked: Any) -> Any:
        (override,) = asked["overrides"]["containerOverrides"]
        self._command = " ".join(override["command"])
        self.done.append(self._command)
        assert asked["networkConfiguration"]["awsvpcConfiguration"]["assignPublicIp"] == "DISABLED"
        return {"tasks": [{"taskArn": f"task/{override['name']}"}], "failures": []}

    def describe_tasks(self, *, cluster: str, tasks: list[str]) -> Any:
        codes = self.exit_codes.get(self._command, [])
        code = codes.pop(0) if codes else 0
        name = tasks[0].partition("/")[2]
        return {"tasks": [{"lastStatus": "STOPPED", "containers": [{"name": name, "exitCode": code}]}]}

    def update_service(self, **asked: Any) -> None:
        self.done.append("workers")
        self._workers = asked["taskDefinition"]

    def describe_services(self, **_: Any) -> Any:
        deployment = {"status": "PRIMARY", "taskDefinition": self._workers, "rolloutState": self.rollout}
        return {"services": [{"deployments": [deployment]}]}

    def get_parameter(self, **_: Any) -> Any:
        return {"Parameter": {"Value": self.appspec}}

    def create_deployment(self, **asked: Any) -> Any:
        self.done.append("gateways")
        self.exchanged_with = asked["revision"]["appSpecContent"]["content"]
        return {"deploymentId": "d-1"}

    def load_dashboards(self, place: dict[str, str]) -> list[str]:
        self.done.append(f"dashboards of {place['workspace_id']}")
        if self.dashboards_refused:
            raise DASHBOARDS.DashboardsError("payments.json: Grafana answered 412")
        return ["payments.json"]

    def get_deployment(self, **_: Any) -> Any:
        return {"deploymentInfo": {"status": self.exchange, "errorInformation": {"message": "a hook refused"}}}


@pytest.fixture
def aws() -> Iterator[Aws]:
    """An account with a task definition of every role, made by Terraform."""
    with mock_aws():
        ecs = boto3.client("ecs", region_name="us-east-1")
        for role in ROLES:
            environment = [{"name": "FIFTEEN_REGION", "value": "use1"}, {"name": "FIFTEEN_RELEASE", "value": "old"}]
            program = {"name": role, "image": "old", "memory": 512, "environment": environment}
            beside = {"name": "collector", "image": "collector", "memory": 128}
            ecs.register_task_definition(family=f"fifteen-dev-use1-{role}", containerDefinitions=[program, beside])
        yield Aws(ecs)


class Terraform:
    """Answers ``output`` with what was made so far, and notes each apply."""

    def __init__(self, aws: Aws, *, applied: bool) -> None:
        self._aws = aws
        self.applied = applied
        self.arguments: list[tuple[str, ...]] = []

    def __call__(self, folder: Path, *arguments: str) -> str:
        self.arguments.append((folder.name, *arguments))
        if arguments[0] == "apply":
            self._aws.done.append("terraform")
            self.applied = True
            return ""
        region = {"deployment": {"value": PLACE}, "link": {"value": {"vpc_id": folder.name}}}
        return json.dumps(region if self.applied else {})


class Time:
    """Seconds that pass by sleeping alone."""

    def __init__(self) -> None:
        self.s = 0.0

    def sleep(self, seconds: float) -> None:
        self.s += seconds


def delivery_of(aws: Aws, *, applied: bool = True) -> Any:
    """A delivery into an account."""
    time = Time()
    return DELIVER.Delivery(
        aws, aws, aws, aws.load_dashboards, Terraform(aws, applied=applied), now_s=lambda: time.s, sleep=time.sleep
    )


TARGET: Final = DELIVER.Target("dev", "us-east-1", IMAGE, "2026.11.2")
PRE, POST = "db upgrade --phase pre", "db upgrade --phase post"


def test_a_release_is_brought_in_the_only_order_that_is_safe(aws: Aws) -> None:
    """Expand before anything of the new code starts; contract when the old code is gone."""
    DELIVER.deploy(delivery_of(aws), TARGET)

    assert aws.done == [PRE, "terraform", "workers", "gateways", POST, "dashboards of g-1"]


def test_the_first_time_there_is_nothing_to_migrate_with_before_terraform(aws: Aws) -> None:
    """Then what Terraform starts, this release already, waits for its migrations: there is nothing to exchange."""
    DELIVER.deploy(delivery_of(aws, applied=False), TARGET)

    assert aws.done == ["terraform", PRE, POST, "dashboards of g-1"]


def test_every_program_is_of_the_release_and_keeps_its_settings(aws: Aws) -> None:
    """What Terraform gave it stays; image and release are the delivery's; what stands beside it is left alone."""
    DELIVER.deploy(delivery_of(aws), TARGET)

    definition = aws.describe_task_definition(taskDefinition="fifteen-dev-use1-gateway")["taskDefinition"]
    program, beside = definition["containerDefinitions"]
    assert (program["image"], beside["image"]) == (IMAGE, "collector")
    assert {each["name"]: each["value"] for each in program["environment"]} == {
        "FIFTEEN_REGION": "use1",
        "FIFTEEN_RELEASE": "2026.11.2",
        "FIFTEEN_SYNTHETIC_PAYMENTS": "true",
    }
    assert json.loads(aws.exchanged_with)["TaskDefinition"] == definition["taskDefinitionArn"]


def fails(**attributes: Any) -> Callable[[Aws], None]:
    """A step that does not succeed."""

    def fail(aws: Aws) -> None:
        for name, value in attributes.items():
            setattr(aws, name, value)

    return fail


@pytest.mark.parametrize(
    ("failure", "done", "said"),
    [
        (fails(exit_codes={PRE: [2]}), [PRE], "migrations of phase pre were refused"),
        (fails(rollout="FAILED"), [PRE, "terraform", "workers"], "did not stay up"),
        (fails(rollout="IN_PROGRESS"), [PRE, "terraform", "workers"], "not after 1800 s"),
        (fails(exchange="Stopped"), [PRE, "terraform", "workers", "gateways"], "a hook refused. The former gateways"),
        (fails(exchange="InProgress"), [PRE, "terraform", "workers", "gateways"], "not after 14400 s"),
        (
            fails(dashboards_refused=True),
            [PRE, "terraform", "workers", "gateways", POST, "dashboards of g-1"],
            "the release serves; its dashboards were not loaded: payments.json",
        ),
        (fails(appspec="{}"), [PRE, "terraform", "workers"], "no one place for the task definition"),
    ],
)
def test_what_fails_ends_the_delivery_there(
    failure: Callable[[Aws], None], done: list[str], said: str, aws: Aws
) -> None:
    """Nothing after it is begun; above all no contraction while the old code may have to come back."""
    failure(aws)

    with pytest.raises(DELIVER.DeliveryError, match=said):
        DELIVER.deploy(delivery_of(aws), TARGET)
    assert aws.done == done


def test_a_contraction_that_is_refused_is_asked_for_again(aws: Aws) -> None:
    """The old code ends some minutes after the new one has all traffic."""
    aws.exit_codes = {POST: [2, 2, 0]}

    DELIVER.deploy(delivery_of(aws), TARGET)

    assert aws.done[-4:-1] == [POST] * 3


def test_a_contraction_that_stays_refused_is_told(aws: Aws) -> None:
    """Something older runs that nobody ended: a person looks."""
    aws.exit_codes = {POST: [2] * 1_000}

    with pytest.raises(DELIVER.DeliveryError, match="phase post"):
        DELIVER.deploy(delivery_of(aws), TARGET)


def test_synthetic_payments_decide_the_step_that_asks_for_them(aws: Aws) -> None:
    """Once more, as the release that was deployed."""
    DELIVER.one_off(delivery_of(aws), TARGET, ["synthetic"])
    aws.exit_codes = {"synthetic": [1]}
    with pytest.raises(DELIVER.DeliveryError, match="fifteen synthetic did not end well"):
        DELIVER.one_off(delivery_of(aws), TARGET, ["synthetic"])
    with pytest.raises(DELIVER.DeliveryError, match="nothing is deployed"):
        DELIVER.one_off(delivery_of(aws, applied=False), TARGET, ["synthetic"])

    assert aws.done == ["synthetic", "synthetic"]


def test_any_command_can_be_run_once_in_the_release_that_was_deployed(aws: Aws) -> None:
    """Joining the regions, looking at the schema: by the task that knows the owner, in the region's own network."""
    DELIVER.one_off(delivery_of(aws), TARGET, ["region", "init"])

    definition = aws.describe_task_definition(taskDefinition="fifteen-dev-use1-one-off")["taskDefinition"]
    assert aws.done == ["region init"]
    assert definition["containerDefinitions"][0]["image"] == IMAGE


def test_a_rails_address_is_the_regions_own() -> None:
    """Each region has its connection; what both share has none."""
    account = DELIVER.Account(
        {"collector_image": "collector", "rail_settings": {"us-east-1": {"FIFTEEN_FEDNOW__URL": "ibmmq://one"}}}, {}
    )
    given = {
        region: json.loads(account.variables(DELIVER.Target("dev", region, IMAGE, "1"))["TF_VAR_rail_settings"])
        for region in ("us-east-1", "us-east-2", "global")
    }

    assert given == {"us-east-1": {"FIFTEEN_FEDNOW__URL": "ibmmq://one"}, "us-east-2": {}, "global": {}}


def test_what_both_regions_share_is_told_by_both(aws: Aws) -> None:
    """And not before both are there."""
    delivery, target = delivery_of(aws), DELIVER.Target("dev", "global", IMAGE, "2026.11.2")

    DELIVER.deploy_global(delivery, target)
    with pytest.raises(DELIVER.DeliveryError, match="us-east-1 is not deployed yet"):
        DELIVER.deploy_global(delivery_of(aws, applied=False), target)

    links = {region: {"vpc_id": region} for region in DELIVER.REGIONS}
    assert delivery.terraform.arguments[-1] == (
        "global", "apply", "-input=false", "-auto-approve", f"-var=regions={json.dumps(links)}"
    )  # fmt: skip


def test_an_image_comes_from_the_registry_of_the_region_that_runs_it() -> None:
    """A region that is lost takes no other region's images with it."""
    variables = {"FIFTEEN_ENVIRONMENT": "dev", "FIFTEEN_IMAGE": IMAGE, "FIFTEEN_RELEASE": "2026.11.2"}

    second = DELIVER.target_of({**variables, "FIFTEEN_DEPLOY_REGION": "us-east-2"})
    both = DELIVER.target_of({**variables, "FIFTEEN_DEPLOY_REGION": "global"})

    assert second.image == IMAGE.replace("us-east-1", "us-east-2")
    assert both.image == IMAGE


def test_an_account_is_planned_and_only_that_plan_applied() -> None:
    """With its own state; without a bucket for it nothing is begun."""
    init, plan, apply = BOOTSTRAP.commands({"environment": "dev", "account_id": "1", "state_bucket": "states"})

    assert init[-1] == "-backend-config=bucket=states"
    assert plan[-2:] == ["-var=environment=dev", "-var=account_id=1"]
    assert apply[-1] == "bootstrap.tfplan"
    with pytest.raises(BOOTSTRAP.BootstrapError, match="by hand"):
        BOOTSTRAP.commands({"environment": "dev", "account_id": "1"})


def test_a_jobs_token_is_the_jobs_own() -> None:
    """GitLab hands it over; what is no job has none."""
    assert BOOTSTRAP.token_of({"AWS_WEB_IDENTITY_TOKEN": "token"}) == "token"
    with pytest.raises(BOOTSTRAP.BootstrapError, match="id-token: write"):
        BOOTSTRAP.token_of({})
