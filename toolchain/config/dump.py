"""The resolved config as it is written beside the output."""

from __future__ import annotations

import json

from toolchain.config.resolve import ResolvedConfig


def dump(resolved: ResolvedConfig) -> str:
    """JSON of `values` and the origin of each; keys sorted, the same text for the same config.

    What stands under `values` is itself a config that resolves to the same builds.
    """
    record = {"origins": dict(resolved.origins), "values": dict(resolved.values)}
    text = json.dumps(record, indent=2, sort_keys=True, ensure_ascii=False, allow_nan=False)
    return text + "\n"
