# What is AWS's own is watched, silence is an alarm, and logs are kept outside.
mock_provider "aws" {
  source          = "../../tests/mocks"
  override_during = plan
}

variables {
  name                      = "fifteen-prod-use1"
  tags                      = { environment = "prod" }
  account_id                = "000000000000"
  region                    = "us-east-1"
  kms_key_arn               = "arn:aws:kms:us-east-1:000000000000:key/11111111-1111-4111-8111-111111111111"
  logs_kms_key_arn          = "arn:aws:kms:us-east-1:000000000000:key/22222222-2222-4222-8222-222222222222"
  log_retention_days        = 400
  subnet_ids                = ["subnet-1", "subnet-2", "subnet-3"]
  grafana_security_group_id = "sg-11111111"
  rules                     = { fifteen = "groups: []" }
  watched = {
    postgres_identifier       = "fifteen-prod-use1"
    rabbitmq_broker           = "fifteen-prod-use1"
    load_balancer_arn_suffix  = "app/fifteen/1"
    target_group_arn_suffixes = { blue = "targetgroup/blue/1", green = "targetgroup/green/1" }
  }
  shipped_log_groups = { gateway = "/fifteen/fifteen-prod-use1/gateway" }
}

run "database_and_broker_that_fall_silent_ring" {
  command = plan

  assert {
    condition = alltrue([
      for alarm in aws_cloudwatch_metric_alarm.this : alarm.treat_missing_data == "breaching" if contains(["AWS/RDS", "AWS/AmazonMQ"], alarm.namespace)
    ])
    error_message = "No figures from a database or a broker is an alarm."
  }
  assert {
    condition     = aws_cloudwatch_metric_alarm.serving.treat_missing_data == "breaching" && length(aws_cloudwatch_metric_alarm.serving.metric_query) == 3
    error_message = "A region of which nothing is heard does not serve."
  }
  assert {
    condition     = aws_cloudwatch_metric_alarm.this["postgres-slot-lag"].metric_name == "OldestReplicationSlotLag"
    error_message = "Replication that stands still is noticed."
  }
  assert {
    condition     = alltrue([for alarm in aws_cloudwatch_metric_alarm.this : length(alarm.alarm_actions) == 1])
    error_message = "Every alarm reaches somebody."
  }
}

run "rules_are_loaded" {
  command = plan

  assert {
    condition     = aws_prometheus_rule_group_namespace.this["fifteen"].data == "groups: []"
    error_message = "What the project has is loaded."
  }
}

run "logs_are_shipped_locked_and_encrypted" {
  command = plan

  assert {
    condition     = aws_s3_bucket.logs.object_lock_enabled && one(one(aws_s3_bucket_server_side_encryption_configuration.logs.rule).apply_server_side_encryption_by_default).kms_master_key_id == var.logs_kms_key_arn
    error_message = "Locked and encrypted."
  }
  assert {
    condition     = aws_s3_bucket_public_access_block.logs.block_public_policy && aws_s3_bucket_public_access_block.logs.restrict_public_buckets
    error_message = "It cannot become public."
  }
  assert {
    condition     = length(aws_cloudwatch_log_subscription_filter.this) == 1
    error_message = "Every group is shipped."
  }
  assert {
    condition     = aws_sns_topic.alarms.kms_master_key_id == var.kms_key_arn
    error_message = "Alarms rest encrypted."
  }
}
