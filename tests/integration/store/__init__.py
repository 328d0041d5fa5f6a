"""The contract of `PaymentStore`, on the fake in memory and on a real PostgreSQL."""
