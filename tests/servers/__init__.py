"""Real servers of our own for the tests: on free ports, in their own directories, gone with the process."""

from tests.servers.rabbitmq import RabbitMqMissingError, RabbitMqNode, RabbitMqNodeError, ensure_installed

__all__ = ["RabbitMqMissingError", "RabbitMqNode", "RabbitMqNodeError", "ensure_installed"]
