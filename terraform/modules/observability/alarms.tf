# Alarms for what is AWS's own. The program's own alerts are Prometheus rules, each with its runbook.
locals {
  alarms = {
    "postgres-cpu" = {
      description = "PostgreSQL's CPU is nearly used up", namespace = "AWS/RDS", metric = "CPUUtilization", statistic = "Average"
      dimensions  = { DBInstanceIdentifier = var.watched.postgres_identifier }, over = true, threshold = 85, periods = 5
    }
    "postgres-storage" = {
      description = "PostgreSQL's disk fills", namespace = "AWS/RDS", metric = "FreeStorageSpace", statistic = "Minimum"
      dimensions  = { DBInstanceIdentifier = var.watched.postgres_identifier }, over = false, threshold = 20 * 1024 * 1024 * 1024, periods = 1
    }
    "postgres-slot-lag" = {
      description = "The other region does not take what is replicated", namespace = "AWS/RDS", metric = "OldestReplicationSlotLag", statistic = "Maximum"
      dimensions  = { DBInstanceIdentifier = var.watched.postgres_identifier }, over = true, threshold = 1024 * 1024 * 1024, periods = 3
    }
    "postgres-commit" = {
      description = "Commits take long", namespace = "AWS/RDS", metric = "WriteLatency", statistic = "Average"
      dimensions  = { DBInstanceIdentifier = var.watched.postgres_identifier }, over = true, threshold = 0.02, periods = 3
    }
    "rabbitmq-memory-alarm" = {
      description = "RabbitMQ is short of memory: publishers are stopped", namespace = "AWS/AmazonMQ", metric = "RabbitMQMemUsed", statistic = "Maximum"
      dimensions  = { Broker = var.watched.rabbitmq_broker }, over = true, threshold = var.thresholds.rabbitmq_memory_bytes, periods = 1
    }
    "rabbitmq-disk" = {
      description = "RabbitMQ's disk fills", namespace = "AWS/AmazonMQ", metric = "RabbitMQDiskFree", statistic = "Minimum"
      dimensions  = { Broker = var.watched.rabbitmq_broker }, over = false, threshold = 10 * 1024 * 1024 * 1024, periods = 1
    }
    "rabbitmq-unacked" = {
      description = "Deliveries pile up", namespace = "AWS/AmazonMQ", metric = "MessageCount", statistic = "Maximum"
      dimensions  = { Broker = var.watched.rabbitmq_broker }, over = true, threshold = var.thresholds.rabbitmq_messages, periods = 3
    }
    "load-balancer-5xx" = {
      description = "The load balancer finds no gateway that answers", namespace = "AWS/ApplicationELB", metric = "HTTPCode_ELB_5XX_Count", statistic = "Sum"
      dimensions  = { LoadBalancer = var.watched.load_balancer_arn_suffix }, over = true, threshold = 10, periods = 1
    }
    "load-balancer-refused-clients" = {
      description = "Clients' certificates are refused", namespace = "AWS/ApplicationELB", metric = "ClientTLSNegotiationErrorCount", statistic = "Sum"
      dimensions  = { LoadBalancer = var.watched.load_balancer_arn_suffix }, over = true, threshold = 100, periods = 3
    }
  }
}

resource "aws_cloudwatch_metric_alarm" "this" {
  for_each = local.alarms

  alarm_name          = "${var.name}-${each.key}"
  alarm_description   = "${each.value.description} (${var.name})."
  namespace           = each.value.namespace
  metric_name         = each.value.metric
  statistic           = each.value.statistic
  dimensions          = each.value.dimensions
  period              = 60
  evaluation_periods  = each.value.periods
  comparison_operator = each.value.over ? "GreaterThanThreshold" : "LessThanThreshold"
  threshold           = each.value.threshold
  treat_missing_data  = each.value.namespace == "AWS/ApplicationELB" ? "notBreaching" : "breaching"
  alarm_actions       = [aws_sns_topic.alarms.arn]
  ok_actions          = [aws_sns_topic.alarms.arn]
  tags                = var.tags
}

# Whether the region serves: what Route 53 sends traffic by. It rings when fewer than two targets of both sets together are
# ready, and when nothing is heard.
resource "aws_cloudwatch_metric_alarm" "serving" {
  alarm_name          = "${var.name}-serving"
  alarm_description   = "${var.name} has fewer than two gateways that are ready: DNS sends traffic to the other region."
  comparison_operator = "LessThanThreshold"
  threshold           = 2
  evaluation_periods  = 2
  datapoints_to_alarm = 2
  treat_missing_data  = "breaching"
  alarm_actions       = [aws_sns_topic.alarms.arn]
  ok_actions          = [aws_sns_topic.alarms.arn]
  tags                = var.tags

  metric_query {
    id          = "ready"
    expression  = "FILL(blue, 0) + FILL(green, 0)"
    label       = "Gateways that are ready"
    return_data = true
  }

  dynamic "metric_query" {
    for_each = var.watched.target_group_arn_suffixes

    content {
      id = metric_query.key

      metric {
        namespace   = "AWS/ApplicationELB"
        metric_name = "HealthyHostCount"
        stat        = "Minimum"
        period      = 60
        dimensions  = { LoadBalancer = var.watched.load_balancer_arn_suffix, TargetGroup = metric_query.value }
      }
    }
  }
}
