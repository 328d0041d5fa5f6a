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

variable "table_name" {
  description = "The table's name, which the regions know beforehand."
  type        = string

  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{2,60}$", var.table_name))
    error_message = "Small letters, digits and hyphens."
  }
}

variable "serving_regions" {
  description = "The regions that are judged; the witness lies in neither."
  type        = set(string)

  validation {
    condition     = length(var.serving_regions) == 2
    error_message = "Two regions."
  }
}

variable "cidr" {
  description = "Addresses of the witness's network."
  type        = string

  validation {
    condition     = can(cidrnetmask(var.cidr)) && tonumber(split("/", var.cidr)[1]) <= 24
    error_message = "A /24 or larger."
  }
}

variable "availability_zones" {
  description = "Zones of the endpoint."
  type        = list(string)

  validation {
    condition     = length(distinct(var.availability_zones)) >= 2
    error_message = "Two zones at the least."
  }
}

variable "client_vpcs" {
  description = "Networks of the serving regions by their ids: region = VPC."
  type        = map(string)

  validation {
    condition     = toset(keys(var.client_vpcs)) == var.serving_regions
    error_message = "One of each serving region."
  }
}

variable "client_cidrs" {
  description = "Networks of the serving regions."
  type        = set(string)

  validation {
    condition     = alltrue([for cidr in var.client_cidrs : can(cidrnetmask(cidr)) && !endswith(cidr, "/0")])
    error_message = "Networks, never 0.0.0.0/0."
  }
}
