# CodeDeploy exchanges the gateway: the green set is started beside the blue one, proved on the test listener by the
# hooks, gets traffic step by step, and is taken back when a hook refuses or an alarm rings.
#
# Provider 5.100 has no blue/green of ECS's own; docs/adr/0017 says what changes with 6.x.
resource "aws_codedeploy_app" "this" {
  name             = "${var.name}-${var.role}"
  compute_platform = "ECS"
  tags             = var.tags
}

resource "aws_codedeploy_deployment_config" "this" {
  deployment_config_name = "${var.name}-${var.role}-${var.shift.kind}-${var.shift.percent}-${var.shift.minutes}m"
  compute_platform       = "ECS"

  traffic_routing_config {
    type = var.shift.kind == "canary" ? "TimeBasedCanary" : "TimeBasedLinear"

    dynamic "time_based_canary" {
      for_each = var.shift.kind == "canary" ? [var.shift] : []

      content {
        percentage = time_based_canary.value.percent
        interval   = time_based_canary.value.minutes
      }
    }

    dynamic "time_based_linear" {
      for_each = var.shift.kind == "linear" ? [var.shift] : []

      content {
        percentage = time_based_linear.value.percent
        interval   = time_based_linear.value.minutes
      }
    }
  }
}

resource "aws_codedeploy_deployment_group" "this" {
  app_name               = aws_codedeploy_app.this.name
  deployment_group_name  = "${var.name}-${var.role}"
  deployment_config_name = aws_codedeploy_deployment_config.this.deployment_config_name
  service_role_arn       = aws_iam_role.this.arn
  tags                   = var.tags

  deployment_style {
    deployment_option = "WITH_TRAFFIC_CONTROL"
    deployment_type   = "BLUE_GREEN"
  }

  auto_rollback_configuration {
    enabled = true
    events  = ["DEPLOYMENT_FAILURE", "DEPLOYMENT_STOP_ON_ALARM", "DEPLOYMENT_STOP_ON_REQUEST"]
  }

  alarm_configuration {
    enabled                   = true
    ignore_poll_alarm_failure = false # an alarm that cannot be read is an alarm
    alarms                    = setunion([for alarm in aws_cloudwatch_metric_alarm.this : alarm.alarm_name], var.further_alarm_names)
  }

  blue_green_deployment_config {
    deployment_ready_option {
      action_on_timeout = "CONTINUE_DEPLOYMENT" # as soon as the hooks have said yes
    }

    terminate_blue_instances_on_deployment_success {
      action                           = "TERMINATE"
      termination_wait_time_in_minutes = var.blue_kept_minutes
    }
  }

  ecs_service {
    cluster_name = var.cluster_name
    service_name = var.service_name
  }

  load_balancer_info {
    target_group_pair_info {
      prod_traffic_route {
        listener_arns = [var.listener_arns.production]
      }

      test_traffic_route {
        listener_arns = [var.listener_arns.test]
      }

      dynamic "target_group" {
        for_each = ["blue", "green"]

        content {
          name = var.target_groups[target_group.value].name
        }
      }
    }
  }
}

# What a deployment is told. The deploying pipeline puts the revision in the place of <TASK_DEFINITION>.
locals {
  appspec = {
    version = "0.0"
    Resources = [{
      TargetService = {
        Type = "AWS::ECS::Service"
        Properties = {
          TaskDefinition   = "<TASK_DEFINITION>"
          PlatformVersion  = "1.4.0"
          LoadBalancerInfo = { ContainerName = var.role, ContainerPort = var.container_port }
        }
      }
    }]
    Hooks = [
      { BeforeInstall = var.lifecycle_hook_function_arns.before_install },
      { AfterAllowTestTraffic = var.lifecycle_hook_function_arns.after_allow_test_traffic },
      { BeforeAllowTraffic = var.lifecycle_hook_function_arns.before_allow_traffic },
      { AfterAllowTraffic = var.lifecycle_hook_function_arns.after_allow_traffic },
    ]
  }
}

resource "aws_ssm_parameter" "appspec" {
  name        = "/fifteen/${var.name}/${var.role}/appspec"
  description = "AppSpec of ${var.role}: what CodeDeploy is told"
  type        = "SecureString"
  key_id      = var.kms_key_arn
  value       = jsonencode(local.appspec)
  tags        = var.tags
}

# Role of CodeDeploy: this service, these listeners, these hooks.
resource "aws_iam_role" "this" {
  name                 = "${var.name}-${var.role}-deploy"
  description          = "CodeDeploy exchanges ${var.role}"
  permissions_boundary = var.permissions_boundary_arn
  assume_role_policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Effect    = "Allow"
      Action    = "sts:AssumeRole"
      Principal = { Service = "codedeploy.amazonaws.com" }
      Condition = { StringEquals = { "aws:SourceAccount" = var.account_id } }
    }]
  })
  tags = var.tags
}

resource "aws_iam_role_policy" "this" {
  # checkov:skip=CKV_AWS_290: the describing actions know no resource; every writing one names this service's
  # checkov:skip=CKV_AWS_355: as above
  name = "exchange-the-service"
  role = aws_iam_role.this.id
  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [
      {
        Sid    = "ExchangeTaskSets"
        Effect = "Allow"
        Action = ["ecs:CreateTaskSet", "ecs:DeleteTaskSet", "ecs:DescribeServices", "ecs:UpdateServicePrimaryTaskSet"]
        Resource = [
          "arn:aws:ecs:${var.region}:${var.account_id}:service/${var.cluster_name}/${var.service_name}",
          "arn:aws:ecs:${var.region}:${var.account_id}:task-set/${var.cluster_name}/${var.service_name}/*",
        ]
      },
      {
        Sid      = "ShiftTraffic"
        Effect   = "Allow"
        Action   = ["elasticloadbalancing:ModifyListener"]
        Resource = [var.listener_arns.production, var.listener_arns.test]
      },
      {
        # These describe and know no resource.
        Sid    = "Look"
        Effect = "Allow"
        Action = [
          "cloudwatch:DescribeAlarms",
          "elasticloadbalancing:DescribeListeners",
          "elasticloadbalancing:DescribeRules",
          "elasticloadbalancing:DescribeTargetGroups",
          "elasticloadbalancing:DescribeTargetHealth",
        ]
        Resource = ["*"]
      },
      {
        Sid      = "CallHooks"
        Effect   = "Allow"
        Action   = ["lambda:InvokeFunction"]
        Resource = values(var.lifecycle_hook_function_arns)
      },
      {
        Sid       = "GiveTasksTheirRoles"
        Effect    = "Allow"
        Action    = ["iam:PassRole"]
        Resource  = var.task_role_arns
        Condition = { StringEquals = { "iam:PassedToService" = "ecs-tasks.amazonaws.com" } }
      },
    ]
  })
}
