# Whoever deploys can make no role that may do more than the boundary, and can change neither boundary nor itself.
mock_provider "aws" {
  source          = "../../tests/mocks"
  override_during = plan
}

variables {
  tags               = { environment = "prod" }
  account_id         = "444444444444"
  environment        = "prod"
  domain_name        = "prod.fifteen.example"
  regions            = ["us-east-1", "us-east-2", "us-west-2"]
  tools_account_id   = "555555555555"
  deployer_role_arns = ["arn:aws:iam::555555555555:role/fifteen-tools-use1-build-deploy"]
}

run "roles_are_made_under_the_boundary" {
  command = plan

  assert {
    condition     = jsondecode(aws_iam_role_policy.deploy.policy).Statement[0].Condition.StringEquals["iam:PermissionsBoundary"] == "arn:aws:iam::444444444444:policy/fifteen-prod-boundary"
    error_message = "No role without the boundary."
  }
  assert {
    condition     = alltrue([for statement in jsondecode(aws_iam_role_policy.deploy.policy).Statement : !contains(statement.Resource, "*") && alltrue([for action in statement.Action : !strcontains(action, "*")])])
    error_message = "No star about roles."
  }
  assert {
    condition     = jsondecode(aws_iam_role_policy.deploy.policy).Statement[2].Effect == "Deny"
    error_message = "It cannot change itself."
  }
  assert {
    condition     = aws_iam_role.deploy.permissions_boundary == aws_iam_policy.boundary.arn
    error_message = "The deploying role is under the boundary too."
  }
}

run "the_boundary_protects_watchers_archives_and_itself" {
  command = plan

  assert {
    condition = alltrue([
      for action in ["cloudtrail:StopLogging", "guardduty:DeleteDetector", "s3:BypassGovernanceRetention", "backup:DeleteRecoveryPoint", "iam:DeleteRolePermissionsBoundary"] :
      contains(flatten([for statement in jsondecode(aws_iam_policy.boundary.policy).Statement : statement.Action if statement.Effect == "Deny" && can(statement.Action)]), action)
    ])
    error_message = "Trail, GuardDuty, archives, backups and the boundary itself are out of reach."
  }
  assert {
    condition     = !contains(flatten([for statement in jsondecode(aws_iam_policy.boundary.policy).Statement : statement.Action if statement.Effect == "Allow"]), "iam:*")
    error_message = "IAM is never allowed as a whole."
  }
}

run "only_the_pipelines_deploying_steps_come_in" {
  command = plan

  assert {
    condition     = jsondecode(aws_iam_role.deploy.assume_role_policy).Statement[0].Condition.ArnEquals["aws:PrincipalArn"] == ["arn:aws:iam::555555555555:role/fifteen-tools-use1-build-deploy"]
    error_message = "Nobody else of the tools account."
  }
  assert {
    condition     = aws_s3_account_public_access_block.this.block_public_policy && aws_s3_account_public_access_block.this.restrict_public_buckets
    error_message = "No bucket of the account can become public."
  }
}
