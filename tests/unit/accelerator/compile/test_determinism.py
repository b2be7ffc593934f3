"""The same program makes the same bytes, in every process."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path

import pytest

from tc_target_npu.facts import SPEC
from toolchain.accelerator.compile.model import Batches, compile_model
from toolchain.accelerator.container.file import encode_container
from toolchain.program.records import Program
from toolchain.program.serialize import load_program, save_program

NAMES = ("ax650-npu3", "ax620e-npu1")
MACHINES = {machine.name: machine for chip in SPEC.platforms for machine in chip.machines}


def digests(folder: Path) -> list[str]:
    program = load_program(folder, "p")
    batches = Batches(sizes=(1, 2))
    found = [compile_model([program], MACHINES[each], name="m", batches=batches) for each in NAMES]
    return [sha256(encode_container(each)).hexdigest() for each in found]


SCRIPT = """
import importlib.util, sys
from pathlib import Path
spec = importlib.util.spec_from_file_location("determinism", sys.argv[1])
module = importlib.util.module_from_spec(spec)
spec.loader.exec_module(module)
print(*module.digests(Path(sys.argv[2])))
"""


@pytest.mark.parametrize("seed", ["1", "2"])
def test_bytes_do_not_depend_on_hashes_and_addresses(
    seed: str, chain: Callable[..., Program], tmp_path: Path
) -> None:
    layers = [(32, 3), (32, 3, 1, True), (48, 1), (48, 3, 2), (32, 3), (80, 1)]
    save_program(chain((1, 16, 56, 56), *layers), tmp_path, "p")
    found = subprocess.run(
        [sys.executable, "-c", SCRIPT, __file__, str(tmp_path)],
        env={**os.environ, "PYTHONHASHSEED": seed},
        capture_output=True,
        text=True,
        check=True,
    )
    assert found.stdout.split() == digests(tmp_path)
