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

variable "resource_arns" {
  description = "What is backed up."
  type        = list(string)

  validation {
    condition     = length(var.resource_arns) > 0 && !contains(var.resource_arns, "*")
    error_message = "ARNs, never *: what is not named here is not forgotten but left out on purpose."
  }
}

variable "daily_days" {
  description = "Days that daily backups are kept."
  type        = number
  default     = 35

  validation {
    condition     = var.daily_days >= 7
    error_message = "A week at the least."
  }
}

variable "monthly_days" {
  description = "Days that monthly backups are kept."
  type        = number
  default     = 400

  validation {
    condition     = var.monthly_days >= 90
    error_message = "Ninety days at the least."
  }
}

variable "copy_to_vault_arn" {
  description = "The other region's vault; null on the very first apply, before it exists."
  type        = string

  validation {
    condition     = var.copy_to_vault_arn == null || can(regex("^arn:aws[a-z-]*:backup:", var.copy_to_vault_arn))
    error_message = "The ARN of a vault, or null."
  }
}

variable "lock_final_after_days" {
  description = "Days after which nobody, AWS included, can loosen the vault's lock; null: an administrator may."
  type        = number
  default     = null

  validation {
    condition     = var.lock_final_after_days == null || try(var.lock_final_after_days >= 3, false)
    error_message = "Three days at the least, AWS's limit."
  }
}
