"""PostgreSQL: the payment store, the bus of the embedded default, and the server that comes with it."""
