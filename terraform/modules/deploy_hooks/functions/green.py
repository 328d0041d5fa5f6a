"""What is asked of the green set itself, through the test listener: is it the one meant, is it ready, does it pay."""

from __future__ import annotations

import re
import time
from typing import Any
from urllib.request import Request

from refusal import RefusedError
from web import Answer, ask

PROBES = 10
"""Requests that all have to be answered by the new release: the listener spreads them over the set's tasks."""

READY_IN_A_ROW = 5
READY_WITHIN_S = 120.0
POLL_S = 2.0
"""A set that starts may be unready for a while; then it has to be ready, and stay so."""

ASK_MAX_S = 5.0
SYNTHETIC_MAX_S = 60.0
"""A task answers for itself at once; a synthetic payment may wait for another one's end."""

PAYMENT_MAX_S = 10.0
"""The objective: a payment that takes longer is no proof of health."""

_TASK_DEFINITION = re.compile(r"arn:aws[a-z-]*:ecs:[a-z0-9-]+:\d{12}:task-definition/[A-Za-z0-9_-]+:\d+")


def release_of_deployment(codedeploy: Any, ecs: Any, deployment_id: str) -> str:
    """Return the release that the deployment brings: what its task definition says in FIFTEEN_RELEASE.

    Raises:
        RefusedError: it cannot be told.

    """
    revision = codedeploy.get_deployment(deploymentId=deployment_id)["deploymentInfo"].get("revision", {})
    content = next((part["content"] for part in revision.values() if isinstance(part, dict) and "content" in part), "")
    named = set(_TASK_DEFINITION.findall(content))
    if len(named) != 1:
        raise RefusedError(f"the deployment's AppSpec names {len(named)} task definitions, not one")
    definition = ecs.describe_task_definition(taskDefinition=named.pop())["taskDefinition"]
    releases = {
        variable["value"]
        for container in definition["containerDefinitions"]
        for variable in container.get("environment", [])
        if variable["name"] == "FIFTEEN_RELEASE" and variable["value"]
    }
    if len(releases) != 1:
        raise RefusedError(
            "the task definition does not say its release (FIFTEEN_RELEASE): nothing can be proved of it"
        )
    return str(releases.pop())


def demand_release(endpoint: str, release: str) -> None:
    """Return if everything behind the test listener is the new release: else the old set would be proved.

    Raises:
        RefusedError: another release answers, or none.

    """
    for _ in range(PROBES):
        answer = ask(Request(f"{endpoint}/healthz"), timeout_s=ASK_MAX_S)  # noqa: S310 - the scheme is Terraform's
        shown = answer.document().get("release") if answer.status == 200 else None
        if shown != release:
            raise RefusedError(f"behind the test listener is {shown or answer.status}, and {release} is deployed")


def demand_ready(endpoint: str) -> None:
    """Return once the set has been ready several times in a row.

    Raises:
        RefusedError: it is not, within `READY_WITHIN_S`; the text has its last answer.

    """
    in_a_row, last, give_up_at = 0, "nothing", time.monotonic() + READY_WITHIN_S
    while in_a_row < READY_IN_A_ROW:
        if time.monotonic() > give_up_at:
            raise RefusedError(f"not ready within {READY_WITHIN_S:g} s: {last}")
        try:
            answer = ask(Request(f"{endpoint}/readyz"), timeout_s=ASK_MAX_S)  # noqa: S310 - as above
        except RefusedError as error:
            in_a_row, last = 0, str(error)
        else:
            in_a_row, last = (in_a_row + 1 if answer.status == 200 else 0), _said(answer)
        if in_a_row == 0:
            time.sleep(POLL_S)


def _said(answer: Answer) -> str:
    return f"{answer.status} {answer.body[:300].decode(errors='replace')}"


def demand_payment(endpoint: str, release: str) -> None:
    """Return if synthetic payments over every rail have settled in the new release, in time.

    Raises:
        RefusedError: they have not.

    """
    answer = ask(Request(f"{endpoint}/synthetic", method="POST"), timeout_s=SYNTHETIC_MAX_S)  # noqa: S310 - as above
    if answer.status != 200:
        raise RefusedError(f"no synthetic payment: {_said(answer)}")
    document = answer.document()
    payments = document.get("payments")
    if document.get("settled") is not True or not isinstance(payments, list) or not payments:
        raise RefusedError(f"the synthetic payment did not settle: {_said(answer)}")
    if document.get("release") != release:
        raise RefusedError(f"the synthetic payment was made by {document.get('release')}, and {release} is deployed")
    for payment in payments:
        if payment.get("state") != "SETTLED" or not 0 <= payment.get("seconds", -1) <= PAYMENT_MAX_S:
            raise RefusedError(f"the synthetic payment is no proof: {payment}")
