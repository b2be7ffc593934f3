from __future__ import annotations

import importlib
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tc_target_riscv.cost import CALIBRATED
from toolchain.codegen.native.tools import host_compiler, riscv_compiler, riscv_emulator
from toolchain.errors import Problem
from toolchain.program.cost import cost_report

ROOT = Path(__file__).parents[3]
CONFIG = ROOT / "configs" / "quickstart.toml"
SMALL = ["--set", "evaluation.samples=10"]


def output_of(script, *arguments):
    command = [sys.executable, str(ROOT / "benchmarks" / script), "--config", str(CONFIG)]
    done = subprocess.run([*command, *arguments], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.parametrize(
    ("script", "arguments", "printed"),
    [
        ("sweep.py", ["--samples", "3", "--rounds", "1"], r"quickstart.*\d\.\d+ \(median"),
        ("interpreter.py", ["--samples", "2", "--rounds", "1"], r"quickstart.*\d\.\d+ \(median"),
        ("analysis.py", ["--samples", "2", "--rounds", "1"], r"quickstart +per_layer.*\(median"),
        ("quantize_speed.py", ["--samples", "3", "--rounds", "1"], r"quickstart.*\d \(median"),
        ("memory.py", ["--samples", "3", "4", *SMALL], r"quickstart +ratio +\d\.\d{3}"),
        ("accuracy.py", ["--samples", "5", "--evaluation", "10"], r"verdict.*[+-]\d+\.\d+"),
        ("inspect_speed.py", ["--rounds", "1"], r"quickstart +\d+\.\d{3} +\d+\.\d{3} +\w+"),
        ("rebuild.py", ["--rounds", "1", *SMALL], r"unchanged, best.*optimize, quantize"),
    ],
)
def test_every_benchmark_prints_its_ratio(script, arguments, printed):
    assert re.search(printed, output_of(script, *arguments))


def test_vectors_take_fewer_instructions():
    for tool in (host_compiler(), riscv_compiler(), riscv_emulator()):
        if isinstance(tool, Problem):
            pytest.skip(tool.message)
    assert re.search(r"quickstart +128 .* ok ", output_of("vectors.py", "--vlen", "128"))


def test_threads_limit_the_cores():
    shown = output_of("sweep.py", "--samples", "2", "--rounds", "1", "--threads", "1")
    assert "1 threads" in shown


def test_the_cost_model_is_what_its_fit_says():
    script = ROOT / "benchmarks" / "k1_cost.py"
    done = subprocess.run([sys.executable, script], capture_output=True, text=True, check=True)
    mean = re.search(r"geometric mean (\S+), from (\S+) to (\S+)", done.stdout)
    assert 0.99 <= float(mean[1]) <= 1.01
    assert float(mean[2]) >= 0.85
    assert float(mean[3]) <= 1.15
    fitted = re.search(r"nothing +(\S+) +(\S+) +(\S+) +(\S+)", done.stdout)
    held = (CALIBRATED.matrix, CALIBRATED.vector, CALIBRATED.steps, CALIBRATED.overhead_us)
    assert [float(figure) for figure in fitted.groups()] == pytest.approx(held, rel=0.03)


def test_no_npu_is_published_as_faster_than_its_bound():
    script = ROOT / "benchmarks" / "npu_bounds.py"
    done = subprocess.run([sys.executable, script], capture_output=True, text=True, check=True)
    compared = re.search(r"mobilenet_v2 +ax650-npu1 +301 +(\d+) +(\d+) +(\S+)", done.stdout)
    assert compared.groups() == ("170641", "450154", "2.638")
    assert "b4096-4" in done.stdout


@pytest.mark.parametrize(
    ("name", "millions"),
    [
        ("resnet18", 1814.1),
        ("resnet50", 4089.2),
        ("mobilenet_v1", 568.7),
        ("mobilenet_v2", 300.8),
        ("efficientnet_b0", 385.8),
    ],
)
def test_architectures_have_the_macs_of_their_papers(monkeypatch, name, millions):
    monkeypatch.syspath_prepend(ROOT / "benchmarks")
    architectures = importlib.import_module("architectures")
    macs = cost_report(architectures.ARCHITECTURES[name]()).macs
    assert macs / 1e6 == pytest.approx(millions, abs=0.1)
