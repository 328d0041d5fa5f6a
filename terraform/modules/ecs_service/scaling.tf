# Out by what clients feel (age of the queue, latency) and by CPU, in by CPU alone: an idle minute in a busy hour takes
# no task away.
resource "aws_appautoscaling_target" "this" {
  service_namespace  = "ecs"
  scalable_dimension = "ecs:service:DesiredCount"
  resource_id        = "service/${var.cluster_name}/${local.service_name}"
  min_capacity       = var.scaling.tasks_min
  max_capacity       = var.scaling.tasks_max
  tags               = var.tags
}

resource "aws_appautoscaling_policy" "cpu" {
  name               = "${local.service_name}-cpu"
  policy_type        = "TargetTrackingScaling"
  service_namespace  = aws_appautoscaling_target.this.service_namespace
  scalable_dimension = aws_appautoscaling_target.this.scalable_dimension
  resource_id        = aws_appautoscaling_target.this.resource_id

  target_tracking_scaling_policy_configuration {
    target_value       = var.scaling.cpu_percent
    scale_out_cooldown = 60
    scale_in_cooldown  = 600

    predefined_metric_specification {
      predefined_metric_type = "ECSServiceAverageCPUUtilization"
    }
  }
}

resource "aws_appautoscaling_policy" "felt" {
  for_each = local.felt

  name               = "${local.service_name}-${replace(each.key, "_", "-")}"
  policy_type        = "StepScaling"
  service_namespace  = aws_appautoscaling_target.this.service_namespace
  scalable_dimension = aws_appautoscaling_target.this.scalable_dimension
  resource_id        = aws_appautoscaling_target.this.resource_id

  step_scaling_policy_configuration {
    adjustment_type          = "PercentChangeInCapacity"
    cooldown                 = 60
    metric_aggregation_type  = "Maximum"
    min_adjustment_magnitude = 1

    step_adjustment {
      metric_interval_lower_bound = 0
      metric_interval_upper_bound = each.value.threshold
      scaling_adjustment          = 50
    }

    step_adjustment {
      metric_interval_lower_bound = each.value.threshold
      scaling_adjustment          = 100
    }
  }
}

locals {
  felt = {
    for name, felt in {
      queue_age = {
        threshold          = var.scaling.queue_age_s
        namespace          = "Fifteen"
        metric             = "gateway_outbox_oldest_unsent_age_seconds"
        statistic          = "Maximum"
        extended_statistic = null
        dimensions         = { service = "${var.name}-${var.role}" }
      }
      latency = {
        threshold          = var.scaling.latency_p95_s
        namespace          = "AWS/ApplicationELB"
        metric             = "TargetResponseTime"
        statistic          = null
        extended_statistic = "p95"
        dimensions         = { LoadBalancer = try(var.blue_green.load_balancer_arn_suffix, "") }
      }
    } : name => felt if felt.threshold != null
  }
}

resource "aws_cloudwatch_metric_alarm" "felt" {
  for_each = local.felt

  alarm_name          = "${local.service_name}-scale-out-${replace(each.key, "_", "-")}"
  alarm_description   = "More tasks of ${local.service_name}: ${replace(each.key, "_", " ")} above ${each.value.threshold} s."
  namespace           = each.value.namespace
  metric_name         = each.value.metric
  statistic           = each.value.statistic
  extended_statistic  = each.value.extended_statistic
  dimensions          = each.value.dimensions
  period              = 60
  evaluation_periods  = 1
  comparison_operator = "GreaterThanThreshold"
  threshold           = each.value.threshold
  treat_missing_data  = "notBreaching"
  alarm_actions       = [aws_appautoscaling_policy.felt[each.key].arn]
  tags                = var.tags
}
