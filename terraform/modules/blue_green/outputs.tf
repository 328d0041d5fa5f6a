output "application_name" {
  description = "CodeDeploy's application."
  value       = aws_codedeploy_app.this.name
}

output "deployment_group_name" {
  description = "CodeDeploy's deployment group."
  value       = aws_codedeploy_deployment_group.this.deployment_group_name
}

output "appspec" {
  description = "What a deployment is told, with <TASK_DEFINITION> to be put in."
  value       = local.appspec
}

output "appspec_parameter_name" {
  description = "Where the deploying pipeline finds it."
  value       = aws_ssm_parameter.appspec.name
}

output "alarm_names" {
  description = "What takes a deployment back."
  value       = [for alarm in aws_cloudwatch_metric_alarm.this : alarm.alarm_name]
}

output "promises" {
  description = "What is promised of deployments, read from what is made."
  value = {
    type            = one(aws_codedeploy_deployment_group.this.deployment_style).deployment_type
    hooks           = sort(flatten([for hook in local.appspec.Hooks : keys(hook)]))
    rolls_back      = one(aws_codedeploy_deployment_group.this.auto_rollback_configuration).enabled
    rollback_alarms = length(one(aws_codedeploy_deployment_group.this.alarm_configuration).alarms)
    all_at_once     = one(aws_codedeploy_deployment_config.this.traffic_routing_config).type == "AllAtOnce"
  }
}
