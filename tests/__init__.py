"""Tests, and what they stand on: fakes, servers of their own, golden messages."""
