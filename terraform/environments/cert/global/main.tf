module "values" {
  source = "../values"
}

module "global" {
  source = "../../../stacks/global"

  providers = {
    aws.first   = aws.first
    aws.second  = aws.second
    aws.witness = aws.witness
  }

  environment     = module.values.environment
  account_id      = var.account_id
  domain          = { zone_id = var.zone_id, name = module.values.domain_name }
  regions         = var.regions
  witness         = module.values.witness
  drained_regions = var.drained_regions
}
