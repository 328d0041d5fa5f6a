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

variable "hooks_subnet_ids" {
  description = "Private subnets that the functions run in: with a way to the test listener, and to the endpoints of CodeDeploy, ECS and managed Prometheus."
  type        = list(string)

  validation {
    condition     = length(var.hooks_subnet_ids) >= 2 && alltrue([for subnet in var.hooks_subnet_ids : startswith(subnet, "subnet-")])
    error_message = "Two subnets at least, in different zones: a hook that cannot run stops every deployment."
  }
}

variable "hooks_security_group_ids" {
  description = "Security groups of the functions: the only ones that the test listener lets in."
  type        = list(string)

  validation {
    condition     = length(var.hooks_security_group_ids) > 0 && alltrue([for group in var.hooks_security_group_ids : startswith(group, "sg-")])
    error_message = "One security group at least."
  }
}

variable "test_endpoint" {
  description = "Address of the test listener, behind which CodeDeploy puts the green set: https, a name that its certificate has, and a port."
  type        = string

  validation {
    condition     = can(regex("^https://[a-z0-9.-]+(:[0-9]+)?/?$", var.test_endpoint))
    error_message = "https://host:port, without a path."
  }
}

variable "metrics_query_endpoint" {
  description = "The managed Prometheus workspace that the region's metrics go to; /api/v1/query is asked below it."
  type        = string

  validation {
    condition     = can(regex("^https://[a-z0-9.-]+/", var.metrics_query_endpoint))
    error_message = "https://host/workspaces/…"
  }
}

variable "queue_age_threshold_s" {
  description = "Seconds that the oldest accepted payment may have waited to be handed on; above it no deployment begins or goes on."
  type        = number

  validation {
    condition     = var.queue_age_threshold_s > 0 && var.queue_age_threshold_s <= 10
    error_message = "Above 0, and at most the objective of 10 s."
  }
}

variable "error_budget" {
  description = "What has to be left of the error budget: objective (share of payments with a final status in time), window, payments that are counted at the least, and the share that must be left."
  type = object({
    objective  = optional(number, 0.999)
    window     = optional(string, "30d")
    volume_min = optional(number, 10000)
    left_min   = optional(number, 0.1)
  })
  default = {}

  validation {
    condition     = var.error_budget.objective >= 0.9 && var.error_budget.objective < 1
    error_message = "An objective from 0.9 to below 1."
  }
  validation {
    condition     = can(regex("^[0-9]+[hdw]$", var.error_budget.window)) && var.error_budget.volume_min >= 1
    error_message = "A window such as 30d, and one payment at least."
  }
  validation {
    condition     = var.error_budget.left_min >= 0 && var.error_budget.left_min <= 1
    error_message = "A share from 0 to 1."
  }
}

variable "kms_key_arn" {
  description = "Key that encrypts the functions' environment and their logs."
  type        = string

  validation {
    condition     = can(regex("^arn:aws[a-z-]*:kms:", var.kms_key_arn))
    error_message = "The ARN of a KMS key."
  }
}

variable "log_retention_days" {
  description = "Days that logs are kept in CloudWatch."
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
