"""Runs of one form of a model that hand out what flows inside, as it is stored there."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from toolchain.analysis.evaluation import RunFunction
from toolchain.analysis.forms import session_form
from toolchain.core.dtypes import Array, DType
from toolchain.core.graph_view import GraphView, ValueView
from toolchain.core.operators import DEQUANTIZE, QUANTIZE
from toolchain.core.runner import BatchRunner, Runner
from toolchain.graph.expose import write_with_outputs
from toolchain.graph.view import read_view
from toolchain.program.interpreter import Interpreter
from toolchain.program.records import Program


@dataclass(frozen=True, slots=True, kw_only=True)
class Storage:
    """How a tensor is stored.

    Attributes:
        dtype: Element type.
        scale: For quantized tensors: real = (integer - zero_point) * scale. None for others.
        zero_point: See `scale`; 0 for others.
    """

    dtype: DType
    scale: float | None = None
    zero_point: int = 0

    @property
    def real_range(self) -> tuple[float, float] | None:
        """Smallest and largest real value that can be stored; None where it is not quantized."""
        if self.scale is None or not self.dtype.is_integer:
            return None
        ends = (self.dtype.qmin, self.dtype.qmax)
        low, high = ((end - self.zero_point) * self.scale for end in ends)
        return low, high

    def real(self, array: Array) -> NDArray[np.float64]:
        """The real values of what is stored, in float64."""
        values = np.asarray(array).astype(np.float64)
        return values if self.scale is None else (values - self.zero_point) * self.scale


@dataclass(frozen=True, slots=True, kw_only=True)
class Traced:
    """One form of a model that hands out tensors.

    Attributes:
        run: Feeds to the outputs and, where they were asked for, every layer's tensors.
        outputs: Names of the model outputs, in its order.
        storage: How each tensor is stored that `run` hands out, and each input.
        batches: Numbers of samples that `run` takes at once, along the first axes.
    """

    run: RunFunction
    outputs: tuple[str, ...]
    storage: Mapping[str, Storage]
    batches: tuple[int, ...] = (1,)


def trace_model(model: Path, folder: Path, *, layers: bool) -> Traced:
    """A float or QDQ model in onnxruntime, without graph optimizations.

    Of a QDQ model the layers are the integers behind QuantizeLinear, and what float operators
    write. `folder` takes the model with more outputs.
    """
    graph = read_view(model)
    values = [value for value in _inner(graph) if value.dtype is not None] if layers else []
    storage = {value.name: _storage(graph, value) for value in (*graph.inputs, *graph.outputs)}
    storage |= {value.name: _storage(graph, value) for value in values}
    path = model
    if values:
        path = folder / "layers.onnx"
        write_with_outputs(model, [value.name for value in values], path)
    outputs = tuple(value.name for value in graph.outputs)
    # One thread: how onnxruntime divides its work may show in the last bits.
    return Traced(run=session_form(path, 1, optimize=False), outputs=outputs, storage=storage)


def trace_program(program: Program, *, layers: bool, threads: int) -> Traced:
    """The integer program in the interpreter; layers are what its operations write."""
    interpreter = Interpreter(program, threads=threads or None)
    storage = _program_storage(program, layers=layers)
    observed = [name for name in storage if name not in program.inputs]

    def run(feeds: Mapping[str, Array]) -> Mapping[str, Array]:
        found = interpreter.run(feeds, observed)
        return {name: found[name] for name in (*program.outputs, *observed)}

    return Traced(run=run, outputs=program.outputs, storage=storage)


def trace_runner(program: Program, runner: Runner, *, layers: bool) -> Traced:
    """A compiled form of the program; layers as `trace_program` has them, of single samples."""
    storage = _program_storage(program, layers=layers)
    wanted = [name for name in storage if name not in program.inputs]

    def run(feeds: Mapping[str, Array]) -> Mapping[str, Array]:
        found = runner.run(feeds)
        return {name: found[name] for name in (*program.outputs, *wanted)}

    batches = runner.batches if isinstance(runner, BatchRunner) and not layers else (1,)
    return Traced(run=run, outputs=program.outputs, storage=storage, batches=batches)


def _program_storage(program: Program, *, layers: bool) -> dict[str, Storage]:
    """How inputs, outputs and, where asked for, what operations write are stored."""
    written = program.written if layers else ()
    names = dict.fromkeys((*program.inputs, *written, *program.outputs))
    return {
        name: Storage(dtype=tensor.dtype, scale=tensor.scale, zero_point=tensor.zero_point)
        for name, tensor in ((name, program.tensors[name]) for name in names)
    }


def _inner(graph: GraphView) -> Iterable[ValueView]:
    """What nodes write: of Q/DQ pairs the integers only, whose real values follow from them."""
    for node in graph.nodes:
        if node.op_type != DEQUANTIZE:
            yield from (value for value in node.outputs if value.name)


def _storage(graph: GraphView, value: ValueView) -> Storage:
    node = graph.producers.get(value.name)
    dtype = value.dtype or DType.FLOAT32
    if node is None or node.op_type != QUANTIZE:
        return Storage(dtype=dtype)
    scale, point = node.constant_input(1), node.constant_input(2)
    if scale is None or scale.size != 1:
        return Storage(dtype=dtype)
    zero_point = 0 if point is None else int(point.reshape(-1)[0])
    return Storage(dtype=dtype, scale=float(scale.reshape(-1)[0]), zero_point=zero_point)
