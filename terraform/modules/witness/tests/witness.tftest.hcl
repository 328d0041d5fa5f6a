# The witness lies outside both regions, cannot be lost by a slip, and is asked by nobody else.
mock_provider "aws" {
  source          = "../../tests/mocks"
  override_during = plan
}

variables {
  name               = "fifteen-prod-glob"
  tags               = { environment = "prod" }
  account_id         = "000000000000"
  region             = "us-west-2"
  kms_key_arn        = "arn:aws:kms:us-west-2:000000000000:key/11111111-1111-4111-8111-111111111111"
  table_name         = "fifteen-prod-witness"
  serving_regions    = ["us-east-1", "us-east-2"]
  cidr               = "10.29.0.0/20"
  availability_zones = ["us-west-2a", "us-west-2b"]
  client_cidrs       = ["10.20.0.0/16", "10.21.0.0/16"]
  client_vpcs        = { us-east-1 = "vpc-1", us-east-2 = "vpc-2" }
}

run "the_table_is_protected_and_encrypted" {
  command = plan

  assert {
    condition     = aws_dynamodb_table.this.deletion_protection_enabled && one(aws_dynamodb_table.this.point_in_time_recovery).enabled
    error_message = "Without the witness no region may take over."
  }
  assert {
    condition     = one(aws_dynamodb_table.this.server_side_encryption).kms_key_arn == var.kms_key_arn
    error_message = "Encrypted under our key."
  }
  assert {
    condition     = length(aws_dynamodb_table.this.replica) == 0
    error_message = "A replicated table has no conditional write that holds everywhere: one region, plain."
  }
}

run "it_is_the_table_that_the_program_writes_to" {
  command = plan

  assert {
    condition     = aws_dynamodb_table.this.hash_key == "name" && aws_dynamodb_table.this.range_key == null && [for each in aws_dynamodb_table.this.attribute : "${each.name} ${each.type}"] == ["name S"]
    error_message = "One hash key `name`, a text (docs/regions.md)."
  }
}

run "only_the_two_regions_reach_it_and_only_to_read_and_write_leases" {
  command = plan

  assert {
    condition     = toset([for rule in aws_vpc_security_group_ingress_rule.this : rule.cidr_ipv4]) == toset(["10.20.0.0/16", "10.21.0.0/16"])
    error_message = "Nobody else reaches the endpoint."
  }
  assert {
    condition     = jsondecode(aws_vpc_endpoint.this.policy).Statement[0].Action == ["dynamodb:GetItem", "dynamodb:PutItem"]
    error_message = "Through the endpoint nothing can be deleted."
  }
  assert {
    condition     = aws_route53_zone.this.name == "dynamodb.us-west-2.amazonaws.com" && toset([for each in aws_route53_zone.this.vpc : "${each.vpc_region} ${each.vpc_id}"]) == toset(["us-east-1 vpc-1", "us-east-2 vpc-2"])
    error_message = "In both regions, and nowhere else, the service's name leads to the endpoint."
  }
}

run "a_witness_in_a_serving_region_is_refused" {
  command = plan
  variables { region = "us-east-1" }
  expect_failures = [aws_dynamodb_table.this]
}
