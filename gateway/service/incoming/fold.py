"""What the events of a transfer make of it: the same decisions, taken again and saved nowhere."""

from __future__ import annotations

from dataclasses import dataclass, replace

from gateway.domain.history import events_that_count
from gateway.service.incoming.decide import IncomingDecider, decided
from gateway.service.ports import ProjectedTransfer, UnprojectedTransfer


@dataclass(frozen=True, slots=True)
class TransferFold:
    """Folds a transfer's history, whichever regions wrote it; as `gateway.domain.history.fold` for payments."""

    decider: IncomingDecider

    def __call__(self, source: UnprojectedTransfer) -> ProjectedTransfer:
        """Return the transfer as it stands, without timers: they are its home's.

        Raises:
            IllegalTransitionError: the table no longer knows what the history says.
            ValueError: the events cannot be read, or contradict each other.

        """
        if isinstance(source.events, ValueError):
            raise source.events
        first, *later = events_that_count(source.events)
        transfer, epoch = source.received, first.epoch
        for recorded in later:
            made = decided(self.decider.decide(transfer, recorded.fact, at=recorded.at))
            transfer = replace(
                made,
                state=recorded.state_after,
                version=recorded.sequence,
                final_at=transfer.final_at or (recorded.at if recorded.state_after.is_final else None),
                next_step_at=None,
                unsent_at=None,
            )
            epoch = recorded.epoch
        digest = next(
            digest
            for event, digest in zip(source.events, source.digests, strict=True)
            if (event.epoch, event.sequence) == (epoch, transfer.version)
        )
        return ProjectedTransfer(source, transfer, epoch, digest)
