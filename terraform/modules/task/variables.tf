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

variable "role" {
  description = "What runs: gateway, worker, db-upgrade and the like. Names family, log and roles."
  type        = string

  validation {
    condition     = can(regex("^[a-z][a-z-]{1,20}$", var.role))
    error_message = "Small letters and hyphens."
  }
}

variable "image" {
  description = "The image by its digest: a tag can be moved, a digest cannot."
  type        = string

  validation {
    condition     = can(regex("@sha256:[0-9a-f]{64}$", var.image))
    error_message = "An image with its digest: repository@sha256:…"
  }
}

variable "repository_arns" {
  description = "Image repositories that the task is pulled from."
  type        = list(string)

  validation {
    condition     = length(var.repository_arns) > 0 && alltrue([for arn in var.repository_arns : can(regex("^arn:aws[a-z-]*:ecr:[^*]+$", arn))])
    error_message = "ARNs of repositories, without a star."
  }
}

variable "command" {
  description = "Arguments of the image's entry point `fifteen`."
  type        = list(string)

  validation {
    condition     = length(var.command) > 0
    error_message = "A command, such as [\"gateway\"]."
  }
}

variable "port" {
  description = "Port of /healthz, /readyz and /metrics; null for what serves nothing."
  type        = number
  default     = null

  validation {
    condition     = var.port == null || try(var.port > 1023 && var.port < 65536, false)
    error_message = "A port that needs no privilege, or null."
  }
}

variable "size" {
  description = "CPU units (1024 are one) and memory in MiB, in a combination that Fargate offers."
  type        = object({ cpu = number, memory = number })

  validation {
    condition     = contains([256, 512, 1024, 2048, 4096, 8192, 16384], var.size.cpu) && var.size.memory >= 2 * var.size.cpu && var.size.memory <= 8 * var.size.cpu
    error_message = "CPU 256 to 16384 by powers of two; memory between two and eight times as much."
  }
}

variable "environment_variables" {
  description = "Settings that are no secrets (docs/settings.md)."
  type        = map(string)
  default     = {}

  validation {
    condition     = alltrue([for variable in keys(var.environment_variables) : !can(regex("KEY$|TOKEN|PASSWORD$", variable))])
    error_message = "What ends in KEY or PASSWORD, or is a TOKEN, belongs to secrets."
  }
}

variable "secrets" {
  description = "Settings that are secrets: variable = ARN in Secrets Manager, with a member (arn:member::) where one is meant."
  type        = map(string)
  default     = {}

  validation {
    condition     = alltrue([for arn in values(var.secrets) : can(regex("^arn:aws[a-z-]*:secretsmanager:", arn))])
    error_message = "ARNs of secrets, never their values."
  }
}

variable "files" {
  description = "Secrets that the program reads as files: name in /run/fifteen = ARN in Secrets Manager of its content, in Base64."
  type        = map(string)
  default     = {}

  validation {
    condition     = alltrue([for file, arn in var.files : can(regex("^[a-z][a-z0-9.-]*$", file)) && can(regex("^arn:aws[a-z-]*:secretsmanager:", arn))])
    error_message = "Names of small letters, digits, points and hyphens; ARNs of secrets, never their values."
  }
}

variable "secrets_kms_key_arn" {
  description = "Key that the secrets are encrypted under."
  type        = string

  validation {
    condition     = can(regex("^arn:aws[a-z-]*:kms:", var.secrets_kms_key_arn))
    error_message = "The ARN of a KMS key."
  }
}

variable "task_statements" {
  description = "What the program may do in AWS: each an id, actions and resources, none with a star of its own."
  type        = list(object({ sid = string, actions = list(string), resources = list(string) }))
  default     = []

  validation {
    condition = alltrue(flatten([
      for statement in var.task_statements : [
        [for action in statement.actions : !endswith(action, ":*") && action != "*"],
        [for resource in statement.resources : resource != "*"],
      ]
    ]))
    error_message = "Neither every action nor every resource: name what is meant."
  }
}

variable "collector" {
  description = "The metrics collector beside the program: image by digest, Prometheus endpoint and workspace, and which metrics go to CloudWatch too; null: none."
  type = object({
    image               = string
    prometheus_endpoint = string
    workspace_arn       = string
    namespace           = optional(string, "Fifteen")
    cloudwatch_metrics = optional(list(string), [
      "^gateway_outbox_oldest_unsent_age_seconds$",
      "^gateway_payments_in_doubt_oldest_age_seconds$",
      "^gateway_payments_sla_breached_total$",
      "^gateway_contradictions_total$",
      "^gateway_parked_total$",
    ])
  })
  default = null

  validation {
    condition     = var.collector == null || can(regex("@sha256:[0-9a-f]{64}$", var.collector.image))
    error_message = "The collector's image by its digest."
  }
}

variable "stop_timeout_s" {
  description = "Seconds between the request to stop and the kill: above what the program needs to drain."
  type        = number
  default     = 60

  validation {
    condition     = var.stop_timeout_s >= 30 && var.stop_timeout_s <= 120
    error_message = "30 to 120 s, Fargate's limit."
  }
}

variable "simulator_command" {
  description = "Plays the rail beside the program, in dev and uat alone; null: none."
  type        = list(string)
  default     = null

  validation {
    condition     = var.simulator_command == null || contains(["dev", "uat"], var.tags["environment"])
    error_message = "A rail is played in dev and uat alone: cert and prod have a real one."
  }
}
