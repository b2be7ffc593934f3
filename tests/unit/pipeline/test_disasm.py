"""`tc disasm` on a folder as a build leaves it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from toolchain.accelerator.container.file import write_container
from toolchain.accelerator.isa.assembly import assemble
from toolchain.accelerator.isa.encoding import encode
from toolchain.cli.main import run
from toolchain.errors import CompileError, ConfigError
from toolchain.pipeline.disasm import disassembly
from toolchain.pipeline.integrity import file_digest
from toolchain.testing.containers import sample_container


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """The sample for batches 1 and 2 in two groups, published."""
    write_container(sample_container((1, 2), groups=2), tmp_path / "net.tcm")
    publish(tmp_path, "net.tcm")
    return tmp_path


def publish(folder: Path, *names: str) -> None:
    entries = {
        name: {
            "sha256": file_digest(folder / name),
            "bytes": (folder / name).stat().st_size,
            "what": "",
        }
        for name in names
    }
    manifest = {"toolchain": {}, "files": entries, "target": "npu", "platform": "AX650"}
    (folder / "manifest.json").write_text(json.dumps(manifest), encoding="utf-8")


def test_the_text_of_a_variant(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["disasm", str(folder), "--batch", "2", "--group", "1"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[:5] == [
        "# sample on toy-2, group 1, batch 2",
        "# there are: group 0 batch 1, group 0 batch 2, group 1 batch 1, group 1 batch 2",
        "",
        "# segment 0: host",
        "#   reads x float32 2x3",
    ]
    assert "#   quantize: turns float numbers into integers" in lines
    assert "#   writes h int8 2x3 at 16, axes 1 0" in lines
    assert any(line.strip().startswith("lookup ") and "halve" in line for line in lines)


def test_the_assembly_is_the_code(folder: Path) -> None:
    found = disassembly(folder, batch=2)
    _, machine, _ = found.segments
    expected = sample_container((2,)).variants[0].segments[1]
    assert encode(assemble(machine.assembly)) == encode(expected.code)  # type: ignore[union-attr]
    assert machine.operations == ("halve",)


def test_the_fewest_samples_are_shown(folder: Path) -> None:
    found = disassembly(folder)
    assert (found.group, found.batch) == (0, 1)


def test_data_for_programs(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["disasm", str(folder), "--format", "json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert [each["executor"] for each in found["segments"]] == ["host", "machine", "host"]
    assert found["segments"][2]["reasons"]["add"] == "Add is computed in float"


@pytest.mark.parametrize(("chosen", "allowed"), [({"batch": 3}, "1, 2"), ({"group": 5}, "0, 1")])
def test_what_there_is_not(folder: Path, chosen: dict[str, Any], allowed: str) -> None:
    with pytest.raises(ConfigError) as caught:
        disassembly(folder, **chosen)
    assert caught.value.problems[0].allowed == allowed


def test_a_folder_without_a_compiled_model(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("a", encoding="utf-8")
    publish(tmp_path, "a.txt")
    with pytest.raises(CompileError, match="lacks a compiled model"):
        disassembly(tmp_path)
