"""Worlds of two regions: two stores, a link between them, a witness, clocks that differ (docs/simulation.md)."""
