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

variable "source_code" {
  description = "Where the code is: a connection that was authorised by hand once, the repository, the branch."
  type        = object({ connection_arn = string, repository = string, branch = string })

  validation {
    condition     = can(regex("^arn:aws[a-z-]*:(codestar-connections|codeconnections):", var.source_code.connection_arn)) && can(regex("^[^/]+/[^/]+", var.source_code.repository))
    error_message = "The ARN of a connection, and owner/name of a repository."
  }
}

variable "serving_regions" {
  description = "The regions that serve, in the order in which they are deployed to."
  type        = list(string)

  validation {
    condition     = length(distinct(var.serving_regions)) == 2
    error_message = "Two regions, one after the other."
  }
}

variable "deploy_role_arns" {
  description = "The role in each environment's account that deploys."
  type        = map(string)

  validation {
    condition     = toset(keys(var.deploy_role_arns)) == toset(["dev", "uat", "cert", "prod"])
    error_message = "dev, uat, cert and prod, each with a role."
  }
  validation {
    condition     = alltrue([for arn in values(var.deploy_role_arns) : can(regex("^arn:aws[a-z-]*:iam::[0-9]{12}:role/[^*]+$", arn))])
    error_message = "ARNs of roles, without a star."
  }
}

variable "repository_url" {
  description = "Where the image is pushed to."
  type        = string

  validation {
    condition     = can(regex("^[0-9]{12}\\.dkr\\.ecr\\.", var.repository_url))
    error_message = "A repository of ECR."
  }
}

variable "repository_arns" {
  description = "Repositories that the image step may push to."
  type        = list(string)

  validation {
    condition     = length(var.repository_arns) > 0 && alltrue([for arn in var.repository_arns : can(regex("^arn:aws[a-z-]*:ecr:[^*]+$", arn))])
    error_message = "ARNs of repositories, without a star."
  }
}

variable "base_image" {
  description = "The image's base, by digest."
  type        = string

  validation {
    condition     = can(regex("@sha256:[0-9a-f]{64}$", var.base_image))
    error_message = "An image with its digest."
  }
}

variable "build_image" {
  description = "The image that the steps run in."
  type        = string
  default     = "aws/codebuild/standard:7.0"

  validation {
    condition     = length(var.build_image) > 0
    error_message = "An image."
  }
}

variable "change_form_url" {
  description = "Where the change form is."
  type        = string

  validation {
    condition     = startswith(var.change_form_url, "https://")
    error_message = "An https:// address."
  }
}
