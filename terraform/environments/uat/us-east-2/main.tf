locals {
  region = "us-east-2"
}

module "values" {
  source = "../values"
}

module "region" {
  source = "../../../stacks/region"

  environment    = module.values.environment
  region         = local.region
  peer_region    = module.values.peers[local.region]
  peer_exists    = var.peer_exists
  is_home_region = local.region == "us-east-1"
  account_id     = var.account_id

  network                = module.values.network[local.region]
  domain                 = { zone_id = var.zone_id, name = module.values.domain_name }
  client_authorities_pem = var.client_authorities_pem
  images                 = var.images
  repository_arns        = [for image in values(var.images) : "arn:aws:ecr:${local.region}:${var.images_account_id}:repository/${regex("/([^@]+)@", image)[0]}"]

  gateway    = module.values.gateway
  worker     = module.values.worker
  postgres   = module.values.postgres
  rabbitmq   = module.values.rabbitmq
  deployment = module.values.deployment
  retention  = module.values.retention
  settings   = module.values.settings

  plays_the_rail  = module.values.plays_the_rail
  rail_settings   = var.rail_settings
  secret_settings = module.values.secret_settings
  secret_files    = module.values.secret_files

  secrets          = var.secrets
  secrets_revision = module.values.secrets_revision
  broker_password  = var.broker_password

  permissions_boundary_arn = "arn:aws:iam::${var.account_id}:policy/fifteen-${module.values.environment}-boundary"
  administrator_role_arns  = ["arn:aws:iam::${var.account_id}:role/fifteen-${module.values.environment}-deploy"]
  one_off_command          = var.one_off_command
  rules                    = { for file in fileset("${path.module}/../../../observability/rules", "*.yml") : trimsuffix(file, ".yml") => file("${path.module}/../../../observability/rules/${file}") }
}
