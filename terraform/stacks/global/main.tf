# What belongs to both regions: the witness in a third one, the links between the three, and the name that clients use.
#
# Neither region needs this state to serve or to be changed; it lies in the third region. What it has to know of the
# regions they say themselves (`terraform output -json link`): nothing is looked up in a region that may be gone.
module "naming" {
  source = "../../modules/naming"

  environment = var.environment
  region      = "global"
}

locals {
  name    = module.naming.name
  tags    = module.naming.tags
  regions = keys(var.regions)
  first   = var.regions[local.regions[0]]
  second  = var.regions[local.regions[1]]
}

module "kms" {
  source    = "../../modules/kms"
  providers = { aws = aws.witness }

  name       = local.name
  tags       = local.tags
  account_id = var.account_id
  region     = var.witness.region
  purposes   = ["data"]
}

module "witness" {
  source    = "../../modules/witness"
  providers = { aws = aws.witness }

  name               = local.name
  tags               = local.tags
  account_id         = var.account_id
  region             = var.witness.region
  kms_key_arn        = module.kms.arns["data"]
  table_name         = "fifteen-${var.environment}-witness"
  serving_regions    = local.regions
  cidr               = var.witness.cidr
  availability_zones = var.witness.availability_zones
  client_cidrs       = [for region in var.regions : region.cidr]
  client_vpcs        = { for name, region in var.regions : name => region.vpc_id }
}

module "link_between_regions" {
  source    = "../../modules/region_link"
  providers = { aws.near = aws.first, aws.far = aws.second }

  name = local.name
  tags = local.tags
  near = merge({ region = local.regions[0] }, { for key in ["vpc_id", "cidr", "route_table_ids"] : key => local.first[key] })
  far  = merge({ region = local.regions[1] }, { for key in ["vpc_id", "cidr", "route_table_ids"] : key => local.second[key] })
}

module "link_to_witness_from_first" {
  source    = "../../modules/region_link"
  providers = { aws.near = aws.first, aws.far = aws.witness }

  name = local.name
  tags = local.tags
  near = merge({ region = local.regions[0] }, { for key in ["vpc_id", "cidr", "route_table_ids"] : key => local.first[key] })
  far = {
    region          = var.witness.region
    vpc_id          = module.witness.vpc_id
    cidr            = var.witness.cidr
    route_table_ids = module.witness.route_table_ids
  }
}

module "link_to_witness_from_second" {
  source    = "../../modules/region_link"
  providers = { aws.near = aws.second, aws.far = aws.witness }

  name = local.name
  tags = local.tags
  near = merge({ region = local.regions[1] }, { for key in ["vpc_id", "cidr", "route_table_ids"] : key => local.second[key] })
  far = {
    region          = var.witness.region
    vpc_id          = module.witness.vpc_id
    cidr            = var.witness.cidr
    route_table_ids = module.witness.route_table_ids
  }
}

module "dns" {
  source    = "../../modules/dns"
  providers = { aws = aws.witness } # Route 53 belongs to no region

  name            = local.name
  tags            = local.tags
  zone_id         = var.domain.zone_id
  hostname        = "api.${var.domain.name}"
  drained_regions = var.drained_regions
  regions = {
    for region, each in var.regions : region => {
      load_balancer_dns_name = each.load_balancer_dns_name
      load_balancer_zone_id  = each.load_balancer_zone_id
      health_alarm_name      = each.health_alarm_name
    }
  }
}
