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

variable "kms_key_arn" {
  description = "Key that encrypts what this module stores."
  type        = string

  validation {
    condition     = can(regex("^arn:aws[a-z-]*:kms:", var.kms_key_arn))
    error_message = "The ARN of a KMS key."
  }
}

variable "engine_version" {
  description = "RabbitMQ's version at Amazon MQ; quorum queues need 3.13 or newer."
  type        = string
  default     = "3.13"

  validation {
    condition     = can(regex("^(3\\.13|4\\.[0-9]+)$", var.engine_version))
    error_message = "3.13 or newer: older ones have no quorum queues at Amazon MQ."
  }
}

variable "instance_type" {
  description = "Size of each of the three nodes."
  type        = string

  validation {
    condition     = can(regex("^mq\\.m[0-9]+g?\\.[0-9]*x?large$", var.instance_type))
    error_message = "An m type: t3.micro cannot be a cluster."
  }
}

variable "subnet_ids" {
  description = "Private subnets in three zones: a quorum needs the third when one is lost."
  type        = list(string)

  validation {
    condition     = length(var.subnet_ids) == 3
    error_message = "Three subnets."
  }
}

variable "security_group_id" {
  description = "The broker's security group."
  type        = string

  validation {
    condition     = startswith(var.security_group_id, "sg-")
    error_message = "A security group's id begins with sg-."
  }
}

variable "user" {
  description = "The user that gateway and worker log in as."
  type        = object({ name = string, password = string })
  sensitive   = true

  validation {
    condition     = length(var.user.password) >= 24 && !can(regex("[,:=\\s]", var.user.password))
    error_message = "24 characters at the least, without comma, colon, equals sign or space: Amazon MQ's rule."
  }
}

variable "maintenance_window" {
  description = "When AWS may patch a node: a day in capitals and a time in US Eastern."
  type        = object({ day_of_week = string, time_of_day = string })
  default     = { day_of_week = "SUNDAY", time_of_day = "02:00" }

  validation {
    condition     = can(regex("^[A-Z]+DAY$", var.maintenance_window.day_of_week)) && can(regex("^[0-2][0-9]:[0-5][0-9]$", var.maintenance_window.time_of_day))
    error_message = "Such as SUNDAY and 02:00."
  }
}
