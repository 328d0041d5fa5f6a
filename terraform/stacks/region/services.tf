# What runs: gateways behind the load balancer, workers, and two kinds of one-off task.
resource "aws_ecs_cluster" "this" {
  # checkov:skip=CKV_AWS_223: no service allows a shell in its tasks, so there is nothing to log
  name = local.name
  tags = local.tags

  setting {
    name  = "containerInsights"
    value = "enhanced"
  }

  configuration {
    execute_command_configuration {
      logging    = "NONE" # no service allows it
      kms_key_id = module.kms.arns["logs"]
    }
  }
}

resource "aws_ecs_cluster_capacity_providers" "this" {
  cluster_name       = aws_ecs_cluster.this.name
  capacity_providers = ["FARGATE"]
}

locals {
  # Every variable here is one of docs/settings.md; a test compares.
  settings = merge(
    {
      FIFTEEN_REGION    = module.naming.fifteen_region
      FIFTEEN_REGIONS   = join(",", sort([module.naming.fifteen_region, module.peer_naming.fifteen_region]))
      FIFTEEN_HTTP_HOST = "0.0.0.0"
      # The driver reads these two; TLS to the database is checked against RDS's authorities, which are in the image.
      PGSSLMODE     = var.database_tls.mode
      PGSSLROOTCERT = var.database_tls.root_certificate
    },
    var.settings,
  )

  secrets = {
    FIFTEEN_DATABASE_URL = module.parameters.secret_arns["database-url"]
    FIFTEEN_BROKER_URL   = module.parameters.secret_arns["broker-url"]
    FIFTEEN_INDEX_KEY    = module.parameters.secret_arns["index-key"]
  }

  collector = {
    image               = var.images.collector
    prometheus_endpoint = module.observability.prometheus.endpoint
    workspace_arn       = module.observability.prometheus.workspace_arn
  }

  lease_statement = {
    sid       = "HoldTheLease"
    actions   = ["dynamodb:GetItem", "dynamodb:PutItem", "dynamodb:UpdateItem"]
    resources = [local.witness_table_arn]
  }
  archive_statements = [
    {
      sid       = "KeepInTheArchive"
      actions   = ["s3:GetObject", "s3:PutObject", "s3:PutObjectRetention"]
      resources = ["${module.audit_archive.bucket_arn}/*"]
    },
    {
      sid       = "LookIntoTheArchive"
      actions   = ["s3:ListBucket"]
      resources = [module.audit_archive.bucket_arn]
    },
    {
      sid       = "EncryptTheArchive"
      actions   = ["kms:Decrypt", "kms:GenerateDataKey"]
      resources = [module.kms.arns["archive"]]
    },
  ]
}

module "gateway" {
  source = "../../modules/ecs_service"

  name                     = local.name
  tags                     = local.tags
  account_id               = var.account_id
  region                   = var.region
  role                     = "gateway"
  command                  = ["gateway"]
  port                     = 8015
  image                    = var.images.program
  repository_arns          = var.repository_arns
  size                     = { cpu = var.gateway.cpu, memory = var.gateway.memory }
  scaling                  = { tasks_min = var.gateway.tasks_min, tasks_max = var.gateway.tasks_max, latency_p95_s = var.gateway.latency_p95_s }
  environment_variables    = local.settings
  secrets                  = local.secrets
  secrets_kms_key_arn      = module.kms.arns["secrets"]
  task_statements          = [local.lease_statement]
  collector                = local.collector
  logs_kms_key_arn         = module.kms.arns["logs"]
  log_retention_days       = var.retention.log_days
  permissions_boundary_arn = var.permissions_boundary_arn
  cluster_arn              = aws_ecs_cluster.this.arn
  cluster_name             = aws_ecs_cluster.this.name
  subnet_ids               = module.network.subnet_ids["service"]
  security_group_id        = module.network.security_group_ids["gateway"]
  blue_green = {
    target_group_arn         = module.load_balancer.target_groups["blue"].arn
    load_balancer_arn_suffix = module.load_balancer.arn_suffix
  }
}

module "worker" {
  source = "../../modules/ecs_service"

  name                     = local.name
  tags                     = local.tags
  account_id               = var.account_id
  region                   = var.region
  role                     = "worker"
  command                  = ["worker"]
  port                     = 8016
  image                    = var.images.program
  repository_arns          = var.repository_arns
  size                     = { cpu = var.worker.cpu, memory = var.worker.memory }
  simulator_command        = var.plays_the_rail ? ["simulator", "fednow"] : null
  scaling                  = { tasks_min = var.worker.tasks_min, tasks_max = var.worker.tasks_max, queue_age_s = var.worker.queue_age_s }
  environment_variables    = local.settings
  secrets                  = local.secrets
  secrets_kms_key_arn      = module.kms.arns["secrets"]
  task_statements          = concat([local.lease_statement], local.archive_statements)
  collector                = local.collector
  logs_kms_key_arn         = module.kms.arns["logs"]
  log_retention_days       = var.retention.log_days
  permissions_boundary_arn = var.permissions_boundary_arn
  cluster_arn              = aws_ecs_cluster.this.arn
  cluster_name             = aws_ecs_cluster.this.name
  subnet_ids               = module.network.subnet_ids["service"]
  security_group_id        = module.network.security_group_ids["worker"]
  rollback_alarm_names     = [for alarm in module.blue_green.alarm_names : alarm if endswith(alarm, "-worker")]
}

# Migrations: the owner of the tables logs in with the password that RDS keeps; nothing that serves has it.
module "db_upgrade" {
  source = "../../modules/task"

  name                     = local.name
  tags                     = local.tags
  account_id               = var.account_id
  region                   = var.region
  role                     = "db-upgrade"
  command                  = ["db", "upgrade"]
  image                    = var.images.program
  repository_arns          = var.repository_arns
  size                     = { cpu = 512, memory = 1024 }
  environment_variables    = merge(local.settings, local.owner_setting)
  secrets                  = merge(local.owner_secret, local.first_keys)
  secrets_kms_key_arn      = module.kms.arns["secrets"]
  logs_kms_key_arn         = module.kms.arns["logs"]
  log_retention_days       = var.retention.log_days
  permissions_boundary_arn = var.permissions_boundary_arn
}

# Anything else that is run once by an operator, such as joining the regions: the command is a variable, and whoever runs
# it may give another.
module "one_off" {
  source = "../../modules/task"

  name                     = local.name
  tags                     = local.tags
  account_id               = var.account_id
  region                   = var.region
  role                     = "one-off"
  command                  = var.one_off_command
  image                    = var.images.program
  repository_arns          = var.repository_arns
  size                     = { cpu = 512, memory = 1024 }
  environment_variables    = merge(local.settings, local.owner_setting)
  secrets                  = merge(local.secrets, local.owner_secret)
  secrets_kms_key_arn      = module.kms.arns["secrets"]
  task_statements          = [local.lease_statement]
  logs_kms_key_arn         = module.kms.arns["logs"]
  log_retention_days       = var.retention.log_days
  permissions_boundary_arn = var.permissions_boundary_arn
}

locals {
  # The address has no password: the driver takes it from PGPASSWORD, a member of the secret that RDS keeps.
  owner_setting = { FIFTEEN_DATABASE_OWNER_URL = "postgresql://fifteen_owner@${module.postgres.address}:5432/fifteen" }
  owner_secret  = { PGPASSWORD = "${module.postgres.master_secret_arn}:password::" }
  first_keys = {
    FIFTEEN_API_KEY      = module.parameters.secret_arns["api-key"]
    FIFTEEN_OPERATOR_KEY = module.parameters.secret_arns["operator-key"]
  }
}

# The gateway is exchanged blue/green; the hooks prove the green set before it gets traffic.
module "deploy_hooks" {
  source = "../../modules/deploy_hooks"

  name                     = local.name
  tags                     = local.tags
  hooks_subnet_ids         = module.network.subnet_ids["service"]
  hooks_security_group_ids = [module.network.security_group_ids["hooks"]]
  test_endpoint            = module.load_balancer.test_endpoint
  metrics_query_endpoint   = module.observability.prometheus.endpoint
  queue_age_threshold_s    = var.deployment.queue_age_threshold_s
  kms_key_arn              = module.kms.arns["logs"]
  log_retention_days       = var.retention.log_days
  permissions_boundary_arn = var.permissions_boundary_arn
}

module "blue_green" {
  source = "../../modules/blue_green"

  name                         = local.name
  tags                         = local.tags
  account_id                   = var.account_id
  region                       = var.region
  kms_key_arn                  = module.kms.arns["secrets"]
  permissions_boundary_arn     = var.permissions_boundary_arn
  alarm_topic_arn              = module.observability.alarm_topic_arn
  role                         = "gateway"
  container_port               = 8015
  cluster_name                 = aws_ecs_cluster.this.name
  service_name                 = module.gateway.service_name
  task_role_arns               = values(module.gateway.role_arns)
  listener_arns                = module.load_balancer.listener_arns
  target_groups                = module.load_balancer.target_groups
  load_balancer_arn_suffix     = module.load_balancer.arn_suffix
  lifecycle_hook_function_arns = module.deploy_hooks.lifecycle_hook_function_arns
  shift                        = { kind = var.deployment.kind, percent = var.deployment.percent, minutes = var.deployment.minutes }
  blue_kept_minutes            = var.deployment.blue_kept_minutes
  watched_services             = ["${local.name}-gateway", "${local.name}-worker"]
}
