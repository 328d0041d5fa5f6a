# One way to every environment: test, scan, build one image, then the same deployment in dev, uat, cert and prod, in one
# region after the other. Before cert and prod a person approves, with the change form filled in.
#
# What a step does is in buildspecs/, and each calls the make targets that a developer calls.
locals {
  # The order, and who is asked. It is written down here and nowhere else: no value can take an approval away.
  environments = ["dev", "uat", "cert", "prod"]
  approved     = toset(["cert", "prod"])

  buildspec_folder = "terraform/modules/pipeline/buildspecs"

  checks = {
    test  = { order = 1, project = "test", inputs = ["source"], outputs = [] }
    scan  = { order = 1, project = "scan", inputs = ["source"], outputs = [] }
    image = { order = 2, project = "image", inputs = ["source"], outputs = ["image"] }
  }

  # Every environment has the same actions, in the same order, whatever it is called.
  deployments = {
    for environment in local.environments : environment => concat(
      [for action in [{ name = "approve", kind = "approval", region = null, project = null }] : action if contains(local.approved, environment)],
      flatten([
        for region in var.serving_regions : [
          { name = "deploy-${region}", kind = "build", region = region, project = "deploy" },
          { name = "synthetic-${region}", kind = "build", region = region, project = "synthetic" },
        ]
      ]),
      [
        { name = "deploy-global", kind = "build", region = "global", project = "deploy" },
      ],
    )
  }
}

resource "aws_codepipeline" "this" {
  name           = "${var.name}-delivery"
  role_arn       = aws_iam_role.pipeline.arn
  pipeline_type  = "V2"
  execution_mode = "QUEUED" # two changes never overtake each other
  tags           = var.tags

  artifact_store {
    location = aws_s3_bucket.artifacts.id
    type     = "S3"

    encryption_key {
      id   = var.kms_key_arn
      type = "KMS"
    }
  }

  stage {
    name = "source"

    action {
      name             = "source"
      category         = "Source"
      owner            = "AWS"
      provider         = "CodeStarSourceConnection"
      version          = "1"
      output_artifacts = ["source"]
      configuration = {
        ConnectionArn        = var.source_code.connection_arn
        FullRepositoryId     = var.source_code.repository
        BranchName           = var.source_code.branch
        OutputArtifactFormat = "CODEBUILD_CLONE_REF" # the history too: the version comes from it
        DetectChanges        = "true"
      }
    }
  }

  stage {
    name = "check-and-build"

    dynamic "action" {
      for_each = local.checks

      content {
        name             = action.key
        category         = "Build"
        owner            = "AWS"
        provider         = "CodeBuild"
        version          = "1"
        run_order        = action.value.order
        input_artifacts  = action.value.inputs
        output_artifacts = action.value.outputs
        configuration    = { ProjectName = aws_codebuild_project.this[action.value.project].name }
      }
    }
  }

  # A stage that fails is not rolled back here: CodeDeploy has taken its set back by then, and a change that was not
  # approved must not deploy the one before it anew.
  dynamic "stage" {
    for_each = local.environments

    content {
      name = stage.value

      dynamic "action" {
        for_each = { for index, action in local.deployments[stage.value] : format("%02d", index + 1) => action }

        content {
          name            = action.value.name
          category        = action.value.kind == "approval" ? "Approval" : "Build"
          owner           = "AWS"
          provider        = action.value.kind == "approval" ? "Manual" : "CodeBuild"
          version         = "1"
          run_order       = tonumber(action.key)
          input_artifacts = action.value.kind == "approval" ? [] : ["source", "image"]
          configuration = action.value.kind == "approval" ? {
            NotificationArn    = aws_sns_topic.approvals.arn
            ExternalEntityLink = var.change_form_url
            CustomData         = "Change to ${stage.value}: fill in the change form (what, why, risk, proof in the environment before, way back, window, who was told) and name it in the comment. Who wrote the change does not approve it."
            } : {
            ProjectName   = aws_codebuild_project.this[action.value.project].name
            PrimarySource = "source"
            EnvironmentVariables = jsonencode([
              { name = "FIFTEEN_ENVIRONMENT", value = stage.value, type = "PLAINTEXT" },
              { name = "FIFTEEN_DEPLOY_REGION", value = action.value.region, type = "PLAINTEXT" },
              { name = "FIFTEEN_DEPLOY_ROLE_ARN", value = var.deploy_role_arns[stage.value], type = "PLAINTEXT" },
            ])
          }
        }
      }
    }
  }
}

resource "aws_sns_topic" "approvals" {
  name              = "${var.name}-approvals"
  kms_master_key_id = var.kms_key_arn
  tags              = var.tags
}
