"""Known weaknesses of what the image holds: ``python .ci/dependency_audit.py PIP_AUDIT LOCK_FILE``.

pip-audit says "no known vulnerabilities" also where it could ask nobody. So each answer is counted, and a package with
a weakness that everybody knows is asked about first: unless that one is found, nothing is believed.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

CONTROL = "jinja2==2.10"
"""Has published weaknesses (CVE-2019-10906 among them). Nothing of ours uses it."""

NOBODY_ANSWERS = (
    "no advisory service could be asked: nothing is known of these packages. This gate needs a way to one from where "
    "it runs; until then it has not passed."
)


class AuditError(Exception):
    """The audit did not take place, or found something; the text says which."""


def asked(pip_audit: str, *arguments: str) -> list[dict[str, Any]]:
    """Return what pip-audit says of each package.

    Raises:
        AuditError: it could not ask.

    """
    command = [pip_audit, "--strict", "--format", "json", "--progress-spinner", "off", *arguments]
    answer = subprocess.run(command, capture_output=True, text=True, timeout=600, check=False)  # noqa: S603 - ours
    try:
        document = json.loads(answer.stdout)
    except ValueError as error:
        raise AuditError(f"{NOBODY_ANSWERS}\npip-audit: {answer.stderr.strip()[-500:]}") from error
    dependencies: list[dict[str, Any]] = document["dependencies"]
    return dependencies


def audit(pip_audit: str, lock: Path) -> int:
    """Return how many packages were asked about, all without a known weakness.

    Raises:
        AuditError: one has a weakness, one could not be asked about, or the control was not found.

    """
    with tempfile.TemporaryDirectory() as directory:
        control = Path(directory, "control.txt")
        control.write_text(f"{CONTROL}\n")
        (known,) = asked(pip_audit, "--no-deps", "--disable-pip", "--requirement", str(control))
    if not known.get("vulns"):
        raise AuditError(f"{CONTROL} has known weaknesses, and none was found. {NOBODY_ANSWERS}")
    dependencies = asked(pip_audit, "--require-hashes", "--disable-pip", "--requirement", str(lock))
    faults = [
        f"{each['name']}: {each.get('skip_reason') or ', '.join(found['id'] for found in each['vulns'])}"
        for each in dependencies
        if "skip_reason" in each or each.get("vulns")
    ]
    pinned = {name.lower() for name in re.findall(r"^([A-Za-z0-9._-]+)==", lock.read_text(), re.MULTILINE)}
    faults += [f"{name}: was not asked about" for name in pinned - {each["name"].lower() for each in dependencies}]
    if faults:
        raise AuditError("\n".join(sorted(faults)))
    return len(dependencies)


def main(pip_audit: str, lock: str) -> int:
    """Say what came out; 1 unless every package was asked about and is well."""
    try:
        count = audit(pip_audit, Path(lock))
    except AuditError as error:
        print(f"dependency audit: {error}", file=sys.stderr)  # noqa: T201
        return 1
    print(f"dependency audit: {count} packages without a known weakness")  # noqa: T201
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
