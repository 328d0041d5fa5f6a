# Everything that one region of one environment is: the same code for us-east-1 and us-east-2, for dev and for prod.
# What differs comes in as values (environments/<environment>/values).
module "naming" {
  source = "../../modules/naming"

  environment = var.environment
  region      = var.region
}

module "peer_naming" {
  source = "../../modules/naming"

  environment = var.environment
  region      = var.peer_region
}

module "kms" {
  source = "../../modules/kms"

  name       = local.name
  tags       = local.tags
  account_id = var.account_id
  region     = var.region
}

locals {
  name      = module.naming.name
  tags      = module.naming.tags
  peer_name = module.peer_naming.name

  # What the other region is called is known without asking it, so that neither waits for the other.
  peer_archive_bucket_arn = "arn:aws:s3:::${local.peer_name}-archive-${var.account_id}"
  peer_vault_arn          = "arn:aws:backup:${var.peer_region}:${var.account_id}:backup-vault:${local.peer_name}"
  peer_archive_alias_arn  = "arn:aws:kms:${var.peer_region}:${var.account_id}:alias/${local.peer_name}-archive"

  # In the third region, made by the global stack.
  witness_table     = "fifteen-${var.environment}-witness"
  witness_table_arn = "arn:aws:dynamodb:${var.network.witness_region}:${var.account_id}:table/${local.witness_table}"
}

module "network" {
  source = "../../modules/network"

  name                      = local.name
  tags                      = local.tags
  account_id                = var.account_id
  region                    = var.region
  logs_kms_key_arn          = module.kms.arns["logs"]
  log_retention_days        = var.retention.log_days
  permissions_boundary_arn  = var.permissions_boundary_arn
  cidr                      = var.network.cidr
  availability_zones        = var.network.availability_zones
  data_centre_cidrs         = var.network.data_centre_cidrs
  peer_cidr                 = var.network.peer_cidr
  witness_cidr              = var.network.witness_cidr
  transit_gateway_id        = var.network.transit_gateway_id
  direct_connect_gateway_id = var.network.direct_connect_gateway_id
  privatelink_enabled       = length(var.network.privatelink_principals) > 0
}

module "load_balancer" {
  source = "../../modules/load_balancer"

  name                   = local.name
  tags                   = local.tags
  account_id             = var.account_id
  vpc_id                 = module.network.vpc_id
  subnet_ids             = module.network.subnet_ids["service"]
  security_group_id      = module.network.security_group_ids["load_balancer"]
  zone_id                = var.domain.zone_id
  hostname               = "api.${var.domain.name}"
  regional_hostname      = "api.${var.region}.${var.domain.name}"
  client_authorities_pem = var.client_authorities_pem
  deletion_protection    = var.postgres.deletion_protection
  privatelink_principals = var.network.privatelink_principals
}

module "audit_archive" {
  source = "../../modules/audit_archive"

  name                     = local.name
  tags                     = local.tags
  account_id               = var.account_id
  kms_key_arn              = module.kms.arns["archive"]
  permissions_boundary_arn = var.permissions_boundary_arn
  retention_days           = var.retention.archive_days
  administrator_role_arns  = var.administrator_role_arns
  replica                  = var.peer_exists ? { bucket_arn = local.peer_archive_bucket_arn, kms_alias_arn = local.peer_archive_alias_arn } : null
}

module "observability" {
  source = "../../modules/observability"

  name                      = local.name
  tags                      = local.tags
  account_id                = var.account_id
  region                    = var.region
  kms_key_arn               = module.kms.arns["data"]
  logs_kms_key_arn          = module.kms.arns["logs"]
  log_retention_days        = var.retention.log_days
  permissions_boundary_arn  = var.permissions_boundary_arn
  subnet_ids                = module.network.subnet_ids["service"]
  grafana_security_group_id = module.network.security_group_ids["grafana"]
  rules                     = var.rules
  shipped_log_days          = var.retention.shipped_log_days
  shipped_log_groups        = { for role, task in module.task : role => task.log_group_name }
  watched = {
    postgres_identifier       = module.postgres.identifier
    rabbitmq_broker           = module.rabbitmq.broker_name
    load_balancer_arn_suffix  = module.load_balancer.arn_suffix
    target_group_arn_suffixes = { for colour, group in module.load_balancer.target_groups : colour => group.arn_suffix }
  }
}

module "security" {
  source = "../../modules/security"

  name                     = local.name
  tags                     = local.tags
  account_id               = var.account_id
  region                   = var.region
  kms_key_arn              = module.kms.arns["logs"]
  log_retention_days       = var.retention.log_days
  permissions_boundary_arn = var.permissions_boundary_arn
  alarm_topic_arn          = module.observability.alarm_topic_arn
  is_home_region           = var.is_home_region
  archive_bucket_arns      = [module.audit_archive.bucket_arn, local.peer_archive_bucket_arn]
}

module "backup" {
  source = "../../modules/backup"

  name                     = local.name
  tags                     = local.tags
  account_id               = var.account_id
  kms_key_arn              = module.kms.arns["data"]
  permissions_boundary_arn = var.permissions_boundary_arn
  alarm_topic_arn          = module.observability.alarm_topic_arn
  resource_arns            = [module.postgres.arn]
  daily_days               = var.retention.backup_daily_days
  monthly_days             = var.retention.backup_monthly_days
  copy_to_vault_arn        = var.peer_exists ? local.peer_vault_arn : null
  lock_final_after_days    = var.retention.vault_lock_final_after_days
}
