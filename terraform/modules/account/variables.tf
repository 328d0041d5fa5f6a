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

variable "environment" {
  description = "The environment: dev, uat, cert or prod."
  type        = string

  validation {
    condition     = contains(["dev", "uat", "cert", "prod"], var.environment)
    error_message = "One of dev, uat, cert, prod."
  }
}

variable "domain_name" {
  description = "Name of the environment's zone; its parent delegates to the name servers that come out."
  type        = string

  validation {
    condition     = can(regex("^[a-z0-9-]+(\\.[a-z0-9-]+)+$", var.domain_name))
    error_message = "A full name in small letters."
  }
}

variable "regions" {
  description = "Regions in which anything may be made: the two that serve, and the witness's."
  type        = list(string)

  validation {
    condition     = length(distinct(var.regions)) == 3
    error_message = "Three regions."
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

variable "deployer_role_arns" {
  description = "Roles of the pipeline's deploying steps, which alone may become the deploying role."
  type        = list(string)

  validation {
    condition     = length(var.deployer_role_arns) > 0 && alltrue([for arn in var.deployer_role_arns : can(regex("^arn:aws[a-z-]*:iam::[0-9]{12}:role/[^*]+$", arn))])
    error_message = "ARNs of roles, without a star."
  }
}
