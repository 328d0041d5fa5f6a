# An internal application load balancer that ends TLS and asks every client for a certificate. A network load balancer
# stands before it only where clients come by PrivateLink; it passes the bytes through.
resource "aws_lb" "this" {
  # checkov:skip=CKV_AWS_150: a variable, on by default; the stack switches it off in dev alone, as the database's
  name                                        = "${var.name}-api"
  internal                                    = true
  load_balancer_type                          = "application"
  subnets                                     = var.subnet_ids
  security_groups                             = [var.security_group_id]
  drop_invalid_header_fields                  = true
  desync_mitigation_mode                      = "strictest"
  enable_deletion_protection                  = var.deletion_protection
  enable_tls_version_and_cipher_suite_headers = true
  idle_timeout                                = 30 # above the longest wait of a client, 15 s
  preserve_host_header                        = true
  tags                                        = var.tags

  access_logs {
    bucket  = aws_s3_bucket.logs.id
    prefix  = "access"
    enabled = true
  }

  connection_logs {
    bucket  = aws_s3_bucket.logs.id
    prefix  = "connection"
    enabled = true
  }

  depends_on = [aws_s3_bucket_policy.logs]
}

# CodeDeploy shifts traffic between the two, and which of them serves is not Terraform's business after the first day.
resource "aws_lb_target_group" "this" {
  # checkov:skip=CKV_AWS_378: TLS ends at the load balancer; the gateway speaks HTTP inside the network (docs/THREAT_MODEL.md)
  for_each = toset(["blue", "green"])

  name                 = "${var.name}-${each.key}"
  port                 = var.target_port
  protocol             = "HTTP"
  target_type          = "ip"
  vpc_id               = var.vpc_id
  deregistration_delay = 30
  tags                 = merge(var.tags, { colour = each.key })

  health_check {
    path                = "/readyz"
    protocol            = "HTTP"
    matcher             = "200"
    interval            = 5
    timeout             = 3
    healthy_threshold   = 2
    unhealthy_threshold = 2
  }

  stickiness {
    enabled = false
    type    = "lb_cookie"
  }
}

resource "aws_lb_trust_store" "clients" {
  name                             = "${var.name}-clients"
  ca_certificates_bundle_s3_bucket = aws_s3_bucket.trust.id
  ca_certificates_bundle_s3_key    = aws_s3_object.trust.key
  tags                             = var.tags
}

resource "aws_lb_listener" "production" {
  load_balancer_arn = aws_lb.this.arn
  port              = 443
  protocol          = "HTTPS"
  ssl_policy        = "ELBSecurityPolicy-TLS13-1-2-Res-2021-06"
  certificate_arn   = aws_acm_certificate_validation.this.certificate_arn
  tags              = var.tags

  routing_http_response_server_enabled                                  = false
  routing_http_response_strict_transport_security_header_value          = "max-age=31536000; includeSubDomains"
  routing_http_request_x_amzn_mtls_clientcert_subject_header_name       = "X-Fifteen-Client-Subject"
  routing_http_request_x_amzn_mtls_clientcert_issuer_header_name        = "X-Fifteen-Client-Issuer"
  routing_http_request_x_amzn_mtls_clientcert_serial_number_header_name = "X-Fifteen-Client-Serial"

  mutual_authentication {
    mode                             = "verify"
    trust_store_arn                  = aws_lb_trust_store.clients.arn
    ignore_client_certificate_expiry = false
    advertise_trust_store_ca_names   = "on"
  }

  default_action {
    type             = "forward"
    target_group_arn = aws_lb_target_group.this["blue"].arn
  }

  lifecycle {
    ignore_changes = [default_action]
  }
}

# The green set is proved here before it gets traffic. Only the deployment hooks' security group reaches this port, and
# they hold no client's certificate.
resource "aws_lb_listener" "test" {
  load_balancer_arn = aws_lb.this.arn
  port              = var.test_port
  protocol          = "HTTPS"
  ssl_policy        = "ELBSecurityPolicy-TLS13-1-2-Res-2021-06"
  certificate_arn   = aws_acm_certificate_validation.this.certificate_arn
  tags              = var.tags

  default_action {
    type             = "forward"
    target_group_arn = aws_lb_target_group.this["blue"].arn
  }

  lifecycle {
    ignore_changes = [default_action]
  }
}
