# Everything that is done is recorded, unchangeably, in every region; findings reach somebody.
mock_provider "aws" {
  source          = "../../tests/mocks"
  override_during = plan
}

variables {
  name                = "fifteen-prod-use1"
  tags                = { environment = "prod" }
  account_id          = "000000000000"
  region              = "us-east-1"
  kms_key_arn         = "arn:aws:kms:us-east-1:000000000000:key/11111111-1111-4111-8111-111111111111"
  log_retention_days  = 400
  alarm_topic_arn     = "arn:aws:sns:us-east-1:000000000000:alarms"
  is_home_region      = true
  archive_bucket_arns = ["arn:aws:s3:::fifteen-prod-use1-archive-000000000000"]
}

run "the_trail_covers_everything_and_proves_itself" {
  command = plan

  assert {
    condition     = aws_cloudtrail.this[0].is_multi_region_trail && aws_cloudtrail.this[0].enable_log_file_validation && aws_cloudtrail.this[0].kms_key_id == var.kms_key_arn
    error_message = "All regions, signed digests, our key."
  }
  assert {
    condition     = length(aws_cloudtrail.this[0].advanced_event_selector) == 2
    error_message = "Changes, and every access to the archive's objects."
  }
  assert {
    condition     = aws_s3_bucket.this.object_lock_enabled && aws_s3_bucket_public_access_block.this.block_public_policy
    error_message = "What is recorded stays, and is private."
  }
}

run "guardduty_and_config_watch" {
  command = plan

  assert {
    condition     = aws_guardduty_detector.this.enable && length(aws_guardduty_detector_feature.this) == 3
    error_message = "GuardDuty looks at logins to the database, objects and functions as well."
  }
  assert {
    condition     = aws_config_configuration_recorder_status.this.is_enabled && contains(keys(aws_config_config_rule.this), "RDS_INSTANCE_PUBLIC_ACCESS_CHECK")
    error_message = "Config records, and looks for a public database."
  }
  assert {
    condition     = aws_cloudwatch_event_target.findings.arn == var.alarm_topic_arn
    error_message = "Findings reach somebody."
  }
}

run "the_second_region_keeps_no_second_trail" {
  command = plan
  variables { is_home_region = false }

  assert {
    condition     = length(aws_cloudtrail.this) == 0 && aws_guardduty_detector.this.enable && !one(aws_config_configuration_recorder.this.recording_group).include_global_resource_types
    error_message = "One trail for the account, GuardDuty and Config in every region."
  }
}
