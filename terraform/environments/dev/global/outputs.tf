output "witness" {
  description = "The witness: its table, and where the regions ask."
  value       = module.global.witness
}

output "health_check_ids" {
  description = "Each region's health, and its drain switch."
  value       = module.global.health_check_ids
}
