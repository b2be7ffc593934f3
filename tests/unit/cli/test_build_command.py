from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from toolchain.core.progress import SilentProgress


@pytest.fixture
def failing(pipeline: Any) -> Any:
    check = pipeline.result.check
    row = replace(check.rows[0], value=0.5, passed=False)
    pipeline.result = replace(pipeline.result, check=replace(check, rows=(row,), passed=False))
    return pipeline


def test_the_answer_is_the_output_folder(tc: Any, pipeline: Any, config: Path) -> None:
    answer = tc("build", "--config", config)
    assert (answer.code, answer.out) == (0, "/out\n")
    assert "riscv (riscv1)" in answer.err
    assert "1 of 1 comparison passed on 1 sample" in answer.err
    assert pipeline.selected is None
    assert pipeline.options["until"] is None
    assert isinstance(pipeline.options["progress"], SilentProgress)


def test_options_reach_the_config(
    tc: Any, pipeline: Any, config: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    arguments = ("--target", "riscv", "-t", "npu", "--set", "quantize.method=mse")
    more = ("-s", "check.samples=3", "--output", "here", "--samples", 7, "--until", "quantize")
    assert tc("build", "-c", config, *arguments, *more).code == 0
    assert pipeline.selected == ("riscv", "npu")
    assert [(one.path, one.value, one.origin) for one in pipeline.overrides] == [
        (("quantize", "method"), "mse", "--set"),
        (("check", "samples"), 3, "--set"),
        (("output",), str(tmp_path / "here"), "--output"),
        (("calibration", "samples"), 7, "--samples"),
    ]
    assert pipeline.options["until"] == "quantize"
    assert type(pipeline.options["until"]) is str


@pytest.mark.usefixtures("pipeline")
def test_quiet_leaves_the_answer(tc: Any, config: Path) -> None:
    answer = tc("build", "--config", config, "-q")
    assert (answer.out, answer.err) == ("/out\n", "")


@pytest.mark.usefixtures("pipeline")
def test_json_is_one_deterministic_document(tc: Any, config: Path) -> None:
    first, second = (tc("build", "--config", config, "--format", "json") for _ in range(2))
    assert first == second
    assert first.err == ""
    data = json.loads(first.out)
    assert data["output"] == "/out"
    assert data["targets"][0]["check"]["rows"][0]["tensor"] == "logits"
    assert list(data) == sorted(data)


@pytest.mark.usefixtures("failing")
def test_a_failed_check_shows_the_report_and_fails(tc: Any, config: Path) -> None:
    answer = tc("build", "--config", config)
    assert (answer.code, answer.out) == (1, "/out\n")
    assert "check            failed" in answer.err
    assert answer.err.endswith(
        "error[TC601]: reference / program is beyond its tolerance on riscv\n"
        "  where: logits\n  got: cosine 0.5\n  allowed: 0.9\n\n"
        "hint: `tc analyze` on the folder says which layers the error comes from\n"
    )


@pytest.mark.usefixtures("failing")
def test_a_failed_check_in_json_stays_one_document(tc: Any, config: Path) -> None:
    answer = tc("build", "--config", config, "--format", "json")
    assert answer.code == 1
    assert json.loads(answer.out)["targets"][0]["check"]["passed"] is False
    assert answer.err.startswith("error[TC601]")


def test_an_incomplete_check_fails(tc: Any, pipeline: Any, config: Path) -> None:
    incomplete = replace(pipeline.result.check, passed=False)
    pipeline.result = replace(pipeline.result, check=incomplete)
    answer = tc("build", "--config", config, "-q")
    assert (answer.code, answer.out) == (1, "/out\n")
    assert answer.err.startswith("error[TC602]: The check of riscv is incomplete\n")


@pytest.mark.usefixtures("pipeline")
def test_a_missing_config(tc: Any, tmp_path: Path) -> None:
    answer = tc("build", "--config", tmp_path / "none.toml")
    assert answer.code == 2
    assert "error[TC106]" in answer.err
