# Backups are encrypted, locked, and in both regions.
mock_provider "aws" {
  source          = "../../tests/mocks"
  override_during = plan
}

variables {
  name              = "fifteen-prod-use1"
  tags              = { environment = "prod" }
  account_id        = "000000000000"
  kms_key_arn       = "arn:aws:kms:us-east-1:000000000000:key/11111111-1111-4111-8111-111111111111"
  alarm_topic_arn   = "arn:aws:sns:us-east-1:000000000000:alarms"
  resource_arns     = ["arn:aws:rds:us-east-1:000000000000:db:fifteen-prod-use1"]
  copy_to_vault_arn = "arn:aws:backup:us-east-2:000000000000:backup-vault:fifteen-prod-use2"
}

run "backups_are_locked_encrypted_and_copied" {
  command = plan

  assert {
    condition     = aws_backup_vault.this.kms_key_arn == var.kms_key_arn && aws_backup_vault_lock_configuration.this.min_retention_days >= 7
    error_message = "Encrypted under our key, and kept for a week at the least."
  }
  assert {
    condition     = length(aws_backup_plan.this.rule) == 2 && alltrue([for rule in aws_backup_plan.this.rule : one(rule.copy_action).destination_vault_arn == var.copy_to_vault_arn])
    error_message = "Every backup is copied to the other region."
  }
  assert {
    condition     = jsondecode(aws_backup_vault_policy.this.policy).Statement[0].Effect == "Deny"
    error_message = "Nobody empties the vault."
  }
  assert {
    condition     = contains(aws_backup_vault_notifications.this.backup_vault_events, "BACKUP_JOB_FAILED")
    error_message = "A failed backup reaches somebody."
  }
}

run "everything_is_refused" {
  command = plan
  variables { resource_arns = ["*"] }
  expect_failures = [var.resource_arns]
}
