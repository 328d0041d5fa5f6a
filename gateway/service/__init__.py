"""The use cases, and the ports that they need: decide, save, then act."""
