output "service_name" {
  description = "The service."
  value       = local.service_name
}

output "promises" {
  description = "What is promised of the service, read from what is made."
  value = {
    controller      = var.blue_green == null ? one(aws_ecs_service.rolling[0].deployment_controller).type : one(aws_ecs_service.blue_green[0].deployment_controller).type
    circuit_breaker = var.blue_green == null ? one(aws_ecs_service.rolling[0].deployment_circuit_breaker).rollback : null
    public_address  = one(concat(aws_ecs_service.rolling, aws_ecs_service.blue_green)[0].network_configuration).assign_public_ip
    zones           = length(one(concat(aws_ecs_service.rolling, aws_ecs_service.blue_green)[0].network_configuration).subnets)
    tasks_min       = aws_appautoscaling_target.this.min_capacity
  }
}
