"""From a small ONNX model to its plan, its QDQ model and its integer program."""

from __future__ import annotations

import json
import math
import zlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import numpy_helper, parser

from tc_target_dpu.facts import SPEC as DPU
from tc_target_npu.facts import SPEC as NPU
from tc_target_riscv.facts import SPEC
from toolchain.calibration.ranges.methods import RANGE_METHODS
from toolchain.calibration.sweep import SweepOptions, sweep
from toolchain.core.dtypes import Array, DType
from toolchain.core.graph_view import GraphView
from toolchain.core.machine import Machine
from toolchain.core.options import QuantizeOptions, RangePin
from toolchain.core.progress import SilentProgress
from toolchain.core.quant import ParamSet, QuantParams, QuantPlan
from toolchain.core.reports import QuantReport
from toolchain.core.samples import InputSpec, SampleStore
from toolchain.core.target import TargetSpec
from toolchain.graph.expose import write_with_outputs
from toolchain.graph.load import load_model
from toolchain.graph.normalize import normalize
from toolchain.graph.save import save_model
from toolchain.graph.session import open_session, run
from toolchain.graph.view import read_view
from toolchain.program.interpreter import Interpreter
from toolchain.program.lowering import lower
from toolchain.program.records import Operation, Program
from toolchain.quantization.parameters import observed_values
from toolchain.quantization.plan import make_plan
from toolchain.quantization.precision import NodePrecision
from toolchain.quantization.quantize import Quantization, quantize_model
from toolchain.quantization.roles import configured
from toolchain.quantization.rules import Asked, settle

MACHINES = tuple(
    machine
    for spec in (NPU, DPU)
    for platform in spec.platforms
    for machine in platform.machines
    if machine.name in ("ax650-npu1", "ax650-npu3", "ax8860-npu1", "b1024-1")
)
"""One core, three, an engine that moves elements, and a small memory with weights beside it."""


@pytest.fixture
def some_machine(request: pytest.FixtureRequest) -> Machine:
    """One of `MACHINES`, which the name of the test chooses."""
    return MACHINES[zlib.crc32(request.node.name.encode()) % len(MACHINES)]


def text_model(body: str, inputs: str, outputs: str, opset: int = 24, **constants: Array):
    """Model of a graph in onnx's text form whose nodes are called after their first output."""
    proto = parser.parse_model(
        f'<ir_version: 10, opset_import: ["" : {opset}]>\n'
        f"g ({inputs}) => ({outputs}) {{ {body} }}".replace("'", '"')
    )
    proto.graph.initializer.extend(
        numpy_helper.from_array(np.asarray(array), name) for name, array in constants.items()
    )
    for node in proto.graph.node:
        node.name = f"{node.output[0]}_node"
    return proto


def write_samples(graph: GraphView, folder: Path, count: int, seed: int) -> SampleStore:
    """`count` samples of normally distributed numbers for every input of `graph`."""
    rng = np.random.default_rng(seed)
    folder.mkdir()
    inputs = []
    for index, value in enumerate(graph.inputs):
        shape = value.static_shape or ()
        data = rng.standard_normal((count * math.prod(shape),)) * 2
        dtype = value.dtype or DType.FLOAT32
        data.astype(dtype.numpy).tofile(folder / f"input_{index}.bin")
        inputs.append({"name": value.name, "dtype": dtype.value, "shape": shape})
    names = [str(number) for number in range(count)]
    (folder / "samples.json").write_text(json.dumps({"inputs": inputs, "names": names}))
    return SampleStore(
        folder=folder,
        inputs=tuple(InputSpec(**{**i, "shape": tuple(i["shape"])}) for i in inputs),
        names=tuple(names),
    )


@dataclass(kw_only=True)
class Built:
    """A model on its way through the chain."""

    folder: Path
    float_path: Path
    qdq_path: Path
    graph: GraphView
    plan: QuantPlan
    params: ParamSet
    report: QuantReport
    program: Program
    samples: SampleStore
    target: TargetSpec

    def onnxruntime(self, *, optimize: bool = False, qdq: bool = True) -> dict[str, Array]:
        """Outputs of the QDQ (or float) model on all samples."""
        session = open_session(self.qdq_path if qdq else self.float_path, optimize=optimize)
        runs = [run(session, feeds) for feeds in self.samples.batches()]
        return {name: np.stack([r[name] for r in runs]) for name in runs[0]}

    def reference(self) -> dict[str, Array]:
        """Outputs of the integer program on all samples."""
        interpreter = Interpreter(self.program, threads=1)
        runs = [interpreter.run(feeds) for feeds in self.samples.batches()]
        return {name: np.stack([r[name] for r in runs]) for name in runs[0]}


@dataclass(kw_only=True)
class Layer:
    """How one operation differs from onnxruntime on the same integers."""

    operation: Operation
    elements: int = 0
    different: int = 0
    distance: int = 0
    float_error: float = 0.0


@dataclass(kw_only=True)
class Layers:
    """All operations of a program, compared one by one."""

    layers: Sequence[Layer]

    @property
    def share(self) -> float:
        """Share of equal integers."""
        elements = sum(layer.elements for layer in self.layers)
        return 1.0 - sum(layer.different for layer in self.layers) / max(elements, 1)

    def check(self, share: float = 0.999, float_error: float = 1e-5) -> None:
        """All integers at most 1 apart and `share` of them equal; floats close in relation."""
        for layer in self.layers:
            assert layer.distance <= 1, layer
            assert layer.float_error <= float_error, layer
        worst = sorted(self.layers, key=lambda layer: -layer.different)[:8]
        assert self.share >= share, worst


@pytest.fixture
def make_text_model() -> Callable[..., onnx.ModelProto]:
    """See `text_model`."""
    return text_model


@pytest.fixture
def graph_of(tmp_path: Path) -> Callable[[onnx.ModelProto], GraphView]:
    """The normalized graph of a model; its file is `float.onnx` in the test's folder."""

    def make(proto: onnx.ModelProto) -> GraphView:
        onnx.save(proto, tmp_path / "given.onnx")
        save_model(normalize(load_model(tmp_path / "given.onnx"), {}), tmp_path / "float.onnx")
        return read_view(tmp_path / "float.onnx")

    return make


@pytest.fixture
def build(tmp_path: Path, graph_of: Callable[[onnx.ModelProto], GraphView]) -> Callable[..., Built]:
    """Plan, quantize and lower a model, calibrated on random samples."""

    def chain(
        proto: onnx.ModelProto | GraphView,
        *,
        target: TargetSpec = SPEC,
        bias_dtype: DType = DType.INT32,
        precision: Mapping[str, NodePrecision] | None = None,
        fixed: Mapping[str, QuantParams] | None = None,
        pins: Sequence[RangePin] = (),
        samples: SampleStore | int = 8,
        options: QuantizeOptions | None = None,
    ) -> Built:
        graph = proto if isinstance(proto, GraphView) else graph_of(proto)
        options = options or QuantizeOptions(algorithms=(), method="minmax")
        target = configured(target, options)
        source, destination = tmp_path / "float.onnx", tmp_path / "qdq.onnx"
        if isinstance(samples, int):
            samples = write_samples(graph, tmp_path / "samples", samples, seed=1)
        asked = settle((), graph, target, options)
        asked |= {
            name: Asked(precision=found, origins={}) for name, found in (precision or {}).items()
        }
        plan = make_plan(
            graph,
            target,
            bias_dtype=bias_dtype,
            input_dtype=options.input_dtype,
            fixed=fixed,
            precision={name: found.precision for name, found in asked.items()},
        )
        values = observed_values(graph, set())
        inputs = {value.name for value in graph.inputs}
        exposed = tmp_path / "exposed.onnx"
        write_with_outputs(source, [name for name in values if name not in inputs], exposed)
        stats, _ = sweep(exposed, values, samples, SweepOptions(threads=1), SilentProgress())
        (tmp_path / "scratch").mkdir(exist_ok=True)
        result = quantize_model(
            source,
            destination,
            graph,
            plan,
            Quantization(
                target=target,
                stats=stats,
                options=options,
                methods={method.name: method for method in RANGE_METHODS},
                algorithms={},
                fixed=fixed or {},
                asked=asked,
                pins=pins,
                samples=samples,
                threads=1,
                scratch=tmp_path / "scratch",
            ),
        )
        return Built(
            folder=tmp_path,
            float_path=source,
            qdq_path=destination,
            graph=graph,
            plan=plan,
            params=result.params,
            report=result.report,
            program=lower(read_view(destination), target, "model"),
            samples=samples,
            target=target,
        )

    return chain


@pytest.fixture
def compare_layers(tmp_path: Path) -> Callable[..., Layers]:
    """Hold every operation of a program against onnxruntime, fed what onnxruntime had there.

    Tensors that only the program has (between two of its operations) are computed by it.
    """

    def compare(qdq: Path, program: Program, samples: SampleStore, limit: int = 4) -> Layers:
        view = read_view(qdq)
        known = [name for name in program.tensors if name in view.values]
        inputs = {value.name for value in view.inputs}
        exposed = tmp_path / "layers.onnx"
        write_with_outputs(qdq, [name for name in known if name not in inputs], exposed)
        session = open_session(exposed, optimize=False)
        parts = [
            (Layer(operation=operation), _alone(program, operation, set(known)))
            for operation in program.operations
            if set(operation.outputs) - {""} <= set(known)
        ]
        interpreters = [Interpreter(part, threads=1) for _, part in parts]
        for feeds in samples.batches(limit=limit):
            values = {**feeds, **run(session, feeds)}
            for (layer, part), interpreter in zip(parts, interpreters, strict=True):
                given = {name: values[name] for name in part.inputs}
                for name, array in interpreter.run(given).items():
                    _note(layer, values[name], array)
        return Layers(layers=[layer for layer, _ in parts])

    return compare


def _alone(program: Program, operation: Operation, known: set[str]) -> Program:
    """`operation`, with what computes those of its inputs that only the program has."""
    producers = {name: op for op in program.operations for name in op.outputs}
    needed, pending = {operation.name}, list(operation.inputs)
    while pending:
        name = pending.pop()
        if name and name not in known and name not in program.constants:
            needed.add(producers[name].name)
            pending.extend(producers[name].inputs)
    chosen = tuple(op for op in program.operations if op.name in needed)
    written = {name for op in chosen for name in op.outputs}
    read = [name for op in chosen for name in op.inputs if name and name not in program.constants]
    return replace(
        program,
        operations=chosen,
        inputs=tuple(dict.fromkeys(name for name in read if name not in written)),
        outputs=tuple(name for name in operation.outputs if name),
    )


def _note(layer: Layer, expected: Array, actual: Array) -> None:
    assert expected.shape == actual.shape, layer.operation
    assert expected.dtype == actual.dtype, layer.operation
    if expected.dtype.kind == "f":
        scale = max(float(np.abs(expected).max(initial=0)), 1e-6)
        error = float(np.abs(expected - actual).max(initial=0)) / scale
        layer.float_error = max(layer.float_error, error)
        return
    distance = np.abs(expected.astype(np.int64) - actual.astype(np.int64))
    layer.elements += distance.size
    layer.different += int(np.count_nonzero(distance))
    layer.distance = max(layer.distance, int(distance.max(initial=0)))
