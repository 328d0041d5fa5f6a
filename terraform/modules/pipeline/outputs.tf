output "pipeline_name" {
  description = "The pipeline."
  value       = aws_codepipeline.this.name
}

output "project_names" {
  description = "Its steps."
  value       = { for step, project in aws_codebuild_project.this : step => project.name }
}

output "approval_topic_arn" {
  description = "Where approvals are asked for."
  value       = aws_sns_topic.approvals.arn
}

output "project_role_arns" {
  description = "Roles of the steps, which the environments' deploying roles trust."
  value       = { for step, role in aws_iam_role.project : step => role.arn }
}

output "promises" {
  description = "What is promised of the way to the environments, read from what is made."
  value = {
    order     = [for stage in aws_codepipeline.this.stage : stage.name]
    approvals = [for stage in aws_codepipeline.this.stage : stage.name if contains([for action in stage.action : action.category], "Approval")]
    same_way = length(distinct([
      for stage in aws_codepipeline.this.stage : jsonencode([for action in stage.action : action.name if action.category == "Build"])
      if contains(local.environments, stage.name)
    ])) == 1
  }
}
