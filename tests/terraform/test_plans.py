"""Both regions of an environment and what joins them: planned whole against a local server, held by what the plan says.

prod where nothing else is said; FIFTEEN_PLANNED names others, comma-separated: `make terraform-check` plans all four.
"""

from __future__ import annotations

import json
import os
import re
from collections import Counter
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, Final

import pytest

from gateway.settings import load_settings
from tests.terraform.plans import BROKER_PASSWORD, PLANNED, SECRETS, plan, prepared, resources, values_of, variables
from tests.terraform.running import BUILD, PARALLEL, Terraform
from tests.terraform.tools import MOTO_ACCOUNT, moto_server
from tests.unit.docs.tables import variables as documented_settings

ENVIRONMENTS: Final = tuple(os.environ.get(PLANNED, "prod").split(","))
REGION_NAMES: Final = ("us-east-1", "us-east-2")
REGIONS: Final = tuple(f"{environment}/{region}" for environment in ENVIRONMENTS for region in REGION_NAMES)
GLOBALS: Final = tuple(f"{environment}/global" for environment in ENVIRONMENTS)
ROOTS: Final = (*REGIONS, *GLOBALS)
NO_RESOURCE: Final = frozenset({
    "ecr:GetAuthorizationToken", "cloudwatch:DescribeAlarms", "cloudwatch:GetMetricData", "cloudwatch:ListMetrics",
    "elasticloadbalancing:DescribeListeners", "elasticloadbalancing:DescribeRules",
    "elasticloadbalancing:DescribeTargetGroups", "elasticloadbalancing:DescribeTargetHealth",
    "ec2:CreateNetworkInterface", "ec2:DescribeNetworkInterfaces", "ec2:DeleteNetworkInterface", "ec2:DescribeSubnets",
    "ec2:AssignPrivateIpAddresses", "ec2:UnassignPrivateIpAddresses", "xray:PutTelemetryRecords",
    "xray:PutTraceSegments",
})  # fmt: skip
"""Actions that know no resource: AWS's service authorization reference."""


RULES: Final = "groups: [{name: sample, rules: [{alert: Sample, expr: up == 0}]}]\n"


@pytest.fixture(scope="module")
def plans() -> Iterator[Mapping[str, Mapping[str, Any]]]:
    """The plans, by environment and root."""
    terraform = Terraform(BUILD / "plans")
    rules = terraform.folder / "observability" / "rules"
    rules.mkdir(parents=True, exist_ok=True)
    (rules / "sample.yml").write_text(RULES)
    with moto_server(BUILD / "plans" / "moto.log") as aws:

        def planned(name: str) -> tuple[str, Mapping[str, Any]]:
            root = Path("environments") / name
            prepared(terraform, root)
            return name, plan(terraform, root, aws)

        with ThreadPoolExecutor(PARALLEL) as pool:
            yield dict(pool.map(planned, ROOTS))


def found(plan_: Mapping[str, Any], kind: str) -> list[dict[str, Any]]:
    """The values of every resource of a kind; one at the least."""
    values = [each.get("values", {}) for each in resources(plan_) if each["type"] == kind]
    assert values, f"no {kind} in the plan"
    return values


def policies(plan_: Mapping[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    """Every statement that a role is given by a policy of ours, and whose it is."""
    for each in resources(plan_):
        if each["type"] == "aws_iam_role_policy" and each.get("values", {}).get("policy"):
            for statement in json.loads(each["values"]["policy"])["Statement"]:
                yield each["address"], statement


@pytest.mark.parametrize("region", REGIONS)
def test_the_plan_of_a_region_is_complete(region: str, plans: Mapping[str, Mapping[str, Any]]) -> None:
    """Nothing errs, everything is made, nothing is destroyed."""
    rendered = plans[region]

    actions = {action for change in rendered["resource_changes"] for action in change["change"]["actions"]}
    assert rendered["complete"]
    assert not rendered["errored"]
    assert actions <= {"create", "read"}
    assert len(list(resources(rendered))) > 250


@pytest.mark.parametrize("region", REGIONS)
def test_books_and_queues_are_encrypted_private_and_in_several_zones(
    region: str, plans: Mapping[str, Mapping[str, Any]]
) -> None:
    """What holds payments is never public, and outlives a zone."""
    (database,) = found(plans[region], "aws_db_instance")
    (broker,) = found(plans[region], "aws_mq_broker")

    assert database["storage_encrypted"]
    assert database["multi_az"] is database["deletion_protection"] is not region.startswith("dev/")
    assert not database["publicly_accessible"]
    assert database["manage_master_user_password"]
    assert broker["deployment_mode"] == "CLUSTER_MULTI_AZ"
    assert not broker["publicly_accessible"]
    assert not broker["encryption_options"][0]["use_aws_owned_key"]


@pytest.mark.parametrize("region", REGIONS)
def test_there_is_no_way_to_or_from_the_internet(region: str, plans: Mapping[str, Mapping[str, Any]]) -> None:
    """No gateway to it, no public address, no rule for everybody, no public load balancer."""
    rendered = plans[region]
    kinds = {each["type"] for each in resources(rendered)}

    rules = ("aws_vpc_security_group_ingress_rule", "aws_vpc_security_group_egress_rule")
    assert kinds.issuperset({"aws_subnet", "aws_lb", *rules}), "what is looked at below is there"
    assert kinds.isdisjoint({"aws_internet_gateway", "aws_nat_gateway", "aws_eip"})
    assert not any(subnet["map_public_ip_on_launch"] for subnet in found(rendered, "aws_subnet"))
    assert all(balancer["internal"] for balancer in found(rendered, "aws_lb"))
    for kind in rules:
        assert not any((rule["cidr_ipv4"] or "").endswith("/0") for rule in found(rendered, kind))


@pytest.mark.parametrize("region", REGIONS)
def test_every_bucket_is_closed_versioned_and_encrypted(region: str, plans: Mapping[str, Mapping[str, Any]]) -> None:
    """A bucket that is added is closed too: they are counted against their blocks."""
    rendered = plans[region]
    buckets = found(rendered, "aws_s3_bucket")
    blocks = found(rendered, "aws_s3_bucket_public_access_block")

    assert 0 < len(buckets) == len(blocks) == len(found(rendered, "aws_s3_bucket_versioning"))
    assert len(buckets) == len(found(rendered, "aws_s3_bucket_server_side_encryption_configuration"))
    assert len(buckets) == len(found(rendered, "aws_s3_bucket_policy"))
    assert all(
        block[each]
        for block in blocks
        for each in ("block_public_acls", "block_public_policy", "ignore_public_acls", "restrict_public_buckets")
    )


@pytest.mark.parametrize("root", ROOTS)
def test_no_role_has_a_star_but_where_an_action_knows_no_resource(
    root: str, plans: Mapping[str, Mapping[str, Any]]
) -> None:
    """Least privilege, over every policy that the plan already knows."""
    for owner, statement in policies(plans[root]):
        actions = statement["Action"] if isinstance(statement["Action"], list) else [statement["Action"]]
        wanted = statement["Resource"] if isinstance(statement["Resource"], list) else [statement["Resource"]]
        assert not any("*" in action for action in actions), f"{owner}: {statement}"
        assert "*" not in wanted or set(actions) <= NO_RESOURCE, f"{owner}: {statement}"


@pytest.mark.parametrize("region", REGIONS)
def test_every_role_is_under_the_boundary(region: str, plans: Mapping[str, Mapping[str, Any]]) -> None:
    """The deploying role may make no other."""
    assert {role["permissions_boundary"] for role in found(plans[region], "aws_iam_role")} == {
        f"arn:aws:iam::123456789012:policy/fifteen-{region.partition('/')[0]}-boundary"
    }


@pytest.mark.parametrize("region", REGIONS)
def test_a_deployment_goes_back_by_alarm(region: str, plans: Mapping[str, Mapping[str, Any]]) -> None:
    """CodeDeploy watches the alarms, and traffic moves in steps."""
    (group,) = found(plans[region], "aws_codedeploy_deployment_group")
    (shift,) = found(plans[region], "aws_codedeploy_deployment_config")

    assert group["deployment_style"][0]["deployment_type"] == "BLUE_GREEN"
    assert group["auto_rollback_configuration"][0]["enabled"]
    assert len(group["alarm_configuration"][0]["alarms"]) == 12
    assert shift["traffic_routing_config"][0]["type"] == "TimeBasedCanary"


@pytest.mark.parametrize("region", REGIONS)
def test_no_secret_is_in_the_plan_but_the_brokers(region: str, plans: Mapping[str, Mapping[str, Any]]) -> None:
    """Ephemeral values and write-only arguments leave no trace; Amazon MQ's first user does, and is known to."""
    rendered = json.dumps(plans[region])

    assert not [value for value in SECRETS.values() if value in rendered]
    assert BROKER_PASSWORD in rendered, (
        "the broker's password left the plan: ADR 18 and the module's comment say otherwise"
    )


@pytest.mark.parametrize("region", REGIONS)
def test_the_program_understands_what_every_task_is_told(
    region: str, plans: Mapping[str, Mapping[str, Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Names, forms and what belongs together: no task would start with settings that the program refuses."""
    known = documented_settings()
    told = plans[region]["planned_values"]["outputs"]["settings"]["value"]
    for name in [name for name in os.environ if name.startswith("FIFTEEN_")]:
        monkeypatch.delenv(name)  # this machine's own
    for name, value in told.items():
        if not name.startswith("FIFTEEN_") or name in known:
            monkeypatch.setenv(name, value)

    settings = load_settings()

    assert settings.region in settings.regions
    assert len(settings.regions) == 2
    assert settings.archive_url == f"s3://fifteen-{region.replace('/us-east-', '-use')}-archive-{MOTO_ACCOUNT}/messages"
    assert str(settings.keys_file) == "/run/fifteen/message-keys"


@pytest.mark.parametrize("region", REGIONS)
def test_the_projects_rules_are_loaded_as_they_stand(region: str, plans: Mapping[str, Mapping[str, Any]]) -> None:
    """Whatever the project has in `terraform/observability/rules`: here, a sample."""
    loaded = {each["name"]: each["data"] for each in found(plans[region], "aws_prometheus_rule_group_namespace")}

    assert loaded["sample"] == RULES


def test_a_rail_that_is_not_played_has_to_be_named() -> None:
    """Without an address the program would look for FedNow on the loopback; and a password is no setting in clear."""
    terraform = Terraform(BUILD / "rails")
    root = Path("environments/prod/us-east-1")
    prepared(terraform, root)
    values = values_of(root) | {"rail_settings": {"FIFTEEN_FEDNOW__IBM_MQ__KEY_REPOSITORY_PASSWORD": "clear"}}

    answer = terraform.run(root, "plan", "-no-color", "-refresh=false", environment=variables(values))

    said = " ".join(answer.text.split())
    assert not answer.is_ok
    assert "A rail that is not played has an address: FIFTEEN_FEDNOW__URL" in said
    assert "One rail at the least, by its queue manager" in said
    assert "a password belongs to the secrets" in said


@pytest.mark.parametrize("environment", ENVIRONMENTS)
def test_both_regions_are_made_alike(environment: str, plans: Mapping[str, Mapping[str, Any]]) -> None:
    """The same code makes the same things in both, but for the account's one trail."""
    first, second = (
        Counter(re.sub(r'\["[^"]*"\]', "", each["address"]) for each in resources(plans[f"{environment}/{region}"]))
        for region in REGION_NAMES
    )

    assert all(address.startswith("module.region.module.security.") for address in (first - second) + (second - first))


@pytest.mark.parametrize("root", GLOBALS)
def test_the_name_leads_to_both_regions_by_latency_and_health(
    root: str, plans: Mapping[str, Mapping[str, Any]]
) -> None:
    """Route 53 sends traffic to the nearer region that is healthy and not drained."""
    records = [record for record in found(plans[root], "aws_route53_record") if record["latency_routing_policy"]]
    checks = found(plans[root], "aws_route53_health_check")

    assert {record["latency_routing_policy"][0]["region"] for record in records} == set(REGION_NAMES)
    assert {check["cloudwatch_alarm_region"] for check in checks if check["type"] == "CLOUDWATCH_METRIC"} == set(
        REGION_NAMES
    )
    assert sum(check["child_health_threshold"] == 2 for check in checks) == 2


@pytest.mark.parametrize("root", GLOBALS)
def test_the_witness_is_in_neither_region(root: str, plans: Mapping[str, Mapping[str, Any]]) -> None:
    """It judges both, and is reached from both."""
    (table,) = found(plans[root], "aws_dynamodb_table")
    links = found(plans[root], "aws_vpc_peering_connection")

    assert table["deletion_protection_enabled"]
    assert {link["peer_region"] for link in links} == {"us-east-2", "us-west-2"}
    assert len(links) == 3
