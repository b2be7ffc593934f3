"""Programs of every kind of operation are loaded as they were saved."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from tc_target_riscv.facts import SPEC
from toolchain.core.dtypes import DType
from toolchain.core.quant import QuantSpec
from toolchain.core.target import OpSupport
from toolchain.errors import CompileError
from toolchain.program.interpreter import Interpreter
from toolchain.program.records import Function
from toolchain.program.serialize import load_program, save_program
from toolchain.program.validation import check_program

WIDE = replace(
    SPEC,
    activation=QuantSpec(dtype=DType.INT16, symmetric=True),
    ops={**SPEC.ops, "Pow": OpSupport(), "RMSNormalization": OpSupport()},
)
ONES, CHANNELS = np.ones(7, np.float32), np.linspace(-1, 1, 4, dtype=np.float32)

BODIES = {
    "Normalize": ("LayerNormalization(x, g, g)", {"g": ONES}),
    "Normalize without offset": ("RMSNormalization(x, g)", {"g": ONES}),
    "Reduce": ("ReduceMean(x, k)", {"k": np.array([2])}),
    "Slope": ("PRelu(x, s)", {"s": CHANNELS.reshape(4, 1, 1)}),
    "Function": ("Pow(x, c)", {"c": np.float32(2)}),
    "WideSoftmax": ("Softmax(x)", {}),
    "Interpolate": (
        "Resize <mode='cubic'> (x, , f)",
        {"f": np.array([1, 1, 2, 1.5], np.float32)},
    ),
}


@pytest.mark.parametrize(("kind", "case"), BODIES.items(), ids=BODIES)
def test_saved_and_loaded(
    tmp_path: Path,
    make_text_model: Callable,
    build: Callable,
    kind: str,
    case: tuple[str, dict[str, np.ndarray]],
):
    body, constants = case
    model = make_text_model(f"y = {body}", "float[1,4,5,7] x", "float[A,B,C,D] y", **constants)
    built = build(model, target=WIDE)
    save_program(built.program, tmp_path, "model")
    loaded = load_program(tmp_path, "model")
    assert kind.split(maxsplit=1)[0] in [type(op).__name__ for op in loaded.operations]
    assert loaded.operations == built.program.operations
    (feeds,) = built.samples.batches(limit=1)
    expected = Interpreter(built.program).run(feeds)["y"]
    np.testing.assert_array_equal(Interpreter(loaded).run(feeds)["y"], expected)


def test_constants_of_a_function_must_exist(make_text_model: Callable, build: Callable):
    model = make_text_model("y = Pow(x, c)", "float[3,5] x", "float[N,M] y", c=np.float32(2))
    program = build(model, target=WIDE).program
    (function,) = (op for op in program.operations if isinstance(op, Function))
    (name,) = function.constants.values()
    left = {key: array for key, array in program.constants.items() if key != name}
    with pytest.raises(CompileError, match="no such constant"):
        check_program(replace(program, constants=left))
