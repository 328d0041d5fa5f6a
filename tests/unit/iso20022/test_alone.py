"""The library alone: an integrator installs the base, which is lxml and nothing else."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).parents[3]

_PROGRAM: Final = """
import sys
from importlib.metadata import packages_distributions
import iso20022
body = open("tests/golden/pacs008_incoming.xml", "rb").read()
report = iso20022.explain(iso20022.examine(body, profile=iso20022.FedNowProfile()))
assert report.valid, report.findings
third_party = packages_distributions()
roots = {name.partition(".")[0] for name in sys.modules}
ours = {"iso20022", "_distutils_hack"}  # the latter comes with every environment that has setuptools
print(sorted(root for root in roots if root in third_party and root not in ours))
"""


def test_reading_and_explaining_a_message_loads_lxml_and_none_of_the_gateways_libraries() -> None:
    """`pip install fifteen` brings lxml; an import of anything else would fail for whoever has just that."""
    result = subprocess.run(
        [sys.executable, "-c", _PROGRAM], cwd=ROOT, capture_output=True, text=True, timeout=30, check=False
    )

    assert result.returncode == 0, result.stderr
    assert result.stdout.strip() == "['lxml']"
