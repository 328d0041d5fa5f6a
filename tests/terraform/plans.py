"""Plans of the roots against a moto server: rendered whole, with stand-in credentials and invented values."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

from tests.terraform.running import Terraform
from tests.terraform.tools import MOTO_ACCOUNT

DIGEST: Final = "sha256:" + "1" * 64
SECRETS: Final = {
    "database-password": "an invented database password",
    "replication-password": "an invented replication password",
    "api-key": "an invented api key",
    "operator-key": "an invented operator key",
    "index-key": "an invented index key",
    "message-keys": base64.b64encode(b"an invented file of keys").decode(),
    "peer-certificate": base64.b64encode(b"an invented certificate").decode(),
    "peer-key": base64.b64encode(b"an invented key").decode(),
    "fednow-key-repository-password": "an invented key repository's password",
    "fednow-key-repository.p12": base64.b64encode(bytes(range(256))).decode(),
}
RAIL: Final = {
    "FIFTEEN_FEDNOW__URL": "ibmmq://127.0.0.1(1414)/QM1",
    "FIFTEEN_FEDNOW__IBM_MQ__KEY_REPOSITORY": "/run/fifteen/fednow-key-repository.p12",
}
BROKER_PASSWORD: Final = "an-invented-broker-password"
PLANNED: Final = "FIFTEEN_PLANNED"
"""The variable that names the environments whose plans are held."""

ZONE_ID: Final = "Z11111111111"

# Where Terraform keeps its state, and how the provider finds moto's buckets, on this machine alone.
_BACKEND: Final = 'terraform {\n  backend "local" {}\n}\n'
_PROVIDER: Final = """
provider "aws" {{
{alias}  s3_use_path_style           = true
  skip_metadata_api_check     = true
  skip_region_validation      = true
  max_retries                 = 3
}}
"""


def prepared(terraform: Terraform, root: Path) -> None:
    """Make a root of the copy plan against a local server: a local state, and no other host."""
    folder = terraform.folder / root
    aliases = [line.split('"')[1] for line in (folder / "terraform.tf").read_text().splitlines() if "  alias " in line]
    providers = [_PROVIDER.format(alias=f'  alias = "{alias}"\n') for alias in aliases] or [_PROVIDER.format(alias="")]
    (folder / "local_override.tf").write_text(_BACKEND + "".join(providers))
    terraform.output(root, "init", "-no-color", "-reconfigure")
    terraform.spare_the_hash(root)


def values_of(root: Path, links: Mapping[str, Any] | None = None, zone_id: str = ZONE_ID) -> dict[str, Any]:
    """Return invented values for a root's variables."""
    if root.parts[0] == "bootstrap":
        return {"account_id": MOTO_ACCOUNT, "environment": "prod", "tools_account_id": "555555555555"}
    if root.parts[-1] == "tools":
        return {
            "account_id": MOTO_ACCOUNT,
            "environment_account_ids": {
                name: f"{number}" * 12 for number, name in enumerate(("dev", "uat", "cert", "prod"), 1)
            },
            "source_code": {"provider": "GitHub", "repository": "example/fifteen", "branch": "main"},
            "base_image": f"python@{DIGEST}",
            "change_form_url": "https://changes.example/form",
        }
    common = {"account_id": MOTO_ACCOUNT, "zone_id": zone_id}
    if root.parts[-1] == "global":
        return {**common, "regions": links or {region: _link(region) for region in ("us-east-1", "us-east-2")}}
    registry = f"555555555555.dkr.ecr.{root.parts[-1]}.amazonaws.com"
    return {
        **common,
        "images_account_id": "555555555555",
        "images": {"program": f"{registry}/fifteen@{DIGEST}", "collector": f"{registry}/collector@{DIGEST}"},
        "client_authorities_pem": "-----BEGIN CERTIFICATE-----\nnot a real one\n-----END CERTIFICATE-----\n",
        "broker_password": BROKER_PASSWORD,
        "secrets": SECRETS,
        "rail_settings": RAIL if root.parts[1] in {"cert", "prod"} else {},
    }


def _link(region: str) -> dict[str, Any]:
    number = region[-1]
    return {
        "vpc_id": f"vpc-{number * 8}",
        "cidr": f"10.10{number}.0.0/16",
        "route_table_ids": [f"rtb-{number * 8}"],
        "load_balancer_dns_name": f"internal-{number}.{region}.elb.amazonaws.com",
        "load_balancer_zone_id": "Z35SXDOTRQ7X7K",
        "health_alarm_name": f"serving-{number}",
    }


def variables(values: Mapping[str, Any]) -> dict[str, str]:
    """Return values as the environment variables that Terraform reads."""
    return {f"TF_VAR_{name}": value if isinstance(value, str) else json.dumps(value) for name, value in values.items()}


def plan(terraform: Terraform, root: Path, aws: Mapping[str, str], **values: Any) -> dict[str, Any]:
    """Plan a prepared root and return the plan as JSON."""
    environment = {**aws, **variables(values_of(root) | values)}
    terraform.output(root, "plan", "-no-color", "-out=plan", environment=environment)
    rendered: dict[str, Any] = json.loads(terraform.output(root, "show", "-json", "plan", environment=environment))
    return rendered


def resources(plan_: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """Yield every resource of a plan: address, type, and the values that are known."""
    waiting = [plan_["planned_values"]["root_module"]]
    while waiting:
        module = waiting.pop()
        yield from (each for each in module.get("resources", ()) if each["mode"] == "managed")
        waiting += module.get("child_modules", ())
