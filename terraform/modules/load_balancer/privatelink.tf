# PrivateLink for institutions in AWS: an endpoint service needs a network load balancer, which passes TCP to ours, so
# that TLS and the clients' certificates are still checked there.
locals {
  privatelink = length(var.privatelink_principals) > 0 ? { this = true } : {}
}

resource "aws_lb" "privatelink" {
  # checkov:skip=CKV_AWS_150: as the load balancer behind it
  # checkov:skip=CKV_AWS_91: passes TCP through; connections are logged at the application load balancer
  # checkov:skip=CKV2_AWS_20: TCP, not HTTP: nothing to redirect
  for_each = local.privatelink

  name                             = "${var.name}-plink"
  internal                         = true
  load_balancer_type               = "network"
  subnets                          = var.subnet_ids
  security_groups                  = [var.security_group_id]
  enable_cross_zone_load_balancing = true
  enable_deletion_protection       = var.deletion_protection
  tags                             = var.tags
}

resource "aws_lb_target_group" "privatelink" {
  for_each = local.privatelink

  name        = "${var.name}-plink"
  port        = 443
  protocol    = "TCP"
  target_type = "alb"
  vpc_id      = var.vpc_id
  tags        = var.tags

  health_check {
    protocol = "HTTPS"
    path     = "/healthz"
    matcher  = "200-499" # the probe holds no client's certificate: that it is refused proves life as well
  }
}

resource "aws_lb_target_group_attachment" "privatelink" {
  for_each = local.privatelink

  target_group_arn = aws_lb_target_group.privatelink[each.key].arn
  target_id        = aws_lb.this.arn
  port             = 443

  depends_on = [aws_lb_listener.production]
}

resource "aws_lb_listener" "privatelink" {
  # checkov:skip=CKV_AWS_2: TCP by design, TLS ends behind it
  for_each = local.privatelink

  load_balancer_arn = aws_lb.privatelink[each.key].arn
  port              = 443
  protocol          = "TCP"
  tags              = var.tags

  default_action {
    type             = "forward"
    target_group_arn = aws_lb_target_group.privatelink[each.key].arn
  }
}

resource "aws_vpc_endpoint_service" "this" {
  for_each = local.privatelink

  acceptance_required        = true
  allowed_principals         = var.privatelink_principals
  network_load_balancer_arns = [aws_lb.privatelink[each.key].arn]
  tags                       = merge(var.tags, { Name = "${var.name}-api" })
}
