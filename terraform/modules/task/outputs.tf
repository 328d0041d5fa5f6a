output "task_definition_arn" {
  description = "The newest revision of the task definition."
  value       = aws_ecs_task_definition.this.arn
}

output "family" {
  description = "Name of the task definition without its revision."
  value       = aws_ecs_task_definition.this.family
}

output "role_arns" {
  description = "The execution role and the task role."
  value       = { execution = aws_iam_role.execution.arn, task = aws_iam_role.task.arn }
}

output "log_group_name" {
  description = "Where it logs."
  value       = aws_cloudwatch_log_group.this.name
}

output "task_actions" {
  description = "What the program may do in AWS: every action that its role allows."
  value       = sort(distinct(flatten([for statement in local.task_statements : statement.Action])))
}
