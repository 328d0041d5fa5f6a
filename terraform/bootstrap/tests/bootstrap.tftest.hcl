# An account's beginning: states in three regions; a deploying role where something is deployed.
mock_provider "aws" {
  alias           = "us_east_1"
  source          = "../tests/mocks"
  override_during = plan
}

mock_provider "aws" {
  alias           = "us_east_2"
  source          = "../tests/mocks"
  override_during = plan
}

mock_provider "aws" {
  alias           = "us_west_2"
  source          = "../tests/mocks"
  override_during = plan
}

variables {
  environment      = "prod"
  account_id       = "444444444444"
  tools_account_id = "555555555555"
}

run "an_environments_account" {
  command = plan

  assert {
    condition     = length(distinct(keys(output.state_buckets))) == 3
    error_message = "Each region's states lie in that region, the global ones in a third."
  }
  assert {
    condition     = length(module.account) == 1
    error_message = "Zone, boundary and deploying role."
  }
}

run "the_tools_account_has_no_deploying_role" {
  command = plan
  variables {
    environment = "tools"
    account_id  = "555555555555"
  }

  assert {
    condition     = length(module.account) == 0
    error_message = "Nothing is deployed into the tools account."
  }
}
