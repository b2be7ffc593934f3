from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import pytest

from toolchain.codegen.native.execution import NativeModel
from toolchain.codegen.project import model_name, write_project
from toolchain.core.dtypes import Array
from toolchain.program.interpreter import Interpreter
from toolchain.program.records import Program

STRICT = "-std=c99 -Wall -Wextra -Wconversion -Wpedantic -Werror".split()
EXACT = "-ffp-contract=off -fno-strict-aliasing".split()


@pytest.fixture
def feeds() -> dict[str, Array]:
    random = np.random.default_rng(5)
    return {"x": random.integers(-128, 128, (1, 8, 12, 12)).astype(np.int8)}


def tool(name: str) -> str:
    path = shutil.which(name)
    if path is None:
        pytest.skip(f"{name} is not installed")
    return path


def call(command: Sequence[str], folder: Path) -> None:
    environment = {k: v for k, v in os.environ.items() if k not in ("MAKEFLAGS", "MFLAGS")}
    done = subprocess.run(
        command, cwd=folder, capture_output=True, text=True, check=False, env=environment
    )
    assert done.returncode == 0, done.stdout + done.stderr


def assert_right(executable: Path, program: Program, feeds: Mapping[str, Array]) -> None:
    with NativeModel([str(executable)], program) as model:
        found = model.run(feeds)
    np.testing.assert_array_equal(found["y"], Interpreter(program, threads=1).run(feeds)["y"])


def test_every_file_is_described(program, tmp_path: Path) -> None:
    described = write_project(program, tmp_path / "new" / "folder", "My Net")
    assert set(described) == {path.name for path in (tmp_path / "new" / "folder").iterdir()}
    assert {"my_net.h", "my_net.c", "my_net_weights.c", "main.c", "tc_conv.c"} <= set(described)
    assert all(described.values())


@pytest.mark.parametrize(
    ("name", "expected"),
    [("MobileNet-V2", "mobilenet_v2"), ("3d", "t_3d"), ("int", "t_int"), ("…", "t")],
)
def test_names_of_models_become_identifiers(name, expected) -> None:
    assert model_name(name) == expected


def test_make_builds_library_and_example(program, feeds, tmp_path: Path) -> None:
    make = tool("make")
    tool("cc")
    write_project(program, tmp_path, "net")
    call([make, "-j2"], tmp_path)
    assert (tmp_path / "libnet.a").is_file()
    assert_right(tmp_path / "net_example", program, feeds)
    call([make, "clean"], tmp_path)
    assert not list(tmp_path.glob("*.o"))


def test_make_takes_another_compiler(program, tmp_path: Path) -> None:
    make, compiler = tool("make"), tool("cc")
    write_project(program, tmp_path, "net")
    strict = " ".join(("-O1", *STRICT))
    call([make, f"CC={compiler} -DTC_WEIGHTS=const", f"CFLAGS={strict}"], tmp_path)


def test_cmake_builds_the_same(program, feeds, tmp_path: Path) -> None:
    cmake = tool("cmake")
    tool("cc")
    write_project(program, tmp_path, "net")
    call([cmake, "-B", "build"], tmp_path)
    call([cmake, "--build", "build", "-j", "2"], tmp_path)
    assert (tmp_path / "build" / "libnet.a").is_file()
    assert_right(tmp_path / "build" / "net_example", program, feeds)


def test_a_compiler_by_hand_as_the_readme_says(program, feeds, tmp_path: Path) -> None:
    tool("cc")
    write_project(program, tmp_path, "net")
    readme = (tmp_path / "README.md").read_text()
    (line,) = [text for text in readme.splitlines() if text.startswith("    cc ")]
    call(["sh", "-c", line.partition("  # ")[0]], tmp_path)
    assert_right(tmp_path / "net_example", program, feeds)


@pytest.mark.parametrize("compiler", ["gcc", "clang"])
def test_sources_compile_without_warnings(program, compiler, tmp_path: Path) -> None:
    path = tool(compiler)
    write_project(program, tmp_path, "net")
    sources = sorted(file.name for file in tmp_path.glob("*.c"))
    call([path, "-O2", *STRICT, *EXACT, *sources, "-o", "net", "-lm"], tmp_path)


TWO = """
#include <stdio.h>
#include "first.h"
#include "second.h"

static signed char in[1152], one[2304], two[2304];

int main(void)
{
    const void *inputs[] = {in};
    void *outputs_one[] = {one};
    void *outputs_two[] = {two};
    fread(in, 1, sizeof in, stdin);
    first_run(inputs, outputs_one, NULL);
    second_run(inputs, outputs_two, NULL);
    return first.layer_count == second.layer_count && one[7] == two[7] ? 0 : 1;
}
"""


def test_two_models_live_in_one_firmware(program, feeds, tmp_path: Path) -> None:
    compiler = tool("cc")
    for name in ("first", "second"):
        write_project(program, tmp_path, name)
    (tmp_path / "main.c").write_text(TWO)
    sources = sorted(file.name for file in tmp_path.glob("*.c"))
    call([compiler, *EXACT, *sources, "-o", "both", "-lm"], tmp_path)
    done = subprocess.run([tmp_path / "both"], input=feeds["x"].tobytes(), check=False)
    assert done.returncode == 0


def test_a_dump_holds_every_tensor(program, feeds, host_program, tmp_path: Path) -> None:
    folder = tmp_path / "dump"
    folder.mkdir()
    subprocess.run([host_program, "--dump", folder], input=feeds["x"].tobytes() * 2, check=True)
    index = json.loads((folder / "index.json").read_text(encoding="utf-8"))
    assert (index["format"], index["version"], index["runner"]) == ("tc-dump", 1, "board")
    (sample,) = index["samples"]
    assert (sample["name"], sample["folder"]) == (program.name, ".")
    kinds = [(row["kind"], row["name"]) for row in sample["tensors"]]
    assert kinds == [("input", "x"), ("layer", "mid"), ("layer", "y"), ("output", "y")]
    expected = {**feeds, **Interpreter(program, threads=1).run(feeds, ["mid", "y"])}
    for row in sample["tensors"]:
        assert (row["scale"], row["zero_point"]) == (0.25, 3)
        array = np.fromfile(folder / row["file"], row["dtype"]).reshape(row["shape"])
        np.testing.assert_array_equal(array, expected[row["name"]], strict=True)


def test_a_dump_needs_its_folder(feeds, host_program, tmp_path: Path) -> None:
    done = subprocess.run(
        [host_program, "--dump", tmp_path / "none"],
        input=feeds["x"].tobytes(),
        capture_output=True,
        check=False,
    )
    assert done.returncode == 1
    assert b"does the folder exist" in done.stderr


def test_a_dump_needs_a_sample(host_program, tmp_path: Path) -> None:
    command = [host_program, "--dump", tmp_path]
    done = subprocess.run(command, input=b"", capture_output=True, check=False)
    assert done.returncode == 1
    assert b"no sample" in done.stderr
