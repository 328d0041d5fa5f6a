"""The HTTP API on a real socket, over the real intake and a store in memory."""
