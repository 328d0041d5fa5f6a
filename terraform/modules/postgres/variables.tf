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

variable "secrets_kms_key_arn" {
  description = "Key that the master's password is encrypted under."
  type        = string

  validation {
    condition     = can(regex("^arn:aws[a-z-]*:kms:", var.secrets_kms_key_arn))
    error_message = "The ARN of a KMS key."
  }
}

variable "engine_version" {
  description = "PostgreSQL's version; both regions run the same major one."
  type        = string
  default     = "17.5"

  validation {
    condition     = can(regex("^(1[6-9]|[2-9][0-9])\\.[0-9]+$", var.engine_version))
    error_message = "16 or newer, with its minor version: origin = none of subscriptions came with 16."
  }
}

variable "instance_class" {
  description = "Size of the instance, and of its standby."
  type        = string

  validation {
    condition     = can(regex("^db\\.[a-z0-9]+\\.[0-9]*(micro|small|medium|x?large)$", var.instance_class))
    error_message = "A class such as db.m7g.large."
  }
}

variable "storage" {
  description = "Storage in GiB, at first and at the most."
  type        = object({ allocated_gib = number, max_gib = number })

  validation {
    condition     = var.storage.allocated_gib >= 20 && var.storage.max_gib > var.storage.allocated_gib
    error_message = "20 GiB at the least, and room to grow."
  }
}

variable "multi_az" {
  description = "Whether a standby in another zone has every commit."
  type        = bool
  default     = true
  nullable    = false

  validation {
    condition     = var.multi_az || contains(["dev"], var.tags["environment"])
    error_message = "Outside dev a standby in another zone is not optional: what was acknowledged survives the loss of a zone."
  }
}

variable "deletion_protection" {
  description = "Whether the instance refuses to be deleted."
  type        = bool
  default     = true
  nullable    = false

  validation {
    condition     = var.deletion_protection || contains(["dev"], var.tags["environment"])
    error_message = "Outside dev the books are protected."
  }
}

variable "subnet_ids" {
  description = "Private subnets of the database."
  type        = list(string)

  validation {
    condition     = length(var.subnet_ids) >= 2
    error_message = "Two availability zones at the least."
  }
}

variable "security_group_id" {
  description = "The database's security group."
  type        = string

  validation {
    condition     = startswith(var.security_group_id, "sg-")
    error_message = "A security group's id begins with sg-."
  }
}

variable "backup_days" {
  description = "Days that RDS can go back to any second of."
  type        = number
  default     = 35

  validation {
    condition     = var.backup_days >= 7 && var.backup_days <= 35
    error_message = "7 to 35 days, RDS's limit."
  }
}

variable "slot_wal_keep_mib" {
  description = "MiB of log that a replication slot may hold back before it is given up: below a third of the storage."
  type        = number
  default     = 20480

  validation {
    condition     = var.slot_wal_keep_mib >= 1024 && var.slot_wal_keep_mib < var.storage.allocated_gib * 1024 / 2
    error_message = "1 GiB at the least, and less than half of the storage."
  }
}

variable "maintenance_window" {
  description = "When AWS may patch, in UTC."
  type        = string
  default     = "sun:09:00-sun:10:00"

  validation {
    condition     = can(regex("^[a-z]{3}:[0-2][0-9]:[0-5][0-9]-[a-z]{3}:[0-2][0-9]:[0-5][0-9]$", var.maintenance_window))
    error_message = "Such as sun:09:00-sun:10:00; not while backups are made, from 7 to 8."
  }
}
