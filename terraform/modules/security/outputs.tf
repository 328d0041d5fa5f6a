output "bucket_name" {
  description = "Where trail and Config write."
  value       = aws_s3_bucket.this.id
}

output "trail_arn" {
  description = "The trail; null where another region keeps it."
  value       = try(aws_cloudtrail.this[0].arn, null)
}
