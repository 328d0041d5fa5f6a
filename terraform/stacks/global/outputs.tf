output "witness" {
  description = "The witness: its table, and its address for the regions."
  value       = { table_arn = module.witness.table_arn, url = module.witness.url }
}

output "health_check_ids" {
  description = "Each region's health, and its drain switch."
  value       = module.dns.health_check_ids
}

output "promises" {
  description = "What is promised of both regions together, read from what is made; the environments' tests hold it."
  value = {
    dns     = module.dns.promises
    witness = module.witness.promises
  }
}
