"""The archive, on real parts."""
