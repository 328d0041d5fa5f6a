# What an account has before anything is deployed into it: its zone, the boundary of every role, and the one role that
# deploys. Applied by the bootstrap pipeline, which deploys nothing else; the deploying role cannot change any of it.
resource "aws_route53_zone" "this" {
  # checkov:skip=CKV2_AWS_38: signing is switched on when the parent zone is ready for it (docs/deploy.md)
  # checkov:skip=CKV2_AWS_39: query logs name nothing that the load balancer's logs do not
  name    = var.domain_name
  comment = "fifteen, ${var.environment}"
  tags    = var.tags
}

resource "aws_s3_account_public_access_block" "this" {
  block_public_acls       = true
  block_public_policy     = true
  ignore_public_acls      = true
  restrict_public_buckets = true
}

resource "aws_iam_service_linked_role" "this" {
  for_each = toset(["config.amazonaws.com", "ecs.amazonaws.com", "mq.amazonaws.com", "rds.amazonaws.com"])

  aws_service_name = each.key
}

locals {
  # The services that this system is made of. The boundary allows nothing else, whatever a role's own policy says.
  services = [
    "access-analyzer", "acm", "application-autoscaling", "aps", "backup", "backup-storage", "cloudtrail", "cloudwatch", "codedeploy",
    "config", "directconnect", "dynamodb", "ec2", "ecr", "ecs", "elasticloadbalancing", "events", "firehose", "grafana",
    "guardduty", "kms", "lambda", "logs", "mq", "rds", "route53", "s3", "secretsmanager", "sns", "ssm", "sts", "xray",
  ]
  role_pattern    = "arn:aws:iam::${var.account_id}:role/fifteen-${var.environment}-*"
  deploy_role     = "fifteen-${var.environment}-deploy"
  deploy_role_arn = "arn:aws:iam::${var.account_id}:role/${local.deploy_role}"
  boundary_arn    = "arn:aws:iam::${var.account_id}:policy/fifteen-${var.environment}-boundary"

  never = [
    {
      Sid    = "NobodyBlindsTheWatchers"
      Effect = "Deny"
      Action = [
        "cloudtrail:DeleteTrail", "cloudtrail:StopLogging", "config:DeleteConfigurationRecorder",
        "config:StopConfigurationRecorder", "guardduty:DeleteDetector", "guardduty:DisassociateFromMasterAccount",
      ]
      Resource = "*"
    },
    {
      Sid    = "NobodyEmptiesTheArchives"
      Effect = "Deny"
      Action = [
        "backup:DeleteBackupVault", "backup:DeleteRecoveryPoint", "s3:BypassGovernanceRetention", "s3:DeleteBucket",
        "s3:DeleteObjectVersion",
      ]
      Resource = "*"
    },
    {
      Sid      = "NobodyLoosensTheBoundary"
      Effect   = "Deny"
      Action   = ["iam:CreatePolicyVersion", "iam:DeletePolicy", "iam:DeletePolicyVersion", "iam:DeleteRolePermissionsBoundary", "iam:SetDefaultPolicyVersion"]
      Resource = "*"
    },
    {
      Sid       = "OnlyOurRegions"
      Effect    = "Deny"
      NotAction = ["acm:*", "ec2:Describe*", "iam:*", "route53:*", "s3:*", "sts:*"]
      Resource  = "*"
      Condition = { StringNotEquals = { "aws:RequestedRegion" = concat(var.regions, ["us-east-1"]) } }
    },
  ]
}

resource "aws_iam_policy" "boundary" {
  # checkov:skip=CKV_AWS_286: a boundary grants nothing: it is what is left of a role's own policy
  # checkov:skip=CKV_AWS_287: as above
  # checkov:skip=CKV_AWS_288: as above
  # checkov:skip=CKV_AWS_289: as above
  # checkov:skip=CKV_AWS_290: as above
  # checkov:skip=CKV_AWS_355: as above
  # checkov:skip=CKV2_AWS_40: as above
  name        = "fifteen-${var.environment}-boundary"
  description = "The most that any role of fifteen may ever do"
  tags        = var.tags
  policy = jsonencode({
    Version = "2012-10-17"
    Statement = concat(
      [
        {
          Sid      = "ServicesOfThisSystem"
          Effect   = "Allow"
          Action   = [for service in local.services : "${service}:*"]
          Resource = "*"
        },
        {
          Sid      = "OwnRolesAlone"
          Effect   = "Allow"
          Action   = ["iam:Get*", "iam:List*", "iam:PassRole", "iam:TagRole", "iam:UntagRole", "iam:CreateRole", "iam:DeleteRole", "iam:PutRolePolicy", "iam:DeleteRolePolicy", "iam:AttachRolePolicy", "iam:DetachRolePolicy", "iam:UpdateAssumeRolePolicy", "iam:UpdateRole", "iam:UpdateRoleDescription"]
          Resource = local.role_pattern
        },
      ],
      local.never,
    )
  })
}

resource "aws_iam_role" "deploy" {
  name                 = local.deploy_role
  description          = "The delivery pipeline deploys into ${var.environment}"
  permissions_boundary = aws_iam_policy.boundary.arn
  max_session_duration = 7200
  tags                 = var.tags
  assume_role_policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Effect    = "Allow"
      Action    = "sts:AssumeRole"
      Principal = { AWS = "arn:aws:iam::${var.tools_account_id}:root" }
      Condition = { ArnEquals = { "aws:PrincipalArn" = var.deployer_role_arns } }
    }]
  })
}

# AWS's own policy for everything but IAM; the boundary cuts it down to the services of this system.
resource "aws_iam_role_policy_attachment" "deploy" {
  # checkov:skip=CKV_AWS_274: not AdministratorAccess; and cut down by the boundary
  role       = aws_iam_role.deploy.name
  policy_arn = "arn:aws:iam::aws:policy/PowerUserAccess"
}

# Roles it may make: named after this environment, and under the boundary. It cannot touch itself.
resource "aws_iam_role_policy" "deploy" {
  name = "make-roles-under-the-boundary"
  role = aws_iam_role.deploy.id
  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [
      {
        Sid       = "OnlyUnderTheBoundary"
        Effect    = "Allow"
        Action    = ["iam:AttachRolePolicy", "iam:CreateRole", "iam:DeleteRolePolicy", "iam:DetachRolePolicy", "iam:PutRolePolicy"]
        Resource  = [local.role_pattern]
        Condition = { StringEquals = { "iam:PermissionsBoundary" = local.boundary_arn } }
      },
      {
        Sid      = "LookAfterThem"
        Effect   = "Allow"
        Action   = ["iam:DeleteRole", "iam:GetRole", "iam:GetRolePolicy", "iam:ListAttachedRolePolicies", "iam:ListInstanceProfilesForRole", "iam:ListRolePolicies", "iam:PassRole", "iam:TagRole", "iam:UntagRole", "iam:UpdateAssumeRolePolicy", "iam:UpdateRole"]
        Resource = [local.role_pattern]
      },
      {
        Sid      = "NotItself"
        Effect   = "Deny"
        Action   = ["iam:AttachRolePolicy", "iam:DeleteRole", "iam:DeleteRolePolicy", "iam:DetachRolePolicy", "iam:PutRolePolicy", "iam:UpdateAssumeRolePolicy", "iam:UpdateRole"]
        Resource = [local.deploy_role_arn]
      },
    ]
  })
}
