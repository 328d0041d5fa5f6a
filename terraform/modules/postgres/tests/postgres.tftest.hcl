# The books: encrypted, private, in two zones, protected, and ready to be replicated.
mock_provider "aws" {
  source          = "../../tests/mocks"
  override_during = plan
}

variables {
  name                = "fifteen-prod-use1"
  tags                = { environment = "prod" }
  account_id          = "000000000000"
  kms_key_arn         = "arn:aws:kms:us-east-1:000000000000:key/11111111-1111-4111-8111-111111111111"
  logs_kms_key_arn    = "arn:aws:kms:us-east-1:000000000000:key/22222222-2222-4222-8222-222222222222"
  secrets_kms_key_arn = "arn:aws:kms:us-east-1:000000000000:key/33333333-3333-4333-8333-333333333333"
  log_retention_days  = 400
  instance_class      = "db.m7g.large"
  storage             = { allocated_gib = 200, max_gib = 1000 }
  subnet_ids          = ["subnet-1", "subnet-2", "subnet-3"]
  security_group_id   = "sg-11111111"
}

run "the_database_is_private_and_encrypted" {
  command = plan

  assert {
    condition     = !aws_db_instance.this.publicly_accessible
    error_message = "The database has no public address."
  }
  assert {
    condition     = aws_db_instance.this.storage_encrypted && aws_db_instance.this.kms_key_id == var.kms_key_arn
    error_message = "It rests encrypted under our key."
  }
  assert {
    condition     = contains([for parameter in aws_db_parameter_group.this.parameter : "${parameter.name}=${parameter.value}"], "rds.force_ssl=1")
    error_message = "Nobody connects without TLS."
  }
  assert {
    condition     = aws_db_instance.this.manage_master_user_password && aws_db_instance.this.password == null
    error_message = "RDS keeps the owner's password; the state has none."
  }
}

run "it_outlives_a_zone_and_a_mistake" {
  command = plan

  assert {
    condition     = aws_db_instance.this.multi_az
    error_message = "A standby in another zone has every commit."
  }
  assert {
    condition     = aws_db_instance.this.deletion_protection && !aws_db_instance.this.skip_final_snapshot && !aws_db_instance.this.delete_automated_backups
    error_message = "Nobody deletes the books by a slip, and not without a last snapshot."
  }
  assert {
    condition     = aws_db_instance.this.backup_retention_period == 35
    error_message = "Any second of 35 days can be gone back to."
  }
}

run "the_other_region_can_subscribe" {
  command = plan

  assert {
    condition     = contains([for parameter in aws_db_parameter_group.this.parameter : "${parameter.name}=${parameter.value}"], "rds.logical_replication=1")
    error_message = "Logical replication is on."
  }
  assert {
    condition     = contains([for parameter in aws_db_parameter_group.this.parameter : parameter.name], "max_slot_wal_keep_size")
    error_message = "A region that is gone does not fill the disk of the one that stays."
  }
  assert {
    condition     = contains([for parameter in aws_db_parameter_group.this.parameter : "${parameter.name}=${parameter.value}"], "synchronous_commit=on")
    error_message = "What was acknowledged is on disk."
  }
  assert {
    condition     = contains([for parameter in aws_db_parameter_group.this.parameter : "${parameter.name}=${parameter.value}"], "log_parameter_max_length=0")
    error_message = "No log has names or accounts."
  }
}

run "one_zone_is_refused_outside_dev" {
  command = plan
  variables { multi_az = false }
  expect_failures = [var.multi_az]
}

run "unprotected_is_refused_outside_dev" {
  command = plan
  variables { deletion_protection = false }
  expect_failures = [var.deletion_protection]
}
