"""Plugins as objects, without anything installed."""

from __future__ import annotations

from collections.abc import Callable
from types import ModuleType
from typing import Any

import pytest

from toolchain.core.dtypes import DType
from toolchain.core.quant import PerChannel, QuantSpec
from toolchain.core.registry import RangeMethodDef
from toolchain.core.stats import TensorRange
from toolchain.core.target import OpSupport, Platform, TargetDef, TargetSpec
from toolchain.plugin.manager import PluginManager, PluginRow
from toolchain.plugin.markers import hookimpl


def row_of(name: str, **fields: Any) -> PluginRow:
    return PluginRow(name=name, **{"distribution": f"{name}-dist", "version": "1.2", **fields})


@pytest.fixture
def row() -> Callable[..., PluginRow]:
    """A plugin's row, of a distribution named after it."""
    return row_of


@pytest.fixture
def plugin() -> Callable[..., Any]:
    """A plugin of functions by hook name, marked as implementations."""

    def make(**hooks: Callable[..., Any]) -> ModuleType:
        module = ModuleType("plugin")
        vars(module).update({name: hookimpl(function) for name, function in hooks.items()})
        return module

    return make


@pytest.fixture
def manager() -> Callable[..., PluginManager]:
    """A manager of plugins by name, in this order."""

    def make(**plugins: Any) -> PluginManager:
        return PluginManager((row_of(name), plugin) for name, plugin in plugins.items())

    return make


@pytest.fixture
def target() -> Callable[..., TargetDef]:
    """A target of a name, whose Conv has these constraints."""

    def make(name: str, *constraints: Any) -> TargetDef:
        return TargetDef(
            spec=TargetSpec(
                name=name,
                summary=name,
                platforms=(Platform(name="p", summary="p"),),
                ops={"Conv": OpSupport(constraints=constraints)},
                activation=QuantSpec(),
                weight=QuantSpec(symmetric=True, granularity=PerChannel(0)),
                activation_dtypes=(DType.INT8,),
                weight_dtypes=(DType.INT8,),
            )
        )

    return make


@pytest.fixture
def method() -> Callable[..., RangeMethodDef]:
    """A range method of a name."""

    def make(name: str, function: Any = None) -> RangeMethodDef:
        def whole(*_: Any) -> TensorRange:
            return TensorRange(minimum=0.0, maximum=1.0, method=name)

        return RangeMethodDef(name=name, summary=name, function=function or whole)

    return make
