output "bucket_name" {
  description = "The archive."
  value       = aws_s3_bucket.this.bucket
}

output "bucket_arn" {
  description = "The archive."
  value       = aws_s3_bucket.this.arn
}

output "promises" {
  description = "What is promised of the archive, read from what is made."
  value = {
    lock       = aws_s3_bucket.this.object_lock_enabled
    mode       = one(one(aws_s3_bucket_object_lock_configuration.this.rule).default_retention).mode
    days       = one(one(aws_s3_bucket_object_lock_configuration.this.rule).default_retention).days
    public     = !(aws_s3_bucket_public_access_block.this.block_public_policy && aws_s3_bucket_public_access_block.this.restrict_public_buckets)
    encryption = one(one(aws_s3_bucket_server_side_encryption_configuration.this.rule).apply_server_side_encryption_by_default).sse_algorithm
    replicated = length(aws_s3_bucket_replication_configuration.this) == 1
  }
}
