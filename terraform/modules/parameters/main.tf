# Secrets in Secrets Manager, everything else that is looked up in Parameter Store.
#
# The source of the secrets is a SOPS file beside the environment's values. Its values come in through an ephemeral
# variable and go out through write-only arguments: they are in no plan and in no state. A new revision writes them anew.
resource "aws_secretsmanager_secret" "this" {
  for_each = var.secret_names

  # checkov:skip=CKV2_AWS_57: the SOPS file is the source; rotation is a change of it, reviewed like any other
  name                    = "${var.name}/${each.key}"
  description             = "${each.key}, from the environment's SOPS file"
  kms_key_id              = var.kms_key_arn
  recovery_window_in_days = 30
  tags                    = var.tags
}

resource "aws_secretsmanager_secret_version" "this" {
  for_each = var.secret_names

  secret_id                = aws_secretsmanager_secret.this[each.key].id
  secret_string_wo         = var.secrets[each.key]
  secret_string_wo_version = var.secrets_revision
}

# Only roles of this account, whatever a role's own policy says.
resource "aws_secretsmanager_secret_policy" "this" {
  for_each = var.secret_names

  secret_arn          = aws_secretsmanager_secret.this[each.key].arn
  block_public_policy = true
  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Sid       = "ThisAccountAlone"
      Effect    = "Deny"
      Principal = "*"
      Action    = "secretsmanager:GetSecretValue"
      Resource  = "*" # in a secret's policy: this secret
      Condition = { StringNotEquals = { "aws:PrincipalAccount" = var.account_id } }
    }]
  })
}

resource "aws_ssm_parameter" "this" {
  for_each = var.parameters

  name        = "/fifteen/${var.name}/${each.key}"
  description = "Looked up by pipelines and operators; no secret"
  type        = "SecureString"
  key_id      = var.kms_key_arn
  value       = each.value
  tags        = var.tags
}
