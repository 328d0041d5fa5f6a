output "prometheus" {
  description = "Where metrics go and are asked for."
  value = {
    endpoint       = aws_prometheus_workspace.this.prometheus_endpoint
    query_endpoint = "${aws_prometheus_workspace.this.prometheus_endpoint}api/v1/query"
    workspace_arn  = aws_prometheus_workspace.this.arn
  }
}

output "grafana" {
  description = "Where dashboards go."
  value = {
    workspace_id = aws_grafana_workspace.this.id
    url          = "https://${aws_grafana_workspace.this.endpoint}"
    metrics_url  = aws_prometheus_workspace.this.prometheus_endpoint
    region       = var.region
  }
}

output "alarm_topic_arn" {
  description = "Where alarms go."
  value       = aws_sns_topic.alarms.arn
}

output "serving_alarm_name" {
  description = "The alarm that says whether the region serves."
  value       = aws_cloudwatch_metric_alarm.serving.alarm_name
}
