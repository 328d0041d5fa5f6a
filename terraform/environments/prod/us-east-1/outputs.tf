output "link" {
  description = "What the global stack has to know of this region."
  value       = module.region.link
}

output "deployment" {
  description = "What a deployment needs."
  value       = module.region.deployment
}

output "names" {
  description = "Things by name, for operators."
  value       = module.region.names
}
