# Names and tags: short enough for every AWS limit, and the same wherever they are asked for.
variables {
  environment = "prod"
  region      = "us-east-1"
}

run "a_name_says_environment_and_region" {
  command = plan

  assert {
    condition     = output.name == "fifteen-prod-use1" && length(output.name) <= 20
    error_message = "The name is the prefix of load balancers, whose names end at 32 characters."
  }
  assert {
    condition     = output.tags.environment == "prod" && output.tags.application == "fifteen"
    error_message = "Every resource says what it belongs to."
  }
  assert {
    condition     = can(regex("^[a-z][a-z0-9_]{0,30}$", output.fifteen_region))
    error_message = "The program takes small letters, digits and underscores as a region."
  }
}

run "an_unknown_region_is_refused" {
  command = plan
  variables { region = "eu-west-1" }
  expect_failures = [var.region]
}
