"""How we stand on the rails, and what operators ask of them, over HTTP."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

from aiohttp import web

from adapters.http.answers import demand_whole, json_response
from adapters.http.api import Api
from adapters.http.authentication import OperatorKeys
from adapters.http.bodies import read_body, require_type
from adapters.http.negotiation import is_json
from adapters.http.notes import note_findings, refuse_if_any
from adapters.http.payment_form import FormFinding, read_object
from adapters.http.problems import NOT_FOUND, NOT_READY_TO_ANSWER, RAIL_NOT_SERVED, ProblemError
from adapters.http.receipts import receipts_json
from adapters.http.representation import instant_text
from gateway.domain.downtime import Downtime, DowntimeRules
from gateway.domain.payment import Rail
from gateway.domain.rail_operations import Operation, RailAction, RailEvent
from gateway.service.directory import DirectoryStanding
from gateway.service.rail_operations import NotReadyError, RailHasNoOperationsError, RailStatus, SubjectError
from gateway.service.reconcile import NotMissingError

LISTED_MAX: Final = 50
"""Operations, and broadcasts, that one answer lists."""

_ACTIONS: Final = ", ".join(RailAction)


class RailDesk:
    """Shows how we stand, and takes what operators ask of a rail."""

    def __init__(self, api: Api, keys: OperatorKeys) -> None:
        self._api = api
        self._keys = keys

    async def get_status(self, request: web.Request) -> web.Response:
        """Show who of us is signed on, what is connected, what was asked last, and the rail's last news."""
        await self._keys.sight_of(request.headers)
        rail = _rail_in(request)
        try:
            status = await self._api.rail_operations.status(rail)
        except RailHasNoOperationsError as error:
            raise _not_served(rail) from error
        now = self._api.clock.now()
        missing = await self._api.rail_missing.missing(rail)
        receipts = await self._api.receipts.missing(rail)
        directory = self._api.directories.get(rail)
        standing = None if directory is None else directory.standing()
        shown = status_json(rail, status, missing[:LISTED_MAX], directory=standing, now=now)
        return json_response({**shown, "missing_receipts": receipts_json(receipts[:LISTED_MAX])})

    async def post_operation(self, request: web.Request) -> web.Response:
        """Have something asked of the rail: 202 once it is saved; what became of it is at its own address."""
        operator = await self._keys.operator_of(request.headers)
        rail = _rail_in(request)
        require_type(request, is_json, taken="application/json")
        action, subject, note = _read_operation(await read_body(request, self._api.limits))
        try:
            asked = await self._api.rail_operations.ask(rail, action, subject, by=operator, note=note)
        except RailHasNoOperationsError as error:
            raise _not_served(rail) from error
        except NotReadyError as error:
            raise ProblemError(NOT_READY_TO_ANSWER, f"Nobody was signed on: {error}.") from error
        except SubjectError as error:
            refuse_if_any([_subject_finding(str(error))])
            raise
        shown = operation_json(Operation(asked, None))
        return json_response(shown, status=202, headers={"Location": shown["links"]["self"]})

    async def post_closing(self, request: web.Request) -> web.Response:
        """Keep that a person has looked at what was missing, and why nobody has to any more."""
        operator = await self._keys.operator_of(request.headers)
        rail, message_id = _rail_in(request), request.match_info["message_id"]
        require_type(request, is_json, taken="application/json")
        members = read_object(await read_body(request, self._api.limits))
        refuse_if_any(note_findings(members, known=("note",)))
        try:
            closed = await self._api.rail_missing.close(rail, message_id, by=operator, note=members["note"].strip())
        except NotMissingError as error:
            raise ProblemError(NOT_FOUND, "Nothing of this id is missing, or somebody has closed it.") from error
        return json_response(missing_json(closed))

    async def get_operation(self, request: web.Request) -> web.Response:
        """Show what was asked, and how it ended."""
        await self._keys.sight_of(request.headers)
        rail, operation_id = _rail_in(request), None
        with suppress(ValueError):  # what is no UUID names nothing
            operation_id = UUID(request.match_info["operation_id"])
        found = None if operation_id is None else await self._api.rail_operations.find(rail, operation_id)
        if found is None:
            demand_whole(self._api, "no operation")
            raise ProblemError(NOT_FOUND, "Nothing was asked of this rail under this id.")
        return json_response(operation_json(found))


def status_json(
    rail: Rail,
    status: RailStatus,
    missing: Sequence[RailEvent],
    *,
    directory: DirectoryStanding | None,
    now: datetime,
) -> dict[str, Any]:
    """Return how we stand."""
    standing, rules = status.standing, status.allowed
    return {
        "rail": rail.value,
        "connection_party": {"signed_on": standing.party},
        "institutions": [
            {"routing_number": each, "signed_on": is_on, "reached": standing.is_reached(each)}
            for each, is_on in sorted(standing.institutions.items())
        ],
        "connection_points": [
            {"connection_point": each, "connected": is_on} for each, is_on in sorted(standing.points.items())
        ],
        "downtime": None if rules is None else downtime_json(status.downtime, rules, now=now),
        "directory": None if directory is None else directory_json(directory, now=now),
        "missing": [missing_json(each) for each in missing],
        "operations": [operation_json(each) for each in status.operations[:LISTED_MAX]],
        "broadcasts": [broadcast_json(each) for each in status.broadcasts[:LISTED_MAX]],
    }


def directory_json(directory: DirectoryStanding, *, now: datetime) -> dict[str, Any]:
    """Return how the participant directory stands."""
    heard_at = directory.heard_at
    return {
        "use": directory.use.value,
        "business_day": None if directory.business_day is None else directory.business_day.isoformat(),
        "heard_at": None if heard_at is None else instant_text(heard_at),
        "age_s": None if heard_at is None else seconds(now - heard_at),
        "fresh": directory.is_fresh,
        "participants": directory.participants,
        "signed_off": directory.signed_off,
    }


def downtime_json(used: Mapping[str, Downtime], rules: DowntimeRules, *, now: datetime) -> dict[str, Any]:
    """Return how long each institution was signed off, and what the rail allows."""
    opens, closes = rules.next_window(now)
    return {
        "window": {"opens_at": instant_text(opens), "closes_at": instant_text(closes), "open": opens <= now},
        "allowed_s": {
            "at_once": seconds(rules.at_once),
            "quarter": seconds(rules.per_quarter),
            "year": seconds(rules.per_year),
        },
        "institutions": [
            {
                "routing_number": institution,
                "quarter_s": seconds(spent.quarter),
                "year_s": seconds(spent.year),
                "unplanned_s": seconds(spent.unplanned),
                "longest_s": seconds(spent.longest),
                "current_s": seconds(spent.current),
                "faults": list(spent.faults(rules)),
            }
            for institution, spent in used.items()
        ],
    }


def missing_json(event: RailEvent) -> dict[str, Any]:
    """Return a message that the rail has settled to us, and that never came."""
    return {
        "message_id": event.about,
        "routing_number": event.subjects[0],
        "description": event.description,
        "found_at": instant_text(event.at),
    }


def seconds(span: timedelta) -> int:
    """Return seconds, a begun one counted as a whole: half a second signed off is no nothing."""
    return -(-span // timedelta(seconds=1))


def operation_json(operation: Operation) -> dict[str, Any]:
    """Return what was asked, and how it ended."""
    asked, end = operation.asked, operation.end
    return {
        "operation_id": str(asked.event_id),
        "rail": asked.rail.value,
        "code": asked.code,
        "subject": asked.subjects[0] if asked.subjects else None,
        "state": operation.state.value,
        "reason_code": None if end is None else end.reason_code,
        "description": None if end is None else end.description,
        "message_id": asked.business_message_id,
        "asked_at": instant_text(asked.at),
        "asked_by": asked.asked_by,
        "note": asked.note,
        "ended_at": None if end is None else instant_text(end.at),
        "links": {"self": f"/v1/rails/{asked.rail.value}/operations/{asked.event_id}"},
    }


def broadcast_json(event: RailEvent) -> dict[str, Any]:
    """Return a piece of the rail's news."""
    return {
        "code": event.code,
        "subjects": list(event.subjects),
        "description": event.description,
        "event_time": None if event.event_time is None else instant_text(event.event_time),
        "heard_at": instant_text(event.at),
        "message_id": event.business_message_id,
    }


def _rail_in(request: web.Request) -> Rail:
    try:
        return Rail(request.match_info["rail"])
    except ValueError as error:
        raise ProblemError(NOT_FOUND, f"A rail is one of {', '.join(Rail)}.") from error


def _not_served(rail: Rail) -> ProblemError:
    return ProblemError(RAIL_NOT_SERVED, f"{rail} is not served here, or nothing can be asked of it.")


def _read_operation(body: bytes) -> tuple[RailAction, str | None, str]:
    """Read ``{"action": …, "subject": …, "note": …}``; every fault at once.

    Raises:
        ProblemError: 400 for what is no JSON object, 422 for what it says.

    """
    members = read_object(body)
    findings = note_findings(members, known=("action", "subject", "note"))
    action, subject = members.get("action"), members.get("subject")
    if type(action) is not str or action not in set(RailAction):
        rule = f"An action is one of {_ACTIONS}."
        findings.append(FormFinding(code="FORM_ACTION", pointer="/action", rule=rule, hint="Name one."))
    if subject is not None and type(subject) is not str:
        findings.append(_subject_finding("a subject is text"))
    refuse_if_any(findings)
    return RailAction(members["action"]), subject, members["note"].strip()


def _subject_finding(rule: str) -> FormFinding:
    return FormFinding(
        code="FORM_SUBJECT",
        pointer="/subject",
        rule=f"{rule[0].upper()}{rule[1:]}.",
        hint="A routing number, a connection point, or nothing for the whole connection party.",
    )
