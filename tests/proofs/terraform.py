"""Terraform applied to a stand-in for AWS, and planned again: ``python -m tests.proofs.terraform``.

A moto server plays AWS. The account's bootstrap, both regions of prod and what joins them are applied, each by its own
root, with what the ones before said of themselves; then each is planned again. What moto lacks is listed here by type:
whatever else fails, or would be changed by the second plan, fails the proof. All other roots are planned. The report is
docs/proofs/terraform.md.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections import Counter
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from tests.proofs.report import circumstances, table, write
from tests.terraform.plans import plan, prepared, resources, values_of, variables
from tests.terraform.running import BUILD, PARALLEL, ROOT, Terraform, root_folders
from tests.terraform.tools import moto_server

REGIONS: Final = ("us-east-1", "us-east-2")
REQUIREMENTS: Final = ROOT / "tests" / "terraform" / "requirements.in"
PROD: Final = Path("environments/prod")
PARALLELISM: Final = "-parallelism=4"
"""More at once, and moto's threads trip over one another."""

SAID_MAX: Final = 500
"""Characters that the report takes of what went wrong."""

LACKS: Final[Mapping[str, str]] = {
    "aws_accessanalyzer_analyzer": "no access analyser",
    "aws_appautoscaling_target": "makes it, and cannot list its tags",
    "aws_backup_selection": "no selection of a backup plan",
    "aws_backup_vault_notifications": "no notifications of a vault",
    "aws_backup_vault_policy": "no policy of a vault",
    "aws_codedeploy_deployment_config": "no deployment configuration of one's own",
    "aws_grafana_workspace": "no managed Grafana",
    "aws_guardduty_detector_feature": "keeps the last feature alone",
    "aws_lb_trust_store": "no trust store",
    "aws_prometheus_alert_manager_definition": "no alert manager",
    "aws_route53_zone": "takes a private zone for a public one, which has no networks",
    "aws_s3_account_public_access_block": "asked by a host name that begins with the account; a local server has none",
    "aws_s3_bucket_lifecycle_configuration": "keeps no number of newer versions, which `modules/state` asks for",
}
"""What moto 5.2.5 cannot make, by type."""

FORGETS: Final[Mapping[str, str]] = {
    "aws_acm_certificate": "says that the key is RSA",
    "aws_acm_certificate_validation": "follows the certificate",
    "aws_backup_plan": "forgets tags",
    "aws_backup_vault": "forgets tags",
    "aws_db_instance": "forgets network type and performance insights",
    "aws_db_parameter_group": "forgets parameters",
    "aws_ecs_service": "forgets grace period, managed tags and rebalancing",
    "aws_ecs_task_definition": "follows the Prometheus workspace",
    "aws_iam_role_policy": "follows the Prometheus workspace",
    "aws_lambda_function": "forgets where it logs",
    "aws_lb_listener": "follows the certificate",
    "aws_prometheus_workspace": "forgets the key",
    "aws_route53_health_check": "forgets what silence means",
    "aws_route53_record": "follows the certificate",
    "aws_route53_zone": "forgets the networks of a private zone",
    "aws_s3_bucket_replication_configuration": "forgets encryption, metrics and the time limit",
    "aws_vpc_security_group_egress_rule": "forgets descriptions",
    "aws_vpc_security_group_ingress_rule": "forgets descriptions",
}
"""What moto makes and gives back otherwise than it got it, by type: the second plan would mend it."""

UNREADABLE: Final = frozenset({"aws_appautoscaling_target"})
"""Types that moto makes and cannot show again: reading them would end the second plan."""


@dataclass
class Applied:
    """What came of a root: how much was planned and made, what failed, what a second plan would do."""

    root: str
    planned: int = 0
    made: int = 0
    failed: Counter[str] = field(default_factory=Counter)
    waiting: Counter[str] = field(default_factory=Counter)
    changed: Counter[str] = field(default_factory=Counter)
    unlisted: list[str] = field(default_factory=list)


def kind_of(address: str) -> str:
    """Return a resource's type, from its address."""
    return next((part for part in address.split(".") if part.startswith("aws_")), "none")


def applied(terraform: Terraform, root: Path, aws: Mapping[str, str], values: Mapping[str, Any]) -> Applied:
    """Apply a root and plan it again."""
    result, environment = Applied(root.as_posix()), {**aws, **variables(values)}
    prepared(terraform, root)
    first = json.loads(_planned(terraform, root, environment, "first"))
    result.planned = len(list(resources(first)))
    answer = terraform.run(root, "apply", "-json", "-auto-approve", PARALLELISM, environment=environment)
    _note_failures(result, answer.text)
    _forget_what_cannot_be_read(terraform, root, environment)
    state = json.loads(terraform.output(root, "show", "-json", environment=environment))
    result.made = len(list(resources({"planned_values": state["values"]})))
    _note_changes(result, json.loads(_planned(terraform, root, environment, "second")))
    return result


def _note_failures(result: Applied, said: str) -> None:
    """Write down what an apply could not make."""
    for line in (json.loads(line) for line in said.splitlines() if line.startswith("{")):
        diagnostic = line.get("diagnostic", {})
        if line.get("type") == "diagnostic" and diagnostic["severity"] == "error":
            address = diagnostic.get("address", "no resource")
            result.failed[kind_of(address)] += 1
            if kind_of(address) not in LACKS:
                result.unlisted.append(f"{address}: {diagnostic['summary']} {diagnostic.get('detail', '')[:SAID_MAX]}")


def _note_changes(result: Applied, second: Mapping[str, Any]) -> None:
    """Write down what a second plan would still make, and what it would mend."""
    for each in second["resource_changes"]:
        actions = each["change"]["actions"]
        if each["mode"] != "managed" or actions == ["no-op"]:
            continue
        kinds = result.waiting if actions == ["create"] else result.changed
        kinds[each["type"]] += 1
        if actions != ["create"] and each["type"] not in FORGETS:
            result.unlisted.append(f"{each['address']}: {actions} {differences(each['change'])}")
    if not result.failed:
        result.unlisted += [f"{kind} would still be made" for kind in result.waiting]


def _forget_what_cannot_be_read(terraform: Terraform, root: Path, environment: Mapping[str, str]) -> None:
    """Take out of the state what moto makes and cannot show again: reading it would end the second plan."""
    known = terraform.output(root, "state", "list", environment=environment).splitlines()
    if unreadable := [address for address in known if kind_of(address) in UNREADABLE]:
        terraform.output(root, "state", "rm", *unreadable, environment=environment)


def differences(change: Mapping[str, Any]) -> str:
    """Return which arguments a second plan would change."""
    before, after = change["before"] or {}, change["after"] or {}
    told = (f"{name}: {before.get(name)!r} -> {after[name]!r}" for name in after if before.get(name) != after[name])
    return ", ".join(told)[:SAID_MAX]


def _planned(terraform: Terraform, root: Path, environment: Mapping[str, str], name: str) -> str:
    terraform.output(root, "plan", "-no-color", f"-out={name}", environment=environment)
    return terraform.output(root, "show", "-json", name, environment=environment)


def outputs(terraform: Terraform, root: Path, aws: Mapping[str, str]) -> dict[str, Any]:
    """Return what a root says of itself."""
    said = json.loads(terraform.output(root, "output", "-json", environment=aws))
    return {name: each["value"] for name, each in said.items()}


def zone_of(terraform: Terraform, aws: Mapping[str, str]) -> str:
    """Return the zone that the bootstrap made; its output waits for what moto lacks."""
    state = json.loads(terraform.output(Path("bootstrap"), "show", "-json", environment=aws))
    (zone,) = (each for each in resources({"planned_values": state["values"]}) if each["type"] == "aws_route53_zone")
    zone_id: str = zone["values"]["zone_id"]
    return zone_id


def adapted(terraform: Terraform) -> None:
    """Adapt the copy to a server that speaks no TLS and reads no conditions, and make the hooks' zip file."""
    buckets = terraform.folder / "modules/load_balancer/buckets.tf"
    text = buckets.read_text()
    # moto takes "deny where there is no TLS" for "deny", and the load balancer's authorities could not be uploaded.
    assert text.count('Action    = "s3:*"') == 1
    buckets.write_text(text.replace('Action    = "s3:*"', 'Action    = "s3:DeleteBucketPolicy"'))
    subprocess.run([sys.executable, terraform.folder / "modules/deploy_hooks/package.py"], check=True)


def everything(work: Path) -> tuple[list[Applied], list[tuple[str, int]]]:
    """Apply prod as a first deployment would, and plan all other roots."""
    terraform = Terraform(work)
    adapted(terraform)
    with moto_server(work / "moto.log") as aws:
        results = [applied(terraform, Path("bootstrap"), aws, values_of(Path("bootstrap")))]
        zone_id = zone_of(terraform, aws)
        links = {}
        for region in REGIONS:
            root = PROD / region
            results.append(applied(terraform, root, aws, values_of(root, zone_id=zone_id)))
            links[region] = outputs(terraform, root, aws)["link"]
        if all(links.values()):
            results.append(
                applied(terraform, PROD / "global", aws, values_of(PROD / "global", links=links, zone_id=zone_id))
            )
        others = [root for root in root_folders() if root.as_posix() not in {result.root for result in results}]

        def planned(root: Path) -> tuple[str, int]:
            prepared(terraform, root)
            return root.as_posix(), len(list(resources(plan(terraform, root, aws))))

        with ThreadPoolExecutor(PARALLEL) as pool:
            return results, list(pool.map(planned, others))


_PAGE: Final = """# Proof: what Terraform makes, made by a stand-in for AWS

{circumstances}

A moto server ({moto}) plays AWS, on the loopback interface. Terraform and the AWS provider are the real ones.
Applied, in the order of a first deployment: the account's bootstrap, both regions of prod, and what joins them, which
is given what the two regions said of themselves. Then each is planned again.

{applied}

`made` is in the state after the apply. `failed` is what moto could not make; `waiting` is all that the second plan
would still make (what failed, and what stands on it); `mended` is what the second plan would change of what was made.
Whatever fails or changes without being listed below fails this proof: {unlisted}.

## What moto lacks

{lacks}

## What moto forgets

{forgets}

"Follows" means: is planned anew because what it refers to would be.

The copy that is applied differs from the code in one line (moto reads no conditions of a bucket's policy, so that "deny
where there is no TLS" would be "deny"), in where the state is kept, and in the provider's address.

## All other roots, planned

{planned}
"""


def page(results: Sequence[Applied], planned: Sequence[tuple[str, int]]) -> str:
    """Return the report."""
    unlisted = [each for result in results for each in result.unlisted]
    rows = [
        (each.root, each.planned, each.made, *(kinds.total() for kinds in (each.failed, each.waiting, each.changed)))
        for each in results
    ]
    failed = {kind for each in results for kind in each.failed}
    changed = {kind for each in results for kind in each.changed}
    return _PAGE.format(
        circumstances=circumstances("make terraform-apply-local", on_it="moto's server and Terraform"),
        moto=next(line for line in REQUIREMENTS.read_text().splitlines() if line.startswith("moto")),
        applied=table(("root", "planned", "made", "failed", "waiting", "mended"), rows),
        unlisted="there is nothing else" if not unlisted else "; ".join(unlisted),
        lacks=table(("type", "moto"), [(f"`{kind}`", LACKS.get(kind, "unlisted")) for kind in sorted(failed)]),
        forgets=table(("type", "moto"), [(f"`{kind}`", FORGETS.get(kind, "unlisted")) for kind in sorted(changed)]),
        planned=table(("root", "resources"), sorted(planned)),
    )


def main() -> None:
    """Prove it and write the report; exits 1 where something fails, or would change, that is not listed."""
    results, planned = everything(BUILD / "apply")
    write("terraform", page(results, planned))
    sys.exit(1 if any(result.unlisted for result in results) else 0)


if __name__ == "__main__":
    main()
