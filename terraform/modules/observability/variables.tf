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

variable "kms_key_arn" {
  description = "Key that encrypts what this module stores."
  type        = string

  validation {
    condition     = can(regex("^arn:aws[a-z-]*:kms:", var.kms_key_arn))
    error_message = "The ARN of a KMS key."
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

variable "subnet_ids" {
  description = "Private subnets, one for each availability zone."
  type        = list(string)

  validation {
    condition     = length(var.subnet_ids) >= 2
    error_message = "Two availability zones at the least."
  }
}

variable "grafana_security_group_id" {
  description = "Security group by which Grafana reaches what is private."
  type        = string

  validation {
    condition     = startswith(var.grafana_security_group_id, "sg-")
    error_message = "A security group's id begins with sg-."
  }
}

variable "rules" {
  description = "Prometheus rule files: name of the namespace = content."
  type        = map(string)
  default     = {}

  validation {
    condition     = alltrue([for content in values(var.rules) : can(yamldecode(content).groups)])
    error_message = "Each file is YAML with groups."
  }
}

variable "watched" {
  description = "What the alarms watch: database, broker, load balancer and its target groups by colour."
  type = object({
    postgres_identifier       = string
    rabbitmq_broker           = string
    load_balancer_arn_suffix  = string
    target_group_arn_suffixes = map(string)
  })

  validation {
    condition     = toset(keys(var.watched.target_group_arn_suffixes)) == toset(["blue", "green"])
    error_message = "Both target groups."
  }
}

variable "thresholds" {
  description = "Where alarms ring that depend on the size of things: bytes of memory of a RabbitMQ node, messages on it."
  type        = object({ rabbitmq_memory_bytes = optional(number, 2500000000), rabbitmq_messages = optional(number, 20000) })
  default     = {}

  validation {
    condition     = var.thresholds.rabbitmq_memory_bytes > 0 && var.thresholds.rabbitmq_messages > 0
    error_message = "Thresholds are positive."
  }
}

variable "shipped_log_groups" {
  description = "Log groups that are shipped: what it is = the group's name."
  type        = map(string)

  validation {
    condition     = length(var.shipped_log_groups) > 0
    error_message = "One group at the least."
  }
}

variable "shipped_log_days" {
  description = "Days that shipped logs are kept."
  type        = number
  default     = 1096

  validation {
    condition     = var.shipped_log_days >= 400
    error_message = "400 days at the least."
  }
}
