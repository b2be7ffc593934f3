"""From a config file to plain values with the origin of each."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from toolchain.config import dotted
from toolchain.config.formats import Format, Parsed, Source, parse_json, parse_toml, parse_yaml
from toolchain.errors import Code, ConfigError, Problem

MAX_BYTES = 1 << 20
"""Size limit of a config file: far above any that was written on purpose."""

MAX_DEPTH = 12
"""Tables and lists inside each other; the deepest option needs 6."""

_FORMATS = {
    ".toml": Format.TOML,
    ".json": Format.JSON,
    ".jsonc": Format.JSON,
    ".yaml": Format.YAML,
    ".yml": Format.YAML,
}
_PARSERS = {Format.TOML: parse_toml, Format.JSON: parse_json, Format.YAML: parse_yaml}


@dataclass(frozen=True, slots=True, kw_only=True)
class RawConfig:
    """A config file, read but not validated.

    Attributes:
        path: The file as the user wrote it.
        format: Its format.
        values: Tables as dicts, lists, and scalars: str, bool, None, 64-bit int, finite float.
        origins: Dotted path of every leaf to the file, with the line where the format tells it.
    """

    path: Path
    format: Format
    values: Mapping[str, Any]
    origins: Mapping[str, str]


def read_config(path: Path) -> RawConfig:
    """Read a TOML, JSON or YAML file.

    Raises ConfigError: CONFIG_NOT_FOUND, BAD_VALUE (unknown suffix, too large, values that no
    option can hold) or CONFIG_SYNTAX with file and line.
    """
    kind = _FORMATS.get(path.suffix.lower())
    if kind is None:
        raise ConfigError(
            Code.BAD_VALUE,
            "The format of the config file is unknown",
            where=str(path),
            got=path.suffix or "no suffix",
            allowed=", ".join(_FORMATS),
        )
    source = Source(str(path), _read_text(path))
    try:
        parsed = _PARSERS[kind](source)
    except RecursionError:
        source.fail("Tables and lists are nested too deeply")
    except ValueError:
        # Python refuses to convert integers of thousands of digits.
        source.fail("A number has too many digits")
    if not isinstance(parsed.value, dict):
        source.fail("A config is a table of settings", 1)
    problems = tuple(value_problems(parsed.value, where=str(path)))
    if problems:
        raise ConfigError.of(problems)
    return RawConfig(
        path=path, format=kind, values=parsed.value, origins=_origins(parsed, str(path))
    )


def value_problems(value: object, path: dotted.Path = (), *, where: str) -> Iterator[Problem]:
    """What no option could hold: infinities, dates, integers beyond 64 bits, deep nesting."""
    message: str | None = None
    if len(path) > MAX_DEPTH:
        message = f"Tables and lists are nested deeper than {MAX_DEPTH}"
    elif isinstance(value, dict):
        for key, item in value.items():
            yield from value_problems(str(key), path, where=where)
            yield from value_problems(item, (*path, str(key)), where=where)
    elif isinstance(value, list):
        for index, item in enumerate(value):
            yield from value_problems(item, (*path, index), where=where)
    else:
        message = _scalar_problem(value)
    if message is not None:
        place = dotted.format_path(path)
        shown = ascii(value)[:80]
        yield Problem(code=Code.BAD_VALUE, message=message, where=f"{place} in {where}", got=shown)


def _scalar_problem(value: object) -> str | None:
    match value:
        case None | bool():
            return None
        case int():
            fits = -(2**63) <= value < 2**63
            return None if fits else "An integer does not fit into 64 bits"
        case float():
            # Also true of NaN, which compares with nothing.
            return None if abs(value) < float("inf") else "A number is not finite"
        case str():
            broken = any(char == "\0" or "\ud800" <= char <= "\udfff" for char in value)
            return "A text holds characters that no file name can" if broken else None
        case _:
            return "A value is none that a config can hold (dates and times are text in quotes)"


def _read_text(path: Path) -> str:
    try:
        if not path.is_file():
            kind = "not a file" if path.exists() else "not there"
            raise ConfigError(
                Code.CONFIG_NOT_FOUND,
                f"The config file is {kind}",
                where=str(path),
                hint="`tc config init MODEL.onnx` writes a commented config for a model",
            )
        with path.open("rb") as file:
            data = file.read(MAX_BYTES + 1)
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise ConfigError(
            Code.CONFIG_NOT_FOUND, f"The config file cannot be read: {reason}", where=ascii(path)
        ) from error
    if len(data) > MAX_BYTES:
        raise ConfigError(
            Code.BAD_VALUE, "The config file is too large", where=str(path), allowed="1 MiB"
        )
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise ConfigError(
            Code.CONFIG_SYNTAX,
            "The config file is not UTF-8 text",
            where=f"{path}:{line}",
            got=f"byte 0x{data[error.start]:02x}",
        ) from error


def _origins(parsed: Parsed, file: str) -> dict[str, str]:
    origins: dict[str, str] = {}
    for path, _ in dotted.leaves_of(parsed.value):
        line = parsed.lines.get(path)
        origins[dotted.format_path(path)] = file if line is None else f"{file}:{line}"
    return origins
