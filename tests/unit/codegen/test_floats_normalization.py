"""Normalizing operators of float islands in C."""

from __future__ import annotations

import numpy as np
import pytest

from toolchain.core.dtypes import Array, DType
from toolchain.core.quant import Rounding
from toolchain.program.records import FloatOp, Program, Tensor
from toolchain.testing.compiled import COMPILER, assert_same
from toolchain.testing.float_cases import assert_float_ops, float_case

pytestmark = pytest.mark.skipif(COMPILER is None, reason="there is no C compiler `cc`")


def reals(*shape: int, seed: int = 0) -> Array:
    return np.random.default_rng(seed).normal(0.5, 2, shape).astype(np.float32)


def test_softmax() -> None:
    x = reals(2, 3, 4, 5)
    strange = np.array([[np.inf, 1, 2], [np.nan, 1, 2], [-np.inf] * 3, [0, -0.0, 0], [-200, 0, 88]])
    cases = []
    for name in ("Softmax", "LogSoftmax"):
        cases += [float_case(name, x, axis=axis) for axis in (-1, 0, 1, 2, 3)]
        cases += [float_case(name, x), float_case(name, reals(19, 300) * 30)]
        cases.append(float_case(name, reals(2, 40, 21), axis=1))
        cases.append(float_case(name, strange.astype(np.float32), axis=1))
    assert_float_ops(*cases)


@pytest.mark.parametrize("constant", [(), (1, 2)])
def test_layer_normalization(constant: tuple[int, ...]) -> None:
    x = reals(2, 9, 3, 5)
    cases = [
        float_case(
            "LayerNormalization",
            x,
            reals(*x.shape[axis:], seed=1),
            reals(*x.shape[axis:], seed=2),
            constants=constant,
            axis=axis,
            epsilon=1e-3,
        )
        for axis in (-1, 0, 1, 2, 3)
    ]
    more: dict[str, tuple[int, ...]] = {"one": (1,), "row": (5,), "runs": (9, 1, 1), "all": x.shape}
    for shape in more.values():
        cases += [
            float_case(
                "LayerNormalization", x, reals(*shape), reals(5), constants=constant, axis=2
            ),
            float_case("LayerNormalization", x, reals(*shape), constants=constant[:1], axis=2),
            float_case("RMSNormalization", x, reals(*shape), constants=constant[:1], axis=2),
        ]
    cases.append(float_case("RMSNormalization", x, reals(5), epsilon=0.1))
    cases.append(float_case("LayerNormalization", np.zeros((3, 4), np.float32), reals(4)))
    assert_float_ops(*cases)


def test_layer_normalization_hands_out_means_and_deviations() -> None:
    x = reals(2, 9, 5)
    assert_float_ops(
        *[
            float_case("LayerNormalization", x, reals(5), reals(5), outputs=3),
            float_case("LayerNormalization", x, reals(9, 5), outputs=2, axis=1),
        ]
    )


@pytest.mark.parametrize("constant", [(), (1, 2)])
def test_instance_and_group_normalization(constant: tuple[int, ...]) -> None:
    scale, bias = reals(6, seed=1), reals(6, seed=2)
    cases = []
    for shape in ((2, 6, 4, 5), (3, 6, 7), (1, 6, 2, 3, 4), (2, 6, 1, 1)):
        x = reals(*shape)
        cases.append(
            float_case("InstanceNormalization", x, scale, bias, constants=constant, epsilon=0.01)
        )
        cases += [
            float_case("GroupNormalization", x, scale, bias, constants=constant, num_groups=groups)
            for groups in (1, 2, 3, 6)
        ]
    assert_float_ops(*cases)


@pytest.mark.parametrize("constant", [(), (1, 2, 3, 4)])
def test_batch_normalization(constant: tuple[int, ...]) -> None:
    numbers = (*(reals(6, seed=seed) for seed in (1, 2, 3)), np.abs(reals(6, seed=4)))
    assert_float_ops(
        *[
            float_case(
                "BatchNormalization", reals(*shape), *numbers, constants=constant, epsilon=0.02
            )
            for shape in ((2, 6, 4, 5), (3, 6), (1, 6, 7))
        ]
    )


def test_norms_and_responses_of_neighbours() -> None:
    x = reals(2, 7, 3, 4)
    x[0, :, 0, 0] = 0
    x[1, :, 2] = 0
    cases = [
        float_case("LpNormalization", x, axis=axis, p=order)
        for axis in (-1, 0, 1, 2)
        for order in (1, 2)
    ]
    cases.append(float_case("LpNormalization", x))
    cases += [
        float_case("LRN", x, size=size, alpha=0.3, beta=beta, bias=1.5)
        for size in (1, 2, 3, 4, 5, 9)
        for beta in (0.5, 0.75)
    ]
    cases.append(float_case("LRN", x, size=3))
    assert_float_ops(*cases)


@pytest.mark.parametrize("kept", ["x", "scale", "bias"])
def test_results_may_take_the_place_of_any_input(kept: str) -> None:
    """All inputs are computed, of one size, and die here, but for one."""
    shape = (6, 40)
    names = ("x", "scale", "bias")
    fed = tuple(f"{name} fed" for name in names)
    relus = tuple(
        FloatOp(name=f"relu {name}", op_type="Relu", inputs=(f"{name} fed",), outputs=(name,))
        for name in names
    )
    norm = FloatOp(name="norm", op_type="LayerNormalization", inputs=names, outputs=("y",))
    last = FloatOp(name="last", op_type="Add", inputs=("y", kept), outputs=("z",))
    program = Program(
        name="places",
        rounding=Rounding.HALF_EVEN,
        inputs=fed,
        outputs=("z",),
        tensors={
            name: Tensor(name=name, dtype=DType.FLOAT32, shape=shape)
            for name in (*fed, *names, "y", "z")
        },
        constants={},
        operations=(*relus, norm, last),
    )
    assert_same(program, {name: reals(*shape, seed=seed) for seed, name in enumerate(fed)})


@pytest.mark.parametrize("shape", [(6, 40), (3, 5, 7)])
def test_results_may_take_the_place_of_the_only_input(shape: tuple[int, ...]) -> None:
    kinds = ("Softmax", "LogSoftmax", "LpNormalization", "RMSNormalization")
    operations: list[FloatOp] = []
    for kind in kinds:
        operations += [
            FloatOp(name=f"relu {kind}", op_type="Relu", inputs=("fed",), outputs=(f"{kind} x",)),
            FloatOp(
                name=kind,
                op_type=kind,
                inputs=(f"{kind} x", "") if kind == "RMSNormalization" else (f"{kind} x",),
                outputs=(kind,),
                attributes={"axis": 1},
                constants={1: "scale"} if kind == "RMSNormalization" else {},
            ),
            FloatOp(name=f"abs {kind}", op_type="Abs", inputs=(kind,), outputs=(f"{kind} y",)),
        ]
    names = [op.outputs[0] for op in operations]
    program = Program(
        name="places",
        rounding=Rounding.HALF_EVEN,
        inputs=("fed",),
        outputs=tuple(f"{kind} y" for kind in kinds),
        tensors={
            name: Tensor(name=name, dtype=DType.FLOAT32, shape=shape) for name in ("fed", *names)
        },
        constants={"scale": reals(*shape[1:], seed=1)},
        operations=tuple(operations),
    )
    assert_same(program, {"fed": reals(*shape)})
