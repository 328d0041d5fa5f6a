"""Logs and metrics: what the shell makes of the facts that the use cases tell."""
