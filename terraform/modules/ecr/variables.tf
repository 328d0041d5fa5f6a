
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

variable "repositories" {
  description = "Repositories: the program's image, and the metrics collector's."
  type        = set(string)
  default     = ["fifteen", "collector"]

  validation {
    condition     = length(var.repositories) > 0 && alltrue([for repository in var.repositories : can(regex("^[a-z][a-z0-9/_-]+$", repository))])
    error_message = "Small letters, digits, hyphens and slashes."
  }
}

variable "reader_account_ids" {
  description = "Accounts whose tasks pull."
  type        = set(string)
  default     = []

  validation {
    condition     = alltrue([for account in var.reader_account_ids : can(regex("^[0-9]{12}$", account))])
    error_message = "AWS account ids of 12 digits."
  }
}

variable "replica_regions" {
  description = "Regions that images are copied to."
  type        = set(string)
  default     = []

  validation {
    condition     = alltrue([for region in var.replica_regions : can(regex("^[a-z]{2}-[a-z]+-[0-9]$", region))])
    error_message = "Regions such as us-east-2."
  }
}
