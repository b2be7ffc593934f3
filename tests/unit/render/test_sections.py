from __future__ import annotations

from dataclasses import replace
from typing import Any

from toolchain.core.check_report import CheckLevel, LevelStatus
from toolchain.render.sections import Status, accuracy_line, sections


def test_every_stage_has_a_section(result: Any) -> None:
    found = {section.stage: section for section in sections(result)}
    assert list(found) == ["optimize", "quantize", "mixed-precision", "compile", "check"]
    assert [section.status for section in found.values()] == [
        Status.CACHED,
        Status.DONE,
        Status.DONE,
        Status.DONE,
        Status.FAILED,
    ]
    assert found["optimize"].lines == (
        "31 -> 18 nodes, opset 13 -> 24",
        "proof: outputs moved by at most 2.4e-06 (largest magnitude 12.1) on 2 samples",
    )
    assert found["quantize"].lines == (
        "17 of 18 nodes on integers, 99.90 % of 1.2 M MACs",
        "calibration: 100 samples, 33 values, 100 forward runs",
        "algorithm: bias_correction: 17 biases adjusted",
    )
    assert found["mixed-precision"].lines == ("1 rule took effect in 1 place",)
    assert found["compile"].lines == ("2 files, 124.3 kB",)
    assert found["check"].lines == ("1 of 2 comparisons passed on 4 samples",)


def test_a_stage_that_did_not_run_has_none(result: Any) -> None:
    early = replace(
        result, quantize=None, calibration=None, effects=(), files=(), check=None, accuracy=None
    )
    assert [section.stage for section in sections(early)] == ["optimize"]


def test_no_proof_is_said(result: Any) -> None:
    unproved = replace(result.optimize, proof=(), samples=0, passes=())
    (section, *_) = sections(replace(result, optimize=unproved))
    assert section.lines == ("no passes, opset 13 -> 24", "proof: none was asked for")
    assert section.tables == ()


def test_a_model_without_macs(result: Any) -> None:
    empty = replace(result.quantize, integer_macs=0, total_macs=0)
    section = sections(replace(result, quantize=empty))[1]
    assert section.lines[0] == "17 of 18 nodes on integers, 0.00 % of 0 MACs"


def test_the_accuracy_line(result: Any) -> None:
    assert accuracy_line(result.accuracy) == (
        "accuracy  top1: float 97.50 %  qdq 97.25 %  reference 97.25 %  "
        "agreement 99.5 %  SQNR 27.1 dB  (400 samples)"
    )


def test_compiled_forms_by_batch_and_group(result: Any) -> None:
    equal = CheckLevel(
        runner="npu",
        status=LevelStatus.EQUAL,
        required=True,
        group=1,
        batch=2,
        samples=2,
        tensors=3,
        elements=40,
    )
    tolerated = replace(
        equal, status=LevelStatus.TOLERATED, group=0, different=7, demand="close, rtol 1 and atol 0"
    )
    check = replace(result.check, levels=(equal, tolerated))
    (found,) = (s for s in sections(replace(result, check=check)) if s.stage == "check")
    assert found.lines[1:] == (
        "npu, group 1, batch 2: 40 elements equal to the reference (3 tensors, 2 samples)",
        (
            "npu, batch 2: 7 of 40 elements differ from the reference, and it is close, rtol 1 and "
            "atol 0 as asked (3 tensors, 2 samples)"
        ),
    )
