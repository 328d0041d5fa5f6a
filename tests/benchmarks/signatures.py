"""What signing and verifying one message costs: ``python -m tests.benchmarks.signatures [--json]``.

Each figure is CPU of one thread, as the link has it: parsing what it must, no key is parsed. Beside them what examining
the same message costs, which is done anyway. A payment that is sent is signed once, and its answer verified once.
"""

from __future__ import annotations

import gc
import time
from collections.abc import Callable, Mapping
from functools import partial
from typing import Final

from iso20022 import RAIL_LIMITS, Direction, FedNowProfile, RtpProfile, examine
from iso20022.sample import sample
from iso20022.signatures import DetachedTraffic, EnvelopedTraffic, SignedTraffic, detached, loading
from tests.benchmarks.printing import tell
from tests.rail_keys import RailKeys, rail_keys
from tests.unit.iso20022.signing import AT

KINDS: Final = {"RSA-2048": "rsa", "P-256": "p256"}
WARM_UP: Final = 20
TIMES: Final = 200


def measure() -> Mapping[str, int]:
    """Microseconds of CPU for one message, by rail, key and what is done."""
    gc.freeze()
    return {
        name: round(_mean_us(work))
        for rail in ("rtp", "fednow")
        for name, work in (_examined(rail) | _signed(rail)).items()
    }


def _examined(rail: str) -> dict[str, Callable[[], object]]:
    profile = RtpProfile() if rail == "rtp" else FedNowProfile()
    answer = sample("pacs.002", rail=rail, direction=Direction.FROM_RAIL, at=AT)
    return {f"{rail}: examine a pacs.002": partial(examine, answer, profile=profile, direction=Direction.FROM_RAIL)}


def _signed(rail: str) -> dict[str, Callable[[], object]]:
    transfer = sample("pacs.008", rail=rail, at=AT)
    answer = sample("pacs.002", rail=rail, direction=Direction.FROM_RAIL, at=AT)
    found: dict[str, Callable[[], object]] = {}
    for name, kind in KINDS.items():
        keys = rail_keys(AT, kind=kind)
        ours, theirs = _traffic(rail, keys, is_ours=True), _traffic(rail, keys, is_ours=False)
        came = theirs.sign(answer, at=AT)
        found[f"{rail}, {name}: sign a pacs.008"] = partial(ours.sign, transfer, at=AT)
        found[f"{rail}, {name}: verify a pacs.002"] = partial(ours.verify, came.body, came.signature, at=AT)
    return found


def _traffic(rail: str, keys: RailKeys, *, is_ours: bool) -> SignedTraffic:
    private = keys.our_private if is_ours else keys.rails_private
    own, registry = loading.own_keys(private), loading.registry(keys.rails_public if is_ours else keys.our_public)
    if rail == "rtp":
        return EnvelopedTraffic(own, registry, RAIL_LIMITS)
    return DetachedTraffic(detached.HeaderSigner(own), detached.HeaderVerifier(registry))


def _mean_us(work: Callable[[], object]) -> float:
    for _ in range(WARM_UP):
        work()
    before_ns = time.thread_time_ns()
    for _ in range(TIMES):
        work()
    return (time.thread_time_ns() - before_ns) / TIMES / 1_000


if __name__ == "__main__":
    tell(measure, description=__doc__)
