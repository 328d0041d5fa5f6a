"""One step of the delivery: ``python terraform/delivery/deliver.py deploy|one-off …``, as it is called by make.

It brings one release into one region of one environment, in the only order that is safe while old code still serves:
migrations of phase `pre`, Terraform, workers, gateways (blue/green, proved by the hooks), and, when the old code is
gone, migrations of phase `post`. Whatever fails ends it; a repeat begins anew, and changes nothing twice.

Where to: FIFTEEN_ENVIRONMENT, FIFTEEN_DEPLOY_REGION (or "global": what both regions share), FIFTEEN_DEPLOY_ROLE_ARN.
What: FIFTEEN_IMAGE by digest, FIFTEEN_RELEASE. Who: the deploying role of the environment's account.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import dashboards

ROOT = Path(__file__).parents[2]
ENVIRONMENTS = ROOT / "terraform" / "environments"
REGIONS = ("us-east-1", "us-east-2")

POLL_S = 10.0
TASK_MAX_S = 900.0
ROLLOUT_MAX_S = 1_800.0
EXCHANGE_MAX_S = 14_400.0
POST_MAX_S = 900.0
"""How long a one-off task, a rollout of workers, an exchange of gateways, and the end of the old code may take."""

FOLLOWED = ("FIFTEEN_RELEASE", "FIFTEEN_SYNTHETIC_PAYMENTS")
"""Variables of a container that a deployment sets."""


class DeliveryError(Exception):
    """The step did not succeed; the text says where it stopped, and what stands as it was."""


@dataclass(frozen=True)
class Target:
    """Where to, and what."""

    environment: str
    region: str
    image: str
    release: str

    @property
    def folder(self) -> Path:
        """Where its Terraform is."""
        return ENVIRONMENTS / self.environment / self.region


@dataclass
class Delivery:
    """What the steps use: AWS's clients, what loads dashboards, Terraform, a clock; and what they say."""

    ecs: Any
    codedeploy: Any
    ssm: Any
    dashboards: Callable[[Mapping[str, str]], list[str]]
    terraform: Callable[..., str]
    now_s: Callable[[], float] = time.monotonic
    sleep: Callable[[float], None] = time.sleep
    said: list[str] = field(default_factory=list)

    def say(self, text: str) -> None:
        """Write a line into the log."""
        self.said.append(text)
        print(text, flush=True)  # noqa: T201

    def until(self, done: Callable[[], bool], *, within_s: float, what: str) -> None:
        """Return once `done`.

        Raises:
            DeliveryError: it is not, within the time.

        """
        give_up_at_s = self.now_s() + within_s
        while not done():
            if self.now_s() >= give_up_at_s:
                raise DeliveryError(f"{what}: not after {within_s:.0f} s")
            self.sleep(POLL_S)


def deploy(delivery: Delivery, target: Target) -> None:
    """Bring the release into a region.

    Raises:
        DeliveryError: a step failed: what came before it stands, what comes after it was not begun.

    """
    known = installed(delivery, target)
    if known is not None:
        migrate(delivery, known, target, "pre")  # before anything of the new code is started
    delivery.terraform(target.folder, "apply", "-input=false", "-auto-approve")
    place = installed(delivery, target)
    if place is None:
        raise DeliveryError("Terraform made nothing that can be deployed to")
    if known is None:  # the first time there is no task to migrate with before, and Terraform has started this release
        migrate(delivery, place, target, "pre")
        delivery.say("made and migrated: it serves when both regions are, and are joined (docs/deploy.md)")
    else:
        roll_workers(delivery, place, target)
        exchange_gateways(delivery, place, target)
    finish_migrations(delivery, place, target)
    load_dashboards(delivery, place)


def installed(delivery: Delivery, target: Target) -> dict[str, Any] | None:
    """Return the region's own output `deployment`; none before the first apply."""
    outputs = json.loads(delivery.terraform(target.folder, "output", "-json") or "{}")
    place: dict[str, Any] | None = outputs.get("deployment", {}).get("value")
    return place


def revision(delivery: Delivery, family: str, target: Target) -> str:
    """Register the family's newest task definition with this release's image, and return its ARN."""
    newest = delivery.ecs.describe_task_definition(taskDefinition=family, include=["TAGS"])
    definition = newest["taskDefinition"]
    for container in definition["containerDefinitions"]:
        if container["name"] == "collector":
            continue
        container["image"] = target.image
        kept = [each for each in container.get("environment", []) if each["name"] not in FOLLOWED]
        values = dict(zip(FOLLOWED, (target.release, "true"), strict=True))
        container["environment"] = [*kept, *({"name": name, "value": value} for name, value in values.items())]
    taken = (
        *("family", "taskRoleArn", "executionRoleArn", "networkMode", "containerDefinitions", "volumes"),
        *("requiresCompatibilities", "cpu", "memory", "runtimePlatform"),
    )
    tags = {"tags": newest["tags"]} if newest.get("tags") else {}
    carried = {name: definition[name] for name in taken if name in definition}
    made = delivery.ecs.register_task_definition(**carried, **tags)
    return str(made["taskDefinition"]["taskDefinitionArn"])


def run_once(delivery: Delivery, place: Mapping[str, Any], definition: str, command: Sequence[str]) -> bool:
    """Run a command as a one-off task of a definition and say whether it ended well.

    Raises:
        DeliveryError: it was not started, or did not end.

    """
    started = delivery.ecs.run_task(
        cluster=place["cluster"],
        taskDefinition=definition,
        launchType="FARGATE",
        count=1,
        networkConfiguration={
            "awsvpcConfiguration": {
                "subnets": place["subnet_ids"],
                "securityGroups": [place["one_off_security_group"]],
                "assignPublicIp": "DISABLED",
            }
        },
        overrides={"containerOverrides": [{"name": _container(definition), "command": list(command)}]},
    )
    if started.get("failures") or not started["tasks"]:
        raise DeliveryError(f"{' '.join(command)} was not started: {started.get('failures')}")
    arn, task = started["tasks"][0]["taskArn"], {}

    def has_stopped() -> bool:
        task.update(delivery.ecs.describe_tasks(cluster=place["cluster"], tasks=[arn])["tasks"][0])
        return bool(task["lastStatus"] == "STOPPED")

    delivery.until(has_stopped, within_s=TASK_MAX_S, what=f"{' '.join(command)} in {arn}")
    codes = [each.get("exitCode") for each in task["containers"] if each["name"] == _container(definition)]
    delivery.say(f"fifteen {' '.join(command)}: ended with {codes} ({arn})")
    return codes == [0]


def _container(definition: str) -> str:
    """Return the program's container: named as its role, which ends the family's name after the region's short one."""
    family = definition.rpartition("/")[2].partition(":")[0]
    return next(role for role in ("db-upgrade", "one-off", "worker", "gateway") if family.endswith(role))


def migrate(delivery: Delivery, place: Mapping[str, Any], target: Target, phase: str) -> None:
    """Run the migrations of a phase.

    Raises:
        DeliveryError: they were refused, or failed; the database is as it was.

    """
    definition = revision(delivery, place["db_upgrade_family"], target)
    if not run_once(delivery, place, definition, ["db", "upgrade", "--phase", phase]):
        raise DeliveryError(f"migrations of phase {phase} were refused, or failed: the task's log says why")


def roll_workers(delivery: Delivery, place: Mapping[str, Any], target: Target) -> None:
    """Replace the workers, which nobody asks through a load balancer: the circuit breaker brings the old ones back.

    Raises:
        DeliveryError: the new ones did not stay up.

    """
    service = {"cluster": place["cluster"], "service": place["worker_service"]}
    definition = revision(delivery, place["worker_service"], target)
    delivery.ecs.update_service(**service, taskDefinition=definition, forceNewDeployment=True)

    def is_steady() -> bool:
        (found,) = delivery.ecs.describe_services(cluster=service["cluster"], services=[service["service"]])["services"]
        primary = next(each for each in found["deployments"] if each["status"] == "PRIMARY")
        if primary["taskDefinition"] != definition or primary.get("rolloutState") == "FAILED":
            raise DeliveryError(f"the workers of {target.release} did not stay up, and the former ones are back")
        return primary.get("rolloutState") == "COMPLETED"

    delivery.until(is_steady, within_s=ROLLOUT_MAX_S, what="the rollout of the workers")
    delivery.say(f"workers: {target.release}")


def exchange_gateways(delivery: Delivery, place: Mapping[str, Any], target: Target) -> None:
    """Have CodeDeploy exchange the gateways; the hooks prove the green set, alarms take it back.

    Raises:
        DeliveryError: it was taken back; the blue set serves.

    """
    parameter = delivery.ssm.get_parameter(Name=place["appspec_parameter"], WithDecryption=True)
    appspec = parameter["Parameter"]["Value"]
    if appspec.count("<TASK_DEFINITION>") != 1:
        raise DeliveryError(f"{place['appspec_parameter']} has no one place for the task definition")
    content = appspec.replace("<TASK_DEFINITION>", revision(delivery, place["gateway_service"], target))
    deployment = delivery.codedeploy.create_deployment(
        applicationName=place["codedeploy_application"],
        deploymentGroupName=place["codedeploy_group"],
        revision={"revisionType": "AppSpecContent", "appSpecContent": {"content": content}},
        description=target.release,
    )["deploymentId"]

    def is_done() -> bool:
        found = delivery.codedeploy.get_deployment(deploymentId=deployment)["deploymentInfo"]
        if found["status"] in {"Failed", "Stopped"}:
            why = found.get("errorInformation", {}).get("message", "no reason given")
            raise DeliveryError(f"{deployment}: {found['status']}: {why}. The former gateways serve.")
        return bool(found["status"] == "Succeeded")

    delivery.until(is_done, within_s=EXCHANGE_MAX_S, what=f"the exchange of the gateways, {deployment}")
    delivery.say(f"gateways: {target.release} ({deployment})")


def finish_migrations(delivery: Delivery, place: Mapping[str, Any], target: Target) -> None:
    """Run the migrations of phase `post`; while older code still ends they are refused, and asked for again.

    Raises:
        DeliveryError: they stay refused: something older runs that nobody ended.

    """
    definition = revision(delivery, place["db_upgrade_family"], target)
    delivery.until(
        lambda: run_once(delivery, place, definition, ["db", "upgrade", "--phase", "post"]),
        within_s=POST_MAX_S,
        what="migrations of phase post (the log of the task says who still runs)",
    )


def load_dashboards(delivery: Delivery, place: Mapping[str, Any]) -> None:
    """Hand the project's dashboards to the region's Grafana.

    Raises:
        DeliveryError: it did not take them; the release serves all the same.

    """
    try:
        names = delivery.dashboards(place["grafana"])
    except dashboards.DashboardsError as error:
        raise DeliveryError(f"the release serves; its dashboards were not loaded: {error}") from error
    delivery.say(f"dashboards: {', '.join(names) or 'there are none'}")


def one_off(delivery: Delivery, target: Target, command: Sequence[str]) -> None:
    """Run a command of the program once, in the release that was deployed.

    Raises:
        DeliveryError: nothing is deployed here, or it did not end well.

    """
    place = installed(delivery, target)
    if place is None:
        raise DeliveryError("nothing is deployed here")
    if not run_once(delivery, place, revision(delivery, place["one_off_family"], target), command):
        raise DeliveryError(f"fifteen {' '.join(command)} did not end well: the task's log says why")


def deploy_global(delivery: Delivery, target: Target) -> None:
    """Bring up to date what both regions share, with what each says of itself.

    Raises:
        DeliveryError: a region is not there yet.

    """
    links = {}
    for region in REGIONS:
        outputs = json.loads(delivery.terraform(target.folder.parent / region, "output", "-json") or "{}")
        if "link" not in outputs:
            raise DeliveryError(f"{region} is not deployed yet: both come first, then what they share")
        links[region] = outputs["link"]["value"]
    delivery.terraform(target.folder, "apply", "-input=false", "-auto-approve", f"-var=regions={json.dumps(links)}")


@dataclass(frozen=True)
class Account:
    """What the account's bootstrap said of it (``deployment.json``): Terraform's values, and where its states are."""

    values: Mapping[str, Any]
    state_buckets: Mapping[str, str]

    @classmethod
    def read(cls, environment: str) -> Account:
        """Return what the environment's file says."""
        values = json.loads((ENVIRONMENTS / environment / "deployment.json").read_text())
        return cls(values, values.pop("state_buckets"))

    def variables(self, target: Target) -> dict[str, str]:
        """Return Terraform's variables, as environment variables."""
        values = {**self.values, "images": {"program": target.image, "collector": self.values["collector_image"]}}
        values["rail_settings"] = values.get("rail_settings", {}).get(target.region, {})
        return {
            f"TF_VAR_{name}": value if isinstance(value, str) else json.dumps(value) for name, value in values.items()
        }


def secrets_of(environment: str) -> dict[str, str]:
    """Return the secrets as Terraform's variables: decrypted by SOPS into memory, never into a file."""
    file = ENVIRONMENTS / environment / "secrets.sops.json"
    found = json.loads(_run("sops", "--decrypt", "--output-type", "json", str(file), is_shown=False))
    return {"TF_VAR_broker_password": found.pop("broker-password"), "TF_VAR_secrets": json.dumps(found)}


def terraform_of(account: Account) -> Callable[..., str]:
    """Return what runs Terraform in a folder, with the folder's own state; it returns what ``output`` printed."""

    def run(folder: Path, *arguments: str) -> str:
        bucket = account.state_buckets[folder.name]
        _run("terraform", f"-chdir={folder}", "init", "-input=false", f"-backend-config=bucket={bucket}", is_shown=True)
        return _run("terraform", f"-chdir={folder}", *arguments, is_shown=arguments[0] != "output")

    return run


def _run(*command: str, is_shown: bool) -> str:
    output = None if is_shown else subprocess.PIPE
    answer = subprocess.run(command, stdout=output, text=True, check=False)  # noqa: S603 - the commands are ours
    if answer.returncode != 0:
        raise DeliveryError(f"{' '.join(command[:3])} ended with {answer.returncode}")
    return answer.stdout or ""


def target_of(variables: Mapping[str, str]) -> Target:
    """Return where to and what; the image comes from the registry of the region that runs it."""
    region = variables["FIFTEEN_DEPLOY_REGION"]
    image = variables["FIFTEEN_IMAGE"]
    if region in REGIONS:
        image = re.sub(r"\.ecr\.[a-z0-9-]+\.", f".ecr.{region}.", image)
    return Target(variables["FIFTEEN_ENVIRONMENT"], region, image, variables["FIFTEEN_RELEASE"])


def main(step: str, *command: str) -> int:
    """Run a step with what the environment says; 1 where it fails."""
    import boto3

    target = target_of(os.environ)
    region = target.region if target.region in REGIONS else REGIONS[0]
    role = os.environ["FIFTEEN_DEPLOY_ROLE_ARN"]
    keys = boto3.client("sts", region_name=region).assume_role(RoleArn=role, RoleSessionName="delivery")["Credentials"]
    account = Account.read(target.environment)
    os.environ.update(
        AWS_ACCESS_KEY_ID=keys["AccessKeyId"],
        AWS_SECRET_ACCESS_KEY=keys["SecretAccessKey"],
        AWS_SESSION_TOKEN=keys["SessionToken"],
        AWS_REGION=region,
        TF_IN_AUTOMATION="1",
        **account.variables(target),
        **(secrets_of(target.environment) if step == "deploy" else {}),
    )
    session = boto3.session.Session(region_name=region)
    clients = [session.client(name) for name in ("ecs", "codedeploy", "ssm")]
    load = partial(dashboards.load, session.client("grafana"))
    delivery = Delivery(*clients, dashboards=load, terraform=terraform_of(account))
    steps = {
        "deploy": deploy_global if target.region == "global" else deploy,
        "one-off": partial(one_off, command=command),
    }
    try:
        steps[step](delivery, target)
    except DeliveryError as error:
        print(f"{step} of {target.release} to {target.environment}/{target.region}: {error}", file=sys.stderr)  # noqa: T201
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
