"""RabbitMQ: the bus of installations larger than one machine."""
