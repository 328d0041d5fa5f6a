# Managed Prometheus with the project's rules, managed Grafana for its dashboards, alarms for what is AWS's own, and a
# copy of every log outside CloudWatch.
resource "aws_prometheus_workspace" "this" {
  alias       = var.name
  kms_key_arn = var.kms_key_arn
  tags        = var.tags

  logging_configuration {
    log_group_arn = "${aws_cloudwatch_log_group.prometheus.arn}:*"
  }
}

resource "aws_cloudwatch_log_group" "prometheus" {
  name              = "/fifteen/${var.name}/prometheus"
  retention_in_days = var.log_retention_days
  kms_key_id        = var.logs_kms_key_arn
  tags              = var.tags
}

# Whatever rules the project has, one namespace for each file.
resource "aws_prometheus_rule_group_namespace" "this" {
  for_each = var.rules

  name         = each.key
  workspace_id = aws_prometheus_workspace.this.id
  data         = each.value
  tags         = var.tags
}

resource "aws_prometheus_alert_manager_definition" "this" {
  workspace_id = aws_prometheus_workspace.this.id
  definition = yamlencode({
    alertmanager_config = yamlencode({
      route = {
        receiver        = "operators"
        group_by        = ["alertname", "region"]
        group_wait      = "10s"
        group_interval  = "1m"
        repeat_interval = "1h"
      }
      receivers = [{
        name = "operators"
        sns_configs = [{
          topic_arn = aws_sns_topic.alarms.arn
          sigv4     = { region = var.region }
        }]
      }]
    })
  })
}

# Its dashboards are handed to it by the delivery (terraform/delivery/dashboards.py): Grafana's own interface the AWS provider has not.
resource "aws_grafana_workspace" "this" {
  name                     = var.name
  account_access_type      = "CURRENT_ACCOUNT"
  authentication_providers = ["AWS_SSO"]
  permission_type          = "CUSTOMER_MANAGED"
  data_sources             = ["CLOUDWATCH", "PROMETHEUS"]
  role_arn                 = aws_iam_role.grafana.arn
  grafana_version          = "10.4"
  tags                     = var.tags

  vpc_configuration {
    security_group_ids = [var.grafana_security_group_id]
    subnet_ids         = var.subnet_ids
  }
}

resource "aws_sns_topic" "alarms" {
  name              = "${var.name}-alarms"
  kms_master_key_id = var.kms_key_arn
  tags              = var.tags
}

resource "aws_sns_topic_policy" "alarms" {
  arn = aws_sns_topic.alarms.arn
  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Sid       = "AlarmsOfThisAccount"
      Effect    = "Allow"
      Principal = { Service = ["aps.amazonaws.com", "backup.amazonaws.com", "cloudwatch.amazonaws.com", "events.amazonaws.com"] }
      Action    = "sns:Publish"
      Resource  = aws_sns_topic.alarms.arn
      Condition = { StringEquals = { "aws:SourceAccount" = var.account_id } }
    }]
  })
}

resource "aws_iam_role" "grafana" {
  name                 = "${var.name}-grafana"
  description          = "Grafana reads metrics"
  permissions_boundary = var.permissions_boundary_arn
  assume_role_policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Effect    = "Allow"
      Action    = "sts:AssumeRole"
      Principal = { Service = "grafana.amazonaws.com" }
      Condition = { StringEquals = { "aws:SourceAccount" = var.account_id } }
    }]
  })
  tags = var.tags
}

resource "aws_iam_role_policy" "grafana" {
  # checkov:skip=CKV_AWS_355: CloudWatch's reading actions know no resource
  name = "read-metrics"
  role = aws_iam_role.grafana.id
  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [
      {
        Sid      = "Prometheus"
        Effect   = "Allow"
        Action   = ["aps:GetLabels", "aps:GetMetricMetadata", "aps:GetSeries", "aps:QueryMetrics"]
        Resource = [aws_prometheus_workspace.this.arn]
      },
      {
        Sid      = "CloudWatch"
        Effect   = "Allow"
        Action   = ["cloudwatch:DescribeAlarms", "cloudwatch:GetMetricData", "cloudwatch:ListMetrics"]
        Resource = ["*"]
      },
    ]
  })
}
