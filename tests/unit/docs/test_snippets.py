"""Every command and snippet of README and tutorials is run, in order, in one folder per page."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import sysconfig
import textwrap
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

ROOT = Path(__file__).parents[3]
FENCED = re.compile(r"^( *)```(\w+) ?([^\n]*)\n(.*?)^\1```$", re.MULTILINE | re.DOTALL)
INDENTED = re.compile(r"^[^\n]+\n\n((?:    .*\n|\n)+)", re.MULTILINE)
INSTALL = re.compile(r"pip install \S+ && ")


@dataclass(frozen=True, slots=True, kw_only=True)
class Block:
    """A fenced block: its language, what stands behind that, and its text."""

    language: str
    info: str
    text: str


def run(folder: Path, *command: str, **variables: str) -> tuple[int, str]:
    """Exit code, and standard output and error as one text, of a command run in `folder`."""
    path = os.pathsep.join((sysconfig.get_path("scripts"), os.environ.get("PATH", "")))
    done = subprocess.run(
        command,
        cwd=folder,
        env={**os.environ, "PATH": path, "COLUMNS": "160", **variables},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    return done.returncode, done.stdout


def shell(folder: Path, script: str, expected: int = 0, **variables: str) -> str:
    code, output = run(folder, "bash", "-euo", "pipefail", "-c", script, **variables)
    assert code == expected, f"{script}\n{output}"
    return output


def python(folder: Path, script: str) -> str:
    code, output = run(folder, sys.executable, "-c", script)
    assert code == 0, f"{script}\n{output}"
    return output


def words(text: str) -> str:
    return " ".join(text.split())


def follow(page: str, folder: Path, **variables: str) -> None:
    """Do what the blocks of a page say, one after the other."""
    output = ""
    for match in FENCED.finditer(page):
        block = Block(language=match[2], info=match[3], text=textwrap.dedent(match[4]))
        match block.language:
            case "sh":
                code = int(block.info.removeprefix("exit=") or 0)
                output = shell(folder, block.text, code, **variables)
            case "python" if not block.info:
                output = python(folder, block.text)
            case "toml" | "python" | "c" if block.info:
                name = block.info.removeprefix(">>")
                with (folder / name).open("a" if name != block.info else "w") as file:
                    file.write(block.text)
            case "text" | "c":
                shown = words(output)
                for line in block.text.splitlines():
                    assert words(line) in shown, f"not in the output: {line}\n{output}"
            case _:
                pytest.fail(f"a block that nothing runs: {block}")


@pytest.mark.parametrize(
    "page",
    [
        "tutorial.md",
        "surgery.md",
        "data.md",
        "api.md",
        "divergence.md",
        "native.md",
        "processors.md",
    ],
)
def test_pages_to_follow(tmp_path: Path, page: str) -> None:
    for path in (ROOT / "configs" / "quickstart").iterdir():
        shutil.copyfile(path, tmp_path / path.name)
    follow((ROOT / "docs" / page).read_text(encoding="utf-8"), tmp_path)


@pytest.mark.parametrize("name", ["vendor-tutorial.md", "npu-tutorial.md"])
def test_tutorials_that_install(make_environment: Any, tmp_path: Path, name: str) -> None:
    shutil.copytree(ROOT / "configs", tmp_path / "configs")
    environment = make_environment(tmp_path / "environment")
    page = (ROOT / "docs" / name).read_text(encoding="utf-8")
    follow(page, tmp_path / "configs", **environment.variables)


def test_a_machine_is_added_in_few_lines() -> None:
    page = (ROOT / "docs" / "npu-tutorial.md").read_text(encoding="utf-8")
    files = {
        block[3]: block[4] for block in FENCED.finditer(page) if block[2] in ("toml", "python")
    }
    assert [Path(name).name for name in files] == [
        "pyproject.toml",
        "machines.py",
        "facts.py",
        "__init__.py",
        "test_duo.py",
    ]
    assert sum(len(text.splitlines()) for text in files.values()) < 150


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """What a reader of the README has: the configs, a model of their own, and samples for it."""
    shutil.copytree(ROOT / "configs", tmp_path / "configs")
    shutil.copyfile(ROOT / "configs" / "quickstart" / "digits.onnx", tmp_path / "model.onnx")
    samples = tmp_path / "samples"
    samples.mkdir()
    rng = np.random.default_rng(0)
    for number in range(8):
        pixels = rng.integers(0, 17, (8, 8), dtype=np.uint8)
        Image.fromarray(pixels).save(samples / f"{number}.png")
    return tmp_path


def readme_commands() -> list[str]:
    """Lines of indented blocks that are commands; comments behind them are the shell's."""
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    lines = [line[4:] for line in readme.splitlines() if line.startswith("    ")]
    return [line for line in lines if line.startswith(("tc ", "pip "))]


def test_readme_commands(checkout: Path) -> None:
    commands = readme_commands()
    # The samples are pictures of 8x8 noise, which has no accuracy to lose.
    assert [c for c in commands if c.endswith("&& pytest")] == ["pip install '.[test]' && pytest"]
    ran = [INSTALL.sub("", c) for c in commands if not c.endswith("&& pytest")]
    assert len(ran) >= 5
    for command in ran:
        shell(checkout, command)
    for target in ("riscv", "npu", "kdp", "dpu"):
        assert (checkout / "build" / "quickstart" / target / "report.md").is_file()
    assert (checkout / "build" / "model" / "riscv" / "manifest.json").is_file()


def test_readme_python(checkout: Path) -> None:
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    blocks = [textwrap.dedent(block) for block in INDENTED.findall(readme)]
    (script,) = [block for block in blocks if "import" in block]
    assert "reference_score=" in python(checkout, script)


def test_commands_named_in_the_readme_exist() -> None:
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    named = set(re.findall(r"`tc ([a-z]+)", readme)) | {c.split()[1] for c in readme_commands()}
    for command in sorted(named - {"install"}):
        code, output = run(ROOT, "tc", command, "--help")
        assert code == 0, output
