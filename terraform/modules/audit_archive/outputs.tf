output "bucket_name" {
  description = "The archive."
  value       = aws_s3_bucket.this.id
}

output "bucket_arn" {
  description = "The archive."
  value       = aws_s3_bucket.this.arn
}
