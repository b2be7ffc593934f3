"""Files and functions stay small, and starting up stays light."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
LINES_OF_A_FILE = 400
LINES_OF_A_FUNCTION = 60
TEXTS = {"toolchain/core/explanations.py"}
"""Files that hold texts, one per error code, and grow with them."""
HEAVY = {"PIL", "ml_dtypes", "numba", "onnx", "onnx_ir", "onnxruntime", "pydantic", "rich", "yaml"}


def too_long(path: Path) -> Iterator[str]:
    text = path.read_text(encoding="utf-8")
    name, lines = path.relative_to(ROOT).as_posix(), text.count("\n")
    if lines > LINES_OF_A_FILE and name not in TEXTS:
        yield f"{name} has {lines} lines"
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            length = (node.end_lineno or node.lineno) - node.lineno + 1
            if length > LINES_OF_A_FUNCTION:
                yield f"{name}: {node.name} has {length} lines"


def test_files_and_functions_are_small() -> None:
    folders = [ROOT / top for top in ("toolchain", "plugins", "targets")]
    sources = sorted(path for folder in folders for path in folder.rglob("*.py"))
    assert len(sources) > 200
    assert [problem for path in sources for problem in too_long(path)] == []


@pytest.mark.parametrize(
    ("code", "further"),
    [
        ("import toolchain", {"numpy", "pluggy", "typer"}),
        ("import toolchain.api", {"typer"}),
        ("from toolchain.plugin.manager import PluginManager; PluginManager.load()", {"typer"}),
    ],
)
def test_an_import_loads_nothing_heavy(code: str, further: set[str]) -> None:
    script = f"{code}\nimport sys\nsys.stderr.write(' '.join({HEAVY | further} & set(sys.modules)))"
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )
    assert done.stderr == ""
