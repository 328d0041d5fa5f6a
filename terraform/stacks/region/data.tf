# The database, the broker, and the secrets that lead to them.
module "postgres" {
  source = "../../modules/postgres"

  name                     = local.name
  tags                     = local.tags
  account_id               = var.account_id
  kms_key_arn              = module.kms.arns["data"]
  logs_kms_key_arn         = module.kms.arns["logs"]
  secrets_kms_key_arn      = module.kms.arns["secrets"]
  log_retention_days       = var.retention.log_days
  permissions_boundary_arn = var.permissions_boundary_arn
  engine_version           = var.postgres.engine_version
  instance_class           = var.postgres.instance_class
  storage                  = { allocated_gib = var.postgres.allocated_gib, max_gib = var.postgres.max_gib }
  slot_wal_keep_mib        = var.postgres.slot_wal_keep_mib
  multi_az                 = var.postgres.multi_az
  deletion_protection      = var.postgres.deletion_protection
  subnet_ids               = module.network.subnet_ids["data"]
  security_group_id        = module.network.security_group_ids["postgres"]
}

module "rabbitmq" {
  source = "../../modules/rabbitmq"

  name              = local.name
  tags              = local.tags
  kms_key_arn       = module.kms.arns["data"]
  engine_version    = var.rabbitmq.engine_version
  instance_type     = var.rabbitmq.instance_type
  subnet_ids        = module.network.subnet_ids["data"]
  security_group_id = module.network.security_group_ids["rabbitmq"]
  user              = { name = "fifteen", password = var.broker_password }
}

module "parameters" {
  source = "../../modules/parameters"

  name             = local.name
  tags             = local.tags
  account_id       = var.account_id
  kms_key_arn      = module.kms.arns["secrets"]
  secrets_revision = var.secrets_revision
  secret_names     = setunion(["database-url", "broker-url", "peer-database-url"], local.secrets_as_they_are)
  secrets = merge(
    {
      database-url = "postgresql://fifteen_gateway:${urlencode(var.secrets["database-password"])}@${module.postgres.address}:5432/fifteen"
      # From database to database, between the regions: encrypted, over peering. The certificate names the server as RDS does.
      peer-database-url = "postgresql://fifteen_peer:${urlencode(var.secrets["replication-password"])}@${local.peer_database_name}:5432/fifteen?sslmode=require"
      broker-url        = "amqps://fifteen:${urlencode(var.broker_password)}@${module.rabbitmq.host}/"
    },
    { for name in local.secrets_as_they_are : name => var.secrets[name] },
  )
  parameters = {
    "image"         = var.images.program
    "one-off/group" = module.network.security_group_ids["one_off"]
    "one-off/nets"  = join(",", module.network.subnet_ids["service"])
  }
}

locals {
  secrets_as_they_are = setunion(
    ["api-key", "operator-key", "index-key", "message-keys", "peer-certificate", "peer-key"],
    values(var.secret_settings),
    var.secret_files,
  )
  peer_database_name = "database.${var.peer_region}.${var.domain.name}"
}

# The name under which the other region's database finds this one: known beforehand, as RDS's own is not.
resource "aws_route53_record" "database" {
  # checkov:skip=CKV2_AWS_23: leads to a database
  zone_id = var.domain.zone_id
  name    = "database.${var.region}.${var.domain.name}"
  type    = "CNAME"
  ttl     = 60
  records = [module.postgres.address]
}
