# dev: its values. Environments differ by this file alone; both regions have the same sizes, so that either can carry
# everything.
terraform {
  required_version = ">= 1.11"
}

locals {
  domain = "dev.fifteen.example" # the zone is made by the account's bootstrap

  cidrs = {
    us-east-1 = "10.10.0.0/16"
    us-east-2 = "10.11.0.0/16"
    us-west-2 = "10.12.0.0/20" # the witness
  }
  zones = {
    us-east-1 = ["us-east-1a", "us-east-1b", "us-east-1c"]
    us-east-2 = ["us-east-2a", "us-east-2b", "us-east-2c"]
    us-west-2 = ["us-west-2a", "us-west-2b"]
  }
  peers = { us-east-1 = "us-east-2", us-east-2 = "us-east-1" }
}

output "environment" {
  description = "The environment."
  value       = "dev"
}

output "domain_name" {
  description = "Name of the environment's zone."
  value       = local.domain
}

output "witness" {
  description = "The third region."
  value       = { region = "us-west-2", cidr = local.cidrs["us-west-2"], availability_zones = local.zones["us-west-2"] }
}

output "network" {
  description = "Addresses and ways of each region."
  value = {
    for region, peer in local.peers : region => {
      cidr               = local.cidrs[region]
      peer_cidr          = local.cidrs[peer]
      witness_cidr       = local.cidrs["us-west-2"]
      witness_region     = "us-west-2"
      availability_zones = local.zones[region]
      data_centre_cidrs  = ["172.16.0.0/20"]
    }
  }
}

output "peers" {
  description = "Each region's other region."
  value       = local.peers
}

output "gateway" {
  description = "Gateways of each region: CPU units, MiB, tasks at the least and at the most."
  value       = { cpu = 512, memory = 1024, tasks_min = 2, tasks_max = 4, latency_p95_s = 0.5 }
}

output "worker" {
  description = "Workers of each region."
  value       = { cpu = 512, memory = 1024, tasks_min = 2, tasks_max = 4, queue_age_s = 0.75 }
}

output "postgres" {
  description = "The database of each region."
  value = {
    engine_version      = "17.5"
    instance_class      = "db.t4g.medium"
    allocated_gib       = 50
    max_gib             = 200
    slot_wal_keep_mib   = 10240
    multi_az            = false
    deletion_protection = false
  }
}

output "rabbitmq" {
  description = "The broker of each region: three nodes of this size."
  value       = { engine_version = "3.13", instance_type = "mq.m5.large" }
}

output "deployment" {
  description = "How traffic moves to a new set."
  value       = { kind = "canary", percent = 50, minutes = 1, blue_kept_minutes = 5, queue_age_threshold_s = 1 }
}

output "retention" {
  description = "Days that things are kept."
  value       = { log_days = 365, shipped_log_days = 400, archive_days = 30, backup_daily_days = 7, backup_monthly_days = 90 }
}

output "plays_the_rail" {
  description = "Whether a rail is played: FedNow, beside every worker."
  value       = true
}

output "settings" {
  description = "Settings of the program that are this environment's own (docs/settings.md)."
  value = {
    FIFTEEN_LOG_LEVEL = "info"
  }
}

output "secret_settings" {
  description = "Settings that are secrets, beyond those that every environment has: variable = member of the SOPS file."
  value       = {}
}

output "secret_files" {
  description = "Members of the SOPS file that the program reads as files, beyond those that every environment has."
  value       = []
}

output "secrets_revision" {
  description = "Goes up with every change of the environment's SOPS file."
  value       = 1
}
