# One key for each kind of data, so that who may read logs may not read the books.
locals {
  # The services that use a key on our behalf. S3, RDS and the like come as the caller (kms:ViaService) and need no
  # principal here; these come as themselves.
  service_principals = {
    data     = ["aps.amazonaws.com", "backup.amazonaws.com", "cloudwatch.amazonaws.com", "events.amazonaws.com"]
    logs     = ["logs.${var.region}.amazonaws.com", "delivery.logs.amazonaws.com", "cloudtrail.amazonaws.com", "config.amazonaws.com"]
    secrets  = []
    archive  = []
    delivery = ["codestar-notifications.amazonaws.com"]
  }
  descriptions = {
    data     = "Books, queues, backups and alarms"
    logs     = "Logs and trails"
    secrets  = "Secrets and parameters"
    archive  = "The audit archive"
    delivery = "Images and what is built"
  }
}

resource "aws_kms_key" "this" {
  for_each = var.purposes

  description             = "${var.name}: ${local.descriptions[each.key]}"
  enable_key_rotation     = true
  deletion_window_in_days = 30
  policy                  = jsonencode({ Version = "2012-10-17", Statement = concat(local.owner_statements, local.service_statements[each.key]) })
  tags                    = merge(var.tags, { Name = "${var.name}-${each.key}" })
}

resource "aws_kms_alias" "this" {
  for_each = var.purposes

  name          = "alias/${var.name}-${each.key}"
  target_key_id = aws_kms_key.this[each.key].key_id
}

locals {
  # Without the account's own statement nobody could ever administer the key; what a role may do with it is said in the
  # role's own policy.
  owner_statements = [{
    Sid       = "AccountDelegatesToIam"
    Effect    = "Allow"
    Principal = { AWS = "arn:aws:iam::${var.account_id}:root" }
    Action    = "kms:*"
    Resource  = "*" # in a key's policy: this key
  }]
  service_statements = {
    for purpose in var.purposes : purpose => [
      for principal in local.service_principals[purpose] : {
        Sid       = "For${replace(title(replace(split(".", principal)[0], "-", " ")), " ", "")}"
        Effect    = "Allow"
        Principal = { Service = principal }
        Action    = ["kms:Decrypt", "kms:DescribeKey", "kms:Encrypt", "kms:GenerateDataKey*", "kms:ReEncrypt*"]
        Resource  = "*"
        Condition = startswith(principal, "logs.") ? {
          ArnLike = { "kms:EncryptionContext:aws:logs:arn" = "arn:aws:logs:${var.region}:${var.account_id}:log-group:*" }
          } : {
          StringEquals = { "aws:SourceAccount" = var.account_id }
        }
      }
    ]
  }
}
