"""HTTP with limits: no proxy, no redirect, no answer past its size or its time."""

from __future__ import annotations

import json
import urllib.error
import urllib.request
from dataclasses import dataclass
from http.client import HTTPException
from typing import Any

from refusal import RefusedError

ANSWER_BYTES_MAX = 65_536
"""No answer that is asked for here is larger than a few kilobytes."""


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    """A redirect would let something else answer than what is asked: it counts as the answer that it is."""

    def redirect_request(self, *_: Any) -> None:
        """Follow nothing."""


_OPENER = urllib.request.build_opener(urllib.request.ProxyHandler({}), _NoRedirect())


@dataclass(frozen=True)
class Answer:
    """What came back: the status and the body's bytes."""

    status: int
    body: bytes

    def document(self) -> dict[str, Any]:
        """Return the body as a JSON object.

        Raises:
            RefusedError: it is none.

        """
        try:
            document = json.loads(self.body)
        except ValueError as error:
            raise RefusedError(f"the answer is no JSON: {self.body[:80]!r}") from error
        if not isinstance(document, dict):
            raise RefusedError(f"the answer is no JSON object: {self.body[:80]!r}")
        return document


def ask(request: urllib.request.Request, *, timeout_s: float) -> Answer:
    """Return what is answered, whatever its status.

    Raises:
        RefusedError: nothing was answered in time, or too much.

    """
    try:
        with _OPENER.open(request, timeout=timeout_s) as response:
            return Answer(response.status, _limited(response))
    except urllib.error.HTTPError as error:
        with error:
            return Answer(error.code, _limited(error))
    except (OSError, HTTPException) as error:
        raise RefusedError(f"{request.full_url} does not answer: {error}") from error


def _limited(response: Any) -> bytes:
    body: bytes = response.read(ANSWER_BYTES_MAX + 1)
    if len(body) > ANSWER_BYTES_MAX:
        raise RefusedError(f"an answer of more than {ANSWER_BYTES_MAX} bytes")
    return body
