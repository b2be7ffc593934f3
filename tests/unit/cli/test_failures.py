from __future__ import annotations

import errno
import json
from pathlib import Path
from typing import Any

import pytest

from toolchain import errors
from toolchain.errors import Code, ConfigError, Problem


@pytest.mark.parametrize(
    ("kind", "code", "exit_code"),
    [
        (errors.CheckFailed, Code.CHECK_INCOMPLETE, 1),
        (errors.ConfigError, Code.BAD_VALUE, 2),
        (errors.ModelError, Code.MODEL_INVALID, 3),
        (errors.UnsupportedOpError, Code.UNSUPPORTED_OP, 3),
        (errors.DataError, Code.DATA_EMPTY, 4),
        (errors.CalibrationError, Code.CALIBRATION_FAILED, 4),
        (errors.QuantizationError, Code.PARAMS_INVALID, 5),
        (errors.CompileError, Code.LOWERING_FAILED, 5),
        (errors.PluginError, Code.PLUGIN_RAISED, 6),
        (errors.SystemFailure, Code.TOOL_MISSING, 7),
        (errors.InternalError, Code.INTERNAL, 70),
    ],
)
def test_every_class_has_its_exit_code(
    tc: Any,
    pipeline: Any,
    config: Path,
    kind: type[errors.ToolchainError],
    code: Code,
    exit_code: int,
) -> None:
    pipeline.error = kind(code, "What is wrong", where="a place", hint="do this")
    answer = tc("build", "--config", config)
    assert answer.code == exit_code
    assert answer.err == (f"error[{code}]: What is wrong\n  where: a place\n\nhint: do this\n")
    assert answer.out == ""


@pytest.mark.parametrize(
    ("error", "exit_code", "code"),
    [
        (OSError(errno.ENOSPC, "No space left on device", "/out/x"), 7, "TC801"),
        (OSError(errno.EDQUOT, "Quota exceeded", "/out/x"), 7, "TC801"),
        (PermissionError(errno.EACCES, "Permission denied", "/out/x"), 7, "TC802"),
        (OSError(errno.EROFS, "Read-only file system", "/out/x"), 7, "TC802"),
        (NotADirectoryError(errno.ENOTDIR, "Not a directory", "/out/x"), 7, "TC802"),
        (MemoryError("Unable to allocate 9 GiB"), 7, "TC804"),
        (KeyError("surprise"), 70, "TC901"),
        (OSError(errno.EIO, "I/O error"), 70, "TC901"),
    ],
)
def test_foreign_errors(
    tc: Any, pipeline: Any, config: Path, error: Exception, exit_code: int, code: str
) -> None:
    pipeline.error = error
    answer = tc("build", "--config", config)
    assert answer.code == exit_code
    assert answer.err.startswith(f"error[{code}]: ")
    assert "Traceback" not in answer.err
    if isinstance(error, OSError) and error.filename:
        assert "where: /out/x" in answer.err


def test_an_interrupt_is_one_line(tc: Any, pipeline: Any, config: Path) -> None:
    pipeline.error = KeyboardInterrupt()
    answer = tc("build", "--config", config)
    assert (answer.code, answer.out) == (130, "")
    assert answer.err == "\ninterrupted, finished stages are kept\n"


def test_all_problems_are_shown(tc: Any, pipeline: Any, config: Path) -> None:
    pipeline.error = ConfigError.of(
        Problem(code=Code.UNKNOWN_KEY, message=f"Problem {number}") for number in range(3)
    )
    answer = tc("build", "--config", config)
    assert answer.err == (
        "error[TC102]: Problem 0\n\n"
        "error[TC102]: Problem 1\n\n"
        "error[TC102]: Problem 2\n\n"
        "3 errors\n"
    )


@pytest.mark.parametrize("flag", ["-v", "-qv", "--verbose"])
def test_tracebacks_for_those_who_ask(tc: Any, pipeline: Any, config: Path, flag: str) -> None:
    pipeline.error = KeyError("surprise")
    answer = tc("build", "--config", config, flag)
    assert answer.err.startswith("Traceback")
    assert "KeyError: 'surprise'" in answer.err
    assert "error[TC901]" in answer.err


@pytest.mark.parametrize("form", [("--format", "json"), ("--format=json",)])
def test_errors_as_json(tc: Any, pipeline: Any, config: Path, form: tuple[str, ...]) -> None:
    pipeline.error = ConfigError(Code.BAD_VALUE, "Bad", where="x", got=3, allowed="1", hint="h")
    answer = tc("build", "--config", config, *form)
    assert answer.code == 2
    assert json.loads(answer.out) == {
        "error": {
            "exit_code": 2,
            "problems": [
                {
                    "code": "TC104",
                    "message": "Bad",
                    "where": "x",
                    "got": "3",
                    "allowed": "1",
                    "hint": "h",
                }
            ],
        }
    }
    assert answer.err.startswith("error[TC104]: Bad\n")


def test_usage_errors_as_json(tc: Any) -> None:
    answer = tc("build", "--format", "json", "--nope")
    assert answer.code == 2
    assert json.loads(answer.out)["error"]["problems"][0]["code"] == "TC112"


def test_no_colour_in_errors(
    tc: Any, pipeline: Any, config: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pipeline.error = ConfigError(Code.BAD_VALUE, "Bad")
    monkeypatch.setenv("FORCE_COLOR", "1")
    assert "\x1b[1;31merror\x1b[0m[TC104]: Bad" in tc("build", "--config", config).err
    monkeypatch.setenv("NO_COLOR", "1")
    assert "\x1b[1;31m" not in tc("build", "--config", config).err
