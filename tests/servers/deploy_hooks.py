"""The deployment hooks' functions, loaded as Lambda loads them; and CodeDeploy as they meet it."""

from __future__ import annotations

import importlib
import json
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import boto3
from botocore.credentials import Credentials
from botocore.stub import Stubber
from moto import mock_aws

MODULE: Final = Path(__file__).parents[2] / "terraform" / "modules" / "deploy_hooks"
REGION: Final = "us-east-1"
EXECUTION: Final = "the-execution-of-a-hook"


def functions(name: str) -> Any:
    """Return a module of the functions by its name: they lie side by side at the root of their zip file."""
    folder = str(MODULE / "functions")
    if folder not in sys.path:
        sys.path.append(folder)
    return importlib.import_module(name)


@dataclass(frozen=True, slots=True)
class Context:
    """What Lambda says of the time that is left."""

    left_s: float = 300.0

    def get_remaining_time_in_millis(self) -> int:
        """Return the milliseconds until Lambda ends the function."""
        return int(self.left_s * 1000)


@dataclass(slots=True)
class Deployment:
    """A deployment in a stand-in for AWS: its id, the clients that know it, and what the hooks answered to it."""

    deployment_id: str
    ecs: Any
    codedeploy: Any
    answers: list[str] = field(default_factory=list)

    def run(self, hook: str, variables: Mapping[str, str], *, left_s: float = 300.0) -> str:
        """Run one hook as CodeDeploy would and return what it answered, once."""
        handler, figures = functions("handler"), functions("figures")
        world = handler.World(
            codedeploy=self.codedeploy,
            ecs=self.ecs,
            figures=figures.Figures(
                variables["METRICS_QUERY_ENDPOINT"], credentials=Credentials("sample", "sample"), region=REGION
            ),
            variables=variables,
        )
        event = {"DeploymentId": self.deployment_id, "LifecycleEventHookExecutionId": EXECUTION}
        count = len(self.answers)
        handler.prove(hook, event, Context(left_s), world)
        assert len(self.answers) == count + 1, "a hook answers exactly once"
        return self.answers[-1]


def appspec_of(task_definition: str) -> str:
    """An AppSpec as the blue_green module writes it."""
    return json.dumps(
        {
            "version": "0.0",
            "Resources": [
                {"TargetService": {"Type": "AWS::ECS::Service", "Properties": {"TaskDefinition": task_definition}}}
            ],
        }
    )


@contextmanager
def deployed(release: str | None) -> Iterator[Deployment]:
    """A deployment of a release in moto's AWS, which knows everything but the answering of a hook: that is stubbed."""
    with mock_aws():
        session = boto3.session.Session("sample", "sample", region_name=REGION)
        ecs, known = session.client("ecs"), session.client("codedeploy")
        environment = [] if release is None else [{"name": "FIFTEEN_RELEASE", "value": release}]
        container = {"name": "gateway", "image": "fifteen", "memory": 512, "environment": environment}
        definition = ecs.register_task_definition(family="gateway", containerDefinitions=[container])
        name = f"app-{definition['taskDefinition']['revision']}"
        known.create_application(applicationName=name, computePlatform="ECS")
        known.create_deployment_group(
            applicationName=name, deploymentGroupName="group", serviceRoleArn="arn:aws:iam::000000000000:role/deploy"
        )
        appspec = appspec_of(definition["taskDefinition"]["taskDefinitionArn"])
        revision = {"revisionType": "AppSpecContent", "appSpecContent": {"content": appspec}}
        deployment_id = known.create_deployment(applicationName=name, deploymentGroupName="group", revision=revision)[
            "deploymentId"
        ]
        deployment = Deployment(deployment_id, ecs, None)
        deployment.codedeploy = _Answered(known, session.client("codedeploy"), deployment)
        yield deployment


class _Answered:
    """CodeDeploy's client: deployments are moto's; answers go to one that the Stubber holds to the API's model."""

    def __init__(self, known: Any, stubbed: Any, deployment: Deployment) -> None:
        self._known = known
        self._stubbed = stubbed
        self._deployment = deployment

    def get_deployment(self, **asked: str) -> Any:
        return self._known.get_deployment(**asked)

    def put_lifecycle_event_hook_execution_status(self, **answer: str) -> None:
        expected = {"deploymentId": self._deployment.deployment_id, "lifecycleEventHookExecutionId": EXECUTION}
        with Stubber(self._stubbed) as stubber:
            stubber.add_response(
                "put_lifecycle_event_hook_execution_status",
                {"lifecycleEventHookExecutionId": EXECUTION},
                {**expected, "status": answer["status"]},
            )
            self._stubbed.put_lifecycle_event_hook_execution_status(**answer)
            stubber.assert_no_pending_responses()
        self._deployment.answers.append(answer["status"])
