# Both ends know the way to each other, and to nobody else.
mock_provider "aws" {
  alias           = "near"
  source          = "../../tests/mocks"
  override_during = plan
}

mock_provider "aws" {
  alias           = "far"
  source          = "../../tests/mocks"
  override_during = plan
}

variables {
  name = "fifteen-prod-glob"
  tags = { environment = "prod" }
  near = { region = "us-east-1", vpc_id = "vpc-1", cidr = "10.20.0.0/16", route_table_ids = ["rtb-1", "rtb-2"] }
  far  = { region = "us-east-2", vpc_id = "vpc-2", cidr = "10.21.0.0/16", route_table_ids = ["rtb-3", "rtb-4"] }
}

run "both_ends_have_routes" {
  command = plan
  providers = {
    aws.near = aws.near
    aws.far  = aws.far
  }

  assert {
    condition     = length(aws_route.near) == 2 && alltrue([for route in aws_route.near : route.destination_cidr_block == "10.21.0.0/16"])
    error_message = "The near end knows the way to the far one."
  }
  assert {
    condition     = length(aws_route.far) == 2 && alltrue([for route in aws_route.far : route.destination_cidr_block == "10.20.0.0/16"])
    error_message = "The far end knows the way back."
  }
  assert {
    condition     = aws_vpc_peering_connection.this.peer_region == "us-east-2"
    error_message = "The link crosses regions."
  }
}
