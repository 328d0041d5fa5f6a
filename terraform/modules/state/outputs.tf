output "bucket_name" {
  description = "The bucket: what `terraform init -backend-config=bucket=…` is given."
  value       = aws_s3_bucket.this.id
}

output "bucket_arn" {
  description = "The bucket."
  value       = "arn:aws:s3:::${local.bucket_name}"
}

output "kms_key_arn" {
  description = "Its key."
  value       = aws_kms_key.this.arn
}
