"""Runs as test data of a model: the layout that `onnx_test_runner` and boards' runtimes read.

`<model>.onnx` lies beside `test_data_set_0`, `test_data_set_1` and so on, one for each sample, with
`input_0.pb` ... and `output_0.pb` ..., in the model's order.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from toolchain.errors import Code, ConfigError, SystemFailure
from toolchain.graph.save import read, save_model
from toolchain.graph.tensor_file import save_tensor
from toolchain.graph.view import read_view
from toolchain.pipeline.execute import FLOAT, QDQ

if TYPE_CHECKING:
    from toolchain.pipeline.execute import SampleRun
    from toolchain.pipeline.published import Published


class RunnerTests:
    """A folder that takes the model, and runs one by one."""

    def __init__(self, folder: Path, published: Published, runner: str) -> None:
        """Put the model into `folder`: the float one for the float runner, else the QDQ model.

        Raises:
            ConfigError: The runner is fed otherwise than the model: it has processors.
            SystemFailure: NOT_WRITABLE where the folder holds anything.
        """
        if runner not in (FLOAT, QDQ) and published.compared_program != published.program:
            raise ConfigError(
                Code.CONTRADICTION,
                "What is compiled has processors, which no ONNX model of the build has",
                where="--export-tests",
                got=f"--runner {runner}",
                allowed=f"--runner {FLOAT} or {QDQ}",
            )
        if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
            raise SystemFailure(
                Code.NOT_WRITABLE,
                "Files are in the way of test data",
                where=str(folder),
                hint="choose another folder",
            )
        model = published.optimized if runner == FLOAT else published.qdq
        folder.mkdir(parents=True, exist_ok=True)
        save_model(read(model), folder / model.name)
        graph = read_view(model)
        self._folder = folder
        self._inputs = graph.inputs
        self._outputs = graph.outputs
        self._count = 0

    def add(self, run: SampleRun) -> None:
        """Write inputs and outputs of one sample; outputs as the model hands them out."""
        folder = self._folder / f"test_data_set_{self._count}"
        folder.mkdir()
        self._count += 1
        for index, value in enumerate(self._inputs):
            save_tensor(folder / f"input_{index}.pb", value.name, run.inputs[value.name])
        pairs = zip(self._outputs, run.outputs.items(), strict=True)
        for index, (value, (stored, array)) in enumerate(pairs):
            dtype = value.dtype
            real = dtype is not None and dtype.is_float
            known = run.storage[stored].real(array) if real else array
            kept = known if dtype is None else known.astype(dtype.numpy)
            save_tensor(folder / f"output_{index}.pb", value.name, kept)
