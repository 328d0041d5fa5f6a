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

variable "retention_days" {
  description = "Days that an object can be neither deleted nor replaced. It cannot be made shorter afterwards."
  type        = number

  validation {
    condition     = var.retention_days >= 1 && var.retention_days <= 3650 && (var.retention_days >= 2555 || contains(["dev", "uat"], var.tags["environment"]))
    error_message = "Seven years (2555 days) at the least where real or certified payments are kept; dev and uat may be shorter."
  }
}

variable "administrator_role_arns" {
  description = "Roles that may touch the lock's configuration: the bootstrap's, none of the program's."
  type        = list(string)

  validation {
    condition     = length(var.administrator_role_arns) > 0 && alltrue([for arn in var.administrator_role_arns : can(regex("^arn:aws[a-z-]*:iam::[0-9]{12}:role/[^*]+$", arn))])
    error_message = "ARNs of roles, without a star."
  }
}

variable "replica" {
  description = "The other region's archive, and the alias of its key; null on the very first apply, before it exists."
  type        = object({ bucket_arn = string, kms_alias_arn = string })

  validation {
    condition     = var.replica == null || can(regex("^arn:aws[a-z-]*:s3:::", var.replica.bucket_arn)) && can(regex("^arn:aws[a-z-]*:kms:.*:alias/", var.replica.kms_alias_arn))
    error_message = "ARNs of a bucket and of a key's alias."
  }
}
