"""The bank's core as a gateway meets it: it holds debtors' money, posts it, or gives it back."""

from simulators.core.books import Books, CoreSimulatorSettings
from simulators.core.server import build_application, serving

__all__ = ["Books", "CoreSimulatorSettings", "build_application", "serving"]
