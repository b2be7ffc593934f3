"""Compilers and emulators on this machine. Looking for them runs as few programs as it can."""

from __future__ import annotations

import atexit
import importlib.util
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

from toolchain.errors import Code, Problem

_CROSS_GCC = ("riscv64-linux-gnu", "riscv64-unknown-linux-gnu")
_EMULATORS = ("qemu-riscv64", "qemu-riscv64-static")
_PROBE_SECONDS = 60.0
"""How long a compiler may take to say its version, or to link nothing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Compiler:
    """A C compiler for one processor.

    Attributes:
        name: Short name for reports: "gcc", "zig".
        command: What compiles and links.
        archiver: What makes libraries.
        flags: Flags that choose the processor.
        link_flags: Further flags for linking.
        environment: Variables that it needs besides those of this process.
    """

    name: str
    command: tuple[str, ...]
    archiver: tuple[str, ...]
    flags: tuple[str, ...] = ()
    link_flags: tuple[str, ...] = ()
    environment: Mapping[str, str] = field(default_factory=dict, hash=False)

    def identity(self) -> str:
        """What it is, of which version, for what: what it builds for another processor depends on.

        What it builds for this one depends on the processor, too, which `-march=native` reads.
        """
        version = "version" if self.name == "zig" else "--version"
        said = _run((self.command[0], version))
        lines = [] if said is None else said.stdout.decode(errors="replace").splitlines()
        return " ".join((self.name, *lines[:1], *self.flags))


@dataclass(frozen=True, slots=True, kw_only=True)
class Emulator:
    """Runs Linux programs of RISC-V on this machine.

    Attributes:
        path: The emulator itself.
    """

    path: str

    def command(self, vlen: int) -> tuple[str, ...]:
        """What to write before a program, for a processor with vectors of `vlen` bits."""
        return (self.path, "-cpu", f"rv64,v=true,vlen={vlen},vext_spec=v1.0")


def host_compiler() -> Compiler | Problem:
    """The C compiler for this machine: cc, gcc or clang, else the `ziglang` wheel's."""
    for name in ("cc", "gcc", "clang"):
        path, archiver = shutil.which(name), _first_of(("ar", "llvm-ar"))
        if path is not None and archiver is not None:
            native = ("-march=native",)
            return Compiler(
                name=name,
                command=(path,),
                archiver=(archiver,),
                flags=native if _accepts((path, *native)) else (),
                link_flags=("-Wl,--build-id=none",) if sys.platform == "linux" else (),
            )
    zig = _zig()
    if zig is not None:
        return Compiler(
            name="zig", command=(zig, "cc"), archiver=(zig, "ar"), environment=_zig_environment()
        )
    return Problem(
        code=Code.TOOL_MISSING,
        message="There is no C compiler for this machine",
        allowed="cc, gcc or clang on PATH, or the Python package ziglang",
        hint="install gcc (Debian: apt install gcc) or pip install 'toolchain[riscv]'",
    )


def riscv_compiler(*, vector: bool = True) -> Compiler | Problem:
    """The C compiler for 64-bit RISC-V with Linux.

    Args:
        vector: Use the vector extension; without it for comparisons.
    """
    march = ("-march=rv64gcv" if vector else "-march=rv64gc", "-mabi=lp64d")
    zig = _zig()
    if zig is not None:
        # A generic processor instead of the baseline fails in the C library.
        cpu = "baseline_rv64+v" if vector else "baseline_rv64"
        target = ("-target", "riscv64-linux-musl", f"-mcpu={cpu}")
        return Compiler(
            name="zig",
            command=(zig, "cc"),
            archiver=(zig, "ar"),
            flags=target,
            environment=_zig_environment(),
        )
    static = ("-static", "-Wl,--build-id=none")
    for prefix in _CROSS_GCC:
        gcc, ar = shutil.which(f"{prefix}-gcc"), shutil.which(f"{prefix}-ar")
        if gcc is not None and ar is not None:
            return Compiler(
                name=f"{prefix}-gcc", command=(gcc,), archiver=(ar,), flags=march, link_flags=static
            )
    clang, ar = shutil.which("clang"), shutil.which("llvm-ar")
    if clang is not None and ar is not None:
        flags = ("--target=riscv64-linux-gnu", *march)
        if _links((clang, *flags, *static)):
            return Compiler(
                name="clang", command=(clang,), archiver=(ar,), flags=flags, link_flags=static
            )
    return Problem(
        code=Code.TOOL_MISSING,
        message="There is no C compiler for RISC-V",
        allowed="the Python package ziglang, riscv64-linux-gnu-gcc, or a clang that can link",
        hint="pip install 'toolchain[riscv]', or install a cross compiler "
        "(Debian: apt install gcc-riscv64-linux-gnu)",
    )


def riscv_emulator() -> Emulator | Problem:
    """The emulator that runs Linux programs of RISC-V."""
    path = _first_of(_EMULATORS)
    if path is not None:
        return Emulator(path=path)
    return Problem(
        code=Code.TOOL_MISSING,
        message="There is no emulator of RISC-V",
        allowed=" or ".join(_EMULATORS) + " on PATH",
        hint="install QEMU's user-mode emulators (Debian: apt install qemu-user)",
    )


def _first_of(names: Iterable[str]) -> str | None:
    return next((path for path in map(shutil.which, names) if path is not None), None)


def _zig() -> str | None:
    """The executable in the `ziglang` package of this Python, which `python -m ziglang` calls."""
    found = importlib.util.find_spec("ziglang")
    for folder in (found and found.submodule_search_locations) or ():
        path = Path(folder) / ("zig.exe" if os.name == "nt" else "zig")
        if path.is_file():
            return str(path)
    return None


def _zig_environment() -> dict[str, str]:
    """Where zig keeps what it has compiled; where its own choice is not writable, it would hang."""
    given = os.environ.get("ZIG_GLOBAL_CACHE_DIR")
    home = os.environ.get("XDG_CACHE_HOME") or Path(os.environ.get("HOME") or "/", ".cache")
    if os.name == "nt" or _is_writable(Path(given or home)):
        return {}
    folder = _cache_folder()
    return {"ZIG_GLOBAL_CACHE_DIR": folder, "ZIG_LOCAL_CACHE_DIR": folder}


def _is_writable(folder: Path) -> bool:
    """True if files can be made in a folder, or the folder itself."""
    first = next(path for path in (folder.absolute(), *folder.absolute().parents) if path.exists())
    return first.is_dir() and os.access(first, os.W_OK | os.X_OK)


@cache
def _cache_folder() -> str:
    """A folder for this process."""
    folder = tempfile.mkdtemp(prefix="tc-zig-")
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return folder


def _accepts(command: Sequence[str]) -> bool:
    """True if the compiler knows all its flags."""
    return _succeeds((*command, "-fsyntax-only", "-x", "c", "-"), "")


def _links(command: Sequence[str]) -> bool:
    """True if the compiler finds a linker and a C library."""
    with tempfile.TemporaryDirectory(prefix="tc-probe-") as folder:
        out = str(Path(folder) / "program")
        return _succeeds((*command, "-x", "c", "-", "-o", out), "int main(void) { return 0; }\n")


def _succeeds(command: Sequence[str], text: str) -> bool:
    done = _run(command, text)
    return done is not None and done.returncode == 0


def _run(command: Sequence[str], text: str = "") -> subprocess.CompletedProcess[bytes] | None:
    """A short run of a compiler; None where it cannot be started or does not end."""
    try:
        return subprocess.run(  # noqa: S603 - a compiler that was found
            command,
            input=text.encode(),
            capture_output=True,
            check=False,
            timeout=_PROBE_SECONDS,
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
