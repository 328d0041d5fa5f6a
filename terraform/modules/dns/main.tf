# Both regions answer under one name: whoever asks is sent to the nearer one that is healthy and not drained.
#
# The load balancers are internal, so Route 53's probes cannot reach them: health is the word of an alarm in the region
# itself, on targets that are ready. The drain switch is a second check that is turned by hand; both must say yes.
resource "aws_route53_health_check" "serving" {
  for_each = var.regions

  type                            = "CLOUDWATCH_METRIC"
  cloudwatch_alarm_name           = each.value.health_alarm_name
  cloudwatch_alarm_region         = each.key
  insufficient_data_health_status = "Unhealthy"
  tags                            = merge(var.tags, { Name = "${var.name}-${each.key}-serving" })
}

# A check that is switched off always counts as healthy; turned round, as sick. It looks at nothing at all.
resource "aws_route53_health_check" "switch" {
  for_each = var.regions

  type                   = "CALCULATED"
  child_health_threshold = 0
  child_healthchecks     = [aws_route53_health_check.serving[each.key].id]
  disabled               = true
  invert_healthcheck     = contains(var.drained_regions, each.key)
  tags                   = merge(var.tags, { Name = "${var.name}-${each.key}-drain-switch" })
}

resource "aws_route53_health_check" "region" {
  for_each = var.regions

  type                   = "CALCULATED"
  child_health_threshold = 2
  child_healthchecks     = [aws_route53_health_check.serving[each.key].id, aws_route53_health_check.switch[each.key].id]
  tags                   = merge(var.tags, { Name = "${var.name}-${each.key}" })
}

resource "aws_route53_record" "this" {
  # checkov:skip=CKV2_AWS_23: points at the load balancers of both regions, which are in states of their own
  for_each = var.regions

  zone_id         = var.zone_id
  name            = var.hostname
  type            = "A"
  set_identifier  = each.key
  health_check_id = aws_route53_health_check.region[each.key].id

  latency_routing_policy {
    region = each.key
  }

  alias {
    name                   = each.value.load_balancer_dns_name
    zone_id                = each.value.load_balancer_zone_id
    evaluate_target_health = true
  }
}
