"""What happened, in plain words for a person and as a digest for a machine."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from hashlib import blake2b


@dataclass(frozen=True, slots=True)
class Line:
    """One step: when, who, and what."""

    at_s: float
    who: str
    what: str

    def __str__(self) -> str:
        return f"{self.at_s:10.3f} s  {self.who:<12} {self.what}"


class Trace:
    """The steps of one run. Its digest also covers every call of a port: equal digests, equal runs."""

    def __init__(self, now_s: Callable[[], float]) -> None:
        self.lines: list[Line] = []
        self.calls = 0
        self._now_s = now_s
        self._digest = blake2b(digest_size=16)

    @property
    def digest(self) -> str:
        """The digest of everything so far."""
        return self._digest.hexdigest()

    def tell(self, who: str, what: str) -> None:
        """Keep a step."""
        line = Line(self._now_s(), who, what)
        self.lines.append(line)
        self._digest.update(str(line).encode())

    def note(self, who: str, what: str) -> None:
        """Keep a call of a port, in the digest alone."""
        self.calls += 1
        self._digest.update(f"{self._now_s():.9f} {who} {what}\n".encode())
