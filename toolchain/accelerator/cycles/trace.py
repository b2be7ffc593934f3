"""A timeline as a trace: the JSON of Chrome's trace viewer, which ui.perfetto.dev opens, too."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from fractions import Fraction
from typing import Any, TypeAlias

from toolchain.accelerator.cycles.records import Step, Timeline, queue_name
from toolchain.accelerator.cycles.summary import MODEL_NOTE
from toolchain.accelerator.isa.operands import Queue, Wait

Event: TypeAlias = dict[str, Any]
"""An event of the trace; times in microseconds."""


def trace_text(segments: Sequence[Timeline], *, name: str) -> str:
    """The trace of a program's segments, one after the other, the same bytes for the same runs.

    Args:
        segments: Runs on one machine, at least one.
        name: Of the program.
    """
    machine = segments[0].machine
    queues = sorted({queue for each in segments for queue in each.busy})
    lanes = {queue: number for number, queue in enumerate(queues, start=1)}
    events = list(_names(lanes, machine.name))
    start = 0
    for each in segments:
        events += (_step(step, each, lanes, start) for step in each.steps)
        events += _bandwidth(each, start)
        start += each.cycles
    document = {
        "displayTimeUnit": "ns",
        "otherData": {
            "program": name,
            "machine": machine.name,
            "clock_mhz": machine.clock_mhz,
            "cycles": start,
            "note": MODEL_NOTE,
        },
        "traceEvents": events,
    }
    return json.dumps(document, separators=(",", ":"), sort_keys=True) + "\n"


def _names(lanes: dict[Queue, int], machine: str) -> Iterator[Event]:
    """A process for each core, a thread for each of its queues, in their order; last the DDR.

    Process and thread 0 mean the idle task to some viewers, so that numbers begin at 1.
    """
    cores = sorted({queue.core for queue in lanes})
    names = {_process(core): f"{machine} core {core} (model)" for core in cores}
    names[_DDR] = f"{machine} DDR (model)"
    for number, (process, name) in enumerate(names.items()):
        yield _name("process_name", process, name=name)
        yield _name("process_sort_index", process, sort_index=number)
    for queue, lane in lanes.items():
        label = f"{queue.engine.name.lower()} {queue.index}"
        yield {**_name("thread_name", _process(queue.core), name=label), "tid": lane}
        yield {**_name("thread_sort_index", _process(queue.core), sort_index=lane), "tid": lane}


_DDR = 1
"""Process of the DDR."""


def _process(core: int) -> int:
    return core + _DDR + 1


def _name(kind: str, process: int, **args: str | int) -> Event:
    return {"ph": "M", "name": kind, "pid": process, "args": args}


def _step(step: Step, found: Timeline, lanes: dict[Queue, int], start: int) -> Event:
    args: dict[str, Any] = {
        "label": f"{step.kind} {step.index}",
        "cycles": step.cycles,
        "begin": start + step.begin,
        "completed": start + step.completed,
        "stalled": step.stalled,
        "shared": step.shared,
        "bytes": step.traffic.bytes,
        "macs": step.macs,
        "waits": [_wait(wait) for wait in step.waits if wait.count],
    }
    if step.cause is not None:
        args["dep_by"] = _wait(step.cause)
    begin, end = (_microseconds(start + cycle, found) for cycle in (step.begin, step.end))
    return {
        "ph": "X",
        "name": found.operations[step.operation],
        "cat": step.kind,
        "pid": _process(step.queue.core),
        "tid": lanes[step.queue],
        "ts": begin,
        # Of rounded ends, so that no slice reaches into the next.
        "dur": round(end - begin, 6),
        "args": args,
    }


def _wait(wait: Wait) -> str:
    """The last instruction that was waited for, by its place from 0."""
    return f"{queue_name(wait.queue)} instruction {wait.count - 1}"


def _bandwidth(found: Timeline, start: int) -> Iterator[Event]:
    """How much of the DDR's bandwidth is in use, wherever that changes."""
    changes: dict[int, int] = {}
    for step in found.steps:
        if step.traffic.bytes:
            changes[step.begin] = changes.get(step.begin, 0) + 1
            changes[step.end] = changes.get(step.end, 0) - 1
    active = 0
    for cycle, change in sorted(changes.items()):
        active += change
        wanted = Fraction(active * found.machine.transfer.bytes_per_cycle)
        yield {
            "ph": "C",
            "name": "DDR bytes per cycle",
            "pid": _DDR,
            "ts": _microseconds(start + cycle, found),
            "args": {"bytes": round(float(min(wanted, found.ddr_bytes_per_cycle)), 3)},
        }


def _microseconds(cycles: int, found: Timeline) -> float:
    return round(cycles / found.machine.clock_mhz, 6)
