"""A fresh environment, for tests that install something."""

from __future__ import annotations

import os
import subprocess
import sysconfig
import venv
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

SCRIPTS = {
    "tc": "from toolchain.cli.main import main",
    "pip": "from pip._internal.cli.main import main",
    "pytest": "from pytest import main",
}
OFFLINE = {
    "PIP_NO_INDEX": "1",
    "PIP_NO_DEPS": "1",
    "PIP_NO_BUILD_ISOLATION": "0",
    "PIP_DISABLE_PIP_VERSION_CHECK": "1",
    "PYTEST_ADDOPTS": "-p no:cacheprovider",
}
"""pip takes `NO_BUILD_ISOLATION=0` for `--no-build-isolation`; what it needs is installed here."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Environment:
    """A virtual environment that sees what this one has, and into which can be installed."""

    folder: Path

    @property
    def variables(self) -> dict[str, str]:
        """What the shell has when the environment is active."""
        path = os.pathsep.join((str(self.folder / "bin"), os.environ.get("PATH", "")))
        return {**os.environ, **OFFLINE, "PATH": path, "VIRTUAL_ENV": str(self.folder)}

    def run(self, *command: object, cwd: Path, expected: int = 0) -> str:
        """Standard output and error of a command, as one text."""
        done = subprocess.run(
            [str(word) for word in command],
            cwd=cwd,
            env={**self.variables, "COLUMNS": "160"},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )
        assert done.returncode == expected, f"{command}\n{done.stdout}"
        return done.stdout


@pytest.fixture
def make_environment() -> Callable[[Path], Environment]:
    """Makes an environment in a folder: offline, and in a moment."""

    def make(folder: Path) -> Environment:
        venv.create(folder, symlinks=True)
        (site,) = folder.glob("lib/python*/site-packages")
        ours = sysconfig.get_path("purelib")
        (site / "ours.pth").write_text(f"import site; site.addsitedir({ours!r})\n")
        for name, line in SCRIPTS.items():
            script = folder / "bin" / name
            script.write_text(f"#!{folder / 'bin' / 'python'}\n{line}\nraise SystemExit(main())\n")
            script.chmod(0o755)
        return Environment(folder=folder)

    return make
