# CodeDeploy's lifecycle hooks: four functions of one program (functions/), which prove the green set healthy before it
# gets traffic. What is no proof is a refusal; so is time that runs out.
data "aws_caller_identity" "current" {}
data "aws_region" "current" {}
data "aws_partition" "current" {}

locals {
  account   = data.aws_caller_identity.current.account_id
  region    = data.aws_region.current.name
  partition = data.aws_partition.current.partition

  hooks = toset(["before_install", "after_allow_test_traffic", "before_allow_traffic", "after_allow_traffic"])
  function_names = {
    for hook in local.hooks : hook => "${var.name}-hook-${replace(hook, "_", "-")}"
  }
  # Longer than every check together (functions/green.py, functions/handler.py), shorter than CodeDeploy waits.
  timeout_s = 300
  sources   = { for file in sort(fileset("${path.module}/functions", "*.py")) : file => filesha256("${path.module}/functions/${file}") }
}

resource "aws_lambda_function" "this" {
  # checkov:skip=CKV_AWS_116: CodeDeploy waits for the answer; a call that fails is a refused deployment, not a lost event
  # checkov:skip=CKV_AWS_272: the pipeline's role alone may change the code, and the zip is the same bytes for the same sources
  for_each = local.hooks

  function_name    = local.function_names[each.key]
  description      = "CodeDeploy hook: proves the green set healthy, or refuses it"
  role             = aws_iam_role.this.arn
  runtime          = "python3.13"
  architectures    = ["x86_64"]
  handler          = "handler.${each.key}"
  filename         = "${path.module}/build/deploy_hooks.zip" # made by `make hooks`
  source_code_hash = base64sha256(jsonencode(local.sources))
  timeout          = local.timeout_s
  memory_size      = 256
  # Two deployments of one environment never run at once; the second call is for a repeat of CodeDeploy's.
  reserved_concurrent_executions = 2
  kms_key_arn                    = var.kms_key_arn
  tags                           = var.tags

  environment {
    variables = {
      TEST_ENDPOINT          = var.test_endpoint
      METRICS_QUERY_ENDPOINT = var.metrics_query_endpoint
      QUEUE_AGE_THRESHOLD_S  = tostring(var.queue_age_threshold_s)
      ERROR_BUDGET           = jsonencode(var.error_budget)
    }
  }

  vpc_config {
    subnet_ids         = var.hooks_subnet_ids
    security_group_ids = var.hooks_security_group_ids
  }

  tracing_config {
    mode = "Active"
  }

  logging_config {
    log_format = "Text" # the program writes JSON itself, one line a hook
    log_group  = aws_cloudwatch_log_group.this[each.key].name
  }
}

resource "aws_cloudwatch_log_group" "this" {
  for_each = local.hooks

  name              = "/fifteen/${var.name}/hooks/${each.key}"
  retention_in_days = var.log_retention_days
  kms_key_id        = var.kms_key_arn
  tags              = var.tags
}
