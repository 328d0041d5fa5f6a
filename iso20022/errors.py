"""A peer's fault, or ours towards a peer; both carry their findings."""

from iso20022.findings import Finding


class ProtocolError(Exception):
    """A message that breaks the rules of its format; never empty of findings."""

    def __init__(self, *findings: Finding) -> None:
        assert findings, "a protocol error states at least one finding"
        super().__init__("; ".join(f"{finding.code} at {finding.xpath}" for finding in findings))
        self.findings: tuple[Finding, ...] = findings


class LocalProtocolError(ProtocolError):
    """We were about to build something that breaks the format."""


class RemoteProtocolError(ProtocolError):
    """A peer sent something that breaks the format."""
