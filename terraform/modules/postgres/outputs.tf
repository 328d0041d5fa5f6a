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

output "promises" {
  description = "What is promised of the database, read from what is made."
  value = {
    encrypted           = aws_db_instance.this.storage_encrypted
    public              = aws_db_instance.this.publicly_accessible
    multi_az            = aws_db_instance.this.multi_az
    deletion_protection = aws_db_instance.this.deletion_protection
    password_in_state   = aws_db_instance.this.manage_master_user_password != true
    logical_replication = contains([for parameter in aws_db_parameter_group.this.parameter : "${parameter.name}=${parameter.value}"], "rds.logical_replication=1")
  }
}
