output "repository_urls" {
  description = "Where images are pushed to."
  value       = module.ecr.repository_urls
}

output "pipeline_name" {
  description = "The delivery pipeline."
  value       = module.pipeline.pipeline_name
}

output "project_role_arns" {
  description = "Roles of its steps."
  value       = module.pipeline.project_role_arns
}
