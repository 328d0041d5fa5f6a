# An object of the archive stays, stays what it is, and is in both regions.
mock_provider "aws" {
  source          = "../../tests/mocks"
  override_during = plan
}

variables {
  name                    = "fifteen-prod-use1"
  tags                    = { environment = "prod" }
  account_id              = "000000000000"
  kms_key_arn             = "arn:aws:kms:us-east-1:000000000000:key/11111111-1111-4111-8111-111111111111"
  retention_days          = 2555
  administrator_role_arns = ["arn:aws:iam::000000000000:role/fifteen-bootstrap"]
  replica = {
    bucket_arn    = "arn:aws:s3:::fifteen-prod-use2-archive-000000000000"
    kms_alias_arn = "arn:aws:kms:us-east-2:000000000000:alias/fifteen-prod-use2-archive"
  }
}

run "objects_are_locked_for_years" {
  command = plan

  assert {
    condition     = aws_s3_bucket.this.object_lock_enabled && !aws_s3_bucket.this.force_destroy
    error_message = "Object lock, from the first day."
  }
  assert {
    condition     = one(one(aws_s3_bucket_object_lock_configuration.this.rule).default_retention).mode == "COMPLIANCE" && one(one(aws_s3_bucket_object_lock_configuration.this.rule).default_retention).days >= 2555
    error_message = "Compliance mode for seven years: nobody, the account's owner included, deletes before."
  }
  assert {
    condition     = one(aws_s3_bucket_versioning.this.versioning_configuration).status == "Enabled"
    error_message = "A lock needs versions."
  }
  assert {
    condition     = one(one(aws_s3_bucket_lifecycle_configuration.this.rule).expiration).days > 2555
    error_message = "Nothing expires before its retention."
  }
}

run "the_archive_is_private_and_encrypted" {
  command = plan

  assert {
    condition     = aws_s3_bucket_public_access_block.this.block_public_acls && aws_s3_bucket_public_access_block.this.block_public_policy && aws_s3_bucket_public_access_block.this.restrict_public_buckets && aws_s3_bucket_public_access_block.this.ignore_public_acls
    error_message = "It cannot become public."
  }
  assert {
    condition     = one(one(aws_s3_bucket_server_side_encryption_configuration.this.rule).apply_server_side_encryption_by_default).kms_master_key_id == var.kms_key_arn
    error_message = "Encrypted under its own key."
  }
  assert {
    condition     = length([for statement in jsondecode(aws_s3_bucket_policy.this.policy).Statement : statement if statement.Effect == "Deny"]) == 3
    error_message = "TLS, our key, and the lock: each denied otherwise."
  }
}

run "the_other_region_has_a_copy" {
  command = plan

  assert {
    condition     = one(aws_s3_bucket_replication_configuration.this[0].rule).status == "Enabled" && one(one(aws_s3_bucket_replication_configuration.this[0].rule).destination).bucket == var.replica.bucket_arn
    error_message = "Every object is copied."
  }
  assert {
    condition     = one(one(aws_s3_bucket_replication_configuration.this[0].rule).delete_marker_replication).status == "Disabled"
    error_message = "A deletion is not copied."
  }
  assert {
    condition     = !strcontains(aws_iam_role_policy.replication[0].policy, "s3:*") && !strcontains(aws_iam_role_policy.replication[0].policy, "\"*\"")
    error_message = "The copying role names what it may do."
  }
}

run "a_year_is_refused_in_prod" {
  command = plan
  variables { retention_days = 365 }
  expect_failures = [var.retention_days]
}
