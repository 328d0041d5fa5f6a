# No way to the internet, and every open port is in the table.
mock_provider "aws" {
  source          = "../../tests/mocks"
  override_during = plan
}

variables {
  name               = "fifteen-prod-use1"
  tags               = { environment = "prod" }
  account_id         = "000000000000"
  region             = "us-east-1"
  logs_kms_key_arn   = "arn:aws:kms:us-east-1:000000000000:key/11111111-1111-4111-8111-111111111111"
  log_retention_days = 400
  cidr               = "10.20.0.0/16"
  availability_zones = ["us-east-1a", "us-east-1b", "us-east-1c"]
  data_centre_cidrs  = ["172.16.0.0/20"]
  peer_cidr          = "10.21.0.0/16"
  witness_cidr       = "10.29.0.0/16"
  transit_gateway_id = "tgw-11111111"
}

run "no_address_is_public_and_every_flow_is_logged" {
  command = plan

  assert {
    condition     = alltrue([for subnet in aws_subnet.this : !subnet.map_public_ip_on_launch])
    error_message = "No subnet gives out public addresses."
  }
  assert {
    condition     = aws_flow_log.this.traffic_type == "ALL"
    error_message = "Refused packets are logged too."
  }
  assert {
    condition     = length(distinct([for subnet in aws_subnet.this : subnet.availability_zone])) == 3 && length(aws_subnet.this) == 9
    error_message = "Three tiers in three zones."
  }
  assert {
    condition     = length(distinct([for subnet in aws_subnet.this : subnet.cidr_block])) == 9
    error_message = "No two subnets share addresses."
  }
}

run "nobody_from_everywhere" {
  command = plan

  assert {
    condition     = alltrue([for rule in aws_vpc_security_group_ingress_rule.address : !endswith(rule.cidr_ipv4, "/0")])
    error_message = "No port is open to everybody."
  }
  assert {
    condition     = alltrue([for rule in aws_vpc_security_group_egress_rule.address : !endswith(rule.cidr_ipv4, "/0")])
    error_message = "No task may speak to everybody."
  }
  assert {
    condition     = toset([for rule in aws_vpc_security_group_ingress_rule.address : rule.from_port]) == toset([443, 5432])
    error_message = "From addresses come clients and the other region alone."
  }
  assert {
    condition = length([
      for name, rule in local.between_groups : name if rule.to == "load_balancer" && rule.port == 8443 && rule.from != "hooks"
    ]) == 0
    error_message = "The green set is seen by the deployment hooks alone, until it is proved."
  }
  assert {
    condition     = alltrue([for rule in local.to_addresses : rule.group != "gateway" || rule.port == 443])
    error_message = "A gateway has no way to a rail: workers have."
  }
}

run "endpoints_keep_to_their_network" {
  command = plan

  assert {
    condition     = alltrue([for endpoint in aws_vpc_endpoint.this : endpoint.private_dns_enabled])
    error_message = "AWS's own names lead to the endpoints."
  }
  assert {
    condition     = jsondecode(aws_vpc_endpoint.s3.policy).Statement[0].Condition.StringEquals["s3:ResourceAccount"] == "000000000000"
    error_message = "Nothing is carried to another account's bucket."
  }
  assert {
    condition     = length(aws_route.data_centre_by_transit_gateway) == 1 && length(aws_vpn_gateway.this) == 0
    error_message = "The data centre is reached by the transit gateway."
  }
}

run "direct_connect_instead" {
  command = plan
  variables {
    transit_gateway_id        = null
    direct_connect_gateway_id = "11111111-1111-4111-8111-111111111111"
  }

  assert {
    condition     = length(aws_dx_gateway_association.this) == 1 && length(aws_ec2_transit_gateway_vpc_attachment.this) == 0
    error_message = "Direct Connect ends at a gateway of this network."
  }
}

run "two_zones_are_refused" {
  command = plan
  variables { availability_zones = ["us-east-1a", "us-east-1b"] }
  expect_failures = [var.availability_zones]
}

run "the_whole_internet_is_no_data_centre" {
  command = plan
  variables { data_centre_cidrs = ["0.0.0.0/0"] }
  expect_failures = [var.data_centre_cidrs]
}
