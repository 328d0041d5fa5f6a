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
