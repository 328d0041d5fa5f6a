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
    mountPoints            = concat([local.scratch], [for each in local.files_mounted : merge(each, { readOnly = true })])
    dependsOn              = length(var.files) == 0 ? [] : [{ containerName = "files", condition = "SUCCESS" }]
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

  # Both places are the image's own volumes: what is mounted there belongs to its user, and not to root.
  scratch       = { sourceVolume = "scratch", containerPath = "/tmp", readOnly = false }
  files_mounted = length(var.files) == 0 ? [] : [{ sourceVolume = "files", containerPath = local.files_folder, readOnly = false }]
  files_folder  = "/run/fifteen"

  # What the program wants as a file comes from Secrets Manager too: written before it starts, onto the task's own
  # encrypted disk, by a container that does nothing else. Base64, since a key store is no text.
  files = length(var.files) == 0 ? [] : [{
    name                   = "files"
    image                  = var.image
    entryPoint             = ["/bin/sh", "-c", file("${path.module}/files.sh"), "files"]
    command                = concat([local.files_folder], [for file in sort(keys(var.files)) : "${local.file_variables[file]}=${file}"])
    essential              = false # it ends before the program begins
    user                   = "10001"
    readonlyRootFilesystem = true
    privileged             = false
    linuxParameters        = { initProcessEnabled = false, capabilities = { drop = ["ALL"], add = [] } }
    secrets                = [for file in sort(keys(var.files)) : { name = local.file_variables[file], valueFrom = var.files[file] }]
    mountPoints            = local.files_mounted
    logConfiguration       = local.log_configuration.files
  }]
  file_variables = { for file in keys(var.files) : file => upper(replace(file, "/[.-]/", "_")) }

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
    mountPoints            = [local.scratch]
    logConfiguration       = local.log_configuration.simulator
  }]

  log_configuration = {
    for container in ["program", "collector", "files", "simulator"] : container => {
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
  container_definitions    = jsonencode(concat([merge(local.program, local.health_check)], local.collector, local.simulator, local.files))
  track_latest             = false # deployments register revisions of their own, which are not Terraform's business
  tags                     = var.tags

  runtime_platform {
    operating_system_family = "LINUX"
    cpu_architecture        = "X86_64"
  }

  volume {
    name = "scratch"
  }

  dynamic "volume" {
    for_each = local.files_mounted

    content {
      name = volume.value.sourceVolume
    }
  }
}

resource "aws_cloudwatch_log_group" "this" {
  name              = local.log_group
  retention_in_days = var.log_retention_days
  kms_key_id        = var.logs_kms_key_arn
  tags              = var.tags
}
