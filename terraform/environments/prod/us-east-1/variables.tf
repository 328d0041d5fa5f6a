variable "account_id" {
  description = "The environment's AWS account; another one is refused."
  type        = string

  validation {
    condition     = can(regex("^[0-9]{12}$", var.account_id))
    error_message = "An AWS account id is 12 digits."
  }
}

variable "zone_id" {
  description = "The environment's Route 53 zone, an output of the account's bootstrap."
  type        = string

  validation {
    condition     = can(regex("^[A-Z0-9]{8,32}$", var.zone_id))
    error_message = "A hosted zone's id: 8 to 32 capitals and digits."
  }
}

variable "images" {
  description = "Images by digest, in this region's registry: the program's, and the metrics collector's. The pipeline gives them."
  type        = object({ program = string, collector = string })

  validation {
    condition     = alltrue([for image in values(var.images) : can(regex("/[^@]+@sha256:[0-9a-f]{64}$", image))])
    error_message = "Images with their digests."
  }
}

variable "images_account_id" {
  description = "The account that has the images: the tools account."
  type        = string

  validation {
    condition     = can(regex("^[0-9]{12}$", var.images_account_id))
    error_message = "An AWS account id is 12 digits."
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

variable "rail_settings" {
  description = "Where the rails are, as settings of the program: FIFTEEN_FEDNOW__URL and the like. Demanded where no rail is played."
  type        = map(string)
  default     = {}

  validation {
    condition     = alltrue([for name in keys(var.rail_settings) : startswith(name, "FIFTEEN_")])
    error_message = "Names of settings (docs/settings.md)."
  }
}

variable "peer_exists" {
  description = "Whether the other region's archive and vault exist: false on the very first apply of the first region alone."
  type        = bool
  default     = true
  nullable    = false
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

variable "secrets" {
  description = "The SOPS file's values, by TF_VAR_secrets. Ephemeral: in no plan and no state."
  type        = map(string)
  ephemeral   = true
  sensitive   = true

  validation {
    condition     = length(var.secrets) >= 8
    error_message = "The members that docs/deploy.md names, under Secrets."
  }
}

variable "broker_password" {
  description = "The broker's first password, by TF_VAR_broker_password from the SOPS file."
  type        = string
  sensitive   = true

  validation {
    condition     = length(var.broker_password) >= 24
    error_message = "24 characters at the least."
  }
}
