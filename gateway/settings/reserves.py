"""The receiver's reserve of each institution that has chosen another than the process's, as settings say it."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Final

from gateway.domain.receiving_time import Reserve
from iso20022 import RoutingNumber

_SAID: Final = re.compile(r"([0-9]{9})=([0-9]+(?:\.[0-9]+)?)(?:/([0-9]+(?:\.[0-9]+)?))?")


def reserves(said: Sequence[str], *, own_share_s: float, max_s: float | None = None) -> Mapping[RoutingNumber, Reserve]:
    """Return the reserves that are said as ``990000107=2`` or, with a share of one's own, ``990000107=2/0.5``.

    Raises:
        ValueError: one cannot be read, is named twice, is longer than the rail allows, or leaves nobody time to answer.

    """
    found: dict[RoutingNumber, Reserve] = {}
    for each in said:
        match = _SAID.fullmatch(each)
        if match is None:
            raise ValueError(
                f"receiver_reserves: {each!r} must be an institution, its reserve and perhaps our share of it: "
                "990000107=2/0.5"
            )
        agent, seconds, share = RoutingNumber(match[1]), float(match[2]), float(match[3] or own_share_s)
        if agent in found:
            raise ValueError(f"receiver_reserves: {agent} is there twice: say its reserve once")
        if max_s is not None and seconds > max_s:
            raise ValueError(f"receiver_reserves: {each!r}: a reserve is {max_s:g} s at the most")
        if not 0 < share < seconds:
            raise ValueError(
                f"receiver_reserves: {each!r}: the reserve must be longer than our share of {share:g} s: nobody could "
                "be asked"
            )
        found[agent] = Reserve(seconds, share)
    return found
