"""What processes cost: CPU and memory of each with its children, as the kernel counts them (Linux, proc(5))."""

from __future__ import annotations

import os
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

_PROC: Final = Path("/proc")
_TICKS_PER_S: Final = os.sysconf("SC_CLK_TCK")
_PARENT, _OWN_CPU, _REAPED_CPU = 1, slice(11, 13), slice(13, 15)
"""Places in ``/proc/PID/stat`` after the command: parent; user and system time, its own and its reaped children's."""


@dataclass(frozen=True, slots=True)
class Cost:
    """CPU seconds so far, ended children included, and memory now, in MiB: shared pages count once (PSS)."""

    cpu_s: float
    memory_mib: float


@dataclass(frozen=True, slots=True)
class _Process:
    parent: int
    cpu_ticks: int


def costs_of(process_ids: Mapping[str, int]) -> Mapping[str, Cost]:
    """Return what each process, with all its living descendants, has cost so far; nothing for one that is gone."""
    processes = _processes()
    children: dict[int, list[int]] = defaultdict(list)
    for process_id, process in processes.items():
        children[process.parent].append(process_id)
    found = {}
    for name, root in process_ids.items():
        family = [root] if root in processes else []
        for process_id in family:  # grows as it goes
            family += children[process_id]
        ticks = sum(processes[process_id].cpu_ticks for process_id in family)
        kib = sum(_memory_kib(process_id) for process_id in family)
        found[name] = Cost(ticks / _TICKS_PER_S, kib / 1024)
    return found


def _processes() -> dict[int, _Process]:
    found = {}
    for entry in _PROC.glob("[0-9]*"):
        try:
            fields = (entry / "stat").read_text().rpartition(")")[2].split()
        except (FileNotFoundError, ProcessLookupError):
            continue
        ticks = sum(map(int, (*fields[_OWN_CPU], *fields[_REAPED_CPU])))
        found[int(entry.name)] = _Process(int(fields[_PARENT]), ticks)
    return found


def _memory_kib(process_id: int) -> int:
    """The proportional share of the memory, or all resident memory where the kernel does not tell us the share."""
    for file, field in (("smaps_rollup", "Pss:"), ("status", "VmRSS:")):
        try:
            lines = (_PROC / str(process_id) / file).read_text().splitlines()
        except OSError:
            continue
        for line in lines:
            if line.startswith(field):
                return int(line.split()[1])
    return 0
