"""The drill of two regions: one is lost, cut off, frozen; the other goes on; and the money is counted."""
