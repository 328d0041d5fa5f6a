"""How benchmarks of some figures are told: a line for each, or as JSON."""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable, Mapping


def tell(measure: Callable[[], Mapping[str, int]], *, description: str | None) -> None:
    """Measure and print microseconds by their names; ``--json`` prints them as one object."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    figures = measure()
    if options.json:
        print(json.dumps(figures, indent=2, ensure_ascii=False))
        return
    for name, us in figures.items():
        print(f"{us:6} µs  {name}")
