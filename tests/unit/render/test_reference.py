from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from toolchain.core.explanations import EXPLANATIONS
from toolchain.core.graph_view import NodeView
from toolchain.core.target import Measured, TargetDef
from toolchain.errors import Code
from toolchain.render.reference import errors_page, explanation_lines, support_page, write_pages


def test_pages_are_written(tmp_path: Path, target: TargetDef) -> None:
    write_pages(tmp_path, [target])
    written = {path.name: path.read_text(encoding="utf-8") for path in tmp_path.iterdir()}
    assert set(written) == {"errors.md", "hooks.md", "support.md"}
    assert written["errors.md"] == errors_page()
    assert written["support.md"] == support_page([target])


def test_support_says_rules_of_all_operators_once(target: TargetDef) -> None:
    def flat(node: NodeView) -> Measured:
        """The node is flat."""
        return Measured(ok=True, value=node.name)

    ops = {
        name: replace(op, constraints=(flat, *op.constraints))
        for name, op in target.spec.ops.items()
    }
    page = support_page([replace(target, spec=replace(target.spec, ops=ops))])
    assert page.count("The node is flat.") == 1
    assert "| Conv | compute | The kernel has two dimensions |" in page
    assert "| Reshape | move | - |" in page
    assert "\nAbs, Add, " in page


def test_support_without_a_shared_rule(target: TargetDef) -> None:
    assert "Rules of every operator" not in support_page([target])


def test_every_code_is_on_the_page() -> None:
    page = errors_page()
    for code in Code:
        assert f"## {code}: {EXPLANATIONS[code].title}\n" in page


def test_lines_of_one_code() -> None:
    lines = explanation_lines(Code.UNKNOWN_KEY, EXPLANATIONS[Code.UNKNOWN_KEY])
    assert lines[0] == "TC102: A key that no section has"
    assert lines[-1] == "exit code: 2"
