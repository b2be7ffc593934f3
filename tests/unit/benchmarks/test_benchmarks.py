from __future__ import annotations

import importlib
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tc_target_riscv.cost import CALIBRATED
from toolchain.codegen.native.tools import host_compiler, riscv_compiler, riscv_emulator
from toolchain.core.dtypes import DType
from toolchain.core.quant import Rounding
from toolchain.errors import Problem
from toolchain.program.cost import cost_report
from toolchain.program.interpreter import Interpreter
from toolchain.program.records import Move, MoveKind, Program, Tensor

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


def need(*tools):
    for tool in tools:
        if isinstance(tool, Problem):
            pytest.skip(tool.message)


def test_vectors_take_fewer_instructions():
    need(host_compiler(), riscv_compiler(), riscv_emulator())
    assert re.search(r"quickstart +128 .* ok ", output_of("vectors.py", "--vlen", "128"))


def test_programs_are_compared_bit_for_bit():
    need(host_compiler(), riscv_compiler(), riscv_emulator())
    shown = output_of(
        "bit_exact.py", "--targets", "riscv", "dpu", "--samples", "2", "--vlens", "128"
    )
    table = shown.partition("every layer")[2]
    assert re.search(r"quickstart +riscv +host +2 +13 +13736 +equal", table)
    assert re.search(r"quickstart +riscv +RISC-V, VLEN 128 +1 +13 +6868 +equal", table)
    assert re.search(r"quickstart +dpu +host +2 +13 +13736 +equal", table)


class Wrong:
    """In the place of a native program: right but for one element of one layer."""

    def __init__(self, _command, program, *, layers):
        self.interpreter = Interpreter(program)
        self.layers = layers

    def __enter__(self):
        return self

    def __exit__(self, *error):
        pass

    def run(self, feeds):
        found = dict(self.interpreter.run(feeds, self.layers))
        wrong = found[self.layers[1]].copy()
        wrong.flat[7] ^= 1
        return {**found, self.layers[1]: wrong}


def test_a_difference_is_explained(monkeypatch, capsys):
    monkeypatch.syspath_prepend(ROOT / "benchmarks")
    bit_exact = importlib.import_module("bit_exact")
    monkeypatch.setattr(bit_exact, "NativeModel", Wrong)
    monkeypatch.setattr(bit_exact, "build_executable", lambda *_: None)
    words = ["bit_exact.py", "--config", str(CONFIG), "--targets", "dpu", "--samples", "2"]
    monkeypatch.setattr(sys, "argv", words)
    with pytest.raises(SystemExit) as ended:
        bit_exact.main()
    assert ended.value.code == 1
    shown = capsys.readouterr().out
    assert re.search(r"quickstart +dpu +host +1 +13 +6868 +DIFFERENT", shown)
    assert re.search(
        r"^quickstart dpu host: .*BatchNormalization.*\[0, 0, 0, 7\]", shown, re.MULTILINE
    )


def test_speed_of_generated_c():
    need(host_compiler())
    shown = output_of("native_speed.py", "--rounds", "2")
    assert re.search(r"quickstart +onnxruntime +\d+\.\d+ .*\(median.* \(<= 4\)", shown)
    if importlib.util.find_spec("emx_onnx_cgen") is None:
        assert "emx-onnx-cgen is not installed" in shown
    else:
        assert re.search(r"quickstart +emx .* \(<= 1\)", shown)


def test_size_of_generated_c():
    need(host_compiler(), riscv_compiler())
    shown = output_of("native_size.py", "--rounds", "1")
    assert re.search(r"quickstart +RISC-V +\d+\.\d+ +ok \(<= 150\) +\d+\.\d+ +30\.\d+", shown)
    assert re.search(r"quickstart +\d\.\d+ +\d\.\d+ +ok \(<= 5\)", shown)


def test_largest_live_set(monkeypatch):
    def move(source, result):
        return Move(name=result, inputs=(source,), outputs=(result,), kind=MoveKind.RESHAPE)

    monkeypatch.syspath_prepend(ROOT / "benchmarks")
    sizes = {"x": 1000, "a": 10, "b": 20, "c": 5, "d": 30, "y": 1000}
    pairs = ("xa", "ab", "bc", "ad", "dy")
    program = Program(
        name="p",
        rounding=Rounding.HALF_EVEN,
        inputs=("x",),
        outputs=("y",),
        tensors={n: Tensor(name=n, dtype=DType.INT16, shape=(s,)) for n, s in sizes.items()},
        constants={},
        operations=tuple(move(*pair) for pair in pairs),
    )
    live = importlib.import_module("native_size").largest_live_set(program)
    # a, b and c, which nobody reads, are 35 elements; x and y are the caller's.
    assert live == 2 * (sizes["a"] + sizes["d"])


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
