"""``fifteen region``: two regions are set up, looked at, and fenced off from one another."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Coroutine, Mapping
from typing import Any, Final, TypeVar

from adapters.postgres.connection import open_pool
from adapters.postgres.logins import Login, login_of
from adapters.postgres.regions import PostgresRegions
from adapters.postgres.replication.connection import ReplicationError
from adapters.postgres.replication.follow import catch_up, join
from adapters.postgres.replication.publish import prepare
from adapters.postgres.replication.status import Inward, Outward, status
from adapters.system import SystemClock
from adapters.witness import WitnessAddressError, open_witness, prepare_witness
from gateway.archiving import vault_of
from gateway.cli import EXIT_FINDINGS, EXIT_OK
from gateway.cli.console import OUT
from gateway.cli.desk import print_line
from gateway.domain.payment import RegionId
from gateway.domain.regions import LeaseTerms, SlotMap
from gateway.rails import served_rails
from gateway.service.ports import OvertakenError, UnavailableError, Witness
from gateway.service.regions import behind_s
from gateway.service.steer import (
    NewDatabaseError,
    Standing,
    admit,
    begin,
    demand_own_database,
    fence,
    hand_back,
    readmit,
    standing,
    take_over,
    until_it_serves,
)
from gateway.settings import Settings, SettingsError, database_url_of, witness_url_of

Result = TypeVar("Result")

UNPROJECTED_MAX: Final = 1_000
"""What the other region writes meanwhile is always a little behind."""

BEHIND_MAX_S: Final = 30.0
"""Each region writes its time down every second; two clocks that are apart by this much want looking at, too."""

_LOOK_PAUSE_S: Final = 0.1

_IS_OUT: Final = ": fifteen region readmit, there"
_RETURNS: Final = (
    ", and is about to be let in: the other does not go on alone meanwhile. Where nothing of that goes on any more: "
    "fifteen region readmit, there, once more; or fifteen region fence, in the other"
)


def initialise(settings: Settings, *, is_first: bool, may_be_new: bool) -> None:
    """Prepare this region's database, and begin at the witness.

    Raises:
        SettingsError: a setting is missing, database or witness cannot be used, or the region was lost with what was in
            its database, and nobody has said that this `may_be_new`.

    """
    slots = _done(initialised(settings, is_first=is_first, may_be_new=may_be_new))
    OUT.print(f"region {settings.region}: {_shares(slots)}")


async def initialised(settings: Settings, *, is_first: bool, may_be_new: bool = False) -> SlotMap:
    """Prepare this region's database, begin at the witness, and return the map.

    Raises:
        SettingsError: a setting is missing.
        ReplicationError: the database cannot be prepared.
        NewDatabaseError: see `gateway.service.steer.demand_own_database`; `may_be_new` leaves that out.
        UnavailableError: the witness does not answer, or has no map.

    """
    (region, peer), url = _names(settings), witness_url_of(settings)
    await prepare_witness(url)
    # Both regions follow as a role of the same name and password: what this one logs in as there, the other does here.
    await prepare(_owner_url(settings), region=region, peer=peer, follower=_follower(settings))
    async with open_pool(database_url_of(settings), connections_max=1) as pool, open_witness(url) as witness:
        store = PostgresRegions(pool, region=region, vault=vault_of(settings))
        regions = [RegionId(name) for name in settings.regions]
        if not may_be_new:
            await demand_own_database(witness, region, has_accepted=await store.has_accepted())
        held = await store.slot_map()
        slots = await begin(witness, regions, lease_s=settings.lease_s, held=held, is_first=is_first)
        await store.adopt(slots)
        return slots


def follow(settings: Settings, *, anew: bool) -> None:
    """Follow the other region.

    Raises:
        SettingsError: a setting is missing, or it cannot be done.

    """
    region, peer = _names(settings)
    done = _done(followed(settings, anew=anew))
    OUT.print(f"region {region} follows {peer}: {done}")


async def followed(settings: Settings, *, anew: bool) -> str:
    """Follow the other region, and return what was done; both may do so at the same moment.

    Raises:
        SettingsError: a setting is missing.
        ReplicationError: it cannot be done.

    """
    region, peer = _names(settings)
    return await join(_owner_url(settings), _peer_url(settings), region=region, peer=peer, anew=anew)


def show(settings: Settings, *, as_json: bool) -> int:
    """Print how the regions stand; return 1 when something is wrong.

    Raises:
        SettingsError: a setting is missing, or this region's database does not answer.

    """
    region, peer = _names(settings)
    outward, inward, known, behind, copy = _done(_asked(settings, region, peer))
    faults = [*outward.faults, *inward.faults]
    if behind is not None and behind > BEHIND_MAX_S:
        faults.append(f"region {peer} was last heard of {behind:.0f} s ago: do its workers run, and is the way open?")
    if known is None:
        faults.append("the witness does not answer: nobody serves beyond the lease that it has")
    else:
        faults += _faults_of(known, copy)
    if as_json:
        print(json.dumps(_as_json(outward, inward, known, behind, faults), indent=2))
    else:
        _print(region, peer, outward, inward, known, behind)
        for fault in faults:
            print_line(f"[red]wrong[/]: {fault}")
    return EXIT_FINDINGS if faults else EXIT_OK


async def _asked(
    settings: Settings, region: RegionId, peer: RegionId
) -> tuple[Outward, Inward, Standing | None, float | None, SlotMap | None]:
    outward, inward = await _status(settings, region, peer)
    async with (
        open_pool(database_url_of(settings), connections_max=1) as pool,
        open_witness(witness_url_of(settings)) as witness,
    ):
        store = PostgresRegions(pool, region=region, vault=vault_of(settings))
        try:
            known = await standing(witness, [region, peer])
        except UnavailableError:
            known = None
        return outward, inward, known, await behind_s(store, peer, SystemClock()), await store.slot_map()


def _faults_of(known: Standing, copy: SlotMap | None) -> list[str]:
    faults = [f"region {name} has no lease: fifteen region init" for name, lease in known.leases.items() if not lease]
    faults += [
        f"region {name} was fenced off by {lease.fenced_by}{_RETURNS if lease.returns else _IS_OUT}"
        for name, lease in known.leases.items()
        if lease is not None and lease.fenced_by is not None
    ]
    if known.slots is None:
        faults.append("the witness has no map of slots: fifteen region init")
    elif copy is None or known.slots.epochs != copy.epochs:
        faults.append("this region's copy of the map is not the witness's: is a worker or gateway running here?")
    return faults


def _print(
    region: RegionId, peer: RegionId, outward: Outward, inward: Inward, known: Standing | None, behind: float | None
) -> None:
    if known is not None and known.slots is not None:
        print_line(f"slots: {_shares(known.slots)}")
    for name, lease in {} if known is None else known.leases.items():
        if lease is not None:
            fenced = "" if lease.fenced_by is None else f", fenced off by {lease.fenced_by}"
            fenced += ", about to be let in" if lease.returns else ""
            print_line(f"lease of {name}: {lease.length_s:g} s, term {lease.term}{fenced}")
    bytes_behind = "unknown" if outward.behind_bytes is None else f"{outward.behind_bytes:,} bytes"
    print_line(f"{peer} follows {region}: {_yes(outward.is_followed)}, behind by {bytes_behind}")
    print_line(f"{region} follows {peer}: {_yes(inward.is_running)}, {inward.unprojected:,} rows to fold")
    print_line(f"what {region} knows of {peer} is {'unknown' if behind is None else f'{behind:.1f} s'} old")


def _as_json(
    outward: Outward, inward: Inward, known: Standing | None, behind: float | None, faults: list[str]
) -> Mapping[str, Any]:
    slots = None if known is None or known.slots is None else json.loads(known.slots.as_text())["slots"]
    return {
        "slots": slots,
        "leases": {
            name: None if lease is None else json.loads(lease.as_text())
            for name, lease in ({} if known is None else known.leases).items()
        },
        "followed": outward.is_followed,
        "behind_bytes": outward.behind_bytes,
        "wal_status": outward.wal_status,
        "follows": inward.is_running,
        "unprojected": inward.unprojected,
        "behind_s": behind,
        "faults": faults,
    }


def fence_peer(settings: Settings) -> None:
    """Fence the other region off.

    Raises:
        SettingsError: a setting is missing, or the witness does not answer.

    """
    region, peer = _names(settings)

    async def fencing() -> float:
        async with open_witness(witness_url_of(settings)) as witness:
            terms = await fence(witness, peer, by=region, clock=SystemClock())
            return terms.surely_over_s

    over_s = _done(fencing())
    OUT.print(f"region {peer} is fenced off: it serves nothing any more in {over_s:.1f} s at the latest")


def take_over_peer(settings: Settings) -> None:
    """Take over all slots of the other region, once it surely acts no more.

    Raises:
        SettingsError: a setting is missing, this region is fenced off itself, or the witness or this region's database
            does not answer.

    """
    region, peer = _names(settings)
    ask_wait_s = max(protocol.timing.status_request_wait_s for protocol in served_rails(settings).values())

    async def taking() -> SlotMap:
        async with (
            open_pool(database_url_of(settings), connections_max=1) as pool,
            open_witness(witness_url_of(settings)) as witness,
        ):
            times = PostgresRegions(pool, region=region, vault=vault_of(settings))
            return await take_over(witness, peer, by=region, clock=SystemClock(), times=times, ask_wait_s=ask_wait_s)

    slots = _done(taking())
    OUT.print(
        f"region {peer} is taken over: {_shares(slots)}. The rail is asked about its payments in {ask_wait_s:g} s"
    )


def come_back(settings: Settings, *, within_s: float) -> None:
    """Let this region serve again, and have its share of the slots back.

    Raises:
        SettingsError: a setting is missing, this region is not in step with the other, or it takes too long.

    """
    region, peer = _names(settings)
    share = SlotMap.first([RegionId(name) for name in settings.regions]).slots_of(region)

    async def coming() -> SlotMap:
        async with (
            open_witness(witness_url_of(settings)) as witness,
            open_pool(database_url_of(settings), connections_max=1) as pool,
        ):
            store = PostgresRegions(pool, region=region, vault=vault_of(settings))
            terms = await _admitted(settings, witness, region, peer, within_s=within_s)
            await until_it_serves(terms, SystemClock())
            wanted = await hand_back(witness, share, to=region)
            async with asyncio.timeout(within_s):
                while (copy := await store.slot_map()) is None or copy.epochs != wanted.epochs:
                    await asyncio.sleep(_LOOK_PAUSE_S)
            return wanted

    try:
        slots = _done(coming())
    except TimeoutError as error:
        raise SettingsError(
            f"region {region} does not serve again, or has not its slots, after {within_s:g} s: do both regions run, "
            "and follow each other? fifteen region status says what it was let in to; then again. Where it was not let "
            f"in, {peer} goes on alone"
        ) from error
    OUT.print(f"region {region} serves again: {_shares(slots)}")


async def _admitted(
    settings: Settings, witness: Witness, region: RegionId, peer: RegionId, *, within_s: float
) -> LeaseTerms:
    """Let this region in once it has what the other has accepted alone, and return its lease.

    First it must follow: else the other would refuse its synchronous tenants for as long as that takes.
    """
    peer_url = _peer_url(settings)
    return await admit(
        witness,
        region,
        in_step=lambda: _in_step(settings, region, peer),
        catch_up=lambda: catch_up(peer_url, region=region, peer=peer),
        clock=SystemClock(),
        within_s=within_s,
    )


async def _in_step(settings: Settings, region: RegionId, peer: RegionId) -> None:
    """Return once this region follows its peer and is followed, and what has come is folded."""
    while True:
        outward, inward = await _status(settings, region, peer)
        if not (outward.hindrances or inward.hindrances) and inward.unprojected <= UNPROJECTED_MAX:
            return
        await asyncio.sleep(_LOOK_PAUSE_S)


def let_in(settings: Settings, *, within_s: float, is_alone: bool) -> None:
    """Let this region serve again; `is_alone` does not ask whether it has what the other has.

    Raises:
        SettingsError: a setting is missing, this region is not in step with the other, or the witness does not answer.

    """
    region, peer = _names(settings)

    async def admitting() -> int:
        async with open_witness(witness_url_of(settings)) as witness:
            if is_alone:
                return (await readmit(witness, region)).term
            return (await _admitted(settings, witness, region, peer, within_s=within_s)).term

    try:
        term = _done(admitting())
    except TimeoutError as error:
        raise SettingsError(
            f"region {region} was not let in: it does not follow {peer}, or is not followed, within {within_s:g} s "
            f"(fifteen region status). {peer} goes on alone, as before. Where {peer} is gone for good: fifteen region "
            "readmit --alone"
        ) from error
    OUT.print(f"region {region} may serve again, in its term {term}")


def _names(settings: Settings) -> tuple[RegionId, RegionId]:
    if settings.peer is None:
        raise SettingsError("FIFTEEN_REGIONS names one region: for two, both are named, in both, in the same order")
    return RegionId(settings.region), RegionId(settings.peer)


def _owner_url(settings: Settings) -> str:
    if settings.database_owner_url is None:
        raise SettingsError("FIFTEEN_DATABASE_OWNER_URL is not set: replication is made and looked at by the owner")
    return settings.database_owner_url.get_secret_value()


def _follower(settings: Settings) -> Login | None:
    """The role as which each region follows the other: one name in both (docs/regions.md, "Setting up")."""
    return None if settings.peer_database_url is None else login_of(settings.peer_database_url.get_secret_value())


async def _status(settings: Settings, region: RegionId, peer: RegionId) -> tuple[Outward, Inward]:
    follower = _follower(settings)
    name = None if follower is None else follower.name
    return await status(_owner_url(settings), region=region, peer=peer, follower=name)


def _peer_url(settings: Settings) -> str:
    if settings.peer_database_url is None:
        raise SettingsError("FIFTEEN_PEER_DATABASE_URL is not set: postgresql://… as this database finds the other's")
    return settings.peer_database_url.get_secret_value()


def _done(work: Coroutine[Any, Any, Result]) -> Result:
    try:
        return asyncio.run(work)
    except WitnessAddressError as error:
        raise SettingsError(f"FIFTEEN_WITNESS_URL: {error}") from error
    except (ReplicationError, UnavailableError, OvertakenError, NewDatabaseError) as error:
        raise SettingsError(str(error)) from error


def _shares(slots: SlotMap) -> str:
    regions = sorted({owner.region for owner in slots.owners})
    return ", ".join(f"{region} owns {len(slots.slots_of(region))} slots" for region in regions)


def _yes(is_so: bool) -> str:
    return "yes" if is_so else "no"
