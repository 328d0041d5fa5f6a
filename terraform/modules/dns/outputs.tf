output "health_check_ids" {
  description = "Each region's health, and its drain switch."
  value = {
    for region in keys(var.regions) : region => {
      region = aws_route53_health_check.region[region].id
      switch = aws_route53_health_check.switch[region].id
    }
  }
}

output "promises" {
  description = "What is promised of the name, read from what is made."
  value = {
    regions        = sort([for record in aws_route53_record.this : one(record.latency_routing_policy).region])
    health_checked = alltrue([for record in aws_route53_record.this : record.health_check_id != null && record.health_check_id != ""])
    drained        = sort(tolist(var.drained_regions))
  }
}
