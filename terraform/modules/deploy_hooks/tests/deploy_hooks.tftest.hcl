# The hooks are there for every moment, are inside, encrypted and bounded, and may change nothing.
mock_provider "aws" {
  override_during = plan

  mock_data "aws_caller_identity" {
    defaults = { account_id = "000000000000" }
  }
  mock_data "aws_region" {
    defaults = { name = "us-east-1" }
  }
  mock_data "aws_partition" {
    defaults = { partition = "aws" }
  }
  mock_resource "aws_iam_role" {
    defaults = { arn = "arn:aws:iam::000000000000:role/mock", id = "mock" }
  }
  mock_resource "aws_lambda_function" {
    defaults = { arn = "arn:aws:lambda:us-east-1:000000000000:function:mock" }
  }
  mock_resource "aws_cloudwatch_log_group" {
    defaults = { arn = "arn:aws:logs:us-east-1:000000000000:log-group:mock" }
  }
}

variables {
  name                     = "fifteen-prod-use1"
  tags                     = { environment = "prod" }
  hooks_subnet_ids         = ["subnet-1", "subnet-2"]
  hooks_security_group_ids = ["sg-1"]
  test_endpoint            = "https://api.example:8443"
  metrics_query_endpoint   = "https://metrics.example/workspaces/ws-1"
  queue_age_threshold_s    = 5
  kms_key_arn              = "arn:aws:kms:us-east-1:000000000000:key/11111111-1111-4111-8111-111111111111"
  log_retention_days       = 365
}

run "every_moment_has_a_function" {
  command = plan

  assert {
    condition     = keys(output.lifecycle_hook_function_arns) == ["after_allow_test_traffic", "after_allow_traffic", "before_allow_traffic", "before_install"]
    error_message = "The blue_green module takes a function for each of the four moments."
  }
  assert {
    condition     = alltrue([for hook, function in aws_lambda_function.this : function.handler == "handler.${hook}"])
    error_message = "Each moment is handled by the function of its name."
  }
  assert {
    condition     = alltrue([for hook, function in aws_lambda_function.this : strcontains(file("./functions/handler.py"), "\ndef ${hook}(")])
    error_message = "The program has a handler for each moment."
  }
  assert {
    condition     = alltrue([for function in aws_lambda_function.this : length(function.function_name) <= 64])
    error_message = "A function's name has 64 characters at most."
  }
}

run "inside_encrypted_and_bounded" {
  command = plan

  assert {
    condition     = alltrue([for function in aws_lambda_function.this : length(one(function.vpc_config).subnet_ids) == 2 && one(function.vpc_config).security_group_ids == toset(["sg-1"])])
    error_message = "The functions run in the private subnets, in their own security group."
  }
  assert {
    condition     = alltrue([for function in aws_lambda_function.this : function.kms_key_arn == var.kms_key_arn])
    error_message = "Their environment is encrypted."
  }
  assert {
    condition     = alltrue([for group in aws_cloudwatch_log_group.this : group.kms_key_id == var.kms_key_arn && group.retention_in_days == 365])
    error_message = "Their logs are encrypted, and kept."
  }
  assert {
    condition     = alltrue([for function in aws_lambda_function.this : function.timeout >= 240 && function.timeout <= 900])
    error_message = "A function lives longer than its checks, and answers before CodeDeploy gives up."
  }
}

run "they_may_change_nothing" {
  command = plan

  assert {
    condition = alltrue(flatten([
      for statement in jsondecode(aws_iam_role_policy.this.policy).Statement : [
        for action in statement.Action : !endswith(action, "*")
      ]
    ]))
    error_message = "No action is a pattern."
  }
  assert {
    condition = toset([
      for statement in jsondecode(aws_iam_role_policy.this.policy).Statement : statement.Sid if contains(statement.Resource, "*")
    ]) == toset(["LookAtTheTaskAndTrace", "LiveInTheNetwork"])
    error_message = "Every resource is named where AWS lets one be named."
  }
  assert {
    condition = !anytrue(flatten([
      for statement in jsondecode(aws_iam_role_policy.this.policy).Statement : [
        for action in statement.Action : can(regex("^(ecs:(Update|Create|Delete|Run)|codedeploy:(Create|Stop|Continue|Delete)|iam:|rds:|s3:|secretsmanager:)", action))
      ]
    ]))
    error_message = "They neither deploy nor read a secret."
  }
}

run "a_boundary_is_taken_over" {
  command = plan

  variables {
    permissions_boundary_arn = "arn:aws:iam::000000000000:policy/boundary"
  }

  assert {
    condition     = aws_iam_role.this.permissions_boundary == "arn:aws:iam::000000000000:policy/boundary"
    error_message = "The account's boundary bounds this role too."
  }
}

run "no_test_listener_in_clear" {
  command = plan

  variables {
    test_endpoint = "http://api.example:8443"
  }

  expect_failures = [var.test_endpoint]
}

run "one_subnet_is_not_enough" {
  command = plan

  variables {
    hooks_subnet_ids = ["subnet-1"]
  }

  expect_failures = [var.hooks_subnet_ids]
}

run "a_threshold_past_the_objective_proves_nothing" {
  command = plan

  variables {
    queue_age_threshold_s = 11
  }

  expect_failures = [var.queue_age_threshold_s]
}

run "a_budget_that_nothing_can_use_up_is_none" {
  command = plan

  variables {
    error_budget = { objective = 1 }
  }

  expect_failures = [var.error_budget]
}
