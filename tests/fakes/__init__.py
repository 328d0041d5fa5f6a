"""In-memory adapters, one per port, held to the same contracts as the real ones."""
