# States are encrypted, versioned and private: they know where everything is.
mock_provider "aws" {
  source          = "../../tests/mocks"
  override_during = plan
}

variables {
  name       = "fifteen-prod-use1"
  tags       = { environment = "prod" }
  account_id = "000000000000"
}

run "a_state_is_encrypted_versioned_and_private" {
  command = plan

  assert {
    condition     = one(aws_s3_bucket_versioning.this.versioning_configuration).status == "Enabled" && !aws_s3_bucket.this.force_destroy
    error_message = "An older state can be gone back to."
  }
  assert {
    condition     = one(one(aws_s3_bucket_server_side_encryption_configuration.this.rule).apply_server_side_encryption_by_default).sse_algorithm == "aws:kms"
    error_message = "Encrypted under our key."
  }
  assert {
    condition     = aws_s3_bucket_public_access_block.this.block_public_policy && aws_s3_bucket_public_access_block.this.restrict_public_buckets && aws_kms_key.this.enable_key_rotation
    error_message = "It cannot become public, and its key turns."
  }
  assert {
    condition     = strcontains(aws_s3_bucket_policy.this.policy, "aws:SecureTransport")
    error_message = "TLS alone."
  }
}
