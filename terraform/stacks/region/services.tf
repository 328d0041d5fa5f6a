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
  files_folder = "/run/fifteen"

  # Every variable here is one of docs/settings.md; a test compares.
  settings = merge(
    {
      FIFTEEN_REGION    = module.naming.fifteen_region
      FIFTEEN_REGIONS   = join(",", sort([module.naming.fifteen_region, module.peer_naming.fifteen_region]))
      FIFTEEN_HTTP_HOST = "0.0.0.0"

      # Messages are encrypted, go to the archive, and the heads of the sealed history go where nobody can rewrite them.
      FIFTEEN_KEYS_FILE     = "${local.files_folder}/message-keys"
      FIFTEEN_ARCHIVE_URL   = "s3://${module.audit_archive.bucket_name}/messages"
      FIFTEEN_AUDIT_ANCHORS = "s3://${module.audit_archive.bucket_name}/anchors"

      # The other region, whose load balancer asks for a certificate like everybody's; and the witness outside both.
      FIFTEEN_PEER_URL              = "https://api.${var.peer_region}.${var.domain.name}"
      FIFTEEN_PEER_CA_FILE          = var.peer_authorities_file
      FIFTEEN_PEER_CERTIFICATE_FILE = "${local.files_folder}/peer-certificate"
      FIFTEEN_PEER_KEY_FILE         = "${local.files_folder}/peer-key"
      FIFTEEN_WITNESS_URL           = "dynamodb://${local.witness_table}?region=${var.network.witness_region}"

      # AWS's own library: the witness is found under the plain name of its service, which leads to our endpoint.
      AWS_DEFAULT_REGION           = var.region
      AWS_ACCOUNT_ID_ENDPOINT_MODE = "disabled"
      # The driver reads these two; TLS to the database is checked against RDS's authorities, which are in the image.
      PGSSLMODE     = var.database_tls.mode
      PGSSLROOTCERT = var.database_tls.root_certificate
    },
    var.settings,
    var.rail_settings,
  )

  secrets = merge(
    {
      FIFTEEN_DATABASE_URL = module.parameters.secret_arns["database-url"]
      FIFTEEN_BROKER_URL   = module.parameters.secret_arns["broker-url"]
      FIFTEEN_INDEX_KEY    = module.parameters.secret_arns["index-key"]
    },
    { for variable, member in var.secret_settings : variable => module.parameters.secret_arns[member] },
  )
  files = { for member in setunion(["message-keys", "peer-certificate", "peer-key"], var.secret_files) : member => module.parameters.secret_arns[member] }

  # Migrations and replication: the owner of the tables logs in with the password that RDS keeps; nothing that serves has
  # it. The address has no password: the driver takes it from PGPASSWORD, a member of that secret.
  owner_setting = { FIFTEEN_DATABASE_OWNER_URL = "postgresql://fifteen_owner@${module.postgres.address}:5432/fifteen" }
  owner_secret  = { PGPASSWORD = "${module.postgres.master_secret_arn}:password::" }

  collector = {
    image               = var.images.collector
    prometheus_endpoint = module.observability.prometheus.endpoint
    workspace_arn       = module.observability.prometheus.workspace_arn
  }

  lease_statement = {
    sid       = "HoldTheLease"
    actions   = ["dynamodb:GetItem", "dynamodb:PutItem"]
    resources = [local.witness_table_arn]
  }
  # Whoever reads a payment's messages may find them in the archive; whoever works keeps them there.
  archive_reading_statements = [
    {
      sid       = "ReadTheArchive"
      actions   = ["s3:GetObject"]
      resources = ["${module.audit_archive.bucket_arn}/*"]
    },
    {
      sid       = "LookIntoTheArchive"
      actions   = ["s3:ListBucket"]
      resources = [module.audit_archive.bucket_arn]
    },
    {
      sid       = "DecryptTheArchive"
      actions   = ["kms:Decrypt"]
      resources = [module.kms.arns["archive"]]
    },
  ]
  # Whoever verifies the history reads anchors that somebody has hidden by deleting them, too.
  anchors_statement = {
    sid       = "ReadEveryAnchor"
    actions   = ["s3:ListBucketVersions"]
    resources = [module.audit_archive.bucket_arn]
  }
  archive_writing_statements = [
    {
      sid       = "KeepInTheArchive"
      actions   = ["s3:PutObject"]
      resources = ["${module.audit_archive.bucket_arn}/*"]
    },
    {
      sid       = "EncryptTheArchive"
      actions   = ["kms:GenerateDataKey"]
      resources = [module.kms.arns["archive"]]
    },
  ]

  # What runs, by its role: two services, and two kinds of one-off task.
  tasks = {
    gateway = {
      command     = ["gateway"]
      port        = 8015
      size        = { cpu = var.gateway.cpu, memory = var.gateway.memory }
      environment = local.settings
      secrets     = local.secrets
      statements  = concat([local.lease_statement], local.archive_reading_statements)
      collector   = local.collector
      simulator   = null
    }
    worker = {
      command     = ["worker"]
      port        = 8016
      size        = { cpu = var.worker.cpu, memory = var.worker.memory }
      environment = local.settings
      secrets     = local.secrets
      statements  = concat([local.lease_statement], local.archive_reading_statements, local.archive_writing_statements)
      collector   = local.collector
      simulator   = var.plays_the_rail ? ["simulator", "fednow"] : null
    }
    db-upgrade = {
      command     = ["db", "upgrade"]
      port        = null
      size        = { cpu = 512, memory = 1024 }
      environment = merge(local.settings, local.owner_setting)
      secrets = merge(local.secrets, local.owner_secret, {
        FIFTEEN_API_KEY      = module.parameters.secret_arns["api-key"]
        FIFTEEN_OPERATOR_KEY = module.parameters.secret_arns["operator-key"]
      })
      statements = []
      collector  = null
      simulator  = null
    }
    # Anything else that an operator runs once, such as `region init` and `region join`: whoever starts it says what.
    one-off = {
      command     = var.one_off_command
      port        = null
      size        = { cpu = 512, memory = 1024 }
      environment = merge(local.settings, local.owner_setting)
      secrets = merge(local.secrets, local.owner_secret, {
        FIFTEEN_PEER_DATABASE_URL = module.parameters.secret_arns["peer-database-url"]
      })
      statements = concat([local.lease_statement, local.anchors_statement], local.archive_reading_statements)
      collector  = null
      simulator  = null
    }
  }
}

module "task" {
  source   = "../../modules/task"
  for_each = local.tasks

  name                     = local.name
  tags                     = local.tags
  account_id               = var.account_id
  region                   = var.region
  role                     = each.key
  command                  = each.value.command
  port                     = each.value.port
  image                    = var.images.program
  repository_arns          = var.repository_arns
  size                     = each.value.size
  environment_variables    = each.value.environment
  secrets                  = each.value.secrets
  files                    = local.files
  secrets_kms_key_arn      = module.kms.arns["secrets"]
  task_statements          = each.value.statements
  collector                = each.value.collector
  simulator_command        = each.value.simulator
  logs_kms_key_arn         = module.kms.arns["logs"]
  log_retention_days       = var.retention.log_days
  permissions_boundary_arn = var.permissions_boundary_arn
}

module "gateway" {
  source = "../../modules/ecs_service"

  name                = local.name
  tags                = local.tags
  role                = "gateway"
  task_definition_arn = module.task["gateway"].task_definition_arn
  port                = local.tasks.gateway.port
  scaling             = { tasks_min = var.gateway.tasks_min, tasks_max = var.gateway.tasks_max, latency_p95_s = var.gateway.latency_p95_s }
  cluster_arn         = aws_ecs_cluster.this.arn
  cluster_name        = aws_ecs_cluster.this.name
  subnet_ids          = module.network.subnet_ids["service"]
  security_group_id   = module.network.security_group_ids["gateway"]
  blue_green = {
    target_group_arn         = module.load_balancer.target_groups["blue"].arn
    load_balancer_arn_suffix = module.load_balancer.arn_suffix
  }
}

module "worker" {
  source = "../../modules/ecs_service"

  name                 = local.name
  tags                 = local.tags
  role                 = "worker"
  task_definition_arn  = module.task["worker"].task_definition_arn
  scaling              = { tasks_min = var.worker.tasks_min, tasks_max = var.worker.tasks_max, queue_age_s = var.worker.queue_age_s }
  cluster_arn          = aws_ecs_cluster.this.arn
  cluster_name         = aws_ecs_cluster.this.name
  subnet_ids           = module.network.subnet_ids["service"]
  security_group_id    = module.network.security_group_ids["worker"]
  rollback_alarm_names = [for alarm in module.blue_green.alarm_names : alarm if endswith(alarm, "-worker")]
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
  container_port               = local.tasks.gateway.port
  cluster_name                 = aws_ecs_cluster.this.name
  service_name                 = module.gateway.service_name
  task_role_arns               = values(module.task["gateway"].role_arns)
  listener_arns                = module.load_balancer.listener_arns
  target_groups                = module.load_balancer.target_groups
  load_balancer_arn_suffix     = module.load_balancer.arn_suffix
  lifecycle_hook_function_arns = module.deploy_hooks.lifecycle_hook_function_arns
  shift                        = { kind = var.deployment.kind, percent = var.deployment.percent, minutes = var.deployment.minutes }
  blue_kept_minutes            = var.deployment.blue_kept_minutes
  watched_services             = ["${local.name}-gateway", "${local.name}-worker"]
}
