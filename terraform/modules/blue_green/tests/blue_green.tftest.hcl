# Nothing gets traffic unproved, nothing gets all of it at once, and an alarm or a refusal takes it back.
mock_provider "aws" {
  source          = "../../tests/mocks"
  override_during = plan
}

variables {
  name            = "fifteen-prod-use1"
  tags            = { environment = "prod" }
  account_id      = "000000000000"
  region          = "us-east-1"
  kms_key_arn     = "arn:aws:kms:us-east-1:000000000000:key/11111111-1111-4111-8111-111111111111"
  alarm_topic_arn = "arn:aws:sns:us-east-1:000000000000:alarms"
  cluster_name    = "fifteen-prod-use1"
  service_name    = "fifteen-prod-use1-gateway"
  task_role_arns  = ["arn:aws:iam::000000000000:role/fifteen-prod-use1-gateway-task"]
  listener_arns = {
    production = "arn:aws:elasticloadbalancing:us-east-1:000000000000:listener/app/fifteen/1/1"
    test       = "arn:aws:elasticloadbalancing:us-east-1:000000000000:listener/app/fifteen/1/2"
  }
  target_groups = {
    blue  = { arn = "arn:aws:elasticloadbalancing:us-east-1:000000000000:targetgroup/blue/1", name = "blue", arn_suffix = "targetgroup/blue/1" }
    green = { arn = "arn:aws:elasticloadbalancing:us-east-1:000000000000:targetgroup/green/1", name = "green", arn_suffix = "targetgroup/green/1" }
  }
  load_balancer_arn_suffix = "app/fifteen/1"
  lifecycle_hook_function_arns = {
    before_install           = "arn:aws:lambda:us-east-1:000000000000:function:before-install"
    after_allow_test_traffic = "arn:aws:lambda:us-east-1:000000000000:function:after-allow-test-traffic"
    before_allow_traffic     = "arn:aws:lambda:us-east-1:000000000000:function:before-allow-traffic"
    after_allow_traffic      = "arn:aws:lambda:us-east-1:000000000000:function:after-allow-traffic"
  }
  watched_services = ["fifteen-prod-use1-gateway", "fifteen-prod-use1-worker"]
}

run "every_moment_has_its_hook" {
  command = plan

  assert {
    condition = toset(flatten([for hook in output.appspec.Hooks : keys(hook)])) == toset([
      "BeforeInstall", "AfterAllowTestTraffic", "BeforeAllowTraffic", "AfterAllowTraffic",
    ])
    error_message = "The AppSpec names a hook for every moment at which the green set is judged."
  }
  assert {
    condition     = alltrue([for hook in output.appspec.Hooks : startswith(one(values(hook)), "arn:aws:lambda:")])
    error_message = "Every hook is one of our functions."
  }
  assert {
    condition     = jsondecode(aws_ssm_parameter.appspec.value).Hooks == jsondecode(jsonencode(output.appspec)).Hooks
    error_message = "What the pipeline reads is what was checked here."
  }
  assert {
    condition     = output.appspec.Resources[0].TargetService.Properties.LoadBalancerInfo.ContainerPort == 8015
    error_message = "Traffic goes to the gateway's port."
  }
}

run "alarms_take_it_back" {
  command = plan

  assert {
    condition     = one(aws_codedeploy_deployment_group.this.auto_rollback_configuration).enabled && contains(one(aws_codedeploy_deployment_group.this.auto_rollback_configuration).events, "DEPLOYMENT_STOP_ON_ALARM")
    error_message = "An alarm takes the deployment back."
  }
  assert {
    condition     = one(aws_codedeploy_deployment_group.this.alarm_configuration).enabled && !one(aws_codedeploy_deployment_group.this.alarm_configuration).ignore_poll_alarm_failure
    error_message = "An alarm that cannot be read stops the deployment as well."
  }
  assert {
    condition     = length(one(aws_codedeploy_deployment_group.this.alarm_configuration).alarms) == 12
    error_message = "Faults, slowness and unreadiness of both sets; broken promises, contradictions and faults of ours of both services."
  }
}

run "two_listeners_and_two_sets" {
  command = plan

  assert {
    condition     = one(aws_codedeploy_deployment_group.this.deployment_style).deployment_type == "BLUE_GREEN"
    error_message = "Blue/green."
  }
  assert {
    condition     = length(one(one(aws_codedeploy_deployment_group.this.load_balancer_info).target_group_pair_info).target_group) == 2 && length(one(one(aws_codedeploy_deployment_group.this.load_balancer_info).target_group_pair_info).test_traffic_route) == 1
    error_message = "Two target groups, and a test listener beside the production listener."
  }
  assert {
    condition     = one(aws_codedeploy_deployment_config.this.traffic_routing_config).type == "TimeBasedCanary"
    error_message = "Traffic moves step by step."
  }
}

run "a_linear_shift" {
  command = plan
  variables { shift = { kind = "linear", percent = 10, minutes = 1 } }

  assert {
    condition     = one(one(aws_codedeploy_deployment_config.this.traffic_routing_config).time_based_linear).percentage == 10
    error_message = "So many percent every so many minutes."
  }
}

run "the_role_names_what_it_changes" {
  command = plan

  assert {
    condition = alltrue([
      for statement in jsondecode(aws_iam_role_policy.this.policy).Statement : !contains(statement.Resource, "*") if statement.Sid != "Look"
    ])
    error_message = "Only describing actions have a star for a resource."
  }
  assert {
    condition = alltrue(flatten([
      for statement in jsondecode(aws_iam_role_policy.this.policy).Statement : [for action in statement.Action : !strcontains(action, "*")]
    ]))
    error_message = "No action is a star."
  }
}

run "a_missing_hook_is_refused" {
  command = plan
  variables {
    lifecycle_hook_function_arns = {
      before_install           = "arn:aws:lambda:us-east-1:000000000000:function:before-install"
      after_allow_test_traffic = ""
      before_allow_traffic     = "arn:aws:lambda:us-east-1:000000000000:function:before-allow-traffic"
      after_allow_traffic      = "arn:aws:lambda:us-east-1:000000000000:function:after-allow-traffic"
    }
  }
  expect_failures = [var.lifecycle_hook_function_arns]
}

run "all_at_once_is_refused" {
  command = plan
  variables { shift = { kind = "all_at_once", percent = 50, minutes = 1 } }
  expect_failures = [var.shift]
}
