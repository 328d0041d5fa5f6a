"""Deterministic simulation: the real use cases on a virtual clock, in a world that one seed makes.

``python -m tests.simulation --seed 7``; docs/simulation.md says what it does and how to read a failure.
"""
