"""What the facts of every family have in common: consistent in themselves and with the rest."""

from __future__ import annotations

import onnx
import pytest

from tc_target_dpu.plugin import tc_targets as dpu
from tc_target_kdp.plugin import tc_targets as kdp
from tc_target_npu.plugin import tc_targets as npu
from toolchain.core.operators import TRAITS
from toolchain.core.target import Support, TargetDef, rule_of

FAMILIES = {"npu": npu()[0], "kdp": kdp()[0], "dpu": dpu()[0]}
CHIPS = [(family, chip.name) for family, known in FAMILIES.items() for chip in known.spec.platforms]


@pytest.fixture(params=FAMILIES.values(), ids=FAMILIES)
def family(request: pytest.FixtureRequest) -> TargetDef:
    return request.param


def test_defaults_are_among_the_choices(family: TargetDef):
    spec = family.spec
    assert spec.activation.dtype in spec.activation_dtypes
    assert spec.weight.dtype in spec.weight_dtypes
    assert len({chip.name for chip in spec.platforms}) == len(spec.platforms)
    assert all(chip.cores > 0 for chip in spec.platforms)
    assert spec.notes


@pytest.mark.parametrize(("name", "chip"), CHIPS)
def test_every_chip(name: str, chip: str):
    known = FAMILIES[name]
    facts = known.facts(chip, known.options())
    assert [platform.name for platform in facts.platforms] == [chip]
    assert facts.weight.dtype in facts.weight_dtypes
    for op_type, support in facts.ops.items():
        assert onnx.defs.has(op_type, max_inclusive_version=facts.opset)
        moves = op_type in TRAITS and TRAITS[op_type].moves
        assert (support.support is Support.MOVE) == (moves or op_type == "Resize")
        assert all(rule_of(check).endswith(".") for check in support.constraints)
