# A task cannot write to its own image, gains no privilege, and may do what is named and nothing else.
mock_provider "aws" {
  source          = "../../tests/mocks"
  override_during = plan
}

variables {
  name                = "fifteen-prod-use1"
  tags                = { environment = "prod" }
  account_id          = "000000000000"
  region              = "us-east-1"
  logs_kms_key_arn    = "arn:aws:kms:us-east-1:000000000000:key/11111111-1111-4111-8111-111111111111"
  secrets_kms_key_arn = "arn:aws:kms:us-east-1:000000000000:key/22222222-2222-4222-8222-222222222222"
  log_retention_days  = 400
  role                = "gateway"
  image               = "000000000000.dkr.ecr.us-east-1.amazonaws.com/fifteen@sha256:1111111111111111111111111111111111111111111111111111111111111111"
  repository_arns     = ["arn:aws:ecr:us-east-1:000000000000:repository/fifteen"]
  command             = ["gateway"]
  port                = 8015
  size                = { cpu = 1024, memory = 2048 }
  environment_variables = {
    FIFTEEN_REGION = "us_east_1"
  }
  secrets = {
    FIFTEEN_DATABASE_URL = "arn:aws:secretsmanager:us-east-1:000000000000:secret:database-AbCdEf"
    PGPASSWORD           = "arn:aws:secretsmanager:us-east-1:000000000000:secret:rds-AbCdEf:password::"
  }
  task_statements = [
    { sid = "Lease", actions = ["dynamodb:GetItem"], resources = ["arn:aws:dynamodb:us-west-2:000000000000:table/witness"] },
  ]
  collector = {
    image               = "000000000000.dkr.ecr.us-east-1.amazonaws.com/collector@sha256:2222222222222222222222222222222222222222222222222222222222222222"
    prometheus_endpoint = "https://aps-workspaces.us-east-1.amazonaws.com/workspaces/ws-mock/"
    workspace_arn       = "arn:aws:aps:us-east-1:000000000000:workspace/ws-mock"
  }
}

run "containers_are_locked_down" {
  command = plan

  assert {
    condition = alltrue([
      for container in jsondecode(aws_ecs_task_definition.this.container_definitions) :
      container.readonlyRootFilesystem && !container.privileged && contains(container.linuxParameters.capabilities.drop, "ALL")
    ])
    error_message = "A read-only root file system, no privilege, no capability."
  }
  assert {
    condition     = jsondecode(aws_ecs_task_definition.this.container_definitions)[0].user == "10001"
    error_message = "Not root."
  }
  assert {
    condition     = !jsondecode(aws_ecs_task_definition.this.container_definitions)[1].essential
    error_message = "A collector that dies takes no payment with it."
  }
  assert {
    condition     = contains(jsondecode(aws_ecs_task_definition.this.container_definitions)[0].healthCheck.command, "gateway.health")
    error_message = "The container's health is the program's own word."
  }
}

run "roles_are_least" {
  command = plan

  assert {
    condition = alltrue([
      for statement in jsondecode(aws_iam_role_policy.execution.policy).Statement :
      !contains(flatten([statement.Resource]), "*") if jsonencode(statement.Action) != jsonencode(["ecr:GetAuthorizationToken"])
    ])
    error_message = "No resource is a star, but for the one action that knows none."
  }
  assert {
    condition = alltrue(flatten([
      for policy in concat([aws_iam_role_policy.execution.policy], aws_iam_role_policy.task[*].policy) : [
        for statement in jsondecode(policy).Statement : [for action in flatten([statement.Action]) : !strcontains(action, "*")]
      ]
    ]))
    error_message = "No action is a star."
  }
  assert {
    condition = alltrue([
      for statement in jsondecode(aws_iam_role_policy.task[0].policy).Statement : !contains(flatten([statement.Resource]), "*")
    ])
    error_message = "The program itself has no star at all."
  }
  assert {
    condition     = strcontains(aws_iam_role_policy.execution.policy, "secret:rds-AbCdEf\"") && !strcontains(aws_iam_role_policy.execution.policy, "password::")
    error_message = "The permission is for the secret, without the member."
  }
  assert {
    condition     = strcontains(aws_iam_role.task.assume_role_policy, "aws:SourceAccount")
    error_message = "A task of another account cannot become this one."
  }
}

run "secrets_are_references" {
  command = plan

  assert {
    condition = alltrue([
      for secret in jsondecode(aws_ecs_task_definition.this.container_definitions)[0].secrets : startswith(secret.valueFrom, "arn:")
    ])
    error_message = "A task definition holds where a secret is, not the secret."
  }
  assert {
    condition     = aws_cloudwatch_log_group.this.kms_key_id == var.logs_kms_key_arn && aws_cloudwatch_log_group.this.retention_in_days >= 365
    error_message = "The log is encrypted and kept for a year at least."
  }
}

run "what_the_program_reads_as_a_file_is_there_before_it_starts" {
  command = plan
  variables {
    files = { message-keys = "arn:aws:secretsmanager:us-east-1:000000000000:secret:message-keys-AbCdEf" }
  }

  assert {
    condition     = jsondecode(aws_ecs_task_definition.this.container_definitions)[0].dependsOn == [{ containerName = "files", condition = "SUCCESS" }]
    error_message = "The program waits for its files."
  }
  assert {
    condition = anytrue([
      for mount in jsondecode(aws_ecs_task_definition.this.container_definitions)[0].mountPoints :
      mount.sourceVolume == "files" && mount.containerPath == "/run/fifteen" && mount.readOnly
    ])
    error_message = "It can read them, and not change them."
  }
  assert {
    condition     = [for secret in jsondecode(aws_ecs_task_definition.this.container_definitions)[2].secrets : secret.name] == ["MESSAGE_KEYS"] && length(jsondecode(aws_ecs_task_definition.this.container_definitions)[0].secrets) == 2
    error_message = "The content reaches the container that writes it, and not the program's environment."
  }
  assert {
    condition     = jsondecode(aws_ecs_task_definition.this.container_definitions)[2].user == "10001" && jsondecode(aws_ecs_task_definition.this.container_definitions)[2].readonlyRootFilesystem
    error_message = "It is locked down like the program, whose user can read what it wrote."
  }
  assert {
    condition     = strcontains(aws_iam_role_policy.execution.policy, "secret:message-keys-AbCdEf\"")
    error_message = "The task may read it."
  }
}

run "a_path_is_no_file_name" {
  command = plan
  variables { files = { "../keys" = "arn:aws:secretsmanager:us-east-1:000000000000:secret:message-keys-AbCdEf" } }
  expect_failures = [var.files]
}

run "a_rail_is_played_in_dev" {
  command = plan
  variables {
    tags              = { environment = "dev" }
    simulator_command = ["simulator", "fednow"]
  }

  assert {
    condition     = [for container in jsondecode(aws_ecs_task_definition.this.container_definitions) : container.name] == ["gateway", "collector", "simulator"]
    error_message = "The simulator stands beside the program."
  }
  assert {
    condition     = jsondecode(aws_ecs_task_definition.this.container_definitions)[2].readonlyRootFilesystem
    error_message = "It is locked down like the program."
  }
}

run "no_rail_is_played_in_prod" {
  command = plan
  variables { simulator_command = ["simulator", "fednow"] }
  expect_failures = [var.simulator_command]
}

run "a_tag_is_no_image" {
  command = plan
  variables { image = "000000000000.dkr.ecr.us-east-1.amazonaws.com/fifteen:latest" }
  expect_failures = [var.image]
}

run "a_secret_in_clear_is_refused" {
  command = plan
  variables { environment_variables = { FIFTEEN_INDEX_KEY = "readable" } }
  expect_failures = [var.environment_variables]
}

run "every_table_is_refused" {
  command = plan
  variables { task_statements = [{ sid = "All", actions = ["dynamodb:GetItem"], resources = ["*"] }] }
  expect_failures = [var.task_statements]
}
