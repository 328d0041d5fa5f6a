variable "environment" {
  description = "The environment: dev, uat, cert, prod, or tools."
  type        = string

  validation {
    condition     = contains(["dev", "uat", "cert", "prod", "tools"], var.environment)
    error_message = "One of dev, uat, cert, prod, tools."
  }
}

variable "region" {
  description = "The AWS region, or \"global\" for what belongs to both."
  type        = string

  validation {
    condition     = contains(["global", "us-east-1", "us-east-2", "us-west-2"], var.region)
    error_message = "One of global, us-east-1, us-east-2, us-west-2; another region needs a code in this module."
  }
}

variable "owner" {
  description = "Who answers for the resources: a team, not a person."
  type        = string
  default     = "payments"

  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{1,30}$", var.owner))
    error_message = "Small letters, digits and hyphens."
  }
}
