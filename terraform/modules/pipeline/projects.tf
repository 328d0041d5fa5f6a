# The steps. Each has a role of its own, that may do what this step does.
locals {
  projects = {
    test      = { description = "make test", minutes = 60, pushes_images = false, deploys = false, privileged = false }
    scan      = { description = "Static and dependency analysis, SBOM", minutes = 30, pushes_images = false, deploys = false, privileged = false }
    image     = { description = "Builds the image once, for every environment", minutes = 30, pushes_images = true, deploys = false, privileged = true }
    deploy    = { description = "Applies Terraform and exchanges the services", minutes = 120, pushes_images = false, deploys = true, privileged = false }
    synthetic = { description = "Sends synthetic payments and waits for their status", minutes = 30, pushes_images = false, deploys = true, privileged = false }
  }
}

resource "aws_codebuild_project" "this" {
  # checkov:skip=CKV_AWS_316: only the image step is privileged, because building an image needs an engine
  for_each = local.projects

  name                   = "${var.name}-${each.key}"
  description            = each.value.description
  service_role           = aws_iam_role.project[each.key].arn
  encryption_key         = var.kms_key_arn
  build_timeout          = each.value.minutes
  concurrent_build_limit = 4
  tags                   = var.tags

  artifacts {
    type = "CODEPIPELINE"
  }

  source {
    type      = "CODEPIPELINE"
    buildspec = "${local.buildspec_folder}/${each.key}.yml"
  }

  environment {
    compute_type    = "BUILD_GENERAL1_MEDIUM"
    image           = var.build_image
    type            = "LINUX_CONTAINER"
    privileged_mode = each.value.privileged

    environment_variable {
      name  = "FIFTEEN_IMAGE_REPOSITORY"
      value = var.repository_url
    }

    # The image's base by digest: a required argument of the Dockerfile, that nobody invents.
    environment_variable {
      name  = "FIFTEEN_BASE_IMAGE"
      value = var.base_image
    }
  }

  logs_config {
    cloudwatch_logs {
      group_name = aws_cloudwatch_log_group.this[each.key].name
    }
  }
}

resource "aws_cloudwatch_log_group" "this" {
  for_each = local.projects

  name              = "/fifteen/${var.name}/build/${each.key}"
  retention_in_days = var.log_retention_days
  kms_key_id        = var.logs_kms_key_arn
  tags              = var.tags
}

resource "aws_iam_role" "project" {
  for_each = local.projects

  name                 = "${var.name}-build-${each.key}"
  description          = each.value.description
  permissions_boundary = var.permissions_boundary_arn
  assume_role_policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Effect    = "Allow"
      Action    = "sts:AssumeRole"
      Principal = { Service = "codebuild.amazonaws.com" }
      Condition = { ArnEquals = { "aws:SourceArn" = "arn:aws:codebuild:${var.region}:${var.account_id}:project/${var.name}-${each.key}" } }
    }]
  })
  tags = var.tags
}

resource "aws_iam_role_policy" "project" {
  # checkov:skip=CKV_AWS_290: the one star is ecr:GetAuthorizationToken's, which knows no resource
  # checkov:skip=CKV_AWS_355: as above
  for_each = local.projects

  name = "do-the-step"
  role = aws_iam_role.project[each.key].id
  policy = jsonencode({
    Version = "2012-10-17"
    Statement = concat(
      [
        {
          Sid      = "Log"
          Effect   = "Allow"
          Action   = ["logs:CreateLogStream", "logs:PutLogEvents"]
          Resource = ["${aws_cloudwatch_log_group.this[each.key].arn}:*"]
        },
        {
          Sid      = "Artifacts"
          Effect   = "Allow"
          Action   = ["s3:GetObject", "s3:GetObjectVersion", "s3:PutObject"]
          Resource = ["arn:aws:s3:::${local.bucket_name}/*"]
        },
        {
          Sid      = "Encrypt"
          Effect   = "Allow"
          Action   = ["kms:Decrypt", "kms:GenerateDataKey"]
          Resource = [var.kms_key_arn]
        },
        {
          Sid      = "Source"
          Effect   = "Allow"
          Action   = ["codestar-connections:UseConnection"]
          Resource = [var.source_code.connection_arn]
        },
      ],
      [
        for statement in [
          {
            Sid      = "LogInToRegistry"
            Effect   = "Allow"
            Action   = ["ecr:GetAuthorizationToken"]
            Resource = ["*"] # knows no resource
          },
          {
            Sid    = "PushImage"
            Effect = "Allow"
            Action = [
              "ecr:BatchCheckLayerAvailability", "ecr:BatchGetImage", "ecr:CompleteLayerUpload", "ecr:DescribeImages",
              "ecr:DescribeImageScanFindings", "ecr:GetDownloadUrlForLayer", "ecr:InitiateLayerUpload", "ecr:PutImage",
              "ecr:UploadLayerPart",
            ]
            Resource = var.repository_arns
          },
        ] : statement if each.value.pushes_images
      ],
      [
        for statement in [{
          Sid      = "ActInEnvironments"
          Effect   = "Allow"
          Action   = ["sts:AssumeRole"]
          Resource = values(var.deploy_role_arns)
        }] : statement if each.value.deploys
      ],
    )
  })
}
