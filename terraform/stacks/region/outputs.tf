output "link" {
  description = "What the global stack has to know of this region; `terraform output -json link` hands it over."
  value = {
    vpc_id                 = module.network.vpc_id
    cidr                   = var.network.cidr
    route_table_ids        = [module.network.route_table_ids["service"], module.network.route_table_ids["data"]]
    load_balancer_dns_name = module.load_balancer.dns.name
    load_balancer_zone_id  = module.load_balancer.dns.zone_id
    health_alarm_name      = module.observability.serving_alarm_name
  }
}

output "deployment" {
  description = "What a deployment needs: cluster, services, CodeDeploy, the AppSpec's place, one-off tasks."
  value = {
    cluster                = aws_ecs_cluster.this.name
    gateway_service        = module.gateway.service_name
    worker_service         = module.worker.service_name
    codedeploy_application = module.blue_green.application_name
    codedeploy_group       = module.blue_green.deployment_group_name
    appspec_parameter      = module.blue_green.appspec_parameter_name
    db_upgrade_family      = module.task["db-upgrade"].family
    one_off_family         = module.task["one-off"].family
    subnet_ids             = module.network.subnet_ids["service"]
    grafana                = module.observability.grafana
    one_off_security_group = module.network.security_group_ids["one_off"]
  }
}

output "settings" {
  description = "What every task is told that is no secret."
  value       = local.settings
}

output "names" {
  description = "Things by name, for operators."
  value = {
    database       = module.postgres.identifier
    archive_bucket = module.audit_archive.bucket_name
    alarm_topic    = module.observability.alarm_topic_arn
    metrics        = module.observability.prometheus.query_endpoint
  }
}

output "promises" {
  description = "What is promised of the region, read from what is made; the environments' tests hold it."
  value = {
    postgres      = module.postgres.promises
    rabbitmq      = module.rabbitmq.promises
    archive       = module.audit_archive.promises
    load_balancer = module.load_balancer.promises
    deployments   = module.blue_green.promises
    gateway       = merge(module.gateway.promises, { task_actions = module.task["gateway"].task_actions })
    tasks = {
      for role, task in local.tasks : role => { environment = task.environment, secrets = keys(task.secrets), files = keys(local.files) }
    }
    worker = merge(module.worker.promises, { task_actions = module.task["worker"].task_actions })
  }
}
