output "service_name" {
  description = "The service."
  value       = local.service_name
}

output "task_definition_arn" {
  description = "The newest revision of its task definition."
  value       = module.task.task_definition_arn
}

output "role_arns" {
  description = "Its execution role and its task role."
  value       = module.task.role_arns
}

output "log_group_name" {
  description = "Where it logs."
  value       = module.task.log_group_name
}
