# An account, before anything is deployed into it: buckets for Terraform's states in three regions, zone, boundary,
# deploying role. Its own pipeline, its own state; run by people who do not deploy (docs/deploy.md).
locals {
  regions = ["us-east-1", "us-east-2", "us-west-2"]
}

module "naming" {
  source   = "../modules/naming"
  for_each = toset(local.regions)

  environment = var.environment
  region      = each.key
}

module "state_us_east_1" {
  source    = "../modules/state"
  providers = { aws = aws.us_east_1 }

  name       = module.naming["us-east-1"].name
  tags       = module.naming["us-east-1"].tags
  account_id = var.account_id
}

module "state_us_east_2" {
  source    = "../modules/state"
  providers = { aws = aws.us_east_2 }

  name       = module.naming["us-east-2"].name
  tags       = module.naming["us-east-2"].tags
  account_id = var.account_id
}

module "state_us_west_2" {
  source    = "../modules/state"
  providers = { aws = aws.us_west_2 }

  name       = module.naming["us-west-2"].name
  tags       = module.naming["us-west-2"].tags
  account_id = var.account_id
}

module "account" {
  source    = "../modules/account"
  providers = { aws = aws.us_east_1 }
  count     = var.environment == "tools" ? 0 : 1

  tags               = module.naming["us-east-1"].tags
  account_id         = var.account_id
  environment        = var.environment
  domain_name        = "${var.environment}.${var.parent_domain}"
  regions            = local.regions
  tools_account_id   = var.tools_account_id
  deployer_role_arns = [for step in ["deploy", "synthetic"] : "arn:aws:iam::${var.tools_account_id}:role/fifteen-tools-use1-build-${step}"]
}
