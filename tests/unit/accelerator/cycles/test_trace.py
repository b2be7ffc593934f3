"""The trace is what the format asks for, and says what the timeline says."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

from toolchain.accelerator.cycles.model import timeline
from toolchain.accelerator.cycles.trace import trace_text
from toolchain.accelerator.isa.operands import Engine, Queue, Wait
from toolchain.core.machine import Machine

T0, T1, D0, D1 = (
    Queue(0, Engine.TENSOR, 0), Queue(0, Engine.TENSOR, 1),
    Queue(0, Engine.TRANSFER, 0), Queue(1, Engine.TRANSFER, 0),
)  # fmt: skip


def trace(toy: Machine, micro: Any, times: int = 1) -> dict[str, Any]:
    """Two loads at 1.5 bytes per cycle to 43, a fill from 43 + 7 to 60; sync 7."""
    code = micro.code(
        {
            D0: [micro.load(1)],
            D1: [micro.load(1, operation=1)],
            T0: [micro.fill(10, Wait(D0, 1), Wait(D1, 1), operation=2)],
        }
    )
    found = timeline(code, replace(toy, sync_cycles=7))
    read: dict[str, Any] = json.loads(trace_text([found] * times, name="tiny"))
    return read


def test_every_instruction_is_an_event_of_its_queue(toy: Machine, micro: Any) -> None:
    found = trace(toy, micro)
    lanes = {
        event["tid"]: (event["pid"], event["args"]["name"])
        for event in found["traceEvents"]
        if event["name"] == "thread_name"
    }
    events = [event for event in found["traceEvents"] if event["ph"] == "X"]
    assert [(e["name"], lanes[e["tid"]]) for e in events] == [
        ("third", (2, "tensor 0")),
        ("first", (2, "transfer 0")),
        ("second", (3, "transfer 0")),
    ]
    assert all(event["pid"] == lanes[event["tid"]][0] for event in events)
    # 100 MHz: a hundredth of a microsecond per cycle.
    assert [(e["ts"], e["dur"]) for e in events] == [(0.5, 0.1), (0.0, 0.43), (0.0, 0.43)]
    assert events[0]["args"] == {
        "label": "Fill 0", "cycles": 10, "begin": 50, "completed": 60, "stalled": 50, "shared": 0,
        "bytes": 0, "macs": 0, "dep_by": "core 0 transfer 0 instruction 0",
        "waits": ["core 0 transfer 0 instruction 0", "core 1 transfer 0 instruction 0"],
    }  # fmt: skip
    assert events[1]["args"]["bytes"] == 64
    assert events[1]["args"]["shared"] == 11
    assert "dep_by" not in events[1]["args"]


def test_the_bandwidth_in_use(toy: Machine, micro: Any) -> None:
    """Both want 4 bytes per cycle and get the 3 that there are."""
    counters = [event for event in trace(toy, micro)["traceEvents"] if event["ph"] == "C"]
    assert [(e["ts"], e["args"]["bytes"]) for e in counters] == [(0.0, 3.0), (0.43, 0.0)]


def test_cores_and_the_model_are_named(toy: Machine, micro: Any) -> None:
    found = trace(toy, micro)
    names = [e["args"]["name"] for e in found["traceEvents"] if e["name"] == "process_name"]
    assert names == ["toy-2 core 0 (model)", "toy-2 core 1 (model)", "toy-2 DDR (model)"]
    assert found["otherData"]["machine"] == "toy-2"
    assert found["otherData"]["cycles"] == 60
    assert "model" in found["otherData"]["note"]


def test_the_trace_event_format_is_kept(toy: Machine, micro: Any) -> None:
    """Its rules: known phases, ids that are named once and are not 0, slices that do not cross."""
    queues = {
        T0: [micro.fill(n, operation=n % 3) for n in range(1, 90)],
        D0: [micro.load(1) for _ in range(40)],
        D1: [micro.load(2, operation=1) for _ in range(20)],
    }
    # 3 does not divide a microsecond, so that every time is rounded.
    found = timeline(micro.code(queues), replace(toy, clock_mhz=3))
    events = json.loads(trace_text([found] * 2, name="tiny"))["traceEvents"]
    assert {event["ph"] for event in events} == {"M", "X", "C"}
    named = [(e["name"], e["pid"], e.get("tid")) for e in events if e["ph"] == "M"]
    assert len(named) == len(set(named))
    threads = {(pid, tid) for name, pid, tid in named if name == "thread_name"}
    processes = {pid for name, pid, _ in named if name == "process_name"}
    assert all(isinstance(tid, int) and tid > 0 and pid > 0 for pid, tid in threads)
    assert {event["pid"] for event in events} == processes
    ends: dict[tuple[int, int], float] = {}
    slices = sorted((e for e in events if e["ph"] == "X"), key=lambda e: e["ts"])
    assert len(slices) == 2 * (89 + 40 + 20)
    for event in slices:
        lane = (event["pid"], event["tid"])
        assert lane in threads
        # Viewers count whole nanoseconds, a thousand of the last digit here.
        assert event["dur"] > 0
        assert event["ts"] >= ends.get(lane, 0.0) - 1e-6
        ends[lane] = event["ts"] + event["dur"]
    counted = [event["ts"] for event in events if event["ph"] == "C"]
    assert counted == sorted(counted)


def test_segments_follow_each_other(toy: Machine, micro: Any) -> None:
    found = trace(toy, micro, times=2)
    fills = [event["ts"] for event in found["traceEvents"] if event.get("cat") == "Fill"]
    assert fills == [0.5, 1.1]
    assert found["otherData"]["cycles"] == 120


def test_the_same_run_gives_the_same_bytes(toy: Machine, micro: Any) -> None:
    code = micro.code({T1: [micro.fill(3)], T0: [micro.fill(2)]})
    turned = micro.code({T0: [micro.fill(2)], T1: [micro.fill(3)]})
    assert trace_text([timeline(code, toy)], name="x") == trace_text(
        [timeline(turned, toy)], name="x"
    )
