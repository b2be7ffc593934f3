from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import pytest
from numpy.typing import NDArray

from tc_target_riscv.facts import SPEC
from toolchain.core.dtypes import DType
from toolchain.core.quant import ParamSet, QuantParams, QuantSpec
from toolchain.core.registry import AlgorithmDef, PassDef
from toolchain.core.target import TargetDef
from toolchain.plugin.declared import mistyped, said, shown
from toolchain.program import records


@dataclass(frozen=True)
class Inner:
    number: int


@dataclass(frozen=True)
class Outer:
    inner: Inner
    names: tuple[str, ...] = ()


def found(value: object, declared: Any) -> list[tuple[str, object, str]]:
    return list(mistyped(value, declared))


@pytest.mark.parametrize(
    ("value", "declared"),
    [
        (1, int),
        (1, float),
        (np.float32(1), float),
        (None, int | None),
        ("x", str | None),
        ((1, "x"), tuple[int, str]),
        ((1, 2, 3), tuple[int, ...]),
        (frozenset({"a"}), frozenset[str]),
        ({"a": 1}, dict[str, int]),
        ({"a": (1.0,)}, Mapping[str, tuple[float, ...]]),
        (DType.INT8, DType),
        (Path(), Path),
        (object(), Any),
        (np.zeros(2), NDArray[np.float32]),
        (Outer(Inner(1), ("a",)), Outer),
        (TargetDef(spec=SPEC), TargetDef),
    ],
)
def test_what_holds_what_it_declares(value: object, declared: Any) -> None:
    assert found(value, declared) == []


@pytest.mark.parametrize(
    ("value", "declared", "where"),
    [
        (True, int, ""),
        (True, float, ""),
        ("x", int | None, ""),
        ((1,), tuple[int, str], ""),
        ((1, 2), tuple[int, str], "[1]"),
        ((1, "x"), tuple[int, ...], "[1]"),
        ([1], tuple[int, ...], ""),
        ({1: 1}, dict[str, int], "a key"),
        ({"a": "b"}, Mapping[str, int], "[a]"),
        ("int8", DType, ""),
        (Outer(Inner("x"), ()), Outer, "inner.number"),  # type: ignore[arg-type]
        (Outer(Inner(1), ("a", 2)), Outer, "names[1]"),  # type: ignore[arg-type]
        (Outer(3), Outer, "inner"),  # type: ignore[arg-type]
        (PassDef(name="p", summary="s", function=3), PassDef, "function"),  # type: ignore[arg-type]
    ],
)
def test_what_does_not(value: object, declared: Any, where: str) -> None:
    ((place, _, _),) = found(value, declared)
    assert place == where


def test_annotations_are_not_looked_into() -> None:
    assert found("x", Annotated[int, "limit"]) == []


def test_every_record_that_plugins_hand_over_can_be_looked_into() -> None:
    spec = QuantSpec()
    params = QuantParams(scale=np.float32(1), zero_point=np.int32(0), spec=spec)  # type: ignore[arg-type]
    assert found(ParamSet(values={"x": params}), ParamSet) == []
    assert found(AlgorithmDef(name="a", summary="s", function=print), AlgorithmDef) == []  # type: ignore[arg-type]
    tensor = records.Tensor(name="x", dtype=DType.INT8, shape=(1,), scale=0.5)
    assert found(tensor, records.Tensor) == []


class Loud:
    def __repr__(self) -> str:
        raise SystemExit(1)


class LoudError(Exception):
    __str__ = Loud.__repr__


def test_anything_can_be_shown() -> None:
    assert shown("x" * 100) == f"str: {'x' * 80}"
    assert shown(range(3)) == "range: range(0, 3)"
    assert len(shown(list(range(10**6)))) < 100
    assert shown(Loud()) == "Loud: cannot be shown, SystemExit"
    assert said(ValueError("no")) == "ValueError: no"
    assert said(LoudError()) == "LoudError, whose message raised SystemExit"
