# The tools account: images and the delivery pipeline. One way leads from here to every environment.
locals {
  region = "us-east-1"
}

module "naming" {
  source = "../../modules/naming"

  environment = "tools"
  region      = local.region
}

module "kms" {
  source = "../../modules/kms"

  name       = module.naming.name
  tags       = module.naming.tags
  account_id = var.account_id
  region     = local.region
  purposes   = ["delivery", "logs"]
}

module "ecr" {
  source = "../../modules/ecr"

  tags               = module.naming.tags
  account_id         = var.account_id
  kms_key_arn        = module.kms.arns["delivery"]
  reader_account_ids = values(var.environment_account_ids)
  replica_regions    = ["us-east-2"]
}

module "pipeline" {
  source = "../../modules/pipeline"

  name               = module.naming.name
  tags               = module.naming.tags
  account_id         = var.account_id
  region             = local.region
  kms_key_arn        = module.kms.arns["delivery"]
  logs_kms_key_arn   = module.kms.arns["logs"]
  log_retention_days = 400
  source_code        = { connection_arn = aws_codestarconnections_connection.this.arn, repository = var.source_code.repository, branch = var.source_code.branch }
  serving_regions    = ["us-east-1", "us-east-2"]
  deploy_role_arns   = { for environment, account in var.environment_account_ids : environment => "arn:aws:iam::${account}:role/fifteen-${environment}-deploy" }
  repository_url     = module.ecr.repository_urls["fifteen"]
  repository_arns    = values(module.ecr.repository_arns)
  base_image         = var.base_image
  change_form_url    = var.change_form_url
}

# Made here, authorised by hand once: AWS lets nobody but a person do that.
resource "aws_codestarconnections_connection" "this" {
  name          = module.naming.name
  provider_type = var.source_code.provider
  tags          = module.naming.tags
}
