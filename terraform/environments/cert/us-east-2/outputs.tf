output "link" {
  description = "What the global stack has to know of this region."
  value       = module.region.link
}

output "deployment" {
  description = "What a deployment needs."
  value       = module.region.deployment
}

output "settings" {
  description = "What every task is told that is no secret."
  value       = module.region.settings
}

output "names" {
  description = "Things by name, for operators."
  value       = module.region.names
}
