"""Tests of what the rail links share."""
