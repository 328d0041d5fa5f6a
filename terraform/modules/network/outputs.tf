output "vpc_id" {
  description = "The VPC."
  value       = aws_vpc.this.id
}

output "subnet_ids" {
  description = "Subnets of each tier (service, data, endpoint), one for each zone."
  value       = local.subnet_ids
}

output "route_table_ids" {
  description = "Route table of each tier."
  value       = { for tier, table in aws_route_table.this : tier => table.id }
}

output "security_group_ids" {
  description = "Security groups by what they are for."
  value       = { for group, each in aws_security_group.this : group => each.id }
}
