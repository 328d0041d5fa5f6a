"""What the store decides without a server."""
