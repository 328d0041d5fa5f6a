# What takes a deployment back. The thresholds are those of the promise (15 s) and of what must never happen.
locals {
  alarms = merge(
    {
      for colour, group in var.target_groups : "5xx-${colour}" => {
        description = "The ${colour} set answers with faults"
        namespace   = "AWS/ApplicationELB", metric = "HTTPCode_Target_5XX_Count", statistic = "Sum", percentile = null
        dimensions  = { LoadBalancer = var.load_balancer_arn_suffix, TargetGroup = group.arn_suffix }
        threshold   = var.alarm_thresholds.faults_per_minute
      }
    },
    {
      for colour, group in var.target_groups : "latency-${colour}" => {
        description = "The ${colour} set is slow"
        namespace   = "AWS/ApplicationELB", metric = "TargetResponseTime", statistic = null, percentile = "p99"
        dimensions  = { LoadBalancer = var.load_balancer_arn_suffix, TargetGroup = group.arn_suffix }
        threshold   = var.alarm_thresholds.latency_p99_s
      }
    },
    {
      for colour, group in var.target_groups : "unhealthy-${colour}" => {
        description = "Tasks of the ${colour} set are not ready"
        namespace   = "AWS/ApplicationELB", metric = "UnHealthyHostCount", statistic = "Maximum", percentile = null
        dimensions  = { LoadBalancer = var.load_balancer_arn_suffix, TargetGroup = group.arn_suffix }
        threshold   = 0
      }
    },
    {
      for service in var.watched_services : "sla-${service}" => {
        description = "Payments are past the promise of 15 s"
        namespace   = "Fifteen", metric = "gateway_payments_sla_breached_total", statistic = "Sum", percentile = null
        dimensions  = { service = service }
        threshold   = 0
      }
    },
    {
      for service in var.watched_services : "contradictions-${service}" => {
        description = "An answer contradicts what is certain"
        namespace   = "Fifteen", metric = "gateway_contradictions_total", statistic = "Sum", percentile = null
        dimensions  = { service = service }
        threshold   = 0
      }
    },
    {
      for service in var.watched_services : "parked-${service}" => {
        description = "A fault of ours stopped a payment"
        namespace   = "Fifteen", metric = "gateway_parked_total", statistic = "Sum", percentile = null
        dimensions  = { service = service }
        threshold   = 0
      }
    },
  )
}

resource "aws_cloudwatch_metric_alarm" "this" {
  for_each = local.alarms

  alarm_name          = "${var.name}-${var.role}-deploy-${each.key}"
  alarm_description   = "${each.value.description}: takes a deployment back."
  namespace           = each.value.namespace
  metric_name         = each.value.metric
  statistic           = each.value.statistic
  extended_statistic  = each.value.percentile
  dimensions          = each.value.dimensions
  period              = 60
  evaluation_periods  = startswith(each.key, "unhealthy") ? 3 : 1 # a starting set is not ready for a moment
  comparison_operator = "GreaterThanThreshold"
  threshold           = each.value.threshold
  treat_missing_data  = "notBreaching" # the set without traffic has no figures
  alarm_actions       = [var.alarm_topic_arn]
  tags                = var.tags
}
