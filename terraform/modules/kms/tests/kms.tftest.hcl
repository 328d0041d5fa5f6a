# Every key turns by itself, waits before it is deleted, and lets nobody from another account in.
mock_provider "aws" {
  source          = "../../tests/mocks"
  override_during = plan
}

variables {
  name       = "fifteen-prod-use1"
  tags       = { environment = "prod" }
  account_id = "000000000000"
  region     = "us-east-1"
}

run "keys_rotate_and_are_not_deleted_at_once" {
  command = plan

  assert {
    condition     = alltrue([for key in aws_kms_key.this : key.enable_key_rotation && key.deletion_window_in_days == 30])
    error_message = "A key rotates, and whoever deletes it has thirty days to regret it."
  }
  assert {
    condition     = toset(keys(output.arns)) == toset(["data", "logs", "secrets", "archive"])
    error_message = "Books, logs, secrets and archive have a key each."
  }
}

run "no_principal_is_everybody" {
  command = plan

  assert {
    condition = alltrue(flatten([
      for key in aws_kms_key.this : [
        for statement in jsondecode(key.policy).Statement : statement.Principal != "*" && try(statement.Principal.AWS, "") != "*"
      ]
    ]))
    error_message = "A key's policy names who it is for."
  }
  assert {
    condition = alltrue(flatten([
      for key in aws_kms_key.this : [
        for statement in jsondecode(key.policy).Statement : can(statement.Condition) if can(statement.Principal.Service)
      ]
    ]))
    error_message = "A service may use the key for this account alone."
  }
}
