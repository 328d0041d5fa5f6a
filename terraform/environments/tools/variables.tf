variable "account_id" {
  description = "The AWS account, 12 digits."
  type        = string

  validation {
    condition     = can(regex("^[0-9]{12}$", var.account_id))
    error_message = "An AWS account id is 12 digits."
  }
}

variable "environment_account_ids" {
  description = "The account of each environment."
  type        = map(string)

  validation {
    condition     = toset(keys(var.environment_account_ids)) == toset(["dev", "uat", "cert", "prod"])
    error_message = "dev, uat, cert and prod, each with an account."
  }
  validation {
    condition     = alltrue([for account in values(var.environment_account_ids) : can(regex("^[0-9]{12}$", account))])
    error_message = "AWS account ids of 12 digits."
  }
}

variable "source_code" {
  description = "Where the code is: GitHub or GitLab, repository, branch."
  type        = object({ provider = string, repository = string, branch = string })

  validation {
    condition     = contains(["GitHub", "GitHubEnterpriseServer", "GitLab", "GitLabSelfManaged"], var.source_code.provider)
    error_message = "GitHub, GitHubEnterpriseServer, GitLab or GitLabSelfManaged."
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

variable "change_form_url" {
  description = "Where the change form is."
  type        = string

  validation {
    condition     = startswith(var.change_form_url, "https://")
    error_message = "An https:// address."
  }
}
