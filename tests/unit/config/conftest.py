"""Two small targets, and a config written to a file and resolved."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Annotated

import pytest
from annotated_types import Ge

from toolchain.config.loading import read_config
from toolchain.config.overrides import parse_overrides
from toolchain.config.resolve import resolve
from toolchain.core.dtypes import DType
from toolchain.core.options import Doc
from toolchain.core.quant import QuantSpec
from toolchain.core.target import Platform, TargetDef, TargetSpec
from toolchain.errors import ConfigError


class Core(StrEnum):
    BIG = "big"
    LITTLE = "little"


@dataclass(frozen=True, slots=True, kw_only=True)
class Memory:
    banks: Annotated[int, Ge(1), Doc("Number of banks.")] = 2
    size_bytes: Annotated[int, Doc("Size of one.")] = 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class VectorOptions:
    vlen: Annotated[int, Ge(64), Doc("Vector length in bits.")] = 256
    core: Annotated[Core, Doc("Which core.")] = Core.BIG
    memory: Annotated[Memory, Doc("Memory.")] = field(default_factory=lambda: Memory(banks=4))


def definition(name, platforms, **options):
    spec = TargetSpec(
        name=name,
        summary="A target of the tests",
        platforms=tuple(Platform(name=item, summary="A chip") for item in platforms),
        ops={},
        activation=QuantSpec(),
        weight=QuantSpec(symmetric=True),
        activation_dtypes=(DType.INT8,),
        weight_dtypes=(DType.INT8,),
    )
    return TargetDef(spec=spec, **options)


@pytest.fixture(name="targets", scope="session")
def targets_fixture():
    return {
        "vector": definition("vector", ["v1", "v2"], options=VectorOptions),
        "tile-npu": definition("tile-npu", ["n1"]),
    }


@pytest.fixture(name="run")
def run_fixture(tmp_path, targets):
    """Resolve a config given as TOML text or as a dict; `sets` are `--set` arguments."""

    def run(config, *sets, selected=None):
        if isinstance(config, dict):
            path = tmp_path / "c.json"
            path.write_text(json.dumps(config))
        else:
            path = tmp_path / "c.toml"
            path.write_text(config)
        return resolve(read_config(path), parse_overrides(sets), targets, selected)

    return run


@pytest.fixture(name="problems")
def problems_fixture(run):
    """The problems of a config that cannot be resolved."""

    def problems(config, *sets, selected=None):
        with pytest.raises(ConfigError) as caught:
            run(config, *sets, selected=selected)
        return caught.value.problems

    return problems
