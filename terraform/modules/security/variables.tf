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

variable "alarm_topic_arn" {
  description = "SNS topic that alarms go to."
  type        = string

  validation {
    condition     = can(regex("^arn:aws[a-z-]*:sns:", var.alarm_topic_arn))
    error_message = "The ARN of an SNS topic."
  }
}

variable "is_home_region" {
  description = "Whether this region keeps the account's trail, and Config's record of what belongs to no region."
  type        = bool
  nullable    = false
}

variable "archive_bucket_arns" {
  description = "Buckets of which every access to an object is recorded."
  type        = list(string)

  validation {
    condition     = length(var.archive_bucket_arns) > 0 && alltrue([for arn in var.archive_bucket_arns : startswith(arn, "arn:aws:s3:::")])
    error_message = "ARNs of buckets."
  }
}

variable "config_rules" {
  description = "AWS's own rules, by identifier."
  type        = set(string)
  default = [
    "CLOUD_TRAIL_ENABLED", "CMK_BACKING_KEY_ROTATION_ENABLED", "DYNAMODB_PITR_ENABLED", "ECS_CONTAINERS_READONLY_ACCESS",
    "ENCRYPTED_VOLUMES", "IAM_POLICY_NO_STATEMENTS_WITH_ADMIN_ACCESS", "RDS_INSTANCE_PUBLIC_ACCESS_CHECK",
    "RDS_MULTI_AZ_SUPPORT", "RDS_STORAGE_ENCRYPTED", "S3_BUCKET_PUBLIC_READ_PROHIBITED", "S3_BUCKET_PUBLIC_WRITE_PROHIBITED",
    "S3_BUCKET_SSL_REQUESTS_ONLY", "SECRETSMANAGER_USING_CMK", "VPC_DEFAULT_SECURITY_GROUP_CLOSED",
  ]

  validation {
    condition     = alltrue([for rule in var.config_rules : can(regex("^[A-Z0-9_]+$", rule))])
    error_message = "Identifiers in capitals."
  }
}
