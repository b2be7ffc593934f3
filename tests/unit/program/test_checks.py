"""Every rule of operations, with an example that breaks it and nothing else."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from toolchain.core.dtypes import DType
from toolchain.core.target import Requantization
from toolchain.errors import Code, CompileError
from toolchain.program import records
from toolchain.program.checks import CHECKS
from toolchain.program.records import (
    Move,
    MoveKind,
    Operation,
    Program,
    Tensor,
    ToFloat,
)
from toolchain.program.validation import check_program
from toolchain.testing.programs import (
    CONV,
    EXAMPLES,
    FINISH,
    IMAGE,
    POOL,
    SMALL,
    f32,
    i8,
    single_program,
    tensor,
)


@pytest.mark.parametrize("name", EXAMPLES)
def test_what_is_right_passes(name: str) -> None:
    op, tensors = EXAMPLES[name]
    check_program(single_program(op, *tensors))


RECORDS = {
    record
    for record in vars(records).values()
    if isinstance(record, type) and issubclass(record, Operation) and record is not Operation
}


def test_every_record_has_rules_and_an_example() -> None:
    assert {type(op) for op, _ in EXAMPLES.values()} == set(CHECKS) == RECORDS
    kinds = {op.kind for op, _ in EXAMPLES.values() if isinstance(op, Move)}
    assert kinds == set(MoveKind)


def finish(**changes: Any) -> dict[str, Any]:
    return {"finish": replace(FINISH, **changes)}


def arguments(**changes: tuple[int, ...]) -> dict[str, Any]:
    return {"arguments": changes}


WRONG_FIELDS: list[tuple[str, dict[str, Any], str]] = [
    ("conv", {"inputs": ("x", "x")}, "numbers of inputs"),
    ("conv", {"outputs": ("y", "w")}, "exists already"),
    ("conv", {"inputs": ("w",)}, "constant stands where a tensor"),
    ("conv", {"groups": 0}, "groups"),
    ("conv", {"groups": -1}, "groups"),
    ("conv", {"groups": 2}, "channels do not fit"),
    ("conv", {"strides": (0, 1)}, "positive"),
    ("conv", {"strides": (2, 1)}, "another shape"),
    ("conv", {"dilations": (1, -1)}, "positive"),
    ("conv", {"pads": (-1, 0, 1, 0)}, "negative"),
    ("conv", {"pads": (2**40, 0, 0, 0)}, "too many elements"),
    ("conv", {"pads": (0, 0)}, "spatial axes"),
    ("conv", {"weight": "m"}, "one rank"),
    ("conv", {"weight": "empty"}, "empty"),
    ("conv", {"weight": "wide"}, "16 bits"),
    ("conv", {"weight_zero_point": "zeros"}, "zero point lies outside"),
    ("conv", {"weight_zero_point": "bias3"}, "wrong shape"),
    ("conv", {"bias": "bias3"}, "wrong shape"),
    ("conv", {"bias": "f3"}, "wrong type"),
    ("conv", {"bias": "most"}, "accumulator can exceed int32"),
    ("conv", {"x_zero_point": 2**40}, "zero point lies outside"),
    ("conv", finish(factor="f13"), "wrong shape"),
    ("conv", finish(factor="nan"), "finite"),
    ("conv", finish(factor="minus"), "negative"),
    ("conv", finish(low=-129), "Bounds"),
    ("conv", finish(low=1, high=0), "Bounds"),
    ("conv", finish(zero_point=128), "zero point"),
    ("conv", finish(guard_bits=1), "Guard bits"),
    ("conv", {"finish": ToFloat(factor="one")}, "another type"),
    ("float conv", {"finish": ToFloat(factor="one", low=1.0, high=0.0)}, "crossed"),
    ("float conv", {"finish": FINISH}, "16 bits"),
    ("up", {"pads": (1, 0, 0, 0)}, "extent"),
    ("up", {"strides": (2, 1)}, "extent"),
    ("up", {"strides": (2**40, 1)}, "too many elements"),
    ("up", {"groups": 3}, "groups"),
    ("up", {"weight": "m"}, "one rank"),
    ("up", {"weight": "empty"}, "empty"),
    ("blocked", {"block_size": 0}, "block"),
    ("blocked", {"block_size": 1}, "wrong shape"),
    ("blocked", {"weight_zero_point": "bias"}, "wrong shape"),
    ("blocked", {"bias": "f3"}, "wrong shape"),
    ("blocked", finish(factor="taps", guard_bits=1), "guard bits"),
    ("matmul", {"b": "one"}, "do not fit"),
    ("matmul", {"b": None}, "numbers of inputs"),
    ("matmul", {"b_zero_point": "zeros"}, "wrong shape"),
    ("pair", {"b": "m"}, "numbers of inputs"),
    ("pair", {"inputs": ("z", "x")}, "matrices do not fit"),
    ("blocks", {"block_size": 4}, "wrong shape"),
    ("blocks", {"bias": "bias"}, "wrong type"),
    ("pool", {"kernel": (0, 2)}, "positive"),
    ("pool", {"kernel": (2,)}, "spatial axes"),
    ("pool", {"pads": (2, 0, 0, 0)}, "extent"),
    ("pool", {"kernel": (1, 2), "pads": (1, 0, 0, 0), "strides": (2, 1)}, "padding only"),
    ("pool", {"strides": (9, 1), "pads": (0, 0, 99, 0)}, "extent"),
    ("pool", {"dilations": (2**40, 1), "pads": (2**30, 0, 2**30, 0)}, "too many elements"),
    ("pool", {"factor": -1.0}, "factor"),
    ("pool", {"factor": 1e300}, "factor"),
    ("pool", {"x_zero_point": -200}, "zero point"),
    ("binary", {"inputs": ("x", "t100")}, "broadcast"),
    ("binary", {"inputs": ("x", "empty")}, "empty"),
    ("binary", {"inputs": ("x",)}, "numbers of inputs"),
    ("binary", {"b_zero_point": 300}, "zero point"),
    ("binary", {"a_factor": -0.5}, "factor"),
    ("table", {"table": "t100"}, "wrong shape"),
    ("table", {"table": "t16"}, "not of the output's type"),
    ("table", {"axis": 1}, "wrong shape"),
    ("tables", {"axis": 0}, "wrong shape"),
    ("tables", {"axis": 2}, "outside the tensor"),
    ("tables", {"axis": None}, "wrong shape"),
    ("softmax", {"axis": 2}, "axis lies outside"),
    ("softmax", {"axis": -1}, "axis lies outside"),
    ("softmax", {"exponentials": "none"}, "Exponentials"),
    ("softmax", {"exponentials": "t100"}, "wrong shape"),
    ("wide", {"low": "none"}, "Exponentials"),
    ("function", {"op_type": "Nothing"}, "no such function"),
    ("function", {"constants": {9: "one"}}, "no such input"),
    ("function", {"constants": {1: "f3"}}, "one element"),
    ("function", {"op_type": "Elu", "attributes": {"alpha": "a"}, "constants": {}}, "fit|alpha"),
    ("normalize", {"length": 4}, "length"),
    ("normalize", {"length": 0}, "length"),
    ("normalize", {"epsilon": -1.0}, "epsilon"),
    ("normalize", {"gain": "taps"}, "broadcast"),
    ("slope", {"negative": "taps"}, "broadcast"),
    ("reduce", {"axes": (2,)}, "axis lies outside"),
    ("reduce", {"axes": (1, 1)}, "rise"),
    ("reduce", {"axes": (0,)}, "reducing leaves"),
    ("largest", {"axes": (0,)}, "reducing leaves"),
    ("arg", {"axis": 0}, "reducing leaves"),
    ("resize", {"axes": (5,)}, "axis lies outside"),
    ("resize", {"low": ("low9",)}, "outside the input"),
    ("resize", {"weights": ("f13",)}, "wrong shape"),
    ("resize", {"high": ()}, "Every axis"),
    ("nearest", {"axes": (0,)}, "another shape"),
    ("interpolate", {"positions": ("low",)}, "taps"),
    ("interpolate", {"weights": ("f3",)}, "wrong shape"),
    ("interpolate", {"outside": ("t8", "t8")}, "Every axis"),
    ("interpolate", {"outside": ("t8",)}, "wrong type"),
    ("interpolate", {"fill": 128}, "zero point|fill"),
    ("rescale", {"x_zero_point": 128}, "zero point"),
    ("island", {"op_type": "Nothing"}, "not a float operator"),
    ("island", {"op_type": "Transpose", "attributes": {"perm": (0, 0)}}, "perm"),
    ("island", {"op_type": "Softmax", "attributes": {"axis": 2}}, "axis"),
    ("island", {"op_type": "Cast", "attributes": {"to": "float"}}, "attribute to"),
    ("island", {"op_type": "Cast", "attributes": {"to": 7}}, "another type"),
    ("island", {"constants": {4: "one"}}, "no place"),
    ("island", {"op_type": "MatMul", "inputs": ("x", "x")}, "do not fit"),
    ("island", {"op_type": "LRN", "attributes": {"size": 2**40}}, "size"),
    ("island", {"op_type": "Conv"}, "missing"),
    ("reshape", arguments(perm=(0, 1)), "arguments"),
    ("transpose", arguments(perm=(0, 0)), "every axis once"),
    ("transpose", arguments(perm=(0, 1)), "another shape"),
    ("transpose", arguments(), "arguments"),
    ("slice", arguments(starts=(2,), ends=(-9,), axes=(1,), steps=(0,)), "step"),
    ("slice", arguments(starts=(2,), ends=(-9,), axes=(7,), steps=(1,)), "axis lies outside"),
    ("slice", arguments(starts=(2, 2), ends=(-9,), axes=(1,), steps=(1,)), "an axis each"),
    ("split", arguments(axis=(0,), sizes=(2, 0)), "add up"),
    ("split", arguments(axis=(9,), sizes=(1, 1)), "axis lies outside"),
    ("split", arguments(axis=(0, 1), sizes=(1, 1)), "one integer"),
    ("concat", arguments(axis=(5,)), "axis lies outside"),
    ("concat", {"inputs": ("x", "m")}, "another axis|another shape"),
    ("pad", arguments(pads=(0, 0)), "begin and end"),
    ("pad", arguments(pads=(0, 5, 0, -5)), "cuts an axis away"),
    ("pad", {"mode": "mirror"}, "mode"),
    ("pad", {"fill": 1000.0}, "fill"),
    ("pad", {"fill": 0.5}, "fill"),
    ("gather", {"indices": "i9"}, "outside axis"),
    ("gather", {"indices": None}, "needs indices"),
    ("gather", {"indices": "f3"}, "wrong type"),
    ("tile", arguments(repeats=(1, 0)), "at least once"),
    ("tile", arguments(repeats=(1, -2)), "at least once"),
    ("depth", arguments(blocksize=(3,), crd=(0,)), "block"),
    ("depth", arguments(blocksize=(0,), crd=(0,)), "block"),
    ("depth", arguments(blocksize=(2,), crd=(2,)), "crd"),
    ("space", arguments(blocksize=(3,)), "block"),
]


@pytest.mark.parametrize(("name", "changes", "word"), WRONG_FIELDS)
def test_a_wrong_field_is_reported(name: str, changes: dict[str, Any], word: str) -> None:
    op, tensors = EXAMPLES[name]
    rejected(single_program(replace(op, **changes), *tensors), word)


def rejected(wrong: Program, word: str) -> None:
    with pytest.raises(CompileError, match=word) as error:
        check_program(wrong)
    assert error.value.code is Code.PROGRAM_INVALID
    assert all(problem.where for problem in error.value.problems)


@pytest.mark.parametrize(
    ("name", "tensors", "word"),
    [
        ("conv", (i8(IMAGE), i8((1, 3, 3, 3), "y")), "channels do not fit"),
        ("conv", (i8((2, 3)), i8(SMALL, "y")), "one rank"),
        ("conv", (f32(IMAGE), i8(SMALL, "y")), "16 bits"),
        ("matmul", (i8((2, 4)), i8((2, 4), "y")), "output does not fit"),
        ("matmul", (i8((4,)), i8((3,), "y")), "do not fit"),
        ("pair", (i8((5, 2, 4)), i8((2, 4, 3), "z"), i8((5, 2, 3), "y")), "broadcast"),
        ("pair", (i8((1, 2, 4)), i8((1, 4, 3), "z"), i8((5, 2, 3), "y")), "another shape"),
        ("pool", (i8(IMAGE), i8((1, 2, 9, 9), "y")), "extent"),
        ("max", (i8(IMAGE), tensor("y", DType.UINT8, SMALL)), "another type"),
        ("binary", (i8((2, 3)), i8((5, 2, 3), "y")), "another shape"),
        ("table", (tensor("x", DType.INT16, (2, 3)), i8((2, 3), "y")), "8 bits"),
        ("function", (tensor("x", DType.INT16, (2, 3), None), i8((2, 3), "y")), "quantized"),
        ("normalize", (i8((2, 3)), i8((3, 2), "y")), "another shape"),
        ("arg", (i8((2, 3)), i8((2,), "y")), "another type"),
        ("quantize", (f32((2, 3)), tensor("y", DType.INT8, (2, 3), None)), "quantized"),
        ("quantize", (f32((2, 3)), tensor("y", DType.INT8, (2, 3), 1e-60)), "float32 number"),
        ("quantize", (i8((2, 3)), i8((2, 3), "y")), "float32"),
        ("dequantize", (i8((2, 3)), f32((3, 2), "y")), "another shape"),
        ("rescale", (tensor("x", DType.INT64, (2, 3)), i8((2, 3), "y")), "32 bits"),
        ("island", (f32((2, 3)), f32((3, 2), "y")), "another shape"),
        ("reshape", (i8((2, 3)), i8((7,), "y")), "number of elements"),
        ("copy", (i8((2, 3)), tensor("y", DType.UINT8, (2, 3))), "does not change the type"),
        ("expand", (i8((2, 3)), i8((5, 1, 3), "y")), "broadcast"),
        ("split", (i8((2, 3)), i8((1, 3), "y"), i8((1, 4), "z")), "another shape"),
    ],
)
def test_a_wrong_tensor_is_reported(name: str, tensors: tuple[Tensor, ...], word: str) -> None:
    rejected(single_program(EXAMPLES[name][0], *tensors), word)


def test_exact_requantization_has_rules_of_its_own() -> None:
    exact = {"requantization": next(kind for kind in Requantization if "shift" in kind.value)}
    check_program(single_program(CONV, *EXAMPLES["conv"][1], **exact))
    huge = replace(POOL, factor=float(2**60))
    rejected(single_program(huge, *EXAMPLES["pool"][1], **exact), "62 bits")
    padded = replace(POOL, pads=(1, 0, 0, 0))
    rejected(single_program(padded, i8(IMAGE), i8((1, 2, 4, 3), "y"), **exact), "one count")
    rejected(
        single_program(replace(CONV, **finish(guard_bits=17)), *EXAMPLES["conv"][1], **exact),
        "Guard",
    )
