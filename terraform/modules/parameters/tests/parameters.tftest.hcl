# Secrets are written and never kept: the state has where they are and when they changed.
mock_provider "aws" {
  source          = "../../tests/mocks"
  override_during = plan
}

variables {
  name             = "fifteen-prod-use1"
  tags             = { environment = "prod" }
  account_id       = "000000000000"
  kms_key_arn      = "arn:aws:kms:us-east-1:000000000000:key/11111111-1111-4111-8111-111111111111"
  secret_names     = ["database-url", "index-key"]
  secrets          = { database-url = "postgresql://invented:invented@nowhere", index-key = "an invented index key" }
  secrets_revision = 3
  parameters       = { "gateway/desired" = "3" }
}

run "values_are_write_only" {
  command = plan

  assert {
    condition     = alltrue([for version in aws_secretsmanager_secret_version.this : version.secret_string == null && version.secret_string_wo_version == 3])
    error_message = "The state has the revision, not the value."
  }
  assert {
    condition     = alltrue([for secret in aws_secretsmanager_secret.this : secret.kms_key_id == var.kms_key_arn && secret.recovery_window_in_days == 30])
    error_message = "Encrypted under our key, and recoverable for thirty days."
  }
  assert {
    condition     = alltrue([for policy in aws_secretsmanager_secret_policy.this : policy.block_public_policy && strcontains(policy.policy, "Deny")])
    error_message = "No other account reads a secret, whatever it is granted."
  }
  assert {
    condition     = alltrue([for parameter in aws_ssm_parameter.this : parameter.type == "SecureString"])
    error_message = "Parameters are encrypted too."
  }
}

run "a_short_secret_is_refused" {
  command = plan
  variables { secrets = { database-url = "short", index-key = "an invented index key" } }
  expect_failures = [var.secrets]
}
