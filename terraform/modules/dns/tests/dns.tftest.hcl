# Both regions get traffic, a sick or drained one gets none, and both cannot be drained.
mock_provider "aws" {
  source          = "../../tests/mocks"
  override_during = plan
}

variables {
  name     = "fifteen-prod-glob"
  tags     = { environment = "prod" }
  zone_id  = "Z11111111111"
  hostname = "api.prod.fifteen.example"
  regions = {
    us-east-1 = { load_balancer_dns_name = "one.elb.amazonaws.com", load_balancer_zone_id = "Z1", health_alarm_name = "fifteen-prod-use1-serving" }
    us-east-2 = { load_balancer_dns_name = "two.elb.amazonaws.com", load_balancer_zone_id = "Z2", health_alarm_name = "fifteen-prod-use2-serving" }
  }
}

override_resource {
  target          = aws_route53_health_check.region["us-east-1"]
  values          = { id = "one" }
  override_during = plan
}

override_resource {
  target          = aws_route53_health_check.region["us-east-2"]
  values          = { id = "two" }
  override_during = plan
}

run "latency_records_with_health_in_both_regions" {
  command = plan

  assert {
    condition     = toset([for record in aws_route53_record.this : one(record.latency_routing_policy).region]) == toset(["us-east-1", "us-east-2"])
    error_message = "Each region answers for those that are near."
  }
  assert {
    condition     = aws_route53_record.this["us-east-1"].health_check_id == "one" && aws_route53_record.this["us-east-2"].health_check_id == "two"
    error_message = "Each record has its region's health check."
  }
  assert {
    condition     = alltrue([for check in aws_route53_health_check.region : check.child_health_threshold == 2 && check.type == "CALCULATED"])
    error_message = "A region is healthy when it serves and is not drained: both."
  }
  assert {
    condition     = alltrue([for check in aws_route53_health_check.serving : check.insufficient_data_health_status == "Unhealthy"])
    error_message = "A region of which nothing is heard gets no traffic."
  }
  assert {
    condition     = alltrue([for check in aws_route53_health_check.switch : check.disabled && !check.invert_healthcheck])
    error_message = "Nobody is drained by default."
  }
}

run "a_drained_region_is_sick" {
  command = plan
  variables { drained_regions = ["us-east-2"] }

  assert {
    condition     = aws_route53_health_check.switch["us-east-2"].invert_healthcheck && !aws_route53_health_check.switch["us-east-1"].invert_healthcheck
    error_message = "The switch turns one region's health round, and the other's not."
  }
}

run "both_drained_is_refused" {
  command = plan
  variables { drained_regions = ["us-east-1", "us-east-2"] }
  expect_failures = [var.drained_regions]
}
