variable "environment" {
  description = "The environment: dev, uat, cert or prod."
  type        = string

  validation {
    condition     = contains(["dev", "uat", "cert", "prod"], var.environment)
    error_message = "One of dev, uat, cert, prod."
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

variable "account_id" {
  description = "The AWS account, 12 digits."
  type        = string

  validation {
    condition     = can(regex("^[0-9]{12}$", var.account_id))
    error_message = "An AWS account id is 12 digits."
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

variable "peer_region" {
  description = "The other region of the environment."
  type        = string

  validation {
    condition     = can(regex("^[a-z]{2}-[a-z]+-[0-9]$", var.peer_region)) && var.peer_region != var.region
    error_message = "A region that is not this one."
  }
}

variable "peer_exists" {
  description = "Whether the other region's archive and vault exist: false on the very first apply of the first region alone."
  type        = bool
  default     = true
  nullable    = false
}

variable "is_home_region" {
  description = "Whether this region keeps what the account has once: its trail."
  type        = bool
  nullable    = false
}

variable "network" {
  description = "Addresses, and the ways to other networks."
  type = object({
    cidr                      = string
    availability_zones        = list(string)
    peer_cidr                 = string
    witness_cidr              = string
    witness_region            = string
    data_centre_cidrs         = set(string)
    transit_gateway_id        = optional(string)
    direct_connect_gateway_id = optional(string)
    privatelink_principals    = optional(set(string), [])
  })

  validation {
    condition     = length(distinct([var.network.cidr, var.network.peer_cidr, var.network.witness_cidr])) == 3
    error_message = "This region, the other and the witness have different addresses."
  }
}

variable "domain" {
  description = "The environment's Route 53 zone: id and name."
  type        = object({ zone_id = string, name = string })

  validation {
    condition     = can(regex("^[A-Z0-9]{8,32}$", var.domain.zone_id)) && can(regex("^[a-z0-9-]+(\\.[a-z0-9-]+)+$", var.domain.name))
    error_message = "An id of 8 to 32 capitals and digits, and a name in small letters."
  }
}

variable "client_authorities_pem" {
  description = "Certificates (PEM) of the authorities whose clients may connect."
  type        = string

  validation {
    condition     = strcontains(var.client_authorities_pem, "BEGIN CERTIFICATE")
    error_message = "PEM with at least one certificate."
  }
}

variable "images" {
  description = "Images by digest: the program's, and the metrics collector's."
  type        = object({ program = string, collector = string })

  validation {
    condition     = alltrue([for image in values(var.images) : can(regex("@sha256:[0-9a-f]{64}$", image))])
    error_message = "Images with their digests."
  }
}

variable "repository_arns" {
  description = "Repositories that tasks are pulled from."
  type        = list(string)

  validation {
    condition     = length(var.repository_arns) > 0
    error_message = "One repository at the least."
  }
}

variable "gateway" {
  description = "Size and number of the gateways."
  type        = object({ cpu = number, memory = number, tasks_min = number, tasks_max = number, latency_p95_s = number })

  validation {
    condition     = var.gateway.latency_p95_s > 0
    error_message = "A threshold in seconds."
  }
}

variable "worker" {
  description = "Size and number of the workers."
  type        = object({ cpu = number, memory = number, tasks_min = number, tasks_max = number, queue_age_s = number })

  validation {
    condition     = var.worker.queue_age_s > 0 && var.worker.queue_age_s < 1.5
    error_message = "Below 1.5 s: at that age gateways refuse new payments (FIFTEEN_ADMISSION_WAIT_MAX_S), and more workers come too late."
  }
}

variable "postgres" {
  description = "The database's version, size and protection."
  type = object({
    engine_version      = string
    instance_class      = string
    allocated_gib       = number
    max_gib             = number
    slot_wal_keep_mib   = number
    multi_az            = bool
    deletion_protection = bool
  })

  validation {
    condition     = var.postgres.allocated_gib < var.postgres.max_gib
    error_message = "Room to grow."
  }
}

variable "rabbitmq" {
  description = "The broker's version and size."
  type        = object({ engine_version = string, instance_type = string })

  validation {
    condition     = startswith(var.rabbitmq.instance_type, "mq.")
    error_message = "A type such as mq.m5.large."
  }
}

variable "deployment" {
  description = "How traffic moves to a new set, how long the old one is kept, and the age of the queue above which nothing is deployed."
  type = object({
    kind                  = string
    percent               = number
    minutes               = number
    blue_kept_minutes     = number
    queue_age_threshold_s = number
  })

  validation {
    condition     = var.deployment.queue_age_threshold_s > 0
    error_message = "A threshold in seconds."
  }
}

variable "retention" {
  description = "Days that logs, shipped logs, archived objects and backups are kept; after how many days the vault's lock is final (null: it can be loosened)."
  type = object({
    log_days                    = number
    shipped_log_days            = number
    archive_days                = number
    backup_daily_days           = number
    backup_monthly_days         = number
    vault_lock_final_after_days = optional(number)
  })

  validation {
    condition     = var.retention.shipped_log_days >= var.retention.log_days
    error_message = "Shipped logs stay longer than those in CloudWatch."
  }
}

variable "settings" {
  description = "Further settings of the program that are no secrets (docs/settings.md)."
  type        = map(string)
  default     = {}

  validation {
    condition     = alltrue([for name in keys(var.settings) : startswith(name, "FIFTEEN_")])
    error_message = "Names begin with FIFTEEN_."
  }
}

variable "rail_settings" {
  description = "Where the rails are: the settings FIFTEEN_FEDNOW__… and FIFTEEN_RTP__… (docs/settings.md); none where the rail is played."
  type        = map(string)

  validation {
    condition     = alltrue([for name in keys(var.rail_settings) : can(regex("^FIFTEEN_(FEDNOW|RTP)__[A-Z_]+[A-Z]$", name)) && !endswith(name, "PASSWORD")])
    error_message = "Names begin with FIFTEEN_FEDNOW__ or FIFTEEN_RTP__; a password belongs to the secrets."
  }
  validation {
    condition     = !var.plays_the_rail || length(var.rail_settings) == 0
    error_message = "Where the rail is played, it is at the program's default address."
  }
  # Without an address of its own FedNow is looked for on the loopback: an empty one says that it is not served.
  validation {
    condition     = var.plays_the_rail || contains(keys(var.rail_settings), "FIFTEEN_FEDNOW__URL")
    error_message = "A rail that is not played has an address: FIFTEEN_FEDNOW__URL, empty where FedNow is not served."
  }
  validation {
    condition = var.plays_the_rail || anytrue([
      for name in ["FIFTEEN_FEDNOW__URL", "FIFTEEN_RTP__URL"] : startswith(lookup(var.rail_settings, name, ""), "ibmmq://")
    ])
    error_message = "One rail at the least, by its queue manager: ibmmq://…"
  }
}

variable "secret_settings" {
  description = "Further settings that are secrets: variable of the program = member of the SOPS file."
  type        = map(string)
  default     = {}

  validation {
    condition     = alltrue([for name in keys(var.secret_settings) : startswith(name, "FIFTEEN_")])
    error_message = "Names begin with FIFTEEN_."
  }
}

variable "secret_files" {
  description = "Further members of the SOPS file that the program reads as files in /run/fifteen; their values are Base64."
  type        = set(string)
  default     = []

  validation {
    condition     = alltrue([for name in var.secret_files : can(regex("^[a-z][a-z0-9.-]*$", name))])
    error_message = "Small letters, digits, points and hyphens."
  }
}

variable "peer_authorities_file" {
  description = "Where in the image the authorities are that the other region's load balancer is checked against: Amazon's are among Debian's."
  type        = string
  default     = "/etc/ssl/certs/ca-certificates.crt"

  validation {
    condition     = startswith(var.peer_authorities_file, "/")
    error_message = "An absolute path."
  }
}

variable "database_tls" {
  description = "How TLS to the database is checked (libpq's words), and where in the image RDS's authorities are."
  type        = object({ mode = optional(string, "verify-full"), root_certificate = optional(string, "/etc/ssl/rds/global-bundle.pem") })
  default     = {}

  validation {
    condition     = contains(["verify-full", "verify-ca"], var.database_tls.mode)
    error_message = "verify-full or verify-ca: a server that proves nothing is not spoken to."
  }
}

variable "one_off_command" {
  description = "What the one-off task runs unless whoever starts it says otherwise."
  type        = list(string)
  default     = ["version"]

  validation {
    condition     = length(var.one_off_command) > 0
    error_message = "A command."
  }
}

variable "rules" {
  description = "Prometheus rule files: name = content."
  type        = map(string)
  default     = {}

  validation {
    condition     = alltrue([for content in values(var.rules) : can(yamldecode(content).groups)])
    error_message = "Each file is YAML with groups."
  }
}

variable "administrator_role_arns" {
  description = "Roles that may touch the archive's lock: the deploying role, which makes it."
  type        = list(string)

  validation {
    condition     = length(var.administrator_role_arns) > 0
    error_message = "One role at the least."
  }
}

variable "secrets" {
  description = "The SOPS file's values by their names (docs/deploy.md, Secrets). Ephemeral: in no plan and no state."
  type        = map(string)
  ephemeral   = true
  sensitive   = true

  validation {
    condition = length(setsubtract([
      "database-password", "replication-password", "api-key", "operator-key", "index-key", "message-keys", "peer-certificate", "peer-key",
    ], keys(var.secrets))) == 0
    error_message = "Needed are database-password, replication-password, api-key, operator-key, index-key, message-keys, peer-certificate, peer-key."
  }
}

variable "secrets_revision" {
  description = "Revision of the SOPS file; a higher one writes the secrets anew."
  type        = number

  validation {
    condition     = var.secrets_revision >= 1
    error_message = "A whole number from 1."
  }
}

variable "broker_password" {
  description = "The broker's first password, from the SOPS file. The one secret that the state has (docs/adr/0018)."
  type        = string
  sensitive   = true

  validation {
    condition     = length(var.broker_password) >= 24
    error_message = "24 characters at the least."
  }
}

variable "plays_the_rail" {
  description = "Whether every worker has a rail's simulator beside it, at the program's default address: in dev and uat alone."
  type        = bool
  nullable    = false
}
