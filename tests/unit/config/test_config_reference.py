from __future__ import annotations

from pathlib import Path

from toolchain.config.reference import reference
from toolchain.config.schema import leaves

COMMITTED = Path(__file__).parents[3] / "docs" / "reference" / "config.md"


def test_the_committed_page_is_up_to_date():
    assert COMMITTED.read_text(encoding="utf-8") == reference(), (
        "the options have changed: write reference() to it"
    )


def test_the_page_has_a_row_for_every_option():
    lines = reference().splitlines()
    rows = [line for line in lines if line.startswith("| `")]
    assert len(rows) == len(leaves())
    for leaf in leaves():
        name = leaf.path.rpartition(".")[2]
        assert any(
            row.startswith(f"| `{name}` | {leaf.type} |") and leaf.doc in row for row in rows
        )
    for header in ("`[[input]]`", "`[[mixed_precision.rules]]`", "`[check.qdq_reference]`"):
        assert any(line.endswith(header) for line in lines)
