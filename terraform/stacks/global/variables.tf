variable "environment" {
  description = "The environment: dev, uat, cert or prod."
  type        = string

  validation {
    condition     = contains(["dev", "uat", "cert", "prod"], var.environment)
    error_message = "One of dev, uat, cert, prod."
  }
}

variable "account_id" {
  description = "The AWS account, 12 digits."
  type        = string

  validation {
    condition     = can(regex("^[0-9]{12}$", var.account_id))
    error_message = "An AWS account id is 12 digits."
  }
}

variable "domain" {
  description = "The environment's Route 53 zone: id and name."
  type        = object({ zone_id = string, name = string })

  validation {
    condition     = can(regex("^[A-Z0-9]{8,32}$", var.domain.zone_id)) && can(regex("^[a-z0-9-]+(\\.[a-z0-9-]+)+$", var.domain.name))
    error_message = "An id of 8 to 32 capitals and digits, and a name in small letters."
  }
}

variable "regions" {
  description = "What the two regions say of themselves: their output `link`."
  type = map(object({
    vpc_id                 = string
    cidr                   = string
    route_table_ids        = list(string)
    load_balancer_dns_name = string
    load_balancer_zone_id  = string
    health_alarm_name      = string
  }))

  validation {
    condition     = toset(keys(var.regions)) == toset(["us-east-1", "us-east-2"])
    error_message = "us-east-1 and us-east-2."
  }
  validation {
    condition     = length(distinct([for region in var.regions : region.cidr])) == 2
    error_message = "The regions have different addresses."
  }
}

variable "witness" {
  description = "Where the witness is: a third region, its addresses and zones."
  type        = object({ region = string, cidr = string, availability_zones = list(string) })

  validation {
    condition     = !contains(keys(var.regions), var.witness.region)
    error_message = "The witness lies outside the regions that it judges."
  }
}

variable "drained_regions" {
  description = "Regions that get no traffic at present: the drain switch."
  type        = set(string)
  default     = []

  validation {
    condition     = length(var.drained_regions) < 2
    error_message = "One region at a time."
  }
}
