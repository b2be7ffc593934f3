"""Stage 3: the user's rules and pins, applied to plan and parameters."""

from __future__ import annotations

from pathlib import Path

from toolchain.pipeline.context import BuildContext, BuildState
from toolchain.pipeline.stages.quantize import quantize, with_result

NAME = "mixed-precision"


def run(context: BuildContext, state: BuildState) -> BuildState:
    """Plan and quantize again under the rules; the statistics of the sweep are used as they are."""
    mixed = context.options.mixed_precision
    if not mixed.rules and not mixed.pins:
        return state

    def work(folder: Path) -> None:
        quantize(context, state, folder, mixed)

    stored = context.cached(NAME, (state.keys["quantize"], mixed), work)
    return with_result(state.after(NAME, stored), stored.folder, NAME)
