"""What was built from what: ``python .ci/provenance.py OUTPUT ARTIFACT…`` writes an in-toto statement (SLSA v1).

It names the artifacts by digest, the commit, the lock files and who built. It is not signed here: GitHub's own
attestation, or the registry's, puts a signature on it (.github/workflows/deliver.yml).
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

LOCKS = ("requirements.lock", "requirements-image.lock", "requirements-gates.lock")

BUILDERS = {"GITHUB_ACTIONS": "github-actions", "GITLAB_CI": "gitlab-ci", "CODEBUILD_BUILD_ARN": "aws-codebuild"}
"""The variable that each tells its jobs by."""


class ProvenanceError(Exception):
    """Nothing can be said of this tree; the text says why."""


def digest_of(file: Path) -> str:
    """Return the file's SHA-256."""
    return hashlib.sha256(file.read_bytes()).hexdigest()


def statement(artifacts: list[Path], environment: Mapping[str, str]) -> dict[str, Any]:
    """Return the statement.

    Raises:
        ProvenanceError: the tree differs from its commit, or there is nothing to speak of.

    """
    if not artifacts:
        raise ProvenanceError("name the files that were built")
    if _git("status", "--porcelain", "--untracked-files=no"):
        raise ProvenanceError("the tree differs from its commit: what was built from it can be named by nothing")
    builder = next((name for variable, name in BUILDERS.items() if variable in environment), "by-hand")
    materials = [{"uri": f"file:{name}", "digest": {"sha256": digest_of(Path(name))}} for name in LOCKS]
    return {
        "_type": "https://in-toto.io/Statement/v1",
        "subject": [{"name": file.name, "digest": {"sha256": digest_of(file)}} for file in artifacts],
        "predicateType": "https://slsa.dev/provenance/v1",
        "predicate": {
            "buildDefinition": {
                "buildType": "urn:fifteen:make",
                "externalParameters": {"release": environment.get("RELEASE", "")},
                "resolvedDependencies": [
                    {"uri": "git:fifteen", "digest": {"gitCommit": _git("rev-parse", "HEAD")}},
                    *materials,
                ],
            },
            "runDetails": {"builder": {"id": f"urn:fifteen:builder:{builder}"}},
        },
    }


def _git(*arguments: str) -> str:
    git = shutil.which("git")
    if git is None:
        raise ProvenanceError("git is not installed: without it no commit can be named")
    answer = subprocess.run([git, *arguments], capture_output=True, text=True, check=True)  # noqa: S603 - ours
    return answer.stdout.strip()


def main(output: str, *artifacts: str) -> int:
    """Write the statement; 1 where nothing can be said."""
    try:
        document = statement([Path(name) for name in artifacts], os.environ)
    except (ProvenanceError, OSError) as error:
        print(f"provenance: {error}", file=sys.stderr)  # noqa: T201
        return 1
    Path(output).parent.mkdir(parents=True, exist_ok=True)
    Path(output).write_text(json.dumps(document, indent=2) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
