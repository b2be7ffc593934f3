from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any

import pytest

from tc_target_npu.facts import SPEC as NPU
from tc_target_riscv.facts import SPEC
from toolchain.core.dtypes import DType
from toolchain.core.quant import QuantSpec
from toolchain.core.target import BiasRule, OpSupport, Platform, TargetDef
from toolchain.plugin.facts import fact_findings, is_target_name


def places(definition: TargetDef) -> list[str]:
    return [where for where, _, _ in fact_findings(definition)]


def test_facts_that_agree() -> None:
    assert places(TargetDef(spec=SPEC)) == []


ONE = Platform(name="x1", summary="one")


@pytest.mark.parametrize(
    ("changes", "place"),
    [
        ({"name": "X1"}, "target X1, name"),
        ({"platforms": ()}, "target riscv, platforms"),
        ({"platforms": (ONE, ONE)}, "target riscv, platforms"),
        ({"platforms": (replace(ONE, name="../x"),)}, "target riscv, platforms"),
        ({"activation": QuantSpec(dtype=DType.INT16)}, "target riscv, activation.dtype"),
        ({"weight": QuantSpec(dtype=DType.FLOAT32)}, "target riscv, weight.dtype"),
        ({"bias": BiasRule(dtypes=())}, "target riscv, bias.dtypes"),
        ({"bias": BiasRule(accumulator_headroom_bits=32)},
         "target riscv, bias.accumulator_headroom_bits"),
        ({"accumulator": DType.UINT16},
         "target riscv, accumulator"),
        ({"min_scale": 0.0}, "target riscv, min_scale"),
        ({"machine_options": frozenset({"tile_mode", "opset"})}, "target riscv, machine_options"),
        ({"ops": {"Softmax": OpSupport(output_range=(1.0, 1.0))}},
         "target riscv, ops[Softmax].output_range"),
    ],
)  # fmt: skip
def test_facts_that_do_not(changes: dict[str, Any], place: str) -> None:
    assert places(TargetDef(spec=replace(SPEC, **changes))) == [place]


MACHINE = NPU.platforms[0].machines[0]


def test_machines() -> None:
    wrong = replace(MACHINE, cores=0, summary="")
    chips = (
        replace(ONE, machines=(MACHINE, wrong)),
        replace(ONE, name="x2", machines=(replace(MACHINE, name="x2"),)),
    )
    assert places(TargetDef(spec=replace(SPEC, platforms=chips))) == [
        "target riscv, machines",
        "target riscv, machine ax650-npu1, summary",
        "target riscv, machine ax650-npu1, cores",
    ]


@dataclass(frozen=True, kw_only=True)
class Demanding:
    level: int
    names: tuple[str, ...] = field(default_factory=tuple)


@dataclass
class Loose:
    level: int = 0


def test_options() -> None:
    assert places(TargetDef(spec=SPEC, options=Demanding)) == ["target riscv, options.level"]
    assert places(TargetDef(spec=SPEC, options=Loose)) == ["target riscv, options"]
    assert places(TargetDef(spec=SPEC, options=int)) == ["target riscv, options"]


def test_names() -> None:
    assert all(map(is_target_name, ("npu", "k230", "my_chip")))
    assert not any(map(is_target_name, ("", "Npu", "3d", "a-b", "a.b", "all", "a/b", "a\n")))
