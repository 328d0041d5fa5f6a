variable "name" {
  description = "Beginning of every name that this module gives: the prefix from the naming module."
  type        = string

  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{2,19}$", var.name))
    error_message = "A small letter, then 2 to 19 small letters, digits or hyphens: the shortest limit of an AWS name has to hold it."
  }
}

variable "tags" {
  description = "Tags of every resource, from the naming module."
  type        = map(string)

  validation {
    condition     = contains(keys(var.tags), "environment")
    error_message = "Tags come from the naming module, which sets \"environment\"."
  }
}

variable "near" {
  description = "One of the two networks: region, id, addresses, route tables that get a route."
  type        = object({ region = string, vpc_id = string, cidr = string, route_table_ids = list(string) })

  validation {
    condition     = can(cidrnetmask(var.near.cidr)) && length(var.near.route_table_ids) > 0
    error_message = "A network, and a route table at the least."
  }
}

variable "far" {
  description = "One of the two networks: region, id, addresses, route tables that get a route."
  type        = object({ region = string, vpc_id = string, cidr = string, route_table_ids = list(string) })

  validation {
    condition     = can(cidrnetmask(var.far.cidr)) && length(var.far.route_table_ids) > 0
    error_message = "A network, and a route table at the least."
  }
  validation {
    condition     = var.far.cidr != var.near.cidr && var.far.region != var.near.region
    error_message = "Two networks in two regions, with different addresses."
  }
}

