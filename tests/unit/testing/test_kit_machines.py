"""The kit's checks of compiled models find what they are there for."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from toolchain.accelerator.container.file import read_container, write_container
from toolchain.accelerator.container.records import Container, HostSegment
from toolchain.plugin.manager import PluginManager
from toolchain.testing import Bench
from toolchain.testing import machine as kit
from toolchain.testing.builds import KitBuild
from toolchain.testing.models import MODELS


@pytest.fixture(scope="module")
def bench(tmp_path_factory: pytest.TempPathFactory) -> Bench:
    return Bench(
        manager=PluginManager.load(), target="npu", folder=tmp_path_factory.mktemp("machines")
    )


@pytest.fixture(scope="module")
def built(bench: Bench) -> KitBuild:
    return bench.build("gemm", MODELS["gemm"])


@pytest.fixture
def changed(built: KitBuild, tmp_path: Path) -> Callable[..., KitBuild]:
    """Makes the build with another compiled model."""

    def make(change: Callable[[Container], Container]) -> KitBuild:
        folder = tmp_path / "changed"
        shutil.copytree(built.folder, folder)
        path = folder / "model.tcm"
        container = read_container(path)
        path.unlink()
        write_container(change(container), path)
        return replace(built, folder=folder)

    return make


def test_every_build_has_the_batches(bench: Bench, built: KitBuild) -> None:
    assert list(kit.machine_problems(bench, built)) == []
    variants = read_container(built.folder / "model.tcm").variants
    assert [variant.batch for variant in variants] == [1, 2, 4]


def test_no_compiled_model(bench: Bench, built: KitBuild, tmp_path: Path) -> None:
    (finding,) = kit.machine_problems(bench, replace(built, folder=tmp_path))
    assert finding == "the chip has machines, and the build wrote no model.tcm"


def test_damage_and_other_machines(bench: Bench, built: KitBuild, changed: Any) -> None:
    (finding,) = kit.machine_problems(bench, replace(built, platform="ax620e"))
    assert "for a machine that the chip does not have" in finding
    damaged = changed(lambda container: container)
    path = damaged.folder / "model.tcm"
    path.write_bytes(path.read_bytes()[:-1])
    assert len(list(kit.machine_problems(bench, damaged))) == 1


def test_batches_that_are_left_out(bench: Bench, changed: Any) -> None:
    fewer = changed(lambda container: replace(container, variants=container.variants[:2]))
    (finding,) = kit.machine_problems(bench, fewer)
    assert finding == "batches (1, 2) were compiled, (1, 2, 4) asked for"


def test_a_model_that_a_cpu_computes(bench: Bench, built: KitBuild, changed: Any) -> None:
    def on_host(container: Container) -> Container:
        first, *others = container.variants
        host = replace(first, segments=(HostSegment(program=built.program(), reasons={}),))
        return replace(container, variants=(host, *others))

    findings = list(kit.machine_problems(bench, changed(on_host)))
    assert findings[0] == "batch 1: everything is left to a CPU"
    assert findings[1].startswith("ax650-npu1, batch 1: 0 cycles, allowed: at least ")
    assert len(findings) == 2


def test_other_values(bench: Bench, changed: Any) -> None:
    def flipped(container: Container) -> Container:
        constants = np.frombuffer(container.constants, np.uint8) ^ 1
        return replace(container, constants=constants.tobytes())

    findings = list(kit.machine_problems(bench, changed(flipped)))
    assert [finding.partition(": ")[0] for finding in findings] == [
        f"ax650-npu1, batch {batch}" for batch in (1, 2, 4)
    ]
    assert all("is not what the reference computes" in finding for finding in findings)


def test_a_chip_without_machines(bench: Bench, built: KitBuild, tmp_path: Path) -> None:
    nothing = replace(built, platform="k1", folder=tmp_path)
    assert list(kit.machine_problems(replace(bench, target="riscv"), nothing)) == []
