output "address" {
  description = "The database's host."
  value       = aws_db_instance.this.address
}

output "identifier" {
  description = "The instance, as metrics name it."
  value       = aws_db_instance.this.identifier
}

output "arn" {
  description = "The instance."
  value       = aws_db_instance.this.arn
}

output "master_secret_arn" {
  description = "Where RDS keeps the owner's password (JSON, members username and password)."
  value       = aws_db_instance.this.master_user_secret[0].secret_arn
}
