# A service on Fargate: tasks of one definition (module task). The gateway stands behind the load balancer and is exchanged
# blue/green by CodeDeploy; workers have no load balancer and roll, with the circuit breaker that brings the old ones back.
resource "aws_ecs_service" "rolling" {
  # checkov:skip=CKV_AWS_332: the newest platform by its number: what was proved is what runs
  count = var.blue_green == null ? 1 : 0

  name                               = "${var.name}-${var.role}"
  cluster                            = var.cluster_arn
  task_definition                    = var.task_definition_arn
  desired_count                      = var.scaling.tasks_min
  launch_type                        = "FARGATE"
  platform_version                   = "1.4.0"
  availability_zone_rebalancing      = "ENABLED"
  enable_execute_command             = false
  enable_ecs_managed_tags            = true
  propagate_tags                     = "SERVICE"
  deployment_minimum_healthy_percent = 100
  deployment_maximum_percent         = 200
  wait_for_steady_state              = false
  tags                               = var.tags

  deployment_controller {
    type = "ECS"
  }

  deployment_circuit_breaker {
    enable   = true
    rollback = true
  }

  alarms {
    enable      = true
    rollback    = true
    alarm_names = var.rollback_alarm_names
  }

  network_configuration {
    subnets          = var.subnet_ids
    security_groups  = [var.security_group_id]
    assign_public_ip = false
  }

  lifecycle {
    ignore_changes = [desired_count, task_definition] # scaling's, and the deployment's
  }
}

resource "aws_ecs_service" "blue_green" {
  # checkov:skip=CKV_AWS_332: the newest platform by its number: what was proved is what runs
  count = var.blue_green == null ? 0 : 1

  name                              = "${var.name}-${var.role}"
  cluster                           = var.cluster_arn
  task_definition                   = var.task_definition_arn
  desired_count                     = var.scaling.tasks_min
  launch_type                       = "FARGATE"
  platform_version                  = "1.4.0"
  enable_execute_command            = false
  enable_ecs_managed_tags           = true
  propagate_tags                    = "SERVICE"
  health_check_grace_period_seconds = 30
  tags                              = var.tags

  deployment_controller {
    type = "CODE_DEPLOY"
  }

  load_balancer {
    target_group_arn = var.blue_green.target_group_arn
    container_name   = var.role
    container_port   = var.port
  }

  network_configuration {
    subnets          = var.subnet_ids
    security_groups  = [var.security_group_id]
    assign_public_ip = false
  }

  # After the first day CodeDeploy says which revision runs, and behind which target group.
  lifecycle {
    ignore_changes = [desired_count, task_definition, load_balancer]
  }
}

locals {
  service_name = var.blue_green == null ? aws_ecs_service.rolling[0].name : aws_ecs_service.blue_green[0].name
}
