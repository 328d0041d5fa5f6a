# One way for every change, and a person before cert and prod.
mock_provider "aws" {
  source          = "../../tests/mocks"
  override_during = plan
}

variables {
  name               = "fifteen-tools-use1"
  tags               = { environment = "tools" }
  account_id         = "000000000000"
  region             = "us-east-1"
  kms_key_arn        = "arn:aws:kms:us-east-1:000000000000:key/11111111-1111-4111-8111-111111111111"
  logs_kms_key_arn   = "arn:aws:kms:us-east-1:000000000000:key/22222222-2222-4222-8222-222222222222"
  log_retention_days = 400
  source_code = {
    connection_arn = "arn:aws:codestar-connections:us-east-1:000000000000:connection/11111111-1111-4111-8111-111111111111"
    repository     = "example/fifteen"
    branch         = "main"
  }
  serving_regions = ["us-east-1", "us-east-2"]
  deploy_role_arns = {
    dev  = "arn:aws:iam::111111111111:role/fifteen-dev-deploy"
    uat  = "arn:aws:iam::222222222222:role/fifteen-uat-deploy"
    cert = "arn:aws:iam::333333333333:role/fifteen-cert-deploy"
    prod = "arn:aws:iam::444444444444:role/fifteen-prod-deploy"
  }
  repository_url  = "000000000000.dkr.ecr.us-east-1.amazonaws.com/fifteen"
  repository_arns = ["arn:aws:ecr:us-east-1:000000000000:repository/fifteen"]
  base_image      = "python@sha256:1111111111111111111111111111111111111111111111111111111111111111"
  change_form_url = "https://changes.example/form"
}

run "a_person_approves_before_cert_and_prod" {
  command = plan

  assert {
    condition = alltrue([
      for stage in aws_codepipeline.this.stage : stage.action[0].category == "Approval" && stage.action[0].provider == "Manual" && stage.action[0].run_order == 1
      if contains(["cert", "prod"], stage.name)
    ])
    error_message = "The first thing in cert and in prod is a person's approval."
  }
  assert {
    condition = alltrue(flatten([
      for stage in aws_codepipeline.this.stage : [
        for action in stage.action : action.configuration.ExternalEntityLink == "https://changes.example/form" && strcontains(action.configuration.CustomData, "change form")
        if action.category == "Approval"
      ]
    ]))
    error_message = "Who approves is shown the change form."
  }
}

run "the_order_is_test_scan_image_dev_uat_cert_prod" {
  command = plan

  assert {
    condition     = [for stage in aws_codepipeline.this.stage : stage.name] == ["source", "check-and-build", "dev", "uat", "cert", "prod"]
    error_message = "One order, for every change."
  }
  assert {
    condition     = toset([for action in aws_codepipeline.this.stage[1].action : action.name]) == toset(["test", "scan", "image"])
    error_message = "Nothing is built that was not tested and scanned."
  }
  assert {
    condition     = alltrue([for action in aws_codepipeline.this.stage[1].action : action.run_order == (action.name == "image" ? 2 : 1)])
    error_message = "The image is built after the checks."
  }
}

run "every_environment_takes_the_same_steps_in_both_regions" {
  command = plan

  assert {
    condition = alltrue([
      for stage in aws_codepipeline.this.stage :
      [for action in stage.action : action.name if action.category == "Build"] == [
        "deploy-us-east-1", "synthetic-us-east-1", "deploy-us-east-2", "synthetic-us-east-2", "deploy-global",
      ] if contains(["dev", "uat", "cert", "prod"], stage.name)
    ])
    error_message = "The same way in every environment; the second region after the first has proved it."
  }
  assert {
    condition     = alltrue([for project in aws_codebuild_project.this : startswith(one(project.source).buildspec, "terraform/modules/pipeline/buildspecs/")])
    error_message = "What a step does is in the repository."
  }
}

run "steps_have_roles_of_their_own" {
  command = plan

  assert {
    condition = alltrue([
      for step, policy in aws_iam_role_policy.project : strcontains(policy.policy, "sts:AssumeRole") == contains(["deploy", "synthetic"], step)
    ])
    error_message = "Only steps that deploy come into an environment's account."
  }
  assert {
    condition = alltrue([
      for step, policy in aws_iam_role_policy.project : strcontains(policy.policy, "ecr:PutImage") == (step == "image")
    ])
    error_message = "Only the image step pushes images."
  }
  assert {
    condition = alltrue(flatten([
      for policy in concat(values(aws_iam_role_policy.project), [aws_iam_role_policy.pipeline]) : [
        for statement in jsondecode(policy.policy).Statement : [
          !contains(flatten([statement.Resource]), "*") || jsonencode(statement.Action) == jsonencode(["ecr:GetAuthorizationToken"]),
          alltrue([for action in flatten([statement.Action]) : !strcontains(action, "*")]),
        ]
      ]
    ]))
    error_message = "No star, but for the one action that knows no resource."
  }
  assert {
    condition     = alltrue([for step, project in aws_codebuild_project.this : one(project.environment).privileged_mode == (step == "image")])
    error_message = "Only the image step is privileged."
  }
}
