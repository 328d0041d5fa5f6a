# A gateway is exchanged blue/green, a worker rolls and comes back by itself; both in private subnets, never fewer than two.
mock_provider "aws" {
  source          = "../../tests/mocks"
  override_during = plan
}

variables {
  name                 = "fifteen-prod-use1"
  tags                 = { environment = "prod" }
  role                 = "worker"
  task_definition_arn  = "arn:aws:ecs:us-east-1:000000000000:task-definition/fifteen-prod-use1-worker:1"
  cluster_arn          = "arn:aws:ecs:us-east-1:000000000000:cluster/fifteen-prod-use1"
  cluster_name         = "fifteen-prod-use1"
  subnet_ids           = ["subnet-1", "subnet-2", "subnet-3"]
  security_group_id    = "sg-11111111"
  scaling              = { tasks_min = 3, tasks_max = 12, queue_age_s = 0.75 }
  rollback_alarm_names = ["fifteen-prod-use1-worker-parked"]
}

run "a_worker_rolls_and_comes_back" {
  command = plan


  assert {
    condition     = one(aws_ecs_service.rolling[0].deployment_circuit_breaker).enable && one(aws_ecs_service.rolling[0].deployment_circuit_breaker).rollback
    error_message = "Workers that do not start are replaced by those that did."
  }
  assert {
    condition     = one(aws_ecs_service.rolling[0].alarms).rollback && length(one(aws_ecs_service.rolling[0].alarms).alarm_names) == 1
    error_message = "An alarm brings the old workers back."
  }
  assert {
    condition     = aws_ecs_service.rolling[0].deployment_minimum_healthy_percent == 100
    error_message = "New ones come before old ones go."
  }
  assert {
    condition     = length(aws_ecs_service.rolling[0].load_balancer) == 0 && length(aws_ecs_service.blue_green) == 0
    error_message = "A worker has no load balancer."
  }
  assert {
    condition     = !one(aws_ecs_service.rolling[0].network_configuration).assign_public_ip && !aws_ecs_service.rolling[0].enable_execute_command
    error_message = "No public address, and no shell in a task."
  }
}

run "it_scales_on_the_age_of_the_queue" {
  command = plan


  assert {
    condition     = aws_cloudwatch_metric_alarm.felt["queue_age"].metric_name == "gateway_outbox_oldest_unsent_age_seconds"
    error_message = "Workers are added when the outbox waits."
  }
  assert {
    condition     = toset(keys(aws_appautoscaling_policy.felt)) == toset(["queue_age"])
    error_message = "A worker has no latency of its own."
  }
}

run "a_gateway_is_exchanged_blue_green" {
  command = plan
  variables {
    role    = "gateway"
    port    = 8015
    scaling = { tasks_min = 3, tasks_max = 12, latency_p95_s = 0.5 }
    blue_green = {
      target_group_arn         = "arn:aws:elasticloadbalancing:us-east-1:000000000000:targetgroup/blue/1111111111111111"
      load_balancer_arn_suffix = "app/fifteen/1111111111111111"
    }
  }

  assert {
    condition     = one(aws_ecs_service.blue_green[0].deployment_controller).type == "CODE_DEPLOY" && length(aws_ecs_service.rolling) == 0
    error_message = "CodeDeploy exchanges the gateway."
  }
  assert {
    condition     = aws_cloudwatch_metric_alarm.felt["latency"].extended_statistic == "p95"
    error_message = "Gateways are added when clients wait."
  }
}

run "one_task_is_refused" {
  command = plan
  variables { scaling = { tasks_min = 1, tasks_max = 2 } }
  expect_failures = [var.scaling]
}

run "a_load_balancer_needs_a_port" {
  command = plan
  variables {
    scaling = { tasks_min = 3, tasks_max = 12, latency_p95_s = 0.5 }
    blue_green = {
      target_group_arn         = "arn:aws:elasticloadbalancing:us-east-1:000000000000:targetgroup/blue/1111111111111111"
      load_balancer_arn_suffix = "app/fifteen/1111111111111111"
    }
  }
  expect_failures = [var.port]
}
