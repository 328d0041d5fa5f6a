# RDS for PostgreSQL: a standby in another zone, logical replication for the other region, and a master password that
# RDS keeps and turns by itself. Publications and subscriptions are the program's, made when regions are joined.
resource "aws_db_instance" "this" {
  # checkov:skip=CKV_AWS_157: a variable whose validation demands it outside dev
  # checkov:skip=CKV_AWS_293: as above
  identifier     = var.name
  engine         = "postgres"
  engine_version = var.engine_version
  instance_class = var.instance_class
  db_name        = "fifteen"
  port           = 5432

  storage_type          = "gp3"
  allocated_storage     = var.storage.allocated_gib
  max_allocated_storage = var.storage.max_gib
  storage_encrypted     = true
  kms_key_id            = var.kms_key_arn

  multi_az               = var.multi_az
  publicly_accessible    = false
  db_subnet_group_name   = aws_db_subnet_group.this.name
  vpc_security_group_ids = [var.security_group_id]
  network_type           = "IPV4"
  ca_cert_identifier     = "rds-ca-ecc384-g1"

  username                            = "fifteen_owner"
  manage_master_user_password         = true
  master_user_secret_kms_key_id       = var.secrets_kms_key_arn
  iam_database_authentication_enabled = true

  parameter_group_name       = aws_db_parameter_group.this.name
  auto_minor_version_upgrade = true
  apply_immediately          = false
  maintenance_window         = var.maintenance_window

  backup_retention_period  = var.backup_days
  backup_window            = "07:00-08:00" # UTC: after the US day, and an hour before the maintenance window
  copy_tags_to_snapshot    = true
  delete_automated_backups = false

  deletion_protection       = var.deletion_protection
  skip_final_snapshot       = false
  final_snapshot_identifier = "${var.name}-final"

  performance_insights_enabled          = true
  performance_insights_kms_key_id       = var.kms_key_arn
  performance_insights_retention_period = 31
  monitoring_interval                   = 15
  monitoring_role_arn                   = aws_iam_role.monitoring.arn
  enabled_cloudwatch_logs_exports       = ["postgresql", "upgrade"]

  tags = merge(var.tags, { backup = "daily" })
}

resource "aws_db_subnet_group" "this" {
  name        = var.name
  description = "Subnets of the database, in three zones"
  subnet_ids  = var.subnet_ids
  tags        = var.tags
}

resource "aws_cloudwatch_log_group" "this" {
  for_each = toset(["postgresql", "upgrade"])

  name              = "/aws/rds/instance/${var.name}/${each.key}"
  retention_in_days = var.log_retention_days
  kms_key_id        = var.logs_kms_key_arn
  tags              = var.tags
}

locals {
  major_version = split(".", var.engine_version)[0]

  # Static parameters need a restart, which a Multi-AZ failover makes short.
  static_parameters = {
    "rds.logical_replication"  = "1"
    "max_replication_slots"    = "20"
    "max_wal_senders"          = "25"
    "max_worker_processes"     = "32"
    "shared_preload_libraries" = "pg_stat_statements"
  }
  dynamic_parameters = {
    "rds.force_ssl"                       = "1"
    "synchronous_commit"                  = "on"
    "wal_sender_timeout"                  = "10000"
    "wal_receiver_timeout"                = "10000"
    "max_slot_wal_keep_size"              = tostring(var.slot_wal_keep_mib) # a lost region may not fill the disk of the other
    "max_logical_replication_workers"     = "16"
    "idle_in_transaction_session_timeout" = "60000" # a forgotten transaction holds the audit's seals back
    "log_connections"                     = "1"
    "log_disconnections"                  = "1"
    "log_lock_waits"                      = "1"
    "log_statement"                       = "ddl"
    "log_min_duration_statement"          = "500"
    "log_parameter_max_length"            = "0" # values are names and accounts: no log has them
    "log_parameter_max_length_on_error"   = "0"
  }
}

resource "aws_db_parameter_group" "this" {
  name_prefix = "${var.name}-"
  family      = "postgres${local.major_version}"
  description = "PostgreSQL of ${var.name}"
  tags        = var.tags

  dynamic "parameter" {
    for_each = local.static_parameters

    content {
      name         = parameter.key
      value        = parameter.value
      apply_method = "pending-reboot"
    }
  }

  dynamic "parameter" {
    for_each = local.dynamic_parameters

    content {
      name         = parameter.key
      value        = parameter.value
      apply_method = "immediate"
    }
  }

  lifecycle {
    create_before_destroy = true
  }
}

resource "aws_iam_role" "monitoring" {
  name                 = "${var.name}-rds-monitoring"
  description          = "RDS writes the operating system's figures"
  permissions_boundary = var.permissions_boundary_arn
  assume_role_policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Effect    = "Allow"
      Action    = "sts:AssumeRole"
      Principal = { Service = "monitoring.rds.amazonaws.com" }
      Condition = { StringEquals = { "aws:SourceAccount" = var.account_id } }
    }]
  })
  tags = var.tags
}

resource "aws_iam_role_policy_attachment" "monitoring" {
  role       = aws_iam_role.monitoring.name
  policy_arn = "arn:aws:iam::aws:policy/service-role/AmazonRDSEnhancedMonitoringRole"
}
