# What the hooks may do: look at the deployment, answer it, ask Prometheus, write their logs. They can change nothing else.
resource "aws_iam_role" "this" {
  name                 = "${var.name}-deploy-hooks"
  description          = "Deployment hooks: prove the green set healthy"
  permissions_boundary = var.permissions_boundary_arn
  assume_role_policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Effect    = "Allow"
      Action    = "sts:AssumeRole"
      Principal = { Service = "lambda.amazonaws.com" }
      Condition = { StringEquals = { "aws:SourceAccount" = local.account } }
    }]
  })
  tags = var.tags
}

resource "aws_iam_role_policy" "this" {
  # checkov:skip=CKV_AWS_290: describing, tracing and the interfaces of a VPC know no resource; answering names ours
  # checkov:skip=CKV_AWS_355: as above
  name = "prove-the-green-set"
  role = aws_iam_role.this.id
  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [
      {
        Sid    = "KnowAndAnswerTheDeployment"
        Effect = "Allow"
        Action = ["codedeploy:GetDeployment", "codedeploy:PutLifecycleEventHookExecutionStatus"]
        Resource = [
          "arn:${local.partition}:codedeploy:${local.region}:${local.account}:deploymentgroup:${var.name}-*/${var.name}-*",
        ]
      },
      {
        Sid      = "AskPrometheus"
        Effect   = "Allow"
        Action   = ["aps:QueryMetrics"]
        Resource = ["arn:${local.partition}:aps:${local.region}:${local.account}:workspace/*"]
      },
      {
        Sid      = "WriteLogs"
        Effect   = "Allow"
        Action   = ["logs:CreateLogStream", "logs:PutLogEvents"]
        Resource = [for group in aws_cloudwatch_log_group.this : "${group.arn}:*"]
      },
      {
        Sid      = "ReadTheirEnvironment"
        Effect   = "Allow"
        Action   = ["kms:Decrypt"]
        Resource = [var.kms_key_arn]
      },
      {
        # These know no resource.
        Sid    = "LookAtTheTaskAndTrace"
        Effect = "Allow"
        Action = [
          "ecs:DescribeTaskDefinition",
          "xray:PutTelemetryRecords",
          "xray:PutTraceSegments",
        ]
        Resource = ["*"]
      },
      {
        # A function in a VPC is given its interfaces under its own role; of the actions none knows a resource when it is made.
        Sid    = "LiveInTheNetwork"
        Effect = "Allow"
        Action = [
          "ec2:AssignPrivateIpAddresses",
          "ec2:CreateNetworkInterface",
          "ec2:DeleteNetworkInterface",
          "ec2:DescribeNetworkInterfaces",
          "ec2:DescribeSecurityGroups",
          "ec2:DescribeSubnets",
          "ec2:DescribeVpcs",
          "ec2:UnassignPrivateIpAddresses",
        ]
        Resource = ["*"]
      },
    ]
  })
}
