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

variable "vpc_id" {
  description = "The VPC."
  type        = string

  validation {
    condition     = startswith(var.vpc_id, "vpc-")
    error_message = "A VPC id begins with vpc-."
  }
}

variable "subnet_ids" {
  description = "Private subnets, one for each availability zone."
  type        = list(string)

  validation {
    condition     = length(var.subnet_ids) >= 2
    error_message = "Two availability zones at the least."
  }
}

variable "security_group_id" {
  description = "The load balancer's security group."
  type        = string

  validation {
    condition     = startswith(var.security_group_id, "sg-")
    error_message = "A security group's id begins with sg-."
  }
}

variable "zone_id" {
  description = "Route 53 zone of the host names."
  type        = string

  validation {
    condition     = can(regex("^[A-Z0-9]{8,32}$", var.zone_id))
    error_message = "A hosted zone's id: 8 to 32 capitals and digits."
  }
}

variable "hostname" {
  description = "The host name that clients use, of all regions together."
  type        = string

  validation {
    condition     = can(regex("^[a-z0-9-]+(\\.[a-z0-9-]+)+$", var.hostname))
    error_message = "A full host name in small letters."
  }
}

variable "regional_hostname" {
  description = "The host name of this region alone."
  type        = string

  validation {
    condition     = can(regex("^[a-z0-9-]+(\\.[a-z0-9-]+)+$", var.regional_hostname)) && var.regional_hostname != var.hostname
    error_message = "A full host name in small letters, not the shared one."
  }
}

variable "client_authorities_pem" {
  description = "Certificates (PEM) of the authorities whose clients may connect. Public; the keys are the institutions'."
  type        = string

  validation {
    condition     = strcontains(var.client_authorities_pem, "BEGIN CERTIFICATE") && !strcontains(var.client_authorities_pem, "PRIVATE KEY")
    error_message = "PEM with at least one certificate, and no private key."
  }
}

variable "target_port" {
  description = "Port of the gateway's tasks."
  type        = number
  default     = 8015

  validation {
    condition     = var.target_port > 0 && var.target_port < 65536
    error_message = "A port."
  }
}

variable "test_port" {
  description = "Port of the test listener."
  type        = number
  default     = 8443

  validation {
    condition     = var.test_port != 443 && var.test_port > 0 && var.test_port < 65536
    error_message = "A port that is not the production listener's."
  }
}

variable "deletion_protection" {
  description = "Whether the load balancer refuses to be deleted."
  type        = bool
  default     = true
  nullable    = false
}

variable "access_log_days" {
  description = "Days that access logs are kept."
  type        = number
  default     = 400

  validation {
    condition     = var.access_log_days >= 90
    error_message = "Ninety days at the least."
  }
}

variable "privatelink_principals" {
  description = "ARNs that may connect by PrivateLink; none: no PrivateLink."
  type        = set(string)
  default     = []

  validation {
    condition     = alltrue([for principal in var.privatelink_principals : can(regex("^arn:aws[a-z-]*:iam::[0-9]{12}:", principal))])
    error_message = "ARNs of accounts, roles or users; never *."
  }
}
