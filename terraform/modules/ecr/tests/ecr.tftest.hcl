# An image stays what it was, is scanned, and is in both regions.
mock_provider "aws" {
  source          = "../../tests/mocks"
  override_during = plan
}

variables {
  tags               = { environment = "tools" }
  account_id         = "000000000000"
  kms_key_arn        = "arn:aws:kms:us-east-1:000000000000:key/11111111-1111-4111-8111-111111111111"
  reader_account_ids = ["222222222222"]
  replica_regions    = ["us-east-2"]
}

run "images_are_immutable_scanned_encrypted_and_copied" {
  command = plan

  assert {
    condition     = alltrue([for repository in aws_ecr_repository.this : repository.image_tag_mutability == "IMMUTABLE" && !repository.force_delete])
    error_message = "What was pushed cannot be replaced."
  }
  assert {
    condition     = alltrue([for repository in aws_ecr_repository.this : one(repository.image_scanning_configuration).scan_on_push && one(repository.encryption_configuration).encryption_type == "KMS"])
    error_message = "Scanned, and encrypted under our key."
  }
  assert {
    condition     = one(one(one(aws_ecr_replication_configuration.this[0].replication_configuration).rule).destination).region == "us-east-2"
    error_message = "The other region has every image."
  }
}

run "environments_read_and_cannot_push" {
  command = plan

  assert {
    condition     = alltrue([for policy in aws_ecr_repository_policy.this : !strcontains(policy.policy, "PutImage") && !strcontains(policy.policy, "\"*\"")])
    error_message = "Other accounts pull, nothing more, and not everybody."
  }
}
