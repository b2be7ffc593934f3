"""The three formats of config files: text to plain tables, lists and scalars.

Each parser refuses what the others could not say: dates, infinities, duplicate keys, aliases. The
result of one config is thus the same in every format.
"""

from __future__ import annotations

import json
import re
import tomllib
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Any, NoReturn

from toolchain.config.dotted import Path, format_path
from toolchain.errors import Code, ConfigError

if TYPE_CHECKING:
    import yaml


class Format(StrEnum):
    """Format of a config file."""

    TOML = "toml"
    JSON = "json"
    YAML = "yaml"


@dataclass(frozen=True, slots=True)
class Source:
    """A config file that has been read.

    Attributes:
        name: The file as the user wrote it.
        text: Its text.
    """

    name: str
    text: str

    def fail(self, message: str, line: int | None = None, got: str | None = None) -> NoReturn:
        """Raise CONFIG_SYNTAX at `line`, counted from 1; shows the line's text, or `got`."""
        lines = self.text.splitlines()
        if got is None and line is not None and 0 < line <= len(lines):
            got = lines[line - 1].strip()[:80]
        where = self.name if line is None else f"{self.name}:{line}"
        raise ConfigError(Code.CONFIG_SYNTAX, message, where=where, got=got)


@dataclass(frozen=True, slots=True)
class Parsed:
    """What a file says, and at which line it says it where the parser knows.

    Attributes:
        value: Tables as dicts, lists and scalars; the outermost is not yet known to be a table.
        lines: Line, counted from 1, of keys by path.
    """

    value: Any
    lines: dict[Path, int]


def parse_toml(source: Source) -> Parsed:
    """TOML 1.0; raises CONFIG_SYNTAX."""
    try:
        return Parsed(tomllib.loads(source.text), {})
    except tomllib.TOMLDecodeError as error:
        match = re.search(r" \(at (?:line (\d+)|end of document).*\)$", str(error))
        end = len(source.text.splitlines())
        line = None if match is None else int(match[1] or end)
        message = str(error) if match is None else str(error)[: match.start()]
        source.fail(f"This is not TOML: {message}", line)


_STRING = r'"(?:\\.|[^"\\\n])*"'
_COMMENT = re.compile(rf"({_STRING})|//[^\n]*|/\*.*?\*/", re.DOTALL)
_TRAILING = re.compile(rf"({_STRING}|[\[{{:,]\s*,)|,(?=\s*[}}\]])")


class _DuplicateKeyError(ValueError):
    """A JSON table names a key twice."""


def parse_json(source: Source) -> Parsed:
    """JSON with comments and trailing commas; raises CONFIG_SYNTAX."""

    def blank(match: re.Match[str]) -> str:
        return match[0] if match[1] else re.sub(r"[^\n]", " ", match[0])

    # Blanks in place of what JSON does not know keep every line and column where it was.
    text = _TRAILING.sub(blank, _COMMENT.sub(blank, source.text))
    try:
        return Parsed(json.loads(text, object_pairs_hook=_unique), {})
    except json.JSONDecodeError as error:
        source.fail(f"This is not JSON: {error.msg}", error.lineno)
    except _DuplicateKeyError as error:
        source.fail("A key stands twice in one table", got=str(error))


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    table: dict[str, Any] = {}
    for key, value in pairs:
        if key in table:
            raise _DuplicateKeyError(key)
        table[key] = value
    return table


def parse_yaml(source: Source) -> Parsed:
    """YAML's plain scalars, lists and tables, as `yaml.safe_load` reads them; raises CONFIG_SYNTAX.

    Besides, numbers like 1e-4 are numbers, as in TOML and JSON. An empty file is an empty table.
    """
    import yaml

    try:
        loader = _yaml_loader()(source.text)
        node = loader.get_single_node()
        lines: dict[Path, int] = {}
        value = {} if node is None else _YamlReader(source, loader, lines).read(node, ())
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line = None if mark is None else mark.line + 1
        source.fail(f"This is not YAML: {error.problem or error.context}", line)
    except yaml.YAMLError as error:
        source.fail(f"This is not YAML: {' '.join(str(error).split())}")
    return Parsed(value, lines)


def _yaml_loader() -> type[yaml.SafeLoader]:
    import yaml

    class Loader(yaml.SafeLoader):
        """Reads numbers like 1e-4, which YAML 1.1 takes for text."""

    Loader.add_implicit_resolver(
        "tag:yaml.org,2002:float",
        re.compile(r"[-+]?[0-9]+(?:\.[0-9]*)?[eE][-+]?[0-9]+$"),
        list("-+0123456789"),
    )
    return Loader


class _YamlReader:
    """Nodes of a YAML document to plain values; keeps the line of every key."""

    def __init__(self, source: Source, loader: yaml.SafeLoader, lines: dict[Path, int]) -> None:
        self.source = source
        self.loader = loader
        self.lines = lines
        self.seen: set[int] = set()

    def read(self, node: yaml.Node, path: Path) -> Any:
        """The value of `node`, which stands at `path`."""
        if id(node) in self.seen:
            self._fail(node, "YAML aliases are not supported", format_path(path))
        self.seen.add(id(node))
        match node.tag:
            case "tag:yaml.org,2002:map":
                return self._table(node, path)
            case "tag:yaml.org,2002:seq":
                return self._list(node, path)
            case _:
                return self._scalar(node)

    def _table(self, node: yaml.Node, path: Path) -> dict[str, Any]:
        table: dict[str, Any] = {}
        for key_node, value_node in self._content(node):
            key = self.read(key_node, path)
            if not isinstance(key, str):
                self._fail(key_node, "A key is not text; put it in quotes")
            if key in table:
                self._fail(key_node, "A key stands twice in one table", key)
            here = (*path, key)
            self.lines[here] = key_node.start_mark.line + 1
            table[key] = self.read(value_node, here)
        return table

    def _list(self, node: yaml.Node, path: Path) -> list[Any]:
        items = self._content(node)
        return [self.read(item, (*path, index)) for index, item in enumerate(items)]

    def _scalar(self, node: yaml.Node) -> Any:
        types = ("str", "int", "float", "bool", "null")
        if node.tag not in {f"tag:yaml.org,2002:{name}" for name in types}:
            kind = node.tag.removeprefix("tag:yaml.org,2002:")
            self._fail(node, f"A value is none that a config can hold ({kind})")
        construct: Callable[[yaml.Node], Any] = self.loader.construct_object
        try:
            return construct(node)
        except (ValueError, KeyError, IndexError):
            self._fail(node, "A value does not fit its tag")

    def _content(self, node: yaml.Node) -> list[Any]:
        if not isinstance(node.value, list):
            self._fail(node, "A value does not fit its tag")
        return node.value

    def _fail(self, node: yaml.Node, message: str, got: str | None = None) -> NoReturn:
        self.source.fail(message, node.start_mark.line + 1, got)
