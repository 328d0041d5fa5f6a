output "lifecycle_hook_function_arns" {
  description = "The function of each moment, for the AppSpec."
  value       = { for hook in local.hooks : hook => aws_lambda_function.this[hook].arn }
}

output "function_names" {
  description = "The functions' names, for alarms and for the pipeline."
  value       = local.function_names
}
