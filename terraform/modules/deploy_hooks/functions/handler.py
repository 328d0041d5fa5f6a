"""CodeDeploy's lifecycle hooks: the green set is proved healthy, or it gets no traffic.

Each hook answers CodeDeploy exactly once. Whatever is not a proof is a refusal: a check that says no, a fault of this
code, figures that are not there, and time that runs out (an alarm rings before the function's own time-out). Should
even that answer be lost, CodeDeploy waits in vain and takes the deployment back by itself.
"""

from __future__ import annotations

import json
import os
import signal
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from types import FrameType
from typing import Any

import boto3
from botocore.config import Config
from figures import Figures, demand_budget, demand_no_breach, demand_queue_age
from green import demand_payment, demand_ready, demand_release, release_of_deployment
from refusal import OutOfTimeError, RefusedError

ANSWER_RESERVE_S = 20.0
"""Kept for the answer to CodeDeploy, when everything else has used up its time."""

OBSERVED_S = 120.0
OBSERVED_EVERY_S = 15.0
"""How long, and how often, the figures are looked at once the green set has all traffic."""

_CALLS = Config(connect_timeout=3, read_timeout=5, retries={"total_max_attempts": 3, "mode": "standard"})


@dataclass(frozen=True)
class World:
    """What a hook asks: AWS, the test listener, Prometheus; and the limits it holds them to."""

    codedeploy: Any
    ecs: Any
    figures: Figures
    variables: Mapping[str, str]

    @property
    def endpoint(self) -> str:
        """Where the green set answers."""
        return self.variables["TEST_ENDPOINT"].rstrip("/")


Check = Callable[[World, str], None]
"""Returns if it is satisfied; is told the deployment's id; raises `RefusedError` otherwise."""


def world_of(variables: Mapping[str, str]) -> World:
    """Return the world that the function's environment describes."""
    session = boto3.session.Session()
    region = variables["AWS_REGION"]
    return World(
        codedeploy=session.client("codedeploy", region_name=region, config=_CALLS),
        ecs=session.client("ecs", region_name=region, config=_CALLS),
        figures=Figures(variables["METRICS_QUERY_ENDPOINT"], credentials=session.get_credentials(), region=region),
        variables=variables,
    )


def before_install(event: Mapping[str, str], context: Any) -> None:
    """Before anything is started: is this a moment for a deployment?"""
    prove("before_install", event, context)


def after_allow_test_traffic(event: Mapping[str, str], context: Any) -> None:
    """The test listener leads to the green set: is it the new release, is it ready, does it carry a payment?"""
    prove("after_allow_test_traffic", event, context)


def before_allow_traffic(event: Mapping[str, str], context: Any) -> None:
    """The last moment before clients come: everything once more."""
    prove("before_allow_traffic", event, context)


def after_allow_traffic(event: Mapping[str, str], context: Any) -> None:
    """Clients come: do the figures stay well?"""
    prove("after_allow_traffic", event, context)


def prove(moment: str, event: Mapping[str, str], context: Any, world: World | None = None) -> None:
    """Make the moment's checks in their order and tell CodeDeploy: Succeeded when all passed, Failed whatever else."""
    deployment_id, execution_id = event["DeploymentId"], event["LifecycleEventHookExecutionId"]
    status, reason = "Failed", ""
    try:
        with _alarm_after(context.get_remaining_time_in_millis() / 1000 - ANSWER_RESERVE_S):
            world = world or world_of(os.environ)
            for check in CHECKS[moment]:
                check(world, deployment_id)
        status = "Succeeded"
    except (RefusedError, OutOfTimeError) as error:
        reason = str(error)
    except Exception as error:  # noqa: BLE001 - the edge: a fault of ours proves nothing, and must be answered as a no
        reason = f"{type(error).__name__}: {error}"
    print(json.dumps({"event": moment, "deployment": deployment_id, "status": status, "reason": reason}))  # noqa: T201
    codedeploy = world.codedeploy if world else boto3.client("codedeploy", config=_CALLS)
    codedeploy.put_lifecycle_event_hook_execution_status(
        deploymentId=deployment_id, lifecycleEventHookExecutionId=execution_id, status=status
    )


@contextmanager
def _alarm_after(seconds: float) -> Iterator[None]:
    """Raise `OutOfTimeError` in the middle of whatever is waited for, when the time is up."""

    def ring(_number: int, _frame: FrameType | None) -> None:
        raise OutOfTimeError("time is up, and health is not proved")

    if seconds <= 0:
        raise OutOfTimeError("there is no time to prove anything in")
    former = signal.signal(signal.SIGALRM, ring)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, former)


def _release(world: World, deployment_id: str) -> None:
    demand_release(world.endpoint, release_of_deployment(world.codedeploy, world.ecs, deployment_id))


def _ready(world: World, _deployment_id: str) -> None:
    demand_ready(world.endpoint)


def _payment(world: World, deployment_id: str) -> None:
    demand_payment(world.endpoint, release_of_deployment(world.codedeploy, world.ecs, deployment_id))


def _queue_age(world: World, _deployment_id: str) -> None:
    demand_queue_age(world.figures, threshold_s=float(world.variables["QUEUE_AGE_THRESHOLD_S"]))


def _budget(world: World, _deployment_id: str) -> None:
    budget = json.loads(world.variables["ERROR_BUDGET"])
    demand_budget(
        world.figures,
        objective=float(budget["objective"]),
        window=str(budget["window"]),
        volume_min=float(budget["volume_min"]),
        left_min=float(budget["left_min"]),
    )


def _observed(world: World, deployment_id: str) -> None:
    until = time.monotonic() + OBSERVED_S
    while True:
        _queue_age(world, deployment_id)
        demand_no_breach(world.figures)
        if time.monotonic() >= until:
            return
        time.sleep(OBSERVED_EVERY_S)


CHECKS: Mapping[str, tuple[Check, ...]] = {
    "before_install": (_queue_age, _budget),
    "after_allow_test_traffic": (_release, _ready, _payment),
    "before_allow_traffic": (_release, _ready, _payment, _queue_age, _budget),
    "after_allow_traffic": (_observed,),
}
"""What is held against the green set at which moment of a deployment."""
