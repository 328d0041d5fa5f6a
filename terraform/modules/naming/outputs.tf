output "name" {
  description = "Beginning of every name in this environment and region."
  value       = "fifteen-${var.environment}-${local.region_codes[var.region]}"
}

output "tags" {
  description = "Tags of every resource."
  value = {
    application = "fifteen"
    environment = var.environment
    region      = var.region
    owner       = var.owner
    managed_by  = "terraform"
  }
}

output "fifteen_region" {
  description = "The region as the program names it (FIFTEEN_REGION): no hyphens, since it becomes a partition's name."
  value       = replace(var.region, "-", "_")
}
