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

variable "account_id" {
  description = "The AWS account, 12 digits."
  type        = string

  validation {
    condition     = can(regex("^[0-9]{12}$", var.account_id))
    error_message = "An AWS account id is 12 digits."
  }
}

variable "region" {
  description = "The AWS region."
  type        = string

  validation {
    condition     = can(regex("^[a-z]{2}-[a-z]+-[0-9]$", var.region))
    error_message = "A region such as us-east-1."
  }
}

variable "logs_kms_key_arn" {
  description = "Key that encrypts the log groups."
  type        = string

  validation {
    condition     = can(regex("^arn:aws[a-z-]*:kms:", var.logs_kms_key_arn))
    error_message = "The ARN of a KMS key."
  }
}

variable "log_retention_days" {
  description = "Days that logs are kept in CloudWatch; the shipped copy stays longer."
  type        = number

  validation {
    condition     = contains([365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288, 3653], var.log_retention_days)
    error_message = "One of the periods that CloudWatch offers, a year at least."
  }
}

variable "permissions_boundary_arn" {
  description = "Boundary of every role made here; null: none."
  type        = string
  default     = null

  validation {
    condition     = var.permissions_boundary_arn == null || can(regex("^arn:aws[a-z-]*:iam::", var.permissions_boundary_arn))
    error_message = "The ARN of an IAM policy, or null."
  }
}

variable "cidr" {
  description = "Addresses of the network: a /16 that meets no other region's and not the data centre's."
  type        = string

  validation {
    condition     = can(cidrnetmask(var.cidr)) && endswith(var.cidr, "/16")
    error_message = "A /16 such as 10.20.0.0/16."
  }
}

variable "availability_zones" {
  description = "Zones, three of them: the broker's cluster needs three, and one may be lost."
  type        = list(string)

  validation {
    condition     = length(distinct(var.availability_zones)) == 3
    error_message = "Three different zones."
  }
}

variable "data_centre_cidrs" {
  description = "The institution's networks: clients, its core, the rails' links."
  type        = set(string)
  default     = []

  validation {
    condition     = alltrue([for cidr in var.data_centre_cidrs : can(cidrnetmask(cidr)) && !endswith(cidr, "/0")])
    error_message = "Networks such as 172.16.0.0/20, never 0.0.0.0/0."
  }
}

variable "peer_cidr" {
  description = "The other region's network; null: there is none."
  type        = string
  default     = null

  validation {
    condition     = var.peer_cidr == null || can(cidrnetmask(var.peer_cidr)) && var.peer_cidr != var.cidr
    error_message = "A network that is not this one's."
  }
}

variable "witness_cidr" {
  description = "The witness's network in the third region; null: there is none."
  type        = string
  default     = null

  validation {
    condition     = var.witness_cidr == null || can(cidrnetmask(var.witness_cidr)) && var.witness_cidr != var.cidr
    error_message = "A network that is not this one's."
  }
}

variable "ports" {
  description = "Ports that the security groups open: the gateway's, the load balancer's test listener, and those of rails and core in the data centre."
  type = object({
    gateway       = optional(number, 8015)
    test_listener = optional(number, 8443)
    data_centre   = optional(set(number), [443, 1414])
  })
  default = {}

  validation {
    condition     = alltrue([for port in concat([var.ports.gateway, var.ports.test_listener], tolist(var.ports.data_centre)) : port > 0 && port < 65536])
    error_message = "Ports are 1 to 65535."
  }
}

variable "endpoint_services" {
  description = "AWS services that are reached through interface endpoints."
  type        = set(string)
  default = [
    "aps-workspaces", "codedeploy", "ecr.api", "ecr.dkr", "ecs", "kms", "logs", "monitoring", "secretsmanager", "ssm", "sts",
  ]

  validation {
    condition     = length(setsubtract(["ecr.api", "ecr.dkr", "logs", "secretsmanager"], var.endpoint_services)) == 0
    error_message = "Without ecr.api, ecr.dkr, logs and secretsmanager no task starts."
  }
}

variable "transit_gateway_id" {
  description = "Transit Gateway to the data centre; null: none."
  type        = string
  default     = null

  validation {
    condition     = var.transit_gateway_id == null || can(regex("^tgw-", var.transit_gateway_id))
    error_message = "A transit gateway's id begins with tgw-."
  }
}

variable "direct_connect_gateway_id" {
  description = "Direct Connect gateway to the data centre; null: none."
  type        = string
  default     = null

  validation {
    condition     = var.direct_connect_gateway_id == null || var.transit_gateway_id == null
    error_message = "A transit gateway or a Direct Connect gateway, not both: with both, the transit gateway carries Direct Connect."
  }
}

variable "privatelink_enabled" {
  description = "Whether clients come by PrivateLink too: its network load balancer speaks from within this network."
  type        = bool
  default     = false
  nullable    = false
}
