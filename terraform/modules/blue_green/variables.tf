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

variable "permissions_boundary_arn" {
  description = "Boundary of every role made here; null: none."
  type        = string
  default     = null

  validation {
    condition     = var.permissions_boundary_arn == null || can(regex("^arn:aws[a-z-]*:iam::", var.permissions_boundary_arn))
    error_message = "The ARN of an IAM policy, or null."
  }
}

variable "alarm_topic_arn" {
  description = "SNS topic that alarms go to."
  type        = string

  validation {
    condition     = can(regex("^arn:aws[a-z-]*:sns:", var.alarm_topic_arn))
    error_message = "The ARN of an SNS topic."
  }
}

variable "role" {
  description = "The service that is exchanged; also its container's name."
  type        = string
  default     = "gateway"

  validation {
    condition     = can(regex("^[a-z][a-z-]{1,20}$", var.role))
    error_message = "Small letters and hyphens."
  }
}

variable "container_port" {
  description = "The container's port."
  type        = number
  default     = 8015

  validation {
    condition     = var.container_port > 1023 && var.container_port < 65536
    error_message = "A port that needs no privilege."
  }
}

variable "cluster_name" {
  description = "The ECS cluster."
  type        = string

  validation {
    condition     = length(var.cluster_name) > 0
    error_message = "A name."
  }
}

variable "service_name" {
  description = "The ECS service."
  type        = string

  validation {
    condition     = length(var.service_name) > 0
    error_message = "A name."
  }
}

variable "task_role_arns" {
  description = "Roles that CodeDeploy gives to new tasks."
  type        = list(string)

  validation {
    condition     = length(var.task_role_arns) > 0 && alltrue([for arn in var.task_role_arns : can(regex("^arn:aws[a-z-]*:iam::[0-9]{12}:role/[^*]+$", arn))])
    error_message = "ARNs of roles, without a star."
  }
}

variable "listener_arns" {
  description = "The production listener and the test listener: two, or nothing could be proved before traffic."
  type        = object({ production = string, test = string })

  validation {
    condition     = alltrue([for arn in values(var.listener_arns) : can(regex(":listener/", arn))])
    error_message = "ARNs of listeners."
  }
}

variable "target_groups" {
  description = "The blue and the green target group."
  type        = map(object({ arn = string, name = string, arn_suffix = string }))

  validation {
    condition     = toset(keys(var.target_groups)) == toset(["blue", "green"])
    error_message = "One blue, one green."
  }
}

variable "load_balancer_arn_suffix" {
  description = "The load balancer as its metrics name it."
  type        = string

  validation {
    condition     = startswith(var.load_balancer_arn_suffix, "app/")
    error_message = "Begins with app/."
  }
}

variable "lifecycle_hook_function_arns" {
  description = "Functions that prove the green set, by the moment at which they are called."
  type = object({
    before_install           = string
    after_allow_test_traffic = string
    before_allow_traffic     = string
    after_allow_traffic      = string
  })

  validation {
    condition     = alltrue([for arn in values(var.lifecycle_hook_function_arns) : can(regex("^arn:aws[a-z-]*:lambda:", arn))])
    error_message = "Every moment has its function: nothing gets traffic unproved."
  }
}

variable "shift" {
  description = "How traffic moves: canary (so many percent, then after so many minutes the rest) or linear (so many percent every so many minutes)."
  type        = object({ kind = string, percent = number, minutes = number })
  default     = { kind = "canary", percent = 10, minutes = 5 }

  validation {
    condition     = contains(["canary", "linear"], var.shift.kind)
    error_message = "canary or linear; all at once is not offered."
  }
  validation {
    condition     = var.shift.percent >= 1 && var.shift.percent <= 50 && var.shift.minutes >= 1
    error_message = "1 to 50 %, and a minute at the least."
  }
}

variable "blue_kept_minutes" {
  description = "Minutes that the blue set is kept after the last step, to go back at once."
  type        = number
  default     = 60

  validation {
    condition     = var.blue_kept_minutes >= 5 && var.blue_kept_minutes <= 2880
    error_message = "Five minutes to two days."
  }
}

variable "watched_services" {
  description = "Services whose own figures take a deployment back, as the metrics name them."
  type        = set(string)
  default     = []

  validation {
    condition     = alltrue([for service in var.watched_services : length(service) > 0])
    error_message = "Names of services."
  }
}

variable "further_alarm_names" {
  description = "Alarms made elsewhere that take a deployment back too."
  type        = set(string)
  default     = []

  validation {
    condition     = alltrue([for alarm in var.further_alarm_names : length(alarm) > 0])
    error_message = "Names of alarms."
  }
}

variable "alarm_thresholds" {
  description = "Faults a minute and the 99th percentile of the response time, above which a deployment is taken back. A client may wait 15 s on purpose (Prefer: wait), so the percentile's limit is above that."
  type        = object({ faults_per_minute = optional(number, 5), latency_p99_s = optional(number, 16) })
  default     = {}

  validation {
    condition     = var.alarm_thresholds.faults_per_minute >= 0 && var.alarm_thresholds.latency_p99_s > 0
    error_message = "Thresholds are positive."
  }
}
