"""Forward runs of a model whose results stay where the observer reads them."""

from __future__ import annotations

from contextlib import contextmanager
from math import prod
from typing import TYPE_CHECKING

import numpy as np

from toolchain.calibration.statistics import arrange
from toolchain.errors import CalibrationError, Code, ConfigError, Problem

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from toolchain.core.samples import SampleStore

Shape = tuple[int, ...]


class ForwardModel:
    """An onnxruntime session on one thread per run, which any number of threads may share."""

    def __init__(self, path: Path, values: Sequence[str], samples: SampleStore) -> None:
        """Open `path`, of which `values` are observed.

        Raises:
            CalibrationError: The model does not load, or a value is neither input nor output of
                it, or not float32.
        """
        import onnxruntime as ort

        options = ort.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        options.use_deterministic_compute = True
        options.log_severity_level = 3
        self.path = path
        self.values = tuple(values)
        self.samples = samples
        self.trial_runs = 0
        self._shapes: dict[int, dict[str, Shape]] = {}
        with reported(path):
            self.session = ort.InferenceSession(
                str(path), options, providers=["CPUExecutionProvider"]
            )
        self._check_values()

    @property
    def computes(self) -> bool:
        """False where only inputs are observed: the model need not run for them."""
        return not {spec.name for spec in self.samples.inputs}.issuperset(self.values)

    def shapes(self, start: int, size: int) -> dict[str, Shape]:
        """Shape of every value in a run of `size` samples from number `start` on.

        Read from the model where they are static, else found by one trial run per size, which is
        counted.
        """
        if size not in self._shapes:
            self._shapes[size] = self._find_shapes(start, size)
        return self._shapes[size]

    def _find_shapes(self, start: int, size: int) -> dict[str, Shape]:
        found = {spec.name: (size * spec.shape[0], *spec.shape[1:]) for spec in self.samples.inputs}
        outputs = {item.name: item.shape for item in self.session.get_outputs()}
        wanted = [value for value in self.values if value not in found]
        if all(isinstance(dim, int) for value in wanted for dim in outputs[value]):
            return found | {value: tuple(outputs[value]) for value in wanted}
        with reported(self.path):
            arrays = self.session.run(wanted, self.samples.batch(start, size))
        self.trial_runs += 1
        return found | {value: array.shape for value, array in zip(wanted, arrays, strict=True)}

    def check_batch(self, start: int, size: int) -> None:
        """Raise a ConfigError if `size` samples cannot be run together.

        Every value must have `size` times the extent along axis 0 that it has for one sample; a
        graph that fixes its batch, in a Reshape for instance, shows itself here.
        """
        if size == 1:
            return
        fixed = [item.name for item in self.session.get_inputs() if isinstance(item.shape[0], int)]
        if not fixed:
            try:
                one, many = self.shapes(start, 1), self.shapes(start, size)
            except CalibrationError as error:
                raise self._fixed_batch(size, str(error.problems[0].message)) from error
            fixed = [v for v in self.values if many[v] != (size * one[v][0], *one[v][1:])]
        if fixed:
            raise self._fixed_batch(size, f"`{fixed[0]}` does not grow with the batch")

    @staticmethod
    def _fixed_batch(size: int, reason: str) -> ConfigError:
        return ConfigError(
            Code.CONTRADICTION,
            "The graph is built for one sample, so samples cannot be run together",
            where="calibration.batch_size",
            got=f"{size}: {reason}",
            allowed="1",
            hint="set batch_size = 1; it has no influence on the statistics",
        )

    def _check_values(self) -> None:
        nodes = (*self.session.get_inputs(), *self.session.get_outputs())
        types = {item.name: item.type for item in nodes}
        problems = [
            Problem(
                code=Code.CALIBRATION_FAILED,
                message="The value cannot be observed",
                where=value,
                got=types.get(value, "neither an input nor an output of the model"),
                allowed="tensor(float)",
            )
            for value in self.values
            if types.get(value) != "tensor(float)"
        ]
        if problems:
            raise CalibrationError.of(problems)


class Forward:
    """Runs of one size, bound to a buffer, with the tables that they are observed into."""

    def __init__(
        self,
        model: ForwardModel,
        shapes: Mapping[str, Shape],
        size: int,
        arena: NDArray[np.float32],
    ) -> None:
        """Bind every observed value to its slot in `arena`."""
        self.model = model
        self.size = size
        self.slots, _ = arrange([shapes[value] for value in model.values], size)
        self.arena = arena
        self.binding = model.session.io_binding()
        inputs = {spec.name for spec in model.samples.inputs}
        self.observed_inputs: dict[str, NDArray[np.float32]] = {}
        for value, slot in zip(model.values, self.slots, strict=True):
            view = arena[slot.offset : slot.offset + prod(slot.shape)].reshape(slot.shape)
            bind = self.binding.bind_input if value in inputs else self.binding.bind_output
            bind(value, "cpu", 0, np.float32, slot.shape, view.ctypes.data)
            if value in inputs:
                self.observed_inputs[value] = view

    def run(self, first: int) -> None:
        """Run the samples from number `first` on; the results are in the arena."""
        for name, array in self.model.samples.batch(first, self.size).items():
            if name in self.observed_inputs:
                self.observed_inputs[name][...] = array
            else:
                self.binding.bind_cpu_input(name, array)
        if self.model.computes:
            with reported(self.model.path):
                self.model.session.run_with_iobinding(self.binding)


@contextmanager
def reported(model: Path) -> Iterator[None]:
    """Turn what onnxruntime raises into a CalibrationError."""
    from onnxruntime.capi import onnxruntime_pybind11_state as state

    raised = (
        state.Fail,
        state.InvalidArgument,
        state.InvalidGraph,
        state.InvalidProtobuf,
        state.NoSuchFile,
        state.NotImplemented,
        state.RuntimeException,
        RuntimeError,
        ValueError,
    )
    try:
        yield
    except raised as error:
        raise CalibrationError(
            Code.CALIBRATION_FAILED,
            f"onnxruntime cannot run the model: {error}",
            where=str(model),
            hint="check the model with `tc inspect` and the shape of its inputs",
        ) from error
