"""What contradicts itself in the section `surgery`, as far as that shows without the model."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

from toolchain.config.dotted import Path
from toolchain.core.options import SurgeryOptions
from toolchain.errors import Problem


def surgery_problems(
    surgery: SurgeryOptions, problem: Callable[[Path, str], Problem]
) -> Iterator[Problem]:
    """Patches without content, and names that stand in a list twice.

    `problem` makes one of a path and a message.
    """
    for index, patch in enumerate(surgery.nodes):
        if not patch.attributes:
            path: Path = ("surgery", "nodes", index)
            yield problem(path, f"The patch of node `{patch.name}` sets no attribute")
    for index, constant in enumerate(surgery.constants):
        if (constant.data is None) == (constant.file is None):
            has = "neither" if constant.data is None else "both"
            path = ("surgery", "constants", index)
            yield problem(path, f"A constant needs either `data` or `file`; this has {has}")
    lists = {
        "nodes": [patch.name for patch in surgery.nodes],
        "constants": [constant.name for constant in surgery.constants],
        "outputs": surgery.outputs,
        "truncate": surgery.truncate,
    }
    for key, names in lists.items():
        for name in _repeated(names):
            yield problem(("surgery", key), f"`{name}` stands here twice")
    for key in ("rename_inputs", "rename_outputs"):
        for name in _repeated(getattr(surgery, key).values()):
            yield problem(("surgery", key), f"Two tensors get the name `{name}`")


def _repeated(names: Iterable[str]) -> list[str]:
    known = list(names)
    return [name for name in dict.fromkeys(known) if known.count(name) > 1]
