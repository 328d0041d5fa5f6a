variable "account_id" {
  description = "The environment's AWS account; another one is refused."
  type        = string

  validation {
    condition     = can(regex("^[0-9]{12}$", var.account_id))
    error_message = "An AWS account id is 12 digits."
  }
}

variable "zone_id" {
  description = "The environment's Route 53 zone, an output of the account's bootstrap."
  type        = string

  validation {
    condition     = can(regex("^[A-Z0-9]{8,32}$", var.zone_id))
    error_message = "A hosted zone's id: 8 to 32 capitals and digits."
  }
}

variable "regions" {
  description = "What the two regions say of themselves: their output `link`, by region."
  type = map(object({
    vpc_id                 = string
    cidr                   = string
    route_table_ids        = list(string)
    load_balancer_dns_name = string
    load_balancer_zone_id  = string
    health_alarm_name      = string
  }))

  validation {
    condition     = length(var.regions) == 2
    error_message = "Two regions."
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
