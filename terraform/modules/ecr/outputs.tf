output "repository_urls" {
  description = "Where each image is pushed to."
  value       = { for name, repository in aws_ecr_repository.this : name => repository.repository_url }
}

output "repository_arns" {
  description = "Each repository."
  value       = { for name, repository in aws_ecr_repository.this : name => repository.arn }
}
