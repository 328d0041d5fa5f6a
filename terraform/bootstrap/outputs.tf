output "state_buckets" {
  description = "Buckets of Terraform's states: -backend-config=bucket=… of each region's states, us-west-2 for the global ones."
  value = {
    us-east-1 = module.state_us_east_1.bucket_name
    us-east-2 = module.state_us_east_2.bucket_name
    us-west-2 = module.state_us_west_2.bucket_name
  }
}

output "zone_id" {
  description = "The environment's zone; null in the tools account."
  value       = one(module.account[*].zone_id)
}

output "name_servers" {
  description = "What the parent zone delegates to; null in the tools account."
  value       = one(module.account[*].name_servers)
}

output "deploy_role_arn" {
  description = "The deploying role; null in the tools account."
  value       = one(module.account[*].deploy_role_arn)
}
