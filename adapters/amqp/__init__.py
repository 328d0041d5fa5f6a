"""What every adapter that speaks AMQP shares: connections, their faults translated, and consuming sessions."""
