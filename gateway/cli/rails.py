"""Whose rules a file is held against: the rail that was named, or the one that its envelope shows."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

from gateway.cli.console import stop
from gateway.settings import Settings, SettingsError, schemas_of
from iso20022 import Direction, FedNowProfile, Profile, Rail, Report, Severity, examine, explain, guess_rail
from iso20022.profiles.rtp import RtpProfile
from iso20022.schemas import SchemaSet

DIRECTIONS: Final[Mapping[str | None, Direction | None]] = {
    "in": Direction.FROM_RAIL,
    "out": Direction.TO_RAIL,
    None: None,
}
"""What ``--direction`` means: ``out`` from participant to rail, ``in`` the other way, None as the envelope says."""


def examiner(
    settings: Settings, *, rail: str | None, direction: str | None, routing_numbers: str | None
) -> Callable[[bytes], Report]:
    """A function that gives the full report on a body, by the rules of the rail named, else of the one it shows.

    A body that shows no rail is held against FedNow's rules. Ends the program where the institution's own schemas
    cannot be used.
    """
    try:
        schemas = schemas_of(settings)
    except SettingsError as error:
        stop(str(error))
    profiles = _profiles(settings, routing_numbers, schemas)

    def explained(body: bytes) -> Report:
        report = examine(body, profile=profiles[Rail(rail or Rail.FEDNOW)], direction=DIRECTIONS[direction])
        guessed = None if rail is not None or report.envelope is None else guess_rail(report.envelope)
        if guessed not in {None, report.profile.rail}:
            report = examine(body, profile=profiles[Rail(guessed)], direction=DIRECTIONS[direction])
        return explain(report)

    return explained


def _profiles(settings: Settings, routing_numbers: str | None, schemas: SchemaSet) -> Mapping[Rail, Profile]:
    """Both rails as this installation knows them; what a wrong check digit weighs may be overridden."""
    return {
        Rail.FEDNOW: FedNowProfile(
            aba_severity=Severity(routing_numbers or settings.fednow.routing_number_severity),
            network_limit_cents=settings.fednow.network_limit_cents,
            sender_limit_cents=settings.fednow.sender_limit_cents,
            schemas=schemas,
        ),
        Rail.RTP: RtpProfile(
            aba_severity=Severity(routing_numbers or settings.rtp.routing_number_severity),
            network_limit_cents=settings.rtp.network_limit_cents,
            sender_limit_cents=settings.rtp.sender_limit_cents,
            schemas=schemas,
        ),
    }
