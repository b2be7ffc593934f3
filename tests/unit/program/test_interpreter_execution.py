from __future__ import annotations

import sys
import threading
from dataclasses import replace

import numpy as np
import pytest

from toolchain.core.dtypes import DType
from toolchain.core.quant import Rounding
from toolchain.errors import Code, CompileError, DataError
from toolchain.program import float_ops
from toolchain.program.interpreter import Interpreter, execution
from toolchain.program.interpreter.kernels import ArrayKernels, CompiledKernels, load_kernels
from toolchain.program.records import (
    Conv,
    Dequantize,
    FloatOp,
    Move,
    MoveKind,
    Program,
    Quantize,
    Requantize,
    Table,
    Tensor,
)

SCALED = {"scale": 0.5, "zero_point": 1}


def chain(*, batch: int = 1) -> Program:
    """Quantize, convolve, negate by a table, dequantize."""
    shape = (batch, 1, 4, 4)
    return Program(
        name="chain",
        rounding=Rounding.HALF_EVEN,
        inputs=("x",),
        outputs=("y",),
        tensors={
            "x": Tensor(name="x", dtype=DType.FLOAT32, shape=shape),
            "q": Tensor(name="q", dtype=DType.INT8, shape=shape, **SCALED),
            "c": Tensor(name="c", dtype=DType.INT8, shape=shape, **SCALED),
            "t": Tensor(name="t", dtype=DType.INT8, shape=shape, **SCALED),
            "y": Tensor(name="y", dtype=DType.FLOAT32, shape=shape),
        },
        constants={
            "w": np.full((1, 1, 1, 1), 2, np.int8),
            "f": np.float32(1).reshape(()),
            "negate": -np.arange(-128, 128).clip(-127).astype(np.int8),
        },
        operations=(
            Quantize(name="quantize", inputs=("x",), outputs=("q",)),
            Conv(
                name="conv",
                inputs=("q",),
                outputs=("c",),
                weight="w",
                weight_zero_point=None,
                bias=None,
                x_zero_point=1,
                strides=(1, 1),
                pads=(0, 0, 0, 0),
                dilations=(1, 1),
                groups=1,
                finish=Requantize(factor="f", zero_point=1, low=-128, high=127),
            ),
            Table(name="table", inputs=("c",), outputs=("t",), table="negate"),
            Dequantize(name="dequantize", inputs=("t",), outputs=("y",)),
        ),
    )


def ramp(batch: int = 1) -> np.ndarray:
    return np.arange(batch * 16, dtype=np.float32).reshape(batch, 1, 4, 4)


def test_runs_all_operations_by_hand() -> None:
    # x = 3: q = 6 + 1 = 7; c = (7 - 1) * 2 + 1 = 13; t = -13; y = (-13 - 1) / 2 = -7.
    results = Interpreter(chain()).run({"x": np.full((1, 1, 4, 4), 3, np.float32)})
    assert list(results) == ["y"]
    np.testing.assert_array_equal(results["y"], np.full((1, 1, 4, 4), -7.0))


def test_observed_tensors_are_handed_out() -> None:
    results = Interpreter(chain()).run({"x": ramp()}, observe=["c", "x"])
    assert set(results) == {"y", "c", "x"}
    np.testing.assert_array_equal(results["c"].reshape(-1)[:3], [1, 5, 9])


def test_a_batch_equals_its_samples() -> None:
    together = Interpreter(chain(batch=3)).run({"x": ramp(3)})["y"]
    single = Interpreter(chain())
    for index in range(3):
        alone = single.run({"x": ramp(3)[index : index + 1]})["y"]
        np.testing.assert_array_equal(together[index : index + 1], alone)


def test_an_instance_may_run_in_several_threads() -> None:
    interpreter = Interpreter(chain(), threads=2)
    expected = interpreter.run({"x": ramp()})["y"]
    results: list[np.ndarray] = []
    workers = [
        threading.Thread(target=lambda: results.append(interpreter.run({"x": ramp()})["y"]))
        for _ in range(4)
    ]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert len(results) == 4
    assert all(np.array_equal(result, expected) for result in results)


def test_all_wrong_feeds_are_named() -> None:
    with pytest.raises(DataError) as error:
        Interpreter(chain()).run({"z": ramp()}, observe=["nothing"])
    found = {(problem.code, problem.where) for problem in error.value.problems}
    assert found == {
        (Code.DATA_MISMATCH, "x"),
        (Code.DATA_MISMATCH, "z"),
        (Code.DATA_MISMATCH, "nothing"),
    }


@pytest.mark.parametrize(
    ("feed", "codes"),
    [
        (np.zeros((1, 1, 4, 5), np.float32), [Code.DATA_SHAPE]),
        (np.zeros((1, 1, 4, 4), np.float64), [Code.DATA_DTYPE]),
        (np.zeros(3, np.int8), [Code.DATA_SHAPE, Code.DATA_DTYPE]),
        (np.full((1, 1, 4, 4), np.nan, np.float32), [Code.DATA_NOT_FINITE]),
    ],
)
def test_feeds_must_fit(feed, codes) -> None:
    with pytest.raises(DataError) as error:
        Interpreter(chain()).run({"x": feed})
    assert [problem.code for problem in error.value.problems] == codes


def test_feeds_of_four_bits_must_stay_in_range() -> None:
    tensors = {name: Tensor(name=name, dtype=DType.INT4, shape=(2,)) for name in ("x", "y")}
    program = Program(
        name="copy",
        rounding=Rounding.HALF_EVEN,
        inputs=("x",),
        outputs=("y",),
        tensors=tensors,
        constants={},
        operations=(Move(name="copy", inputs=("x",), outputs=("y",), kind=MoveKind.COPY),),
    )
    interpreter = Interpreter(program)
    np.testing.assert_array_equal(interpreter.run({"x": np.array([-8, 7], np.int8)})["y"], [-8, 7])
    with pytest.raises(DataError, match="range"):
        interpreter.run({"x": np.array([8, 0], np.int8)})


def test_float_operations_get_their_constants_in_place(monkeypatch) -> None:
    seen = []

    def evaluate(op, inputs):
        seen.append((op.op_type, inputs))
        return (inputs[0] + inputs[2],)

    monkeypatch.setattr(float_ops, "evaluate", evaluate)
    shape = (2,)
    program = Program(
        name="island",
        rounding=Rounding.HALF_EVEN,
        inputs=("x",),
        outputs=("y",),
        tensors={n: Tensor(name=n, dtype=DType.FLOAT32, shape=shape) for n in ("x", "y")},
        constants={"k": np.full((), 10, np.float32)},
        operations=(
            FloatOp(
                name="n",
                inputs=("x", "", ""),
                outputs=("y", ""),
                op_type="Clip",
                constants={2: "k"},
            ),
        ),
    )
    with pytest.raises(CompileError, match="fewer outputs"):
        Interpreter(program).run({"x": np.ones(2, np.float32)})
    single = replace(program, operations=(replace(program.operations[0], outputs=("y",)),))
    results = Interpreter(single).run({"x": np.ones(2, np.float32)})
    np.testing.assert_array_equal(results["y"], [11, 11])
    assert seen[-1][0] == "Clip"
    assert seen[-1][1][1] is None


@pytest.mark.parametrize(
    ("changes", "word"),
    [
        ({"outputs": ("nowhere",)}, "Nothing writes"),
        ({"inputs": ("nothing",)}, "no tensor for an input"),
        ({"constants": {}}, "no such constant"),
        ({"operations": chain().operations[1:]}, "reads what nothing wrote"),
        ({"operations": chain().operations[:1] * 2}, "one name"),
    ],
)
def test_programs_that_are_not_whole_are_rejected(changes, word) -> None:
    with pytest.raises(CompileError, match=word) as error:
        Interpreter(replace(chain(), **changes))
    assert error.value.code is Code.PROGRAM_INVALID


@pytest.mark.parametrize(
    ("tensor", "word"),
    [
        (Tensor(name="q", dtype=DType.INT8, shape=(1, 0, 4, 4), **SCALED), "not positive"),
        (Tensor(name="q", dtype=DType.INT8, shape=(1,), scale=float("inf")), "finite"),
        (Tensor(name="q", dtype=DType.INT8, shape=(1,), scale=1.0, zero_point=128), "zero point"),
        (Tensor(name="other", dtype=DType.INT8, shape=(1,)), "another name"),
        (Tensor(name="q", dtype=DType.INT8, shape=(2**20, 2**20)), "elements"),
    ],
)
def test_tensors_are_checked(tensor, word) -> None:
    program = chain()
    with pytest.raises(CompileError, match=word):
        Interpreter(replace(program, tensors={**program.tensors, "q": tensor}))


def test_numpy_does_the_work_where_numba_is_missing(monkeypatch) -> None:
    expected = Interpreter(chain()).run({"x": ramp()})["y"]
    assert isinstance(load_kernels(1), CompiledKernels)
    monkeypatch.setitem(sys.modules, "numba", None)
    monkeypatch.delitem(sys.modules, "toolchain.program.interpreter.compiled")
    monkeypatch.delattr("toolchain.program.interpreter.compiled")
    assert isinstance(execution.load_kernels(None), ArrayKernels)
    assert not isinstance(execution.load_kernels(None), CompiledKernels)
    np.testing.assert_array_equal(Interpreter(chain()).run({"x": ramp()})["y"], expected)
