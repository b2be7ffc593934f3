"""Well-known classifiers as integer programs without trained weights: what they cost, only.

The layers are those of the papers, on an image of 224 x 224: ResNet (He et al., 2015, with the
stride in the 3 x 3 convolution of a bottleneck, as torchvision has it), MobileNet v1 (Howard et
al., 2017) and v2 (Sandler et al., 2018), EfficientNet-B0 (Tan and Le, 2019).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING

import numpy as np

from toolchain.core.dtypes import DType
from toolchain.core.quant import Rounding
from toolchain.program.records import (
    Binary,
    BinaryKind,
    Conv,
    MatMul,
    Move,
    MoveKind,
    Pool,
    PoolKind,
    Program,
    Requantize,
    Table,
    Tensor,
)

if TYPE_CHECKING:
    from toolchain.core.dtypes import Array
    from toolchain.program.records import Operation

_FINISH = Requantize(factor="factor", zero_point=0, low=-128, high=127)


class Network:
    """Layers one after the other; every method returns the name of what it computes."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.tensors = {"image": self._tensor("image", (1, 3, 224, 224))}
        self.constants: dict[str, Array] = {
            "factor": np.ones((), np.float32),
            "table": np.zeros(256, np.int8),
        }
        self.operations: list[Operation] = []

    def conv(self, x: str, channels: int, kernel: int, stride: int = 1, groups: int = 1) -> str:
        """A convolution with same padding, a bias and an activation that costs nothing."""
        batch, inner, *extent = self.tensors[x].shape
        name = f"conv{len(self.operations)}"
        shape = (batch, channels, *(math.ceil(size / stride) for size in extent))
        weight = np.zeros((channels, inner // groups, kernel, kernel), np.int8)
        self.constants |= {f"{name}.w": weight, f"{name}.b": np.zeros(channels, np.int32)}
        op = Conv(
            name=name,
            inputs=(x,),
            outputs=(name,),
            weight=f"{name}.w",
            weight_zero_point=None,
            bias=f"{name}.b",
            x_zero_point=0,
            strides=(stride, stride),
            pads=(kernel // 2,) * 4,
            dilations=(1, 1),
            groups=groups,
            finish=_FINISH,
        )
        return self._add(op, shape)

    def depthwise(self, x: str, kernel: int, stride: int) -> str:
        """A convolution of every channel by itself."""
        channels = self.tensors[x].shape[1]
        return self.conv(x, channels, kernel, stride, groups=channels)

    def binary(self, kind: BinaryKind, a: str, b: str) -> str:
        """Sum or product of two tensors."""
        name = f"{kind}{len(self.operations)}"
        op = Binary(
            name=name,
            inputs=(a, b),
            outputs=(name,),
            kind=kind,
            a_zero_point=0,
            b_zero_point=0,
            a_factor=1.0,
            b_factor=1.0,
            zero_point=0,
            low=-128,
            high=127,
        )
        return self._add(op, self.tensors[a].shape)

    def table(self, x: str) -> str:
        """Any function of every element."""
        name = f"table{len(self.operations)}"
        op = Table(name=name, inputs=(x,), outputs=(name,), table="table")
        return self._add(op, self.tensors[x].shape)

    def pool(self, x: str, kind: PoolKind, kernel: int, stride: int) -> str:
        """Pooling; a kernel of the whole extent is global."""
        batch, channels, height, width = self.tensors[x].shape
        whole = kernel == height
        extent = (1, 1) if whole else (math.ceil(height / stride),) * 2
        name = f"pool{len(self.operations)}"
        op = Pool(
            name=name,
            inputs=(x,),
            outputs=(name,),
            kind=kind,
            kernel=(kernel, min(kernel, width)),
            strides=(stride, stride),
            pads=(0,) * 4 if whole else (kernel // 2,) * 4,
            dilations=(1, 1),
            count_include_pad=False,
            x_zero_point=0,
            factor=1.0,
            zero_point=0,
            low=-128,
            high=127,
        )
        return self._add(op, (batch, channels, *extent))

    def classify(self, x: str) -> Program:
        """Global average, a matrix product to 1000 classes, and the program is done."""
        pooled = self.pool(x, PoolKind.AVERAGE, self.tensors[x].shape[2], 1)
        channels = self.tensors[x].shape[1]
        flat = Move(name="flat", inputs=(pooled,), outputs=("flat",), kind=MoveKind.RESHAPE)
        self._add(flat, (1, channels))
        self.constants |= {
            "classes.w": np.zeros((channels, 1000), np.int8),
            "classes.b": np.zeros(1000, np.int32),
        }
        op = MatMul(
            name="classes",
            inputs=("flat",),
            outputs=("classes",),
            b="classes.w",
            a_zero_point=0,
            b_zero_point=None,
            bias="classes.b",
            finish=_FINISH,
        )
        self._add(op, (1, 1000))
        return Program(
            name=self.name,
            rounding=Rounding.HALF_EVEN,
            inputs=("image",),
            outputs=("classes",),
            tensors=self.tensors,
            constants=self.constants,
            operations=tuple(self.operations),
        )

    def _add(self, op: Operation, shape: tuple[int, ...]) -> str:
        self.operations.append(op)
        self.tensors[op.name] = self._tensor(op.name, shape)
        return op.name

    @staticmethod
    def _tensor(name: str, shape: tuple[int, ...]) -> Tensor:
        return Tensor(name=name, dtype=DType.INT8, shape=shape, scale=1.0)


def _resnet(name: str, blocks: tuple[int, ...], *, bottleneck: bool) -> Program:
    net = Network(name)
    x = net.pool(net.conv("image", 64, 7, 2), PoolKind.MAX, 3, 2)
    for stage, count in enumerate(blocks):
        width = 64 << stage
        channels = 4 * width if bottleneck else width
        for block in range(count):
            stride = 2 if stage and not block else 1
            if bottleneck:
                y = net.conv(net.conv(net.conv(x, width, 1), width, 3, stride), channels, 1)
            else:
                y = net.conv(net.conv(x, width, 3, stride), channels, 3)
            if stride > 1 or net.tensors[x].shape[1] != channels:
                x = net.conv(x, channels, 1, stride)
            x = net.binary(BinaryKind.ADD, y, x)
    return net.classify(x)


def _mobilenet_v1() -> Program:
    net = Network("mobilenet_v1")
    x = net.conv("image", 32, 3, 2)
    widths = (64, 128, 128, 256, 256, 512, 512, 512, 512, 512, 512, 1024, 1024)
    for index, width in enumerate(widths):
        x = net.conv(net.depthwise(x, 3, 2 if index in (1, 3, 5, 11) else 1), width, 1)
    return net.classify(x)


def _mobilenet_v2() -> Program:
    net = Network("mobilenet_v2")
    x = net.conv("image", 32, 3, 2)
    stages = ((1, 16, 1, 1), (6, 24, 2, 2), (6, 32, 3, 2), (6, 64, 4, 2), (6, 96, 3, 1))
    for factor, width, count, first in (*stages, (6, 160, 3, 2), (6, 320, 1, 1)):
        for block in range(count):
            stride = 1 if block else first
            inner = net.tensors[x].shape[1]
            wide = x if factor == 1 else net.conv(x, inner * factor, 1)
            y = net.conv(net.depthwise(wide, 3, stride), width, 1)
            x = net.binary(BinaryKind.ADD, y, x) if stride == 1 and inner == width else y
    return net.classify(net.conv(x, 1280, 1))


def _efficientnet_b0() -> Program:
    net = Network("efficientnet_b0")
    x = _swish(net, net.conv("image", 32, 3, 2))
    stages = ((1, 16, 1, 1, 3), (6, 24, 2, 2, 3), (6, 40, 2, 2, 5), (6, 80, 3, 2, 3))
    for factor, width, count, first, kernel in (
        *stages,
        (6, 112, 3, 1, 5),
        (6, 192, 4, 2, 5),
        (6, 320, 1, 1, 3),
    ):
        for block in range(count):
            stride = 1 if block else first
            inner = net.tensors[x].shape[1]
            wide = x if factor == 1 else _swish(net, net.conv(x, inner * factor, 1))
            y = _swish(net, net.depthwise(wide, kernel, stride))
            gate = net.pool(y, PoolKind.AVERAGE, net.tensors[y].shape[2], 1)
            gate = _swish(net, net.conv(gate, inner // 4, 1))
            gate = net.table(net.conv(gate, net.tensors[y].shape[1], 1))
            y = net.conv(net.binary(BinaryKind.MUL, y, gate), width, 1)
            x = net.binary(BinaryKind.ADD, y, x) if stride == 1 and inner == width else y
    return net.classify(_swish(net, net.conv(x, 1280, 1)))


def _swish(net: Network, x: str) -> str:
    return net.table(x)


ARCHITECTURES: Mapping[str, Callable[[], Program]] = MappingProxyType(
    {
        "resnet18": lambda: _resnet("resnet18", (2, 2, 2, 2), bottleneck=False),
        "resnet50": lambda: _resnet("resnet50", (3, 4, 6, 3), bottleneck=True),
        "mobilenet_v1": _mobilenet_v1,
        "mobilenet_v2": _mobilenet_v2,
        "efficientnet_b0": _efficientnet_b0,
    }
)
"""Networks by name."""
