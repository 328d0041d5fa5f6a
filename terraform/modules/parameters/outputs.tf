output "secret_arns" {
  description = "Where each secret is."
  value       = { for name, secret in aws_secretsmanager_secret.this : name => secret.arn }
}

output "parameter_names" {
  description = "Where each parameter is."
  value       = { for path, parameter in aws_ssm_parameter.this : path => parameter.name }
}
