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
