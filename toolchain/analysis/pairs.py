"""Every layer's output twice, float and quantized, one sample at a time."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np

from toolchain.analysis.forms import session_form
from toolchain.analysis.layers import Layer
from toolchain.analysis.stored import undivided
from toolchain.core.dtypes import Array
from toolchain.core.options import AnalysisForm, AnalysisMode
from toolchain.core.runner import Runner
from toolchain.errors import Code, InternalError
from toolchain.graph.expose import write_with_outputs
from toolchain.graph.layers import layer_output, write_layers
from toolchain.numerics.affine import dequantize, quantize
from toolchain.program.interpreter import Interpreter
from toolchain.program.records import Program


class Pair(NamedTuple):
    """What one layer computes for one sample, in units of the float model."""

    layer: Layer
    expected: Array
    actual: Array


PairFunction = Callable[[Mapping[str, Array]], Iterator[Pair]]
"""Feeds of one sample to the pair of every layer."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Models:
    """The three forms of one model, and where it is cut.

    Attributes:
        float_model: The float model, without Q/DQ.
        qdq_model: The QDQ model.
        program: The integer program.
        layers: The layers that all of them have.
        machine: The compiled model, which hands out layers; None for none.
    """

    float_model: Path
    qdq_model: Path
    program: Program
    layers: Sequence[Layer]
    machine: Runner | None = None


def pair_function(
    models: Models, mode: AnalysisMode, on: AnalysisForm, folder: Path
) -> PairFunction:
    """How one sample becomes pairs; temporary models are written to `folder`.

    Per layer, each reads what the float model has in front of it, quantized. onnxruntime runs
    without optimizations: what operators mean, not what its kernels make of them. What is returned
    may be called from several threads, but for that of a machine; each call uses one.
    """
    match on, mode:
        case AnalysisForm.QDQ, AnalysisMode.PER_LAYER:
            return _layers_of_qdq(models, folder)
        case AnalysisForm.QDQ, _:
            return _whole_qdq(models, folder)
        case AnalysisForm.MACHINE, AnalysisMode.END_TO_END if models.machine is not None:
            return _whole_machine(models, models.machine, folder)
        case AnalysisForm.MACHINE, _:
            raise InternalError(Code.INTERNAL, "There is no machine that could be fed so", got=mode)
        case _, AnalysisMode.PER_LAYER:
            return _layers_of_reference(models, folder)
        case _:
            return _whole_reference(models, folder)


def _layers_of_qdq(models: Models, folder: Path) -> PairFunction:
    joined = folder / "layers.onnx"
    cuts = [layer.cut for layer in models.layers]
    write_layers(models.float_model, models.qdq_model, cuts, joined)
    both = session_form(joined, 1, optimize=False)

    def pairs(feeds: Mapping[str, Array]) -> Iterator[Pair]:
        values = {**feeds, **both(feeds)}
        for layer in models.layers:
            found = values.pop(layer_output(layer.cut))
            yield Pair(layer, values.pop(layer.name), _whole(layer, found))

    return pairs


def _whole_qdq(models: Models, folder: Path) -> PairFunction:
    exposed = folder / "qdq.onnx"
    names = [layer.cut.quantized for layer in models.layers]
    write_with_outputs(models.qdq_model, names, exposed)
    real, qdq = _float_form(models, folder), session_form(exposed, 1, optimize=False)

    def pairs(feeds: Mapping[str, Array]) -> Iterator[Pair]:
        values, found = real(feeds), qdq(feeds)
        for layer in models.layers:
            yield Pair(layer, values[layer.name], _whole(layer, found[layer.cut.quantized]))

    return pairs


def _layers_of_reference(models: Models, folder: Path) -> PairFunction:
    real, reference = _float_form(models, folder), Interpreter(models.program, threads=1)
    names = [layer.tensor for layer in models.layers]

    def pairs(feeds: Mapping[str, Array]) -> Iterator[Pair]:
        values = real(feeds)
        forced = {layer.tensor: _as_stored(layer, values[layer.name]) for layer in models.layers}
        found = reference.run(feeds, names, forced=forced)
        for layer in models.layers:
            yield Pair(layer, values[layer.name], _real(layer, found[layer.tensor]))

    return pairs


def _whole_reference(models: Models, folder: Path) -> PairFunction:
    real, reference = _float_form(models, folder), Interpreter(models.program, threads=1)
    names = [layer.tensor for layer in models.layers]

    def pairs(feeds: Mapping[str, Array]) -> Iterator[Pair]:
        values, found = real(feeds), reference.run(feeds, names)
        for layer in models.layers:
            yield Pair(layer, values[layer.name], _real(layer, found[layer.tensor]))

    return pairs


def _whole_machine(models: Models, machine: Runner, folder: Path) -> PairFunction:
    real = _float_form(models, folder)

    def pairs(feeds: Mapping[str, Array]) -> Iterator[Pair]:
        values, found = real(feeds), {**feeds, **machine.run(feeds)}
        for layer in models.layers:
            yield Pair(layer, values[layer.name], _real(layer, found[layer.tensor]))

    return pairs


def _float_form(models: Models, folder: Path) -> PairFeeds:
    """The float model with every layer's output, those at model inputs included."""
    exposed = folder / "float.onnx"
    inputs = [layer.name for layer in models.layers if not layer.nodes]
    names = [layer.name for layer in models.layers if layer.nodes]
    write_with_outputs(models.float_model, names, exposed)
    run = session_form(exposed, 1)

    def values(feeds: Mapping[str, Array]) -> Mapping[str, Array]:
        return {**{name: feeds[name] for name in inputs}, **run(feeds)}

    return values


PairFeeds = Callable[[Mapping[str, Array]], Mapping[str, Array]]
"""Feeds of one sample to values by name."""


def divided(layer: Layer, values: Array) -> Array:
    """Float values as the quantized forms hold them: with their channels divided."""
    scales = layer.scales
    return values if scales is None else np.asarray(values / scales, np.float32)


def _as_stored(layer: Layer, values: Array) -> Array:
    """Float values as the program holds them."""
    given = divided(layer, values)
    return given if layer.params is None else quantize(given, layer.params)


def _real(layer: Layer, found: Array) -> Array:
    """What the program holds as float values."""
    values = found if layer.params is None else dequantize(found, layer.params)
    return _whole(layer, values)


def _whole(layer: Layer, values: Array) -> Array:
    return undivided(values, layer.cut.scales)
