"""The tables that documents copy from the code: ``python -m tests.unit.docs.tables`` prints them all."""

from __future__ import annotations

import sys
import tomllib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import fields
from importlib.metadata import metadata
from typing import Any, Final

from packaging.requirements import Requirement
from pydantic import BaseModel, SecretStr
from pydantic.fields import FieldInfo

from adapters.http.problems import PROBLEMS
from adapters.rails.ibm_mq.reasons import REFUSALS
from gateway.cli.drill.region.scenarios import SCENARIOS, Conditions
from gateway.domain.diagram import meanings
from gateway.domain.payment import PaymentState, RegionId
from gateway.domain.regions import LeaseTerms
from gateway.service.regions import MAP_PAUSE_S
from gateway.settings import Settings
from simulators import fednow, rtp
from simulators.behaviours import BehaviourTable
from simulators.core.incoming import ROWS as INSTITUTION_ROWS
from tests.unit.docs.documents import ROOT

_UNITS: Final = {
    "boolean": "`true` or `false`",
    "string": "text",
    "integer": "whole number",
    "number": "number",
    "array": "list of texts",
}
_BOUNDS: Final = (
    ("minimum", "at least {}"),
    ("exclusiveMinimum", "above {}"),
    ("maximum", "at most {}"),
    ("pattern", "`{}`"),
)


def settings_table() -> str:
    """Every setting of the program: variable, default, what it must be, meaning."""
    return table(("variable", "default", "must be", "meaning"), _settings_rows(Settings, "FIFTEEN_"))


def variables() -> set[str]:
    """The variable of every setting."""
    return {row[0].strip("`") for row in _settings_rows(Settings, "FIFTEEN_")}


def behaviours_table(behaviours: BehaviourTable) -> str:
    """What a rail's simulator does with which payment."""
    rows = ((f"`{account}`", amount, happens) for account, amount, happens in behaviours.help_rows())
    return table(("creditor account", "or amount", "what happens"), rows)


def institution_table() -> str:
    """What the simulated institution does about which incoming payment."""
    rows = ((f"`{account}`", does) for account, does in INSTITUTION_ROWS)
    return table(("creditor account", "what the institution does"), rows)


def participants_table() -> str:
    """The institutions of the simulated networks, and their id on each rail."""
    rows = (
        (
            each.name,
            each.routing_number,
            each.connection_party,
            on_rtp.connection_party,
            "yes" if each.may_send else "no",
        )
        for each, on_rtp in zip(fednow.PARTICIPANTS, rtp.PARTICIPANTS, strict=True)
    )
    return table(("institution", "routing number", "on FedNow", "on RTP", "may send"), rows)


def reject_codes_table(codes: fednow.RejectCodes | rtp.RtpRejectCodes) -> str:
    """The codes with which a simulated rail refuses."""
    return table(
        ("what", "code"), ((each.name.replace("_", " "), f"`{getattr(codes, each.name)}`") for each in fields(codes))
    )


def simulator_settings_table(settings: fednow.FedNowSimulatorSettings | rtp.RtpSimulatorSettings) -> str:
    """What can be set on a simulator, where it is a plain value."""
    shown = ((each.name, getattr(settings, each.name)) for each in fields(settings))
    plain = ((f"`{name}`", str(value)) for name, value in shown if isinstance(value, (bool, int, float, str)))
    return table(("setting", "default"), plain)


def mq_refusals_table() -> str:
    """Every reason with which a failed MQPUT has surely put nothing."""
    rows = ((str(code), f"`{each.name}`", each.meaning, each.who_acts) for code, each in REFUSALS.items())
    return table(("code", "name", "meaning", "who must act"), rows)


def problems_table() -> str:
    """Every kind of problem that the API answers with."""
    rows = ((str(kind.status), f"`{kind.code}`", kind.title) for kind in PROBLEMS.values())
    return table(("status", "code", "title"), rows)


def states_table() -> str:
    """Every state of a payment, and what it says of the money."""
    said = meanings(PaymentState)
    rows = ((f"`{state}`", "yes" if state.is_final else "no", said[state]) for state in PaymentState)
    return table(("state", "final", "what is certain about the money"), rows)


def dependencies_table() -> str:
    """Every direct dependency: range, licence as installed, and what it is for."""
    rows = (
        (requirement.name, _range(requirement), licence_of(requirement.name), use)
        for use, requirement in direct_dependencies()
    )
    return table(("package", "range", "licence", "for"), rows)


def direct_dependencies() -> Iterator[tuple[str, Requirement]]:
    """What pyproject.toml asks for by name, with the extra that asks: our own extras are none of it."""
    with (ROOT / "pyproject.toml").open("rb") as file:
        pyproject = tomllib.load(file)
    project = pyproject["project"]
    asked = {
        "base": project["dependencies"],
        **project["optional-dependencies"],
        "work": pyproject["dependency-groups"]["dev"],
    }
    for use, names in asked.items():
        for name in names:
            if (requirement := Requirement(name)).name != project["name"]:
                yield use, requirement


def licence_of(package: str) -> str:
    """The licence that an installed package states: its expression, else its classifiers, else its words."""
    said = metadata(package)
    classifiers = [
        each.rpartition(" :: ")[2] for each in said.get_all("Classifier") or () if each.startswith("License")
    ]
    return said["License-Expression"] or " or ".join(classifiers) or said["License"]


def _range(requirement: Requirement) -> str:
    return ", ".join(sorted((str(each) for each in requirement.specifier), reverse=True)) or "any"


def takeover_table() -> str:
    """When what goes on again after `fifteen region takeover`, with the settings' defaults."""
    settings, clocks = Settings(), _takeover_clocks()
    over_s = _lease_over_s(settings.lease_s)
    asked = " or ".join(f"{over_s + wait_s:g} s ({name})" for name, wait_s in clocks.items())
    rows = (
        ("in a slot that was the survivor's", "settles as ever, all along", "0 s"),
        (
            "in a slot that is taken over",
            f"its key is accepted: the lease of {settings.lease_s:g} s, 1 % and half a second are over",
            f"{over_s:g} s, and up to {MAP_PAUSE_S:g} s until the map is read",
        ),
        (
            "accepted there meanwhile, or under way there and replicated",
            "the rail is asked, as its clock has run out; what it does not know is sent",
            f"{asked}, and two answers of the rail",
        ),
        ("accepted there later", "the rail is asked at once; what it does not know is sent", "two answers of the rail"),
    )
    return table(("a payment", "what becomes of it", "after the command"), rows)


def takeover_clocks_table() -> str:
    """How soon the rail is asked about what was taken over: with the drill's clocks, and with those that are real."""
    lease_s, shortest_s = Settings().lease_s, Settings.model_json_schema()["properties"]["lease_s"]["minimum"]
    of_drill = sorted({scenario.conditions.status_request_wait_s for scenario in SCENARIOS.values()})
    rows = [
        *(
            (
                f"the drill's{', of ' + _scenarios_with(wait_s) if wait_s != of_drill[0] else ''}",
                Conditions().lease_s,
                wait_s,
            )
            for wait_s in of_drill
        ),
        *((f"the defaults, {name}", lease_s, wait_s) for name, wait_s in _takeover_clocks().items()),
        ("the shortest lease, FedNow", shortest_s, _takeover_clocks()["FedNow"]),
    ]
    shown = ((name, f"{lease:g}", f"{wait:g}", f"{_lease_over_s(lease) + wait:g}") for name, lease, wait in rows)
    return table(("clocks", "lease, s", "asked after, s", "asked after the command, s"), shown)


def _lease_over_s(lease_s: float) -> float:
    return LeaseTerms(RegionId("lost"), 1, lease_s).surely_over_s


def _takeover_clocks() -> Mapping[str, float]:
    """How long the rail is not asked after a lease's end, by the rails that are served; of both, the longer counts."""
    settings = Settings()
    return {"FedNow": settings.fednow.status_request_wait_s, "RTP alone": settings.rtp.repeat_wait_s}


def _scenarios_with(wait_s: float) -> str:
    return ", ".join(f"`{name}`" for name, each in SCENARIOS.items() if each.conditions.status_request_wait_s == wait_s)


TABLES: Final[Mapping[str, tuple[str, Callable[[], str]]]] = {
    "settings": ("docs/settings.md", settings_table),
    "problems": ("docs/api.md", problems_table),
    "reasons of IBM MQ": ("docs/rail-links.md", mq_refusals_table),
    "behaviours": ("docs/simulator.md", lambda: behaviours_table(fednow.TABLE)),
    "behaviours of RTP": ("docs/simulator.md", lambda: behaviours_table(rtp.TABLE)),
    "behaviours of the institution": ("docs/simulator.md", institution_table),
    "participants": ("docs/simulator.md", participants_table),
    "reject codes": ("docs/simulator.md", lambda: reject_codes_table(fednow.RejectCodes())),
    "reject codes of RTP": ("docs/simulator.md", lambda: reject_codes_table(rtp.RtpRejectCodes())),
    "simulator settings": (
        "docs/simulator.md",
        lambda: simulator_settings_table(fednow.FedNowSimulatorSettings()),
    ),
    "simulator settings of RTP": (
        "docs/simulator.md",
        lambda: simulator_settings_table(rtp.RtpSimulatorSettings()),
    ),
    "dependencies": ("docs/DEPENDENCIES.md", dependencies_table),
    "states": ("docs/ARCHITECTURE.md", states_table),
    "a takeover": ("docs/regions.md", takeover_table),
    "a takeover's clocks": ("docs/drills.md", takeover_clocks_table),
}
"""Which document holds which table."""


def table(headings: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A Markdown table."""
    lines = [f"| {' | '.join(line)} |" for line in (headings, *rows)]
    lines.insert(1, f"|{'---|' * len(headings)}")
    return "\n".join((*lines, ""))


def _settings_rows(model: type[BaseModel], prefix: str) -> Iterator[tuple[str, str, str, str]]:
    schema = model.model_json_schema()["properties"]
    for name, field in model.model_fields.items():
        variable = prefix + name.upper()
        if isinstance(field.default, BaseModel):
            yield from _settings_rows(type(field.default), f"{variable}__")
        else:
            yield f"`{variable}`", _default(field), _form(schema[name]), field.description or _MEANINGS[name]


_MEANINGS: Final = {"log_level": "The least severe log line that is written."}
"""For settings that say nothing of themselves."""


def _default(field: FieldInfo) -> str:
    match field.default:
        case None | () | "":
            return "none"
        case SecretStr():
            return "one that everybody knows"
        case bool() as value:
            return f"`{str(value).lower()}`"
        case tuple() as values:
            return ", ".join(f"`{value}`" for value in values)
        case value:
            return f"`{value}`"


def _form(schema: Mapping[str, Any]) -> str:
    if "enum" in schema:
        return " or ".join(f"`{value}`" for value in schema["enum"])
    shape = next((each for each in schema.get("anyOf", (schema,)) if each["type"] != "null"), schema)
    bounds = (text.format(shape[key]) for key, text in _BOUNDS if key in shape)
    return ", ".join((_UNITS[shape["type"]], *bounds))


if __name__ == "__main__":
    for heading, (name, make) in TABLES.items():
        sys.stdout.write(f"{heading}, in {name}:\n\n{make()}\n")
