"""Element types and constants between onnx_ir and numpy."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from toolchain.core.dtypes import Array, DType

if TYPE_CHECKING:
    import onnx_ir as ir

_NARROW = {DType.INT4: np.int8, DType.UINT4: np.uint8}


def dtype_of(data_type: ir.DataType | None) -> DType | None:
    """The project's element type, None where it has none (strings, 8-bit floats, unknown)."""
    if data_type is None:
        return None
    name = {"FLOAT": "float32", "DOUBLE": "float64"}.get(data_type.name, data_type.name.lower())
    return DType(name) if name in DType.__members__.values() else None


def data_type_of(dtype: DType) -> ir.DataType:
    """The onnx_ir element type of `dtype`."""
    import onnx_ir as ir

    name = {DType.FLOAT32: "FLOAT", DType.FLOAT64: "DOUBLE"}.get(dtype, dtype.value.upper())
    return ir.DataType[name]


def tensor_of(array: Array, dtype: DType | None = None) -> ir.TensorProtocol:
    """An onnx_ir tensor that holds `array`; `dtype` is needed for 4-bit integers only."""
    import onnx_ir as ir

    if dtype is None:
        return ir.Tensor(np.ascontiguousarray(array).reshape(array.shape))
    data_type = data_type_of(dtype)
    stored = np.ascontiguousarray(array, dtype=data_type.numpy()).reshape(array.shape)
    return ir.Tensor(stored, dtype=data_type)


def array_of(tensor: ir.TensorProtocol) -> Array:
    """The tensor's elements, read-only; 4-bit integers in 8-bit ones."""
    array = tensor.numpy()
    dtype = dtype_of(tensor.dtype)
    if dtype in _NARROW:
        array = array.astype(_NARROW[dtype])
    view = array.view()
    view.setflags(write=False)
    return view


def constant_of(value: ir.Value | None) -> Array | None:
    """The array of an initializer that nobody can feed, else None. Read-only."""
    if value is None or not value.is_initializer() or value.is_graph_input():
        return None
    return None if value.const_value is None else array_of(value.const_value)


def scalar_of(value: ir.Value | None) -> float | None:
    """The number that a constant of one numeric element holds, else None."""
    array = constant_of(value)
    if array is None or array.size != 1 or array.dtype.kind not in "fiu":
        return None
    return float(array.reshape(())[()])


def static_shape(value: ir.Value | None) -> tuple[int, ...] | None:
    """The value's shape where every dimension is a known number, else None."""
    if value is None or value.shape is None:
        return None
    dims = tuple(value.shape)
    return tuple(dim for dim in dims if isinstance(dim, int)) if _all_int(dims) else None


def rank_of(value: ir.Value | None) -> int | None:
    """Number of dimensions, None where unknown."""
    return None if value is None or value.shape is None else len(value.shape)


def _all_int(dims: tuple[object, ...]) -> bool:
    return all(isinstance(dim, int) for dim in dims)
