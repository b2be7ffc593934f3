"""`tc trace` on a folder as a build leaves it: one convolution, compiled by hand."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from toolchain.accelerator.container.file import write_container
from toolchain.accelerator.container.records import Container, MachineSegment, Port, Variant
from toolchain.accelerator.isa.code import Code
from toolchain.accelerator.isa.instructions import Copy, Lookup
from toolchain.accelerator.isa.operands import Engine, Queue, Space, View, Wait
from toolchain.cli.main import run
from toolchain.core.dtypes import DType
from toolchain.core.quant import Rounding
from toolchain.errors import CompileError, ConfigError
from toolchain.pipeline.integrity import file_digest
from toolchain.pipeline.trace import TraceRequest, trace
from toolchain.program.records import Program, Table, Tensor
from toolchain.program.serialize import save_program

TRANSFER, TENSOR = Queue(0, Engine.TRANSFER, 0), Queue(0, Engine.TENSOR, 0)


def view(space: Space, offset: int, *shape: int) -> View:
    strides = [1]
    for extent in shape[:0:-1]:
        strides.insert(0, strides[0] * extent)
    return View(space=space, offset=offset, dtype=DType.INT8, shape=shape, strides=tuple(strides))


def segment(batch: int, machine: str = "ax650-npu1") -> MachineSegment:
    """The table and x come in, 640 elements a sample are looked up, y goes out."""
    size = 640 * batch
    x, table = view(Space.MEMORY, 0, batch, 640), view(Space.MEMORY, 8192, 256)
    y = view(Space.MEMORY, 16384, batch, 640)
    code = Code(
        machine=machine,
        operations=("t",),
        queues={
            TRANSFER: (
                Copy(operation=0, target=table, source=view(Space.CONSTANTS, 0, 256)),
                Copy(operation=0, target=x, source=view(Space.INPUT, 0, batch, 640)),
                Copy(
                    operation=0, waits=(Wait(TENSOR, 1),), source=y,
                    target=view(Space.OUTPUT, 0, batch, 640),
                ),
            ),
            TENSOR: (
                Lookup(operation=0, waits=(Wait(TRANSFER, 2),), target=y, source=x, table=table),
            ),
        },
        sizes={
            Space.CONSTANTS: 256, Space.INPUT: size, Space.OUTPUT: size, Space.MEMORY: 32768,
        },
    )  # fmt: skip
    ports = (
        Port(name=name, dtype=DType.INT8, shape=(batch, 640), order=(0, 1), offset=0)
        for name in "xy"
    )
    return MachineSegment(code=code, inputs=(next(ports),), outputs=(next(ports),))


def publish(folder: Path, container: Container | None) -> None:
    folder.mkdir(parents=True)
    program = Program(
        name="net",
        rounding=Rounding.HALF_EVEN,
        inputs=("x",),
        outputs=("y",),
        tensors={n: Tensor(name=n, dtype=DType.INT8, shape=(1, 640)) for n in "xy"},
        constants={"table": np.arange(-128, 128).astype(np.int8)},
        operations=(Table(name="t", inputs=("x",), outputs=("y",), table="table"),),
    )
    names = list(save_program(program, folder, "net"))
    if container is not None:
        write_container(container, folder / "net.tcm")
        names.append("net.tcm")
    files = {name: {"sha256": file_digest(folder / name), "what": name} for name in names}
    manifest = {"toolchain": "0", "target": "npu", "platform": "ax650", "files": files}
    (folder / "manifest.json").write_text(json.dumps(manifest), encoding="utf-8")


def compiled(machine: str = "ax650-npu1") -> Container:
    variants = (
        Variant(group=0, batch=n, inputs=("x",), outputs=("y",), segments=(segment(n, machine),))
        for n in (1, 4)
    )
    return Container(name="net", machine=machine, constants=bytes(256), variants=tuple(variants))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    publish(tmp_path / "npu", compiled())
    return tmp_path / "npu"


def test_the_fewest_samples_are_shown_and_all_batches_compared(folder: Path) -> None:
    """32 bytes per cycle and 64 lanes: table 8, x 20, lookup 10, y 20, and what is waited."""
    report = trace(TraceRequest(folder=folder))
    latency, sync = report.shown.machine.ddr.latency_cycles, report.shown.machine.sync_cycles
    assert report.shown.cycles == 8 + 20 + 10 + 20 + 2 * latency + 2 * sync
    assert [each.batch for each in report.variants] == [1, 4]
    assert report.variants[1].cycles == 8 + 80 + 40 + 80 + 2 * latency + 2 * sync
    # 256 + 640 + 640 bytes at 34133 / 732, which is 46.6; 32 of the engine are fewer.
    assert report.shown.bound_cycles == 48
    # 256 + 2560 + 2560 bytes at 32 per cycle.
    assert report.variants[1].bound_cycles == 168
    assert [row.path for row in report.files] == [
        folder.with_name("npu.trace") / "trace.json",
        folder.with_name("npu.trace") / "index.html",
        folder.with_name("npu.trace") / "index.md",
    ]
    written = json.loads(report.files[0].path.read_text(encoding="utf-8"))
    assert written["otherData"]["cycles"] == report.shown.cycles
    assert "<h1>net on ax650-npu1</h1>" in report.files[1].path.read_text(encoding="utf-8")


def test_another_batch_with_less_bandwidth(folder: Path, tmp_path: Path) -> None:
    """1.464 GB/s at 732 MHz are 2 bytes per cycle: 128, 1280, 40 and 1280 cycles."""
    request = TraceRequest(
        folder=folder, batch=4, ddr_limit=1_464_000_000, destination=tmp_path / "out"
    )
    report = trace(request)
    machine = report.shown.machine
    waits = 2 * machine.ddr.latency_cycles + 2 * machine.sync_cycles
    assert report.shown.cycles == 128 + 1280 + 40 + 1280 + waits
    # 256 + 2560 + 2560 bytes at 2 per cycle.
    assert report.shown.bound_cycles == 2688
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == [
        "index.html", "index.md", "trace.json",
    ]  # fmt: skip


@pytest.mark.parametrize(("asked", "allowed"), [({"batch": 2}, "1, 4"), ({"group": 1}, "0")])
def test_what_was_not_compiled(folder: Path, asked: dict[str, int], allowed: str) -> None:
    with pytest.raises(ConfigError) as caught:
        trace(TraceRequest(folder=folder, **asked))  # type: ignore[arg-type]
    assert caught.value.problems[0].allowed == allowed


def test_folders_without_a_compiled_model(tmp_path: Path) -> None:
    publish(tmp_path / "none", None)
    with pytest.raises(CompileError, match="no compiled model"):
        trace(TraceRequest(folder=tmp_path / "none"))
    publish(tmp_path / "other", compiled("ax620e-npu1"))
    with pytest.raises(CompileError, match="machine that the chip does not have"):
        trace(TraceRequest(folder=tmp_path / "other"))


def test_the_command(folder: Path, capsys: Any) -> None:
    assert run(["trace", str(folder), "--batch", "4"]) == 0
    told = capsys.readouterr()
    assert told.out.startswith("net on ax650-npu1: ")
    assert "not measurements of a chip" in " ".join(told.err.split())
    assert run(["trace", str(folder), "--format", "json"]) == 0
    data = json.loads(capsys.readouterr().out)
    assert (data["machine"], data["batch"]) == ("ax650-npu1", 1)
    assert [each["batch"] for each in data["batches"]] == [1, 4]
    assert data["operations"][0]["busy"]["tensor"] == 10
