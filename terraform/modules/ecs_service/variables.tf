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

variable "role" {
  description = "What runs: gateway or worker. Names the service, and is the name of the container."
  type        = string

  validation {
    condition     = can(regex("^[a-z][a-z-]{1,20}$", var.role))
    error_message = "Small letters and hyphens."
  }
}

variable "task_definition_arn" {
  description = "What its tasks are: a revision of a task definition."
  type        = string

  validation {
    condition     = can(regex("^arn:aws[a-z-]*:ecs:.*:task-definition/", var.task_definition_arn))
    error_message = "The ARN of a task definition."
  }
}

variable "port" {
  description = "Port that the load balancer sends to; a worker is sent nothing."
  type        = number
  default     = null

  validation {
    condition     = var.blue_green == null || try(var.port > 1023 && var.port < 65536, false)
    error_message = "What stands behind a load balancer has a port that needs no privilege."
  }
}

variable "cluster_arn" {
  description = "The ECS cluster."
  type        = string

  validation {
    condition     = can(regex("^arn:aws[a-z-]*:ecs:.*:cluster/", var.cluster_arn))
    error_message = "The ARN of a cluster."
  }
}

variable "cluster_name" {
  description = "The cluster's name, as scaling knows it."
  type        = string

  validation {
    condition     = length(var.cluster_name) > 0
    error_message = "A name."
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
  description = "The tasks' security group."
  type        = string

  validation {
    condition     = startswith(var.security_group_id, "sg-")
    error_message = "A security group's id begins with sg-."
  }
}

variable "blue_green" {
  description = "What CodeDeploy exchanges: the first target group, and the load balancer as metrics name it; null: the service rolls, without a load balancer."
  type        = object({ target_group_arn = string, load_balancer_arn_suffix = string })
  default     = null

  validation {
    condition     = var.blue_green == null || can(regex(":targetgroup/", var.blue_green.target_group_arn))
    error_message = "The ARN of a target group."
  }
}

variable "scaling" {
  description = "Tasks at the least and at the most; CPU to aim at; age of the oldest unsent row and 95th percentile of the response time above which there are more at once (null: not by that)."
  type = object({
    tasks_min     = number
    tasks_max     = number
    cpu_percent   = optional(number, 50)
    queue_age_s   = optional(number)
    latency_p95_s = optional(number)
  })

  validation {
    condition     = var.scaling.tasks_min >= 2 && var.scaling.tasks_max >= var.scaling.tasks_min
    error_message = "Two tasks at the least, so that a zone may be lost."
  }
  validation {
    condition     = var.scaling.cpu_percent >= 20 && var.scaling.cpu_percent <= 80
    error_message = "CPU between 20 and 80 %: room is needed while more tasks start."
  }
}

variable "rollback_alarm_names" {
  description = "Alarms that bring the old tasks back while new ones roll in."
  type        = set(string)
  default     = []

  validation {
    condition     = alltrue([for alarm in var.rollback_alarm_names : length(alarm) > 0])
    error_message = "Names of alarms."
  }
}
