# Three nodes in three zones, encrypted under our key, reached from inside alone.
mock_provider "aws" {
  source          = "../../tests/mocks"
  override_during = plan
}

variables {
  name              = "fifteen-prod-use1"
  tags              = { environment = "prod" }
  kms_key_arn       = "arn:aws:kms:us-east-1:000000000000:key/11111111-1111-4111-8111-111111111111"
  instance_type     = "mq.m5.large"
  subnet_ids        = ["subnet-1", "subnet-2", "subnet-3"]
  security_group_id = "sg-11111111"
  user              = { name = "fifteen", password = "an-invented-broker-password" }
}

run "the_queue_is_encrypted_private_and_in_three_zones" {
  command = plan

  assert {
    condition     = try(one(aws_mq_broker.this.encryption_options).kms_key_id == var.kms_key_arn && !one(aws_mq_broker.this.encryption_options).use_aws_owned_key, false)
    error_message = "Messages rest encrypted under our key."
  }
  assert {
    condition     = !aws_mq_broker.this.publicly_accessible
    error_message = "The broker has no public address."
  }
  assert {
    condition     = aws_mq_broker.this.deployment_mode == "CLUSTER_MULTI_AZ" && length(aws_mq_broker.this.subnet_ids) == 3
    error_message = "A quorum outlives the loss of a zone."
  }
  assert {
    condition     = one(aws_mq_broker.this.logs).general
    error_message = "The broker logs."
  }
  assert {
    condition     = output.host == "mock.mq.us-east-1.amazonaws.com:5671"
    error_message = "Clients get host and port, and put amqps:// before it."
  }
}

run "a_version_without_quorum_queues_is_refused" {
  command = plan
  variables { engine_version = "3.11.28" }
  expect_failures = [var.engine_version]
}

run "two_zones_are_refused" {
  command = plan
  variables { subnet_ids = ["subnet-1", "subnet-2"] }
  expect_failures = [var.subnet_ids]
}
