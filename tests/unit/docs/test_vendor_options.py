"""The page of vendor options names nothing that does not exist."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from fnmatch import fnmatch
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper
from typer.main import get_command

import toolchain
from toolchain.cli.main import app
from toolchain.config.loading import read_config
from toolchain.config.overrides import parse_overrides
from toolchain.config.resolve import resolve
from toolchain.config.schema import leaves
from toolchain.config.vendor_names import vendor_names
from toolchain.core.registry import RangeMethodDef
from toolchain.errors import Code
from toolchain.plugin.manager import PluginManager

ROOT = Path(__file__).parents[3]
PAGE = ROOT / "docs" / "vendor-options.md"
HEADER = ["theirs", "here", "what differs"]
LATER = {"NPU compilation", "quantization algorithms", "config importers"}
"""The topics under which something may be missing."""
FILE = re.compile(r"[\w.]+\.(onnx|json|md|txt|mmd|bin|tcm|xmodel)")
OPTION = re.compile(r"[a-z][a-z_0-9*]*(\.[a-z_0-9*]+)*")


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """A row of a table, with the heading that its target stands in."""

    target: str
    theirs: str
    here: str
    differs: str

    @property
    def places(self) -> list[str]:
        """What stands in backticks in `here`."""
        return re.findall(r"`([^`]+)`", self.here)


def rows() -> Iterator[Row]:
    target = ""
    for line in PAGE.read_text(encoding="utf-8").splitlines():
        if line.startswith("## "):
            (target,) = re.findall(r"target `(\w+)`", line)
        if line.startswith("|") and not line.startswith("|---"):
            cells = [cell.strip() for cell in line.strip("|").split("|")]
            assert len(cells) == len(HEADER), line
            if cells != HEADER:
                theirs, here, differs = cells
                yield Row(target=target, theirs=theirs, here=here, differs=differs)


ROWS = list(rows())


def known_paths() -> set[str]:
    """Every option, and every section and table that holds some."""
    paths = [leaf.path for leaf in leaves(PluginManager.load().targets())]
    parents = {path.rsplit(".", depth)[0] for path in paths for depth in range(5)}
    return {path.removesuffix(".*") for path in parents}


def places(kind: re.Pattern[str]) -> list[tuple[Row, str]]:
    return [(row, place) for row in ROWS for place in row.places if kind.fullmatch(place)]


COMMANDS = places(re.compile(r"tc .+"))
FUNCTIONS = places(re.compile(r"toolchain\.\w+"))
FILES = places(FILE)
OPTIONS = [
    (row, place)
    for row, place in places(re.compile(rf"{OPTION.pattern}( = .+)?"))
    if not FILE.fullmatch(place) and not place.startswith("toolchain.")
]


def test_every_row_has_a_place_or_a_reason() -> None:
    placed = {id(row) for row, _ in (*COMMANDS, *FUNCTIONS, *FILES, *OPTIONS)}
    for row in ROWS:
        codes = re.fullmatch(r"TC\d+(, TC\d+)*", row.here)
        if row.here.startswith("later: "):
            assert row.here.removeprefix("later: ") in LATER, row
        elif row.here == "not applicable":
            assert row.differs, f"no reason: {row}"
        else:
            assert id(row) in placed or codes, f"no place: {row}"


def test_every_place_is_of_a_known_kind() -> None:
    kinds = {place for _, place in (*COMMANDS, *FUNCTIONS, *FILES, *OPTIONS)}
    assert {place for row in ROWS for place in row.places} - kinds == set()


def test_options_exist() -> None:
    known = known_paths()
    named = {place.split(" = ")[0] for _, place in OPTIONS}
    assert named - known == set()


VALUES = sorted({(row.target, place) for row, place in OPTIONS if " = " in place})


@pytest.mark.parametrize(("target", "place"), VALUES)
def test_values_are_allowed(target: str, place: str) -> None:
    path, value = place.split(" = ")
    raw = read_config(ROOT / "configs" / "quickstart.toml")
    overrides = parse_overrides([f"{path}={value}"])
    resolve(raw, overrides, PluginManager.load().targets(), (target,))


def test_options_that_the_notes_name_exist() -> None:
    known = known_paths()
    text = f"{PAGE.read_text(encoding='utf-8').split(HEADER[0])[0]} {[r.differs for r in ROWS]}"
    dotted = re.findall(r"`([a-z_]+(?:\.[a-z_]+)+)(?: = [^`]+)?`", text)
    named = {re.sub(r"^target\.\w+\.(?!options|platform)", "", name) for name in dotted}
    assert "quantize.bias_dtype" in named
    functions = {f"toolchain.{name}" for name in toolchain.__all__}
    assert named - known - functions == set()


def test_methods_and_algorithms_are_those_that_exist() -> None:
    (methods,) = [row.differs for row in ROWS if row.theirs == "`calibration_type`"]
    found: dict[str, RangeMethodDef] = dict(PluginManager.load().range_methods())
    assert set(re.findall(r"`(\w+)`", methods)) == set(found)
    (algorithms,) = [row.differs for row in ROWS if row.theirs.startswith("`include_cle`")]
    assert set(re.findall(r"`(\w+)`", algorithms)) == set(PluginManager.load().algorithms())


def test_hints_say_what_the_page_says() -> None:
    assert set(vendor_names().values()) <= known_paths()
    said = {
        (name.strip("-").split(".")[-1], place.split(" = ")[0])
        for row, place in OPTIONS
        for name in re.findall(r"`([^`]+)`", row.theirs)
    }
    assert set(vendor_names().items()) - said == set()


@pytest.mark.parametrize("place", sorted({place for _, place in COMMANDS}))
def test_commands_exist(place: str) -> None:
    command: Any = get_command(app)
    words = place.split()[1:]
    while hasattr(command, "commands"):
        command = command.commands[words.pop(0)]
    options = {name for parameter in command.params for name in parameter.opts}
    assert {word for word in words if word.startswith("--")} <= options
    targets = re.findall(r"--target (\w+)", place)
    assert set(targets) <= set(PluginManager.load().targets())


def test_functions_exist() -> None:
    assert {place.removeprefix("toolchain.") for _, place in FUNCTIONS} <= set(toolchain.__all__)


def test_error_codes_exist() -> None:
    named = set(re.findall(r"TC\d+", PAGE.read_text(encoding="utf-8")))
    assert named <= {code.value for code in Code}


@pytest.fixture(scope="module")
def published(tmp_path_factory: pytest.TempPathFactory) -> dict[str, set[str]]:
    """Names of the files that a build with an analysis writes, by target."""
    folder = tmp_path_factory.mktemp("vendors")
    rng = np.random.default_rng(0)
    weight = numpy_helper.from_array(rng.normal(0, 0.4, (4, 3, 3, 3)).astype(np.float32), "w")
    graph = helper.make_graph(
        [helper.make_node("Conv", ["x", "w"], ["y"], "conv", kernel_shape=[3, 3])],
        "tiny",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, (1, 3, 6, 6))],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, (1, 4, 4, 4))],
        [weight],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
    onnx.save(model, folder / "NAME.onnx")
    np.save(folder / "x.npy", rng.normal(0, 1, (10, 3, 6, 6)).astype(np.float32))
    data = {"data": "x.npy", "samples": 10}
    config = folder / "config.json"
    config.write_text(json.dumps({"model": "NAME.onnx", "output": "out", "calibration": data}))
    targets = sorted({row.target for row in ROWS})
    toolchain.build(config, targets=targets, settings={"analysis.enabled": True})
    return {name: {path.name for path in (folder / "out" / name).iterdir()} for name in targets}


def test_files_are_written(published: dict[str, set[str]]) -> None:
    for row, place in FILES:
        assert any(fnmatch(name, place) for name in published[row.target]), (row.target, place)
