# Clients show a certificate; the green set is proved on a listener of its own; nothing is public.
mock_provider "aws" {
  source          = "../../tests/mocks"
  override_during = plan
}

variables {
  name                   = "fifteen-prod-use1"
  tags                   = { environment = "prod" }
  account_id             = "000000000000"
  vpc_id                 = "vpc-11111111"
  subnet_ids             = ["subnet-1", "subnet-2", "subnet-3"]
  security_group_id      = "sg-11111111"
  zone_id                = "Z11111111111"
  hostname               = "api.prod.fifteen.example"
  regional_hostname      = "api.us-east-1.prod.fifteen.example"
  client_authorities_pem = "-----BEGIN CERTIFICATE-----\nnot a real one\n-----END CERTIFICATE-----"
}

run "clients_show_a_certificate_over_modern_tls" {
  command = plan

  assert {
    condition     = one(aws_lb_listener.production.mutual_authentication).mode == "verify" && !one(aws_lb_listener.production.mutual_authentication).ignore_client_certificate_expiry
    error_message = "The load balancer verifies clients' certificates, and their expiry."
  }
  assert {
    condition     = aws_lb_listener.production.protocol == "HTTPS" && strcontains(aws_lb_listener.production.ssl_policy, "TLS13")
    error_message = "TLS 1.2 or newer."
  }
  assert {
    condition     = aws_lb.this.internal && aws_lb.this.drop_invalid_header_fields && aws_lb.this.desync_mitigation_mode == "strictest"
    error_message = "Internal, and strict about what it lets through."
  }
  assert {
    condition     = aws_lb.this.enable_deletion_protection && length(aws_lb.this.access_logs) == 1
    error_message = "Protected, and logged."
  }
}

run "two_sets_are_told_apart_by_readiness" {
  command = plan

  assert {
    condition     = toset(keys(output.target_groups)) == toset(["blue", "green"])
    error_message = "A blue and a green set."
  }
  assert {
    condition     = alltrue([for group in aws_lb_target_group.this : one(group.health_check).path == "/readyz"])
    error_message = "A target is healthy when it is ready, not when it merely runs."
  }
  assert {
    condition     = aws_lb_listener.test.port == 8443 && aws_lb_listener.test.protocol == "HTTPS"
    error_message = "The green set has a listener of its own."
  }
}

run "buckets_are_closed" {
  command = plan

  assert {
    condition = alltrue([
      for block in aws_s3_bucket_public_access_block.this :
      block.block_public_acls && block.block_public_policy && block.ignore_public_acls && block.restrict_public_buckets
    ])
    error_message = "No bucket can become public."
  }
  assert {
    condition     = strcontains(aws_s3_bucket_policy.logs.policy, "aws:SecureTransport") && strcontains(aws_s3_bucket_policy.trust.policy, "aws:SecureTransport")
    error_message = "TLS alone."
  }
  assert {
    condition     = length(aws_lb.privatelink) == 0
    error_message = "No PrivateLink unless somebody is named."
  }
}

run "privatelink_passes_through_to_the_same_listener" {
  command = plan
  variables { privatelink_principals = ["arn:aws:iam::222222222222:root"] }

  assert {
    condition     = aws_lb_listener.privatelink["this"].protocol == "TCP" && aws_lb_target_group.privatelink["this"].target_type == "alb"
    error_message = "TLS ends at the load balancer that checks certificates."
  }
  assert {
    condition     = aws_vpc_endpoint_service.this["this"].acceptance_required
    error_message = "Every connection is accepted by hand."
  }
}

run "a_private_key_is_no_authority" {
  command = plan
  variables { client_authorities_pem = "-----BEGIN CERTIFICATE-----\n-----BEGIN PRIVATE KEY-----" }
  expect_failures = [var.client_authorities_pem]
}
