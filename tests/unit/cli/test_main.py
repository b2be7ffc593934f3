from __future__ import annotations

import subprocess
import sys
from typing import Any

import pytest

HEAVY = ("numpy", "onnx", "onnx_ir", "onnxruntime", "pydantic", "rich", "numba", "yaml", "PIL")


def test_start_up_and_help_load_nothing_heavy() -> None:
    code = (
        "import sys; from toolchain.cli.main import run; code = run(['--help']); "
        f"sys.stderr.write(' '.join(m for m in {HEAVY} if m in sys.modules)); sys.exit(code)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stderr == ""
    for command in ("build", "config", "inspect", "targets", "plugins", "explain", "clean"):
        assert f"\n  {command} " in done.stdout


@pytest.mark.parametrize("arguments", [(), ("--help",), ("build", "--help"), ("config", "--help")])
def test_help(tc: Any, arguments: tuple[str, ...]) -> None:
    answer = tc(*arguments)
    assert answer.code == 0
    assert answer.out.startswith("Usage: tc")
    assert answer.err == ""


def test_version(tc: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.metadata.version", {"toolchain": "1.2.3"}.__getitem__)
    assert tc("--version").out == "tc 1.2.3\n"


@pytest.mark.parametrize(
    ("arguments", "hint"),
    [
        (("nope",), "`tc --help`"),
        (("build",), "`tc build --help`"),
        (("build", "--traget", "x"), "`tc build --help`"),
        (("config",), "`tc config --help`"),
        (("build", "--config", "c.toml", "--until", "lunch"), "`tc build --help`"),
        (("build", "--config", "c.toml", "--samples", "many"), "`tc build --help`"),
    ],
)
def test_usage_errors(tc: Any, arguments: tuple[str, ...], hint: str) -> None:
    answer = tc(*arguments)
    assert answer.code == 2
    assert answer.err.startswith("error[TC112]: ")
    assert f"hint: {hint} shows what is allowed" in answer.err
    assert answer.out == ""


def test_the_process_exits_with_the_code() -> None:
    code = "import sys; sys.argv = ['tc', 'nope']; from toolchain.cli.main import main; main()"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert "Traceback" not in done.stderr


def test_a_reader_that_goes_away_is_no_error() -> None:
    code = "from toolchain.cli.main import run; import sys; sys.exit(run(['explain', 'TC101']))"
    with subprocess.Popen(
        [sys.executable, "-c", code], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.close()
        assert process.stderr.read() == ""
    assert process.returncode == 141
