output "zone_id" {
  description = "The zone: the environments' variable zone_id."
  value       = aws_route53_zone.this.zone_id
}

output "name_servers" {
  description = "What the parent zone delegates to."
  value       = aws_route53_zone.this.name_servers
}

output "deploy_role_arn" {
  description = "The role that deploys: the pipeline's variable deploy_role_arns."
  value       = aws_iam_role.deploy.arn
}

output "boundary_arn" {
  description = "The boundary of every role."
  value       = aws_iam_policy.boundary.arn
}
