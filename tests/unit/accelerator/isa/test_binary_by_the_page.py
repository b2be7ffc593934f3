"""A reader written by docs/isa.md alone, without the product: it reads what `encode` writes."""

from __future__ import annotations

import re
import struct
from collections.abc import Callable
from enum import IntEnum
from pathlib import Path
from typing import Any, TypeVar

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from toolchain.accelerator.isa.code import Code
from toolchain.accelerator.isa.encoding import encode
from toolchain.accelerator.isa.operands import View
from toolchain.core.dtypes import DType

T = TypeVar("T")

PAGE = (Path(__file__).parents[4] / "docs" / "isa.md").read_text(encoding="utf-8")
INSTRUCTIONS = [
    (name, re.findall(r"`(\w+)` ([\w?]+)", fields))
    for name, fields in re.findall(
        r"^\| \d+ \| `(\w+)` \| [\w, ]+ \| (`target` view.*) \|$", PAGE, re.MULTILINE
    )
]
TYPES = re.findall(r"^\| \d \| `(\w+)` \| (\d)", PAGE, re.MULTILINE)


class Page:
    """The binary, part by part."""

    def __init__(self, data: bytes) -> None:
        self.data, self.at = data, 0

    def n(self) -> int:
        value = shift = 0
        while True:
            byte = self.data[self.at]
            self.at += 1
            value += (byte % 128) << shift
            shift += 7
            if byte < 128:
                return value

    def i(self) -> int:
        v = self.n()
        return v // 2 if v % 2 == 0 else -(v + 1) // 2

    def d(self, before: int) -> int:
        value = (before + self.i()) % 2**64
        return value - 2**64 if value >= 2**63 else value

    def f(self) -> float:
        (value,) = struct.unpack_from("<d", self.data, self.at)
        self.at += 8
        return float(value)

    def text(self) -> str:
        length = self.n()
        self.at += length
        return self.data[self.at - length : self.at].decode()

    def list(self, entry: Callable[[], T]) -> list[T]:
        return [entry() for _ in range(self.n())]

    def layout(self) -> Any:
        name, size = TYPES[self.n()]
        extents = self.list(self.i)
        strides, dense = [], int(size)
        for extent in extents[::-1]:
            strides.append(self.d(dense))
            dense = extent * strides[-1]
        return name, extents, strides[::-1]

    def finish(self) -> Any:
        if self.n() == 0:
            return [self.n(), self.n(), self.i(), self.i(), self.i(), self.i()]
        return [self.i(), self.f(), self.f()]

    def place(self) -> Any:
        return self.n(), self.n(), self.n()

    def form(self) -> Any:
        name, fields = INSTRUCTIONS[self.n()]
        return name, {field: self.field(kind) for field, kind in fields}

    def field(self, kind: str) -> Any:
        if kind == "view" or (kind == "view?" and self.n()):
            return self.place()
        one: dict[str, Callable[[], Any]] = {
            "integer": self.i,
            "integers": lambda: self.list(self.i),
            "number": self.f,
            "view?": lambda: None,
        }
        return one.get(kind, self.n)()

    def code(self) -> Any:
        assert self.data[:5] == b"TCIS\x01"
        self.at = 5
        machine, operations = self.text(), self.list(self.text)
        sizes = self.list(lambda: (self.n(), self.n()))
        queues = self.list(lambda: (self.n(), self.n(), self.n(), self.n()))
        self.layouts, self.finishes = self.list(self.layout), self.list(self.finish)
        self.forms = self.list(self.form)
        programs = {queue[:3]: self.instructions(queue) for queue in queues}
        names = self.list(self.text)
        index, probes = 0, []
        for _ in range(self.n()):
            queue = queues[self.n()][:3]
            index = self.d(index)
            name, starts = names[self.n()], self.list(self.i)
            place = self.place()
            offset = self.d(programs[queue][index]["target"][2])
            probes.append((queue, index, name, starts, self.view(place, queue[0], offset)))
        assert self.at == len(self.data)
        return machine, operations, sizes, programs, probes

    def instructions(self, queue: tuple[int, int, int, int]) -> list[dict[str, Any]]:
        operation, counts, offsets, found = 0, {}, {}, []
        for _ in range(queue[3]):
            form = self.n()
            name, fields = self.forms[form]
            operation = self.d(operation)
            waits = []
            for _ in range(self.n()):
                other = self.n()
                counts[other] = self.d(counts.get(other, 0))
                waits.append((other, counts[other]))
            it: dict[str, Any] = {"name": name, "operation": operation, "waits": waits}
            for field, kind in dict(INSTRUCTIONS)[name]:
                it[field] = fields[field]
                if "view" in kind and it[field] is not None:
                    offsets[form, field] = self.d(offsets.get((form, field), 0))
                    it[field] = self.view(it[field], queue[0], offsets[form, field])
                elif kind in ("finish", "ToInteger"):
                    it[field] = self.finishes[it[field]]
            found.append(it)
        return found

    def view(self, place: tuple[int, int, int], core: int, offset: int) -> Any:
        space, named, layout = place
        own = core if space in (4, 5) else 0
        return space, named - 1 if named else own, offset, *self.layouts[layout]


def plain(value: Any, numbers: dict[Any, int]) -> Any:
    """A field of a record in plain numbers, as the page has it."""
    if isinstance(value, View):
        shape, strides = [*value.shape], [*value.strides]
        return int(value.space), value.core, value.offset, value.dtype.value, shape, strides
    if isinstance(value, IntEnum | bool):
        return int(value)
    if isinstance(value, tuple):
        waits = [(numbers[w.queue], w.count) for w in value if hasattr(w, "queue")]
        return waits or [*value]
    if hasattr(value, "guard_bits"):
        return [plain(getattr(value, name), numbers) for name in value.__dataclass_fields__]
    return value


@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow], max_examples=50)
@given(data=st.data())
def test_the_page_is_enough_to_read_a_code(
    data: st.DataObject, codes: st.SearchStrategy[Code]
) -> None:
    code = data.draw(codes)
    machine, operations, sizes, programs, probes = Page(encode(code)).code()
    assert (machine, operations) == (code.machine, [*code.operations])
    assert dict(sizes) == {int(space): size for space, size in code.sizes.items()}
    numbers = {queue: number for number, queue in enumerate(code.queues)}
    expected = {
        (q.core, int(q.engine), q.index): [
            {
                "name": type(it).__name__,
                **{name: plain(getattr(it, name), numbers) for name in it.__dataclass_fields__},
            }
            for it in many
        ]
        for q, many in code.queues.items()
    }
    assert repr({k: [sorted(it.items()) for it in v] for k, v in programs.items()}) == repr(
        {k: [sorted(it.items()) for it in v] for k, v in expected.items()}
    )
    assert probes == [
        (
            (p.queue.core, int(p.queue.engine), p.queue.index),
            p.index,
            p.tensor,
            [*p.starts],
            plain(p.view, numbers),
        )
        for p in code.probes
    ]


def test_the_page_has_all_types_and_instructions() -> None:
    assert [DType(name).numpy.itemsize for name, _ in TYPES] == [int(size) for _, size in TYPES]
    assert len(TYPES) == 8
    assert len(INSTRUCTIONS) == 15
