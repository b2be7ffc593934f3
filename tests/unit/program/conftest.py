"""Runs single operations on both sets of kernels, and single ONNX operators on onnxruntime."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import numpy as np
import onnxruntime
import pytest
from onnx import TensorProto, helper

from toolchain.core.dtypes import Array, DType
from toolchain.core.machine import Machine
from toolchain.core.quant import Rounding
from toolchain.core.target import Requantization
from toolchain.program.interpreter import Interpreter, execution
from toolchain.program.interpreter.kernels import ArrayKernels, CompiledKernels
from toolchain.program.records import Operation, Program, Tensor
from toolchain.testing.compiled import COMPILER, run_in_c
from toolchain.testing.machines import refused, run_on_machine
from toolchain.testing.parts import run_in_parts

Execute = Callable[..., dict[str, Array]]


@dataclass
class Single:
    """A program of one operation."""

    op: Operation
    feeds: Mapping[str, Array]
    outputs: Mapping[str, tuple[DType, tuple[int, ...]]]
    constants: Mapping[str, Array] = field(default_factory=dict)
    rounding: Rounding = Rounding.HALF_EVEN
    requantization: Requantization = Requantization.FLOAT32_MULTIPLIER
    wide_accumulator: DType = DType.INT32
    tensors: tuple[Tensor, ...] = ()

    def program(self) -> Program:
        """The program; `tensors` replace those derived from feeds and outputs."""
        derived = {
            name: Tensor(name=name, dtype=DType(array.dtype.name), shape=array.shape)
            for name, array in self.feeds.items()
        }
        for name, (dtype, shape) in self.outputs.items():
            derived[name] = Tensor(name=name, dtype=dtype, shape=shape)
        derived.update({tensor.name: tensor for tensor in self.tensors})
        return Program(
            name="single",
            rounding=self.rounding,
            requantization=self.requantization,
            wide_accumulator=self.wide_accumulator,
            inputs=tuple(self.feeds),
            outputs=tuple(self.outputs),
            tensors=derived,
            constants=dict(self.constants),
            operations=(self.op,),
        )


@pytest.fixture(params=["compiled", "numpy", "c", "machine"])
def execute(
    request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch, some_machine: Machine
) -> Execute:
    """Run one operation: on compiled loops, on numpy's, in generated C, and on a machine."""
    if request.param == "c" and COMPILER is None:
        pytest.skip("there is no C compiler `cc`")
    if request.param == "numpy":
        monkeypatch.setattr(execution, "load_kernels", lambda _: ArrayKernels())
    else:
        monkeypatch.setattr(execution, "load_kernels", lambda _: CompiledKernels(2))

    def run(
        op: Operation,
        feeds: Mapping[str, Array],
        outputs: Mapping[str, tuple[DType, tuple[int, ...]]],
        constants: Mapping[str, Array] | None = None,
        **more: object,
    ) -> dict[str, Array]:
        single = Single(op, feeds, outputs, constants or {}, **more)
        program = single.program()
        results = Interpreter(program).run(feeds)  # also says what is wrong with it
        if request.param == "machine":
            reason = refused(program, some_machine)
            if reason is not None:
                pytest.skip(f"{some_machine.name} does no {type(op).__name__}: {reason}")
            for name, array in run_in_parts(program, feeds, seed=1).items():
                np.testing.assert_array_equal(array, results[name])
            return run_on_machine(program, feeds, some_machine)
        return run_in_c(program, feeds) if request.param == "c" else results

    return run


@pytest.fixture
def ort_run() -> Callable[..., list[Array]]:
    """Run one ONNX operator on onnxruntime."""

    def run(
        op_type: str,
        inputs: list[Array | None],
        *,
        output: int = TensorProto.FLOAT,
        outputs: int = 1,
        domain: str = "",
        onnx_version: int = 18,
        **attributes: object,
    ) -> list[Array]:
        inputs = [None if array is None else np.asarray(array) for array in inputs]
        names = [f"i{k}" if array is not None else "" for k, array in enumerate(inputs)]
        results = [f"o{k}" for k in range(outputs)]
        node = helper.make_node(op_type, names, results, domain=domain, **attributes)
        infos = [
            helper.make_tensor_value_info(
                name, helper.np_dtype_to_tensor_dtype(array.dtype), array.shape
            )
            for name, array in zip(names, inputs, strict=True)
            if array is not None
        ]
        outs = [helper.make_tensor_value_info(name, output, None) for name in results]
        model = helper.make_model(
            helper.make_graph([node], "single", infos, outs),
            opset_imports=[
                helper.make_opsetid("", onnx_version),
                helper.make_opsetid("com.microsoft", 1),
            ],
            ir_version=10,
        )
        session = onnxruntime.InferenceSession(
            model.SerializeToString(), providers=["CPUExecutionProvider"]
        )
        feeds = {n: a for n, a in zip(names, inputs, strict=True) if a is not None}
        return session.run(None, feeds)

    return run


@pytest.fixture
def assert_last_bit() -> Callable[[Array, Array], None]:
    """At least 99.9 % of the integers equal, none more than 1 apart."""

    def check(actual: Array, expected: Array) -> None:
        distance = np.abs(actual.astype(np.int64) - expected.astype(np.int64))
        assert actual.shape == expected.shape
        assert actual.dtype == expected.dtype
        assert distance.max(initial=0) <= 1
        assert np.count_nonzero(distance) <= distance.size / 1000

    return check
