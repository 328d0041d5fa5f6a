output "broker_name" {
  description = "The broker, as metrics name it."
  value       = aws_mq_broker.this.broker_name
}

output "arn" {
  description = "The broker."
  value       = aws_mq_broker.this.arn
}

output "host" {
  description = "Host and port of AMQP over TLS."
  value       = trimprefix(aws_mq_broker.this.instances[0].endpoints[0], "amqps://")
}

output "promises" {
  description = "What is promised of the broker, read from what is made."
  value = {
    encrypted = try(one(aws_mq_broker.this.encryption_options).use_aws_owned_key == false, false)
    public    = aws_mq_broker.this.publicly_accessible
    zones     = length(aws_mq_broker.this.subnet_ids)
    cluster   = aws_mq_broker.this.deployment_mode == "CLUSTER_MULTI_AZ"
  }
}
