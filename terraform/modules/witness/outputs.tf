output "table_arn" {
  description = "The table."
  value       = aws_dynamodb_table.this.arn
}

output "url" {
  description = "Its address, as the serving regions' settings have it."
  value       = "dynamodb://${aws_dynamodb_table.this.name}?region=${var.region}"
}

output "vpc_id" {
  description = "The witness's network."
  value       = aws_vpc.this.id
}

output "route_table_ids" {
  description = "Its route table."
  value       = [aws_route_table.this.id]
}

output "promises" {
  description = "What is promised of the witness, read from what is made."
  value = {
    protected = aws_dynamodb_table.this.deletion_protection_enabled
    encrypted = one(aws_dynamodb_table.this.server_side_encryption).enabled
    region    = var.region
    clients   = sort([for rule in aws_vpc_security_group_ingress_rule.this : rule.cidr_ipv4])
  }
}
