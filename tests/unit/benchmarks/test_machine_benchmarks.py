"""Benchmarks of compiled machine models, on small models."""

from __future__ import annotations

import importlib
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from toolchain.accelerator.runtime import Runtime
from toolchain.program.records import Binary, Conv
from toolchain.program.validation import check_program

ROOT = Path(__file__).parents[3]


@pytest.fixture
def script(monkeypatch):
    monkeypatch.syspath_prepend(ROOT / "benchmarks")
    return importlib.import_module


def output_of(name, *arguments):
    command = [sys.executable, str(ROOT / "benchmarks" / name), "--models", "quickstart"]
    done = subprocess.run([*command, *arguments], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_models_on_machines_are_compared_bit_for_bit():
    shown = output_of("machine_bit_exact.py", "--machines", "ax650-npu2", "b512-2")
    table = shown.partition("Machines and the reference")[2]
    assert re.search(r"quickstart +ax650-npu2 +1 \+ 2 +12 of 13 +1, 2, 4 +100.0% +equal", table)
    assert re.search(r"quickstart +b512-2 +1 \+ 2 +12 of 13 +1, 2, 4 +100.0% +equal", table)


def test_cycles_stand_beside_the_bound_and_cores_beside_one():
    machines = ["--machines", "ax650-npu1", "ax650-npu2"]
    shown = output_of("machine_makespan.py", "--no-published", *machines)
    row = re.search(r"quickstart +ax650-npu1 +0\.4 +(\d+) +(\d+) +(\d+) +(\S+)", shown)
    compute, transfer, cycles = (int(figure) for figure in row.groups()[:3])
    assert float(row[4]) == pytest.approx(cycles / max(compute, transfer), abs=5e-4)
    assert re.search(r"quickstart +ax650-npu2 +\d\.\d+ +\d\.\d+ +\d+\.\d%", shown)


def test_containers_are_compared_and_growth_is_timed():
    shown = output_of("machine_container.py", "--operators", "30")
    assert re.search(r"quickstart +ax650-npu1 +\d+\.\d+ +\d+\.\d+ +\d\.\d+", shown)
    assert re.search(r"^ +30 +\d+ +\d+\.\d+ +\d+\.\d+ +1\.000 +ok", shown, re.MULTILINE)


class Wrong(Runtime):
    """A machine that is right but for one bit of one layer."""

    def trace(self, feeds):
        """One bit of the second tensor that is shown is wrong."""
        found = super().trace(feeds)
        name = [each for each in found if each not in feeds][1]
        found[name] = found[name].copy()
        found[name].view(np.uint8).flat[3] ^= 1
        return found


def test_a_wrong_element_is_found(script, monkeypatch):
    module, machines = script("machine_bit_exact"), script("machines")
    monkeypatch.setattr(module, "Runtime", Wrong)
    (chip,) = machines.chips_with(["ax637-npu1"])
    (verdict,) = module.judged("quickstart", chip, (1,))
    assert verdict.said == "DIFFERENT"
    assert re.match("one sample: 1 tensors, the first ", verdict.different[0])


@pytest.mark.parametrize(
    ("model", "machine", "least"),
    [
        ("mobilevit", "ax620e-npu2", 1.0),
        ("mobilevit", "kl730", 0.0),
        ("vww", "kl730", 0.95),
        ("vww", "b4096-4", 0.95),
        ("vww", "b512-1", 0.0),
    ],
)
def test_what_a_machine_has_to_do(script, model, machine, least):
    assert script("machine_bit_exact").least_share(model, machine) == least


def test_cores_are_held_against_what_the_bound_allows(script):
    module = script("machine_makespan")

    def makespan(machine, cycles, bound):
        figures = {"compute": bound, "transfer": 1, "macs": 1}
        return module.Makespan(model="m", machine=machine, cycles=cycles, bound=bound, **figures)

    one, two = makespan("ax650-npu1", 1200, 1000), makespan("ax650-npu2", 800, 600)
    other = makespan("kl730", 5, 5)
    assert list(module.scaled([two, other, one])) == [(one, two)]
    # 1.5 times as quick where 1 2/3 are possible.
    assert module.share_of_scaling(one, two) == pytest.approx(0.9)


def test_residual_programs_are_valid_and_as_long_as_asked(script):
    program = script("machine_container").residual_program(7)
    check_program(program)
    assert [type(op) for op in program.operations] == [Conv, Conv, Binary, Conv, Conv, Binary, Conv]
    assert [op.inputs for op in program.operations[4:6]] == [("x4",), ("x5", "x3")]


def test_networks_of_shapes_can_be_compiled(script):
    for make in script("architectures").ARCHITECTURES.values():
        check_program(make())
