output "health_check_ids" {
  description = "Each region's health, and its drain switch."
  value = {
    for region in keys(var.regions) : region => {
      region = aws_route53_health_check.region[region].id
      switch = aws_route53_health_check.switch[region].id
    }
  }
}
