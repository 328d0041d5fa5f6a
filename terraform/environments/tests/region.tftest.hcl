# One environment, one region, whole: what matters is held here against everything as it is wired together. Every region of
# every environment has a link to this file: all of them keep the same promises.
mock_provider "aws" {
  source          = "../../../tests/mocks"
  override_during = plan
}

variables {
  account_id        = "000000000000"
  zone_id           = "Z11111111111"
  images_account_id = "555555555555"
  images = {
    program   = "555555555555.dkr.ecr.us-east-1.amazonaws.com/fifteen@sha256:1111111111111111111111111111111111111111111111111111111111111111"
    collector = "555555555555.dkr.ecr.us-east-1.amazonaws.com/collector@sha256:2222222222222222222222222222222222222222222222222222222222222222"
  }
  client_authorities_pem = "-----BEGIN CERTIFICATE-----\nnot a real one\n-----END CERTIFICATE-----"
  broker_password        = "an-invented-broker-password"
  secrets = {
    database-password              = "an invented database password"
    replication-password           = "an invented replication password"
    api-key                        = "an invented api key"
    operator-key                   = "an invented operator key"
    index-key                      = "an invented index key"
    message-keys                   = "YW4gaW52ZW50ZWQgZmlsZQ=="
    peer-certificate               = "YW4gaW52ZW50ZWQgZmlsZQ=="
    peer-key                       = "YW4gaW52ZW50ZWQgZmlsZQ=="
    fednow-key-repository-password = "an invented password"
    "fednow-key-repository.p12"    = "YW4gaW52ZW50ZWQgZmlsZQ=="
  }
}

# Subnets are told apart, so that zones can be counted.
override_resource {
  target          = module.region.module.network.aws_subnet.this["service-0"]
  values          = { id = "subnet-service0" }
  override_during = plan
}

override_resource {
  target          = module.region.module.network.aws_subnet.this["service-1"]
  values          = { id = "subnet-service1" }
  override_during = plan
}

override_resource {
  target          = module.region.module.network.aws_subnet.this["service-2"]
  values          = { id = "subnet-service2" }
  override_during = plan
}

override_resource {
  target          = module.region.module.network.aws_subnet.this["data-0"]
  values          = { id = "subnet-data0" }
  override_during = plan
}

override_resource {
  target          = module.region.module.network.aws_subnet.this["data-1"]
  values          = { id = "subnet-data1" }
  override_during = plan
}

override_resource {
  target          = module.region.module.network.aws_subnet.this["data-2"]
  values          = { id = "subnet-data2" }
  override_during = plan
}

override_resource {
  target          = module.region.module.network.aws_subnet.this["endpoint-0"]
  values          = { id = "subnet-endpoint0" }
  override_during = plan
}

override_resource {
  target          = module.region.module.network.aws_subnet.this["endpoint-1"]
  values          = { id = "subnet-endpoint1" }
  override_during = plan
}

override_resource {
  target          = module.region.module.network.aws_subnet.this["endpoint-2"]
  values          = { id = "subnet-endpoint2" }
  override_during = plan
}

# What the environment is: where the rail is real, its address is demanded.
run "values" {
  command = plan

  module {
    source = "../values"
  }
}

run "everything_holds_together" {
  command = plan

  variables {
    rail_settings = run.values.plays_the_rail ? {} : { FIFTEEN_FEDNOW__URL = "ibmmq://127.0.0.1(1414)/QM1" }
  }

  assert {
    condition     = module.region.promises.postgres.encrypted && module.region.promises.rabbitmq.encrypted && module.region.promises.archive.encryption == "aws:kms"
    error_message = "Books, queues and archive rest encrypted under our keys."
  }
  assert {
    condition = !anytrue([
      module.region.promises.postgres.public, module.region.promises.rabbitmq.public, module.region.promises.archive.public,
      module.region.promises.gateway.public_address, module.region.promises.worker.public_address,
      !module.region.promises.load_balancer.internal,
    ])
    error_message = "Nothing is public."
  }
  assert {
    condition     = module.region.promises.postgres.multi_az == (module.values.environment != "dev") && module.region.promises.postgres.deletion_protection == (module.values.environment != "dev")
    error_message = "Outside dev the database has a standby in another zone, and is protected."
  }
  assert {
    condition     = module.region.promises.rabbitmq.cluster && module.region.promises.rabbitmq.zones == 3 && module.region.promises.gateway.zones == 3 && module.region.promises.worker.zones == 3
    error_message = "Broker, gateways and workers are in three zones."
  }
  assert {
    condition     = module.region.promises.gateway.tasks_min >= 2 && module.region.promises.worker.tasks_min >= 2
    error_message = "Never fewer than two of each."
  }
  assert {
    condition     = module.region.promises.deployments.type == "BLUE_GREEN" && module.region.promises.deployments.rolls_back && module.region.promises.deployments.rollback_alarms == 12 && !module.region.promises.deployments.all_at_once
    error_message = "Blue/green, step by step, with alarms that take it back."
  }
  assert {
    condition     = module.region.promises.deployments.hooks == tolist(["AfterAllowTestTraffic", "AfterAllowTraffic", "BeforeAllowTraffic", "BeforeInstall"])
    error_message = "A hook at every moment."
  }
  assert {
    condition     = module.region.promises.gateway.controller == "CODE_DEPLOY" && module.region.promises.worker.controller == "ECS" && module.region.promises.worker.circuit_breaker
    error_message = "The gateway is exchanged, the worker rolls and comes back."
  }
  assert {
    condition     = module.region.promises.archive.lock && module.region.promises.archive.mode == "COMPLIANCE" && module.region.promises.archive.replicated
    error_message = "The archive is locked, and copied to the other region."
  }
  assert {
    condition     = contains(["dev", "uat"], module.values.environment) || module.region.promises.archive.days >= 2555
    error_message = "Seven years where payments are real or certified."
  }
  assert {
    condition     = module.region.promises.load_balancer.mutual_tls == "verify" && !module.region.promises.load_balancer.plain_http
    error_message = "Clients show certificates, and nothing is plain."
  }
  assert {
    condition = alltrue([
      for action in concat(module.region.promises.gateway.task_actions, module.region.promises.worker.task_actions) :
      !strcontains(action, "*") && !can(regex("Delete|^iam:|^sts:", action))
    ])
    error_message = "What serves can delete nothing, become nobody, and has no star."
  }
  assert {
    condition = alltrue([
      for role, task in module.region.promises.tasks : alltrue([
        task.environment.FIFTEEN_ARCHIVE_URL == "s3://${output.names.archive_bucket}/messages",
        task.environment.FIFTEEN_AUDIT_ANCHORS == "s3://${output.names.archive_bucket}/anchors",
        task.environment.FIFTEEN_KEYS_FILE == "/run/fifteen/message-keys",
        task.environment.FIFTEEN_WITNESS_URL == "dynamodb://fifteen-${module.values.environment}-witness?region=${module.values.witness.region}",
        task.environment.FIFTEEN_PEER_URL == "https://api.${module.values.peers[local.region]}.${module.values.domain_name}",
        length(setsubtract(["message-keys", "peer-certificate", "peer-key"], task.files)) == 0,
      ])
    ])
    error_message = "Every task knows archive, anchors, keys, witness and the other region."
  }
  assert {
    condition     = [for role, task in module.region.promises.tasks : role if contains(task.secrets, "FIFTEEN_PEER_DATABASE_URL")] == ["one-off"] && toset([for role, task in module.region.promises.tasks : role if contains(task.secrets, "PGPASSWORD")]) == toset(["db-upgrade", "one-off"])
    error_message = "Only one-off tasks can join the regions, and nothing that serves has the owner's password."
  }
  assert {
    condition     = alltrue([for role, task in module.region.promises.tasks : module.values.plays_the_rail || startswith(lookup(task.environment, "FIFTEEN_FEDNOW__URL", ""), "ibmmq://")])
    error_message = "Where payments are certified or real, the rail is."
  }
  assert {
    condition     = module.region.promises.postgres.logical_replication && !module.region.promises.postgres.password_in_state
    error_message = "The other region can subscribe; the owner's password is RDS's alone."
  }
  assert {
    condition     = output.link.cidr == module.values.network[local.region].cidr && output.link.cidr != module.values.network[module.values.peers[local.region]].cidr
    error_message = "The region has its own addresses."
  }
}
