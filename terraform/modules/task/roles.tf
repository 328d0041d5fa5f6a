locals {
  assume_by_tasks = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Effect    = "Allow"
      Action    = "sts:AssumeRole"
      Principal = { Service = "ecs-tasks.amazonaws.com" }
      Condition = {
        StringEquals = { "aws:SourceAccount" = var.account_id }
        ArnLike      = { "aws:SourceArn" = "arn:aws:ecs:${var.region}:${var.account_id}:*" }
      }
    }]
  })

  # "…:secret:name-AbCdEf:json-key::" names a member of a secret; the permission is the secret's.
  secret_arns = distinct([for reference in concat(values(var.secrets), values(var.files)) : join(":", slice(split(":", reference), 0, 7))])

  execution_statements = concat(
    [
      {
        Sid      = "LogIn"
        Effect   = "Allow"
        Action   = ["ecr:GetAuthorizationToken"]
        Resource = ["*"] # the one action here that knows no resource
      },
      {
        Sid      = "PullImages"
        Effect   = "Allow"
        Action   = ["ecr:BatchCheckLayerAvailability", "ecr:BatchGetImage", "ecr:GetDownloadUrlForLayer"]
        Resource = var.repository_arns
      },
      {
        Sid      = "WriteLog"
        Effect   = "Allow"
        Action   = ["logs:CreateLogStream", "logs:PutLogEvents"]
        Resource = ["${aws_cloudwatch_log_group.this.arn}:*"]
      },
    ],
    [
      for statement in [{
        Sid      = "ReadOwnSecrets"
        Effect   = "Allow"
        Action   = ["secretsmanager:GetSecretValue"]
        Resource = local.secret_arns
        },
        {
          Sid       = "DecryptSecrets"
          Effect    = "Allow"
          Action    = ["kms:Decrypt"]
          Resource  = [var.secrets_kms_key_arn]
          Condition = { StringEquals = { "kms:ViaService" = "secretsmanager.${var.region}.amazonaws.com" } }
      }] : statement if length(local.secret_arns) > 0
    ],
  )

  task_statements = concat(
    [
      for statement in [{
        Sid      = "WriteMetrics"
        Effect   = "Allow"
        Action   = ["aps:RemoteWrite"]
        Resource = [try(var.collector.workspace_arn, "")]
        },
        {
          Sid      = "WriteMetricsLog"
          Effect   = "Allow"
          Action   = ["logs:CreateLogStream", "logs:DescribeLogStreams", "logs:PutLogEvents"]
          Resource = ["${aws_cloudwatch_log_group.this.arn}:*"]
      }] : statement if local.is_watched
    ],
    [for statement in var.task_statements : { Sid = statement.sid, Effect = "Allow", Action = statement.actions, Resource = statement.resources }],
  )
}

resource "aws_iam_role" "execution" {
  name                 = "${local.family}-execution"
  description          = "Starts ${local.family}: image, secrets, log"
  permissions_boundary = var.permissions_boundary_arn
  assume_role_policy   = local.assume_by_tasks
  tags                 = var.tags
}

resource "aws_iam_role_policy" "execution" {
  name   = "start-the-task"
  role   = aws_iam_role.execution.id
  policy = jsonencode({ Version = "2012-10-17", Statement = local.execution_statements })
}

resource "aws_iam_role" "task" {
  name                 = "${local.family}-task"
  description          = "What ${local.family} itself may do"
  permissions_boundary = var.permissions_boundary_arn
  assume_role_policy   = local.assume_by_tasks
  tags                 = var.tags
}

resource "aws_iam_role_policy" "task" {
  count = length(local.task_statements) == 0 ? 0 : 1

  name   = "do-its-work"
  role   = aws_iam_role.task.id
  policy = jsonencode({ Version = "2012-10-17", Statement = local.task_statements })
}
