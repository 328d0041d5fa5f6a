"""An account, before anything is deployed into it: ``python terraform/delivery/bootstrap.py``, by ``make bootstrap``.

Who runs it holds a role that deployments do not have (FIFTEEN_BOOTSTRAP_ROLE_ARN), and gets it by a token of the job
(OpenID Connect): no key of an account lies in a pipeline. Without that role the credentials of whoever calls are used.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import urllib.parse
import urllib.request
from collections.abc import Mapping
from pathlib import Path

ROOT = Path(__file__).parents[2]
AUDIENCE = "sts.amazonaws.com"
REGION = "us-east-1"


class BootstrapError(Exception):
    """The account was not set up; the text says why."""


def token_of(variables: Mapping[str, str]) -> str:
    """Return the job's own token: GitLab hands it over, GitHub is asked for it.

    Raises:
        BootstrapError: this is no job that has one.

    """
    if token := variables.get("AWS_WEB_IDENTITY_TOKEN"):
        return token
    try:
        url, secret = variables["ACTIONS_ID_TOKEN_REQUEST_URL"], variables["ACTIONS_ID_TOKEN_REQUEST_TOKEN"]
    except KeyError as error:
        raise BootstrapError("no job's token: permissions of the job need id-token: write") from error
    asked = urllib.request.Request(  # noqa: S310 - GitHub's own address, from the job
        f"{url}&{urllib.parse.urlencode({'audience': AUDIENCE})}", headers={"Authorization": f"Bearer {secret}"}
    )
    with urllib.request.urlopen(asked, timeout=30) as response:  # noqa: S310 - as above
        return str(json.load(response)["value"])


def commands(values: Mapping[str, str]) -> list[list[str]]:
    """Return what is run: the account's bootstrap with its own state, planned, and only that plan applied.

    Raises:
        BootstrapError: the bucket for the state is not there yet: the first run is made by hand (docs/deploy.md).

    """
    given = dict(values)
    bucket = given.pop("state_bucket", "")
    if not bucket:
        raise BootstrapError("no state_bucket: the first run is made by hand, and makes it (docs/deploy.md)")
    terraform = ["terraform", f"-chdir={ROOT / 'terraform' / 'bootstrap'}"]
    variables = [f"-var={name}={value}" for name, value in given.items()]
    return [
        [*terraform, "init", "-input=false", f"-backend-config=bucket={bucket}"],
        [*terraform, "plan", "-input=false", "-out=bootstrap.tfplan", *variables],
        [*terraform, "apply", "-input=false", "bootstrap.tfplan"],
    ]


def main() -> int:
    """Set the account up; 1 where that fails."""
    environment = os.environ["FIFTEEN_ENVIRONMENT"]
    try:
        values = json.loads((ROOT / "terraform" / "bootstrap" / "accounts" / f"{environment}.json").read_text())
        if role := os.environ.get("FIFTEEN_BOOTSTRAP_ROLE_ARN"):
            import boto3

            keys = boto3.client("sts", region_name=REGION).assume_role_with_web_identity(
                RoleArn=role, RoleSessionName="bootstrap", WebIdentityToken=token_of(os.environ)
            )["Credentials"]
            os.environ.update(
                AWS_ACCESS_KEY_ID=keys["AccessKeyId"],
                AWS_SECRET_ACCESS_KEY=keys["SecretAccessKey"],
                AWS_SESSION_TOKEN=keys["SessionToken"],
            )
        for command in commands({"environment": environment, **values}):
            subprocess.run(command, check=True)  # noqa: S603 - the commands are ours
    except (BootstrapError, subprocess.CalledProcessError, OSError) as error:
        print(f"bootstrap of {environment}: {error}", file=sys.stderr)  # noqa: T201
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
