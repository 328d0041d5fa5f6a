# Amazon MQ for RabbitMQ: three nodes in three zones, quorum queues, nothing public, everything encrypted.
resource "aws_mq_broker" "this" {
  broker_name                = var.name
  engine_type                = "RabbitMQ"
  engine_version             = var.engine_version
  host_instance_type         = var.instance_type
  deployment_mode            = "CLUSTER_MULTI_AZ"
  publicly_accessible        = false
  subnet_ids                 = var.subnet_ids
  security_groups            = [var.security_group_id]
  auto_minor_version_upgrade = true
  apply_immediately          = false
  tags                       = var.tags

  configuration {
    id       = aws_mq_configuration.this.id
    revision = aws_mq_configuration.this.latest_revision
  }

  encryption_options {
    kms_key_id        = var.kms_key_arn
    use_aws_owned_key = false
  }

  logs {
    general = true
  }

  maintenance_window_start_time {
    day_of_week = var.maintenance_window.day_of_week
    time_of_day = var.maintenance_window.time_of_day
    time_zone   = "America/New_York"
  }

  # The one secret that reaches the state: Amazon MQ takes a first user when the broker is made, and provider 5.100 has no
  # write-only argument for it. docs/adr/0018 says what follows; a later change of the password is made in the broker.
  user {
    username = var.user.name
    password = var.user.password
  }

  lifecycle {
    ignore_changes = [user]
  }
}

# raft.wal_max_size_bytes is none of the keys that Amazon MQ takes here: docs/deploy.md, "A broker of your own".
resource "aws_mq_configuration" "this" {
  name           = var.name
  description    = "RabbitMQ of ${var.name}"
  engine_type    = "RabbitMQ"
  engine_version = var.engine_version
  data           = <<-CONFIGURATION
    # A delivery that is not settled in this time comes again; no handler of ours takes so long.
    consumer_timeout = 1800000
  CONFIGURATION
  tags           = var.tags
}
