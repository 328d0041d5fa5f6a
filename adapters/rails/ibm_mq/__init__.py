"""The way to a rail over IBM MQ: FedNow's and RTP's only real one. Unproven against a real queue manager.

docs/rail-links.md says what was shown, on what, and what a first connection has to check.
"""
