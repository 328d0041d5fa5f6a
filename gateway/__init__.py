"""The gateway: the payment's states, the use cases around them, and the program that runs them."""
