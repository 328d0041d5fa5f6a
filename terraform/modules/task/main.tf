# What runs: one task definition, its two roles and its log. Used by services and by one-off tasks alike.
#
# The execution role starts the task (pulls the image, reads secrets, opens the log); the task role is what the program
# itself may do. Neither can do the other's part.
locals {
  family     = "${var.name}-${var.role}"
  log_group  = "/fifteen/${var.name}/${var.role}"
  is_watched = var.collector != null

  program = {
    name                   = var.role
    image                  = var.image
    command                = var.command
    essential              = true
    user                   = "10001"
    readonlyRootFilesystem = true
    privileged             = false
    stopTimeout            = var.stop_timeout_s
    portMappings           = var.port == null ? [] : [{ containerPort = var.port, hostPort = var.port, protocol = "tcp" }]
    environment            = [for variable in sort(keys(var.environment_variables)) : { name = variable, value = var.environment_variables[variable] }]
    secrets                = [for variable in sort(keys(var.secrets)) : { name = variable, valueFrom = var.secrets[variable] }]
    mountPoints            = [{ sourceVolume = "scratch", containerPath = "/tmp", readOnly = false }]
    linuxParameters        = { initProcessEnabled = true, capabilities = { drop = ["ALL"], add = [] } }
    logConfiguration       = local.log_configuration.program
  }
  # The image's own: it asks the role that the container was started with.
  health_check = var.port == null ? {} : {
    healthCheck = {
      command     = ["CMD", "python", "-m", "gateway.health"]
      interval    = 10
      timeout     = 3
      retries     = 3
      startPeriod = 20
    }
  }

  collector = local.is_watched ? [{
    name                   = "collector"
    image                  = var.collector.image
    essential              = false # a payment does not wait for its metrics
    readonlyRootFilesystem = true
    privileged             = false
    linuxParameters        = { initProcessEnabled = false, capabilities = { drop = ["ALL"], add = [] } }
    environment            = [{ name = "AOT_CONFIG_CONTENT", value = local.collector_configuration }]
    logConfiguration       = local.log_configuration.collector
  }] : []

  # Where no rail is to be reached, one is played beside the program, on the loopback address that they share.
  simulator = var.simulator_command == null ? [] : [{
    name                   = "simulator"
    image                  = var.image
    command                = var.simulator_command
    essential              = true
    user                   = "10001"
    readonlyRootFilesystem = true
    privileged             = false
    linuxParameters        = { initProcessEnabled = true, capabilities = { drop = ["ALL"], add = [] } }
    mountPoints            = [{ sourceVolume = "scratch", containerPath = "/tmp", readOnly = false }]
    logConfiguration       = local.log_configuration.simulator
  }]

  log_configuration = {
    for container in ["program", "collector", "simulator"] : container => {
      logDriver = "awslogs"
      options = {
        awslogs-group         = local.log_group
        awslogs-region        = var.region
        awslogs-stream-prefix = container
        mode                  = "non-blocking" # a log that cannot be written stops no payment
        max-buffer-size       = "25m"
      }
    }
  }
}

resource "aws_ecs_task_definition" "this" {
  family                   = local.family
  requires_compatibilities = ["FARGATE"]
  network_mode             = "awsvpc"
  cpu                      = var.size.cpu
  memory                   = var.size.memory
  execution_role_arn       = aws_iam_role.execution.arn
  task_role_arn            = aws_iam_role.task.arn
  container_definitions    = jsonencode(concat([merge(local.program, local.health_check)], local.collector, local.simulator))
  track_latest             = false # deployments register revisions of their own, which are not Terraform's business
  tags                     = var.tags

  runtime_platform {
    operating_system_family = "LINUX"
    cpu_architecture        = "X86_64"
  }

  volume {
    name = "scratch"
  }
}

resource "aws_cloudwatch_log_group" "this" {
  name              = local.log_group
  retention_in_days = var.log_retention_days
  kms_key_id        = var.logs_kms_key_arn
  tags              = var.tags
}
