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

variable "secret_names" {
  description = "Secrets to keep, by name."
  type        = set(string)

  validation {
    condition     = alltrue([for name in var.secret_names : can(regex("^[a-z][a-z0-9.-]{1,40}$", name))])
    error_message = "Small letters, digits, points and hyphens."
  }
}

variable "secrets" {
  description = "Their values, from the SOPS file; ephemeral, so that neither plan nor state has them."
  type        = map(string)
  ephemeral   = true
  sensitive   = true

  validation {
    condition     = alltrue([for value in values(var.secrets) : length(value) >= 16])
    error_message = "A secret has 16 characters at the least."
  }
}

variable "secrets_revision" {
  description = "Revision of the SOPS file; a higher one writes the values anew."
  type        = number

  validation {
    condition     = var.secrets_revision >= 1 && floor(var.secrets_revision) == var.secrets_revision
    error_message = "A whole number from 1."
  }
}

variable "parameters" {
  description = "Values that are no secrets, by path below the module's own."
  type        = map(string)
  default     = {}

  validation {
    condition     = alltrue([for path, value in var.parameters : can(regex("^[a-z][a-z0-9/_-]*$", path)) && length(value) > 0])
    error_message = "Paths in small letters; no value is empty."
  }
}
