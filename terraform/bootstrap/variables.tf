variable "environment" {
  description = "The environment: dev, uat, cert, prod, or tools."
  type        = string

  validation {
    condition     = contains(["dev", "uat", "cert", "prod", "tools"], var.environment)
    error_message = "One of dev, uat, cert, prod, tools."
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

variable "tools_account_id" {
  description = "The account in which the delivery pipeline runs."
  type        = string

  validation {
    condition     = can(regex("^[0-9]{12}$", var.tools_account_id))
    error_message = "An AWS account id is 12 digits."
  }
}

variable "parent_domain" {
  description = "Name of the zone that delegates to the environments'."
  type        = string
  default     = "fifteen.example"

  validation {
    condition     = can(regex("^[a-z0-9-]+(\\.[a-z0-9-]+)+$", var.parent_domain))
    error_message = "A full name in small letters."
  }
}
