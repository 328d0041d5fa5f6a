output "listener_arns" {
  description = "The production and the test listener."
  value       = { production = aws_lb_listener.production.arn, test = aws_lb_listener.test.arn }
}

output "target_groups" {
  description = "The two target groups by colour: ARN, name, and suffix for metrics."
  value = {
    for colour, group in aws_lb_target_group.this : colour => { arn = group.arn, name = group.name, arn_suffix = group.arn_suffix }
  }
}

output "arn_suffix" {
  description = "The load balancer as its metrics name it."
  value       = aws_lb.this.arn_suffix
}

output "dns" {
  description = "What an alias record points at."
  value       = { name = aws_lb.this.dns_name, zone_id = aws_lb.this.zone_id }
}

output "test_endpoint" {
  description = "Where the deployment hooks find the green set."
  value       = "https://${var.regional_hostname}:${var.test_port}"
}

output "promises" {
  description = "What is promised of the load balancer, read from what is made."
  value = {
    internal   = aws_lb.this.internal
    mutual_tls = one(aws_lb_listener.production.mutual_authentication).mode
    plain_http = contains([aws_lb_listener.production.protocol, aws_lb_listener.test.protocol], "HTTP")
  }
}
