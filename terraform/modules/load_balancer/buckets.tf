# Two buckets: the load balancer's logs, and the certificates of the authorities that clients' certificates come from.
locals {
  buckets = {
    logs  = aws_s3_bucket.logs
    trust = aws_s3_bucket.trust
  }
}

resource "aws_s3_bucket" "logs" {
  # checkov:skip=CKV_AWS_18: these are the access logs; logging their own access would never end
  # checkov:skip=CKV_AWS_145: load balancers can write to buckets with S3's own keys only
  # checkov:skip=CKV_AWS_144: logs of one region; what must outlive it goes to the audit archive
  # checkov:skip=CKV2_AWS_62: nothing waits for a log file
  bucket = "${var.name}-lb-logs-${var.account_id}"
  tags   = var.tags
}

resource "aws_s3_bucket" "trust" {
  # checkov:skip=CKV_AWS_18: read by the load balancer alone, at a change; CloudTrail records that
  # checkov:skip=CKV_AWS_144: each region has its own copy from the same source
  # checkov:skip=CKV_AWS_145: the certificates are public, and the load balancer reads with S3's own keys
  # checkov:skip=CKV2_AWS_61: holds one object, whose versions are the history of who was trusted
  # checkov:skip=CKV2_AWS_62: nothing waits for a change of it
  bucket = "${var.name}-lb-trust-${var.account_id}"
  tags   = var.tags
}

resource "aws_s3_object" "trust" {
  bucket       = aws_s3_bucket.trust.id
  key          = "client-authorities-${substr(sha256(var.client_authorities_pem), 0, 16)}.pem"
  content      = var.client_authorities_pem
  content_type = "application/x-pem-file"

  depends_on = [aws_s3_bucket_versioning.this]
}

resource "aws_s3_bucket_public_access_block" "this" {
  for_each = local.buckets

  bucket                  = each.value.id
  block_public_acls       = true
  block_public_policy     = true
  ignore_public_acls      = true
  restrict_public_buckets = true
}

resource "aws_s3_bucket_versioning" "this" {
  for_each = local.buckets

  bucket = each.value.id

  versioning_configuration {
    status = "Enabled"
  }
}

resource "aws_s3_bucket_server_side_encryption_configuration" "this" {
  for_each = local.buckets

  bucket = each.value.id

  rule {
    apply_server_side_encryption_by_default {
      sse_algorithm = "AES256"
    }
  }
}

resource "aws_s3_bucket_lifecycle_configuration" "logs" {
  bucket = aws_s3_bucket.logs.id

  rule {
    id     = "expire"
    status = "Enabled"

    filter {}

    expiration {
      days = var.access_log_days
    }

    noncurrent_version_expiration {
      noncurrent_days = 30
    }

    abort_incomplete_multipart_upload {
      days_after_initiation = 7
    }
  }
}

# AWS's own account that writes load balancers' logs in this region; the provider knows it, nothing is asked.
data "aws_elb_service_account" "this" {}

resource "aws_s3_bucket_policy" "logs" {
  bucket = aws_s3_bucket.logs.id
  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [
      {
        Sid       = "LoadBalancersWrite"
        Effect    = "Allow"
        Principal = { AWS = data.aws_elb_service_account.this.arn }
        Action    = "s3:PutObject"
        Resource = [
          "${aws_s3_bucket.logs.arn}/access/AWSLogs/${var.account_id}/*",
          "${aws_s3_bucket.logs.arn}/connection/AWSLogs/${var.account_id}/*",
        ]
      },
      local.tls_only.logs,
    ]
  })
}

resource "aws_s3_bucket_policy" "trust" {
  bucket = aws_s3_bucket.trust.id
  policy = jsonencode({ Version = "2012-10-17", Statement = [local.tls_only.trust] })
}

locals {
  tls_only = {
    for name, bucket in local.buckets : name => {
      Sid       = "TlsOnly"
      Effect    = "Deny"
      Principal = "*"
      Action    = "s3:*"
      Resource  = [bucket.arn, "${bucket.arn}/*"]
      Condition = { Bool = { "aws:SecureTransport" = "false" } }
    }
  }
}
