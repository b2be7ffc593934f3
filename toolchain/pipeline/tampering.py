"""Whether plugins left alone what they were only given to read."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from toolchain.errors import Code, PluginError, SystemFailure
from toolchain.pipeline.integrity import verify

if TYPE_CHECKING:
    from toolchain.pipeline.context import BuildContext, BuildState


def verify_inputs(context: BuildContext, before: BuildState, after: BuildState, stage: str) -> None:
    """Hold what earlier stages left in the cache against its seals, behind code of other people.

    What was changed is dropped, and what the stage made of it, so that the next build makes both
    anew; all else stays.

    Raises:
        PluginError: Files are not what was written.
    """
    outsiders = context.hooks.outsiders
    if not outsiders or stage in after.cached:
        return
    changed = []
    for folder in _entries(context, before):
        try:
            verify(folder)
        except SystemFailure as error:
            changed.append(str(error.problems[0].where))
            shutil.rmtree(folder, ignore_errors=True)
    if changed:
        if stage in after.keys:
            made = context.workspace.cache / stage / after.keys[stage]
            shutil.rmtree(made, ignore_errors=True)
        raise PluginError(
            Code.PLUGIN_BAD_RETURN,
            "A plugin changed files that it was only given to read",
            where=f"{', '.join(outsiders)}, stage {stage}",
            got=", ".join(changed),
            allowed="files in the folder of its request",
            hint="the next build makes them anew",
        )


def _entries(context: BuildContext, state: BuildState) -> Iterator[Path]:
    for stage, digest in state.keys.items():
        yield context.workspace.cache / stage / digest
    if state.samples is not None:
        yield state.samples.store.folder
