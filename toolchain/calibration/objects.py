"""Dictionaries of arrays that `np.save` wrote, read as data: nothing in the file is ever run.

`np.save` of a dictionary pickles it. A pickle is a program for a stack machine that may call any
function; here its opcodes are followed by a machine of our own that knows lists, tuples, texts,
numbers and the one way in which numpy writes plain arrays, and calls nothing that the file names.
"""

from __future__ import annotations

import io
import pickletools
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from toolchain.calibration.arrays import read_header
from toolchain.errors import Code, DataError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from toolchain.core.dtypes import Array

_PLAIN = re.compile(r"b1|[iu][1248]|f[248]")
_RECONSTRUCT = {
    ("numpy._core.multiarray", "_reconstruct"),
    ("numpy.core.multiarray", "_reconstruct"),
}
_NDARRAY, _DTYPE = ("numpy", "ndarray"), ("numpy", "dtype")
_MARK: Final = object()


class _NotPlainError(ValueError):
    """The pickle holds something else than a dictionary of arrays."""


@dataclass(slots=True)
class _Global:
    """A name in a module; never looked up."""

    module: str
    name: str

    def __str__(self) -> str:
        return f"{self.module}.{self.name}"


@dataclass(slots=True)
class _Built:
    """An array or an element type: what it was made of, and the state it was given."""

    kind: str
    arguments: tuple[Any, ...]
    state: Any = None


def is_object(data: bytes) -> bool:
    """True if `data` is a .npy file of Python objects, which only its header tells."""
    try:
        return bool(read_header(io.BytesIO(data))[2].hasobject)
    except ValueError:
        return False


def read_objects(data: bytes, where: str) -> Mapping[str, Array]:
    """Arrays by name, as `np.save(file, {name: array})` wrote them; they are read-only.

    Args:
        data: The .npy file.
        where: The file, for errors.

    Raises:
        DataError: DATA_PICKLED if it holds anything but one dictionary of text to arrays of
            numbers; DATA_UNREADABLE if it is cut short.
    """
    file = io.BytesIO(data)
    try:
        shape, _, _ = read_header(file)
        return _arrays_of(_Machine().run(file), shape)
    except _NotPlainError as error:
        raise DataError(
            Code.DATA_PICKLED,
            "The file holds more than a dictionary of arrays, and could run any code when read",
            where=where,
            got=str(error),
            allowed="what np.save writes of {input name: array of numbers}",
        ) from error
    except (ValueError, IndexError, KeyError, TypeError, AttributeError, OverflowError) as error:
        raise DataError(
            Code.DATA_UNREADABLE, f"The dictionary cannot be read: {error}", where=where
        ) from error


def _arrays_of(value: Any, declared: tuple[int, ...]) -> Mapping[str, Array]:
    """The dictionary in the one-element object array that numpy pickles."""
    if declared != ():
        raise _NotPlainError(f"objects of shape {declared}")
    if not (isinstance(value, _Built) and value.kind == "array"):
        raise _NotPlainError(_described(value))
    _, shape, dtype, _, items = value.state
    if shape != () or dtype.arguments[0] != "O8" or not isinstance(items, list) or len(items) != 1:
        raise _NotPlainError("something else than one object")
    (found,) = items
    if not isinstance(found, dict):
        raise _NotPlainError(_described(found))
    return {_text(name): _array_of(item, name) for name, item in found.items()}


def _array_of(value: Any, name: object) -> Array:
    if not (isinstance(value, _Built) and value.kind == "array"):
        raise _NotPlainError(f"{_described(value)} under {name!r}")
    _, shape, dtype, fortran, data = value.state
    if not isinstance(dtype, _Built) or dtype.kind != "dtype" or not isinstance(data, bytes):
        raise _NotPlainError(f"an array of objects under {name!r}")
    code = dtype.arguments[0]
    if not isinstance(code, str) or _PLAIN.fullmatch(code) is None:
        raise _NotPlainError(f"an array of type {code!r} under {name!r}")
    order = dtype.state[1]
    plain = np.dtype(code).newbyteorder("=" if order == "|" else order)
    flat: Array = np.frombuffer(data, plain)
    return flat.reshape(shape, order="F" if fortran is True else "C")


def _described(value: Any) -> str:
    if isinstance(value, _Built):
        return "an element type"
    return str(value) if isinstance(value, _Global) else f"a {type(value).__name__}"


def _text(name: object) -> str:
    if not isinstance(name, str):
        raise _NotPlainError(f"a key of type {type(name).__name__}")
    return name


class _Machine:
    """Follows a pickle without calling anything it names."""

    def __init__(self) -> None:
        self._stack: list[Any] = []
        self._memo: dict[int, Any] = {}

    def run(self, file: io.BytesIO) -> Any:
        """What the pickle leaves on the stack."""
        for opcode, argument, _ in pickletools.genops(file):
            name = opcode.name
            if name in _CONSTANTS:
                self._stack.append(_CONSTANTS[name]())
            elif name in _LITERALS:
                self._stack.append(argument)
            elif name in _ACTIONS:
                _ACTIONS[name](self, argument)
            elif name not in ("PROTO", "FRAME", "STOP"):
                raise _NotPlainError(f"the opcode {name}")
        (result,) = self._stack
        return result

    def memoize(self, index: int | None) -> None:
        self._memo[len(self._memo) if index is None else index] = self._stack[-1]

    def get(self, index: int) -> None:
        self._stack.append(self._memo[index])

    def name(self, text: str | None) -> None:
        """GLOBAL has "module name" as its argument, STACK_GLOBAL has both on the stack."""
        if text is None:
            name, module = self._stack.pop(), self._stack.pop()
        else:
            module, name = text.split(" ", 1)
        self._stack.append(_Global(_text(module), _text(name)))

    def tuple_of(self, count: int | None) -> None:
        items = self.marked() if count is None else self.popped(count)
        self._stack.append(tuple(items))

    def append(self, items: list[Any]) -> None:
        target = self._stack[-1]
        if not isinstance(target, list):
            raise _NotPlainError("items of no list")
        target.extend(items)

    def set_items(self, items: list[Any]) -> None:
        target = self._stack[-1]
        if not isinstance(target, dict):
            raise _NotPlainError("entries of no dictionary")
        target.update(zip(map(_text, items[::2]), items[1::2], strict=True))

    def reduce(self, _: object) -> None:
        """A call: of numpy's array or type, else of something that is not to be called."""
        function, arguments = self.popped(2)
        if not isinstance(function, _Global):
            raise _NotPlainError("a call of no function")
        name = (function.module, function.name)
        if name in _RECONSTRUCT and (arguments[0].module, arguments[0].name) == _NDARRAY:
            self._stack.append(_Built("array", arguments))
        elif name == _DTYPE:
            self._stack.append(_Built("dtype", arguments))
        else:
            raise _NotPlainError(f"a call of {function}")

    def build(self, _: object) -> None:
        target, state = self.popped(2)
        if not isinstance(target, _Built) or target.state is not None:
            raise _NotPlainError("the state of something else than an array")
        target.state = state
        self._stack.append(target)

    def popped(self, count: int) -> list[Any]:
        """The topmost `count` values, which are removed."""
        if len(self._stack) < count:
            raise _NotPlainError("fewer values than it needs")
        items = self._stack[-count:]
        del self._stack[-count:]
        return items

    def marked(self) -> list[Any]:
        """Everything above the last mark, which is removed, too."""
        items: list[Any] = []
        while (item := self._stack.pop()) is not _MARK:
            items.append(item)
        return items[::-1]


_LITERALS = frozenset(
    """BININT BININT1 BININT2 LONG1 BINUNICODE SHORT_BINUNICODE BINUNICODE8 BINBYTES
    SHORT_BINBYTES BINBYTES8""".split()
)
_CONSTANTS: dict[str, Callable[[], Any]] = {
    "NONE": lambda: None,
    "NEWTRUE": lambda: True,
    "NEWFALSE": lambda: False,
    "MARK": lambda: _MARK,
    "EMPTY_TUPLE": tuple,
    "EMPTY_LIST": list,
    "EMPTY_DICT": dict,
}
_ACTIONS: dict[str, Callable[[_Machine, Any], None]] = {
    "MEMOIZE": lambda machine, _: machine.memoize(None),
    "BINPUT": _Machine.memoize,
    "LONG_BINPUT": _Machine.memoize,
    "BINGET": _Machine.get,
    "LONG_BINGET": _Machine.get,
    "GLOBAL": _Machine.name,
    "STACK_GLOBAL": _Machine.name,
    "TUPLE": lambda machine, _: machine.tuple_of(None),
    "TUPLE1": lambda machine, _: machine.tuple_of(1),
    "TUPLE2": lambda machine, _: machine.tuple_of(2),
    "TUPLE3": lambda machine, _: machine.tuple_of(3),
    "APPEND": lambda machine, _: machine.append(machine.popped(1)),
    "APPENDS": lambda machine, _: machine.append(machine.marked()),
    "SETITEM": lambda machine, _: machine.set_items(machine.popped(2)),
    "SETITEMS": lambda machine, _: machine.set_items(machine.marked()),
    "REDUCE": _Machine.reduce,
    "BUILD": _Machine.build,
}
