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

variable "zone_id" {
  description = "Route 53 zone of the host name."
  type        = string

  validation {
    condition     = can(regex("^[A-Z0-9]{8,32}$", var.zone_id))
    error_message = "A hosted zone's id: 8 to 32 capitals and digits."
  }
}

variable "hostname" {
  description = "The host name that clients use."
  type        = string

  validation {
    condition     = can(regex("^[a-z0-9-]+(\\.[a-z0-9-]+)+$", var.hostname))
    error_message = "A full host name in small letters."
  }
}

variable "regions" {
  description = "The serving regions: their load balancer, and the alarm that says whether targets are ready."
  type = map(object({
    load_balancer_dns_name = string
    load_balancer_zone_id  = string
    health_alarm_name      = string
  }))

  validation {
    condition     = length(var.regions) == 2
    error_message = "Two regions, both active."
  }
}

variable "drained_regions" {
  description = "Regions that get no traffic at present: the drain switch."
  type        = set(string)
  default     = []

  validation {
    condition     = length(setsubtract(var.drained_regions, keys(var.regions))) == 0
    error_message = "A region that serves."
  }
  validation {
    condition     = length(var.drained_regions) < 2
    error_message = "One region at a time: with both drained there is no service."
  }
}
