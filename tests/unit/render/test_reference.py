from __future__ import annotations

from pathlib import Path

from toolchain.core.explanations import EXPLANATIONS
from toolchain.errors import Code
from toolchain.render.reference import errors_page, explanation_lines, write_pages

PAGES = Path(__file__).parents[3] / "docs" / "reference"
REMEDY = (
    "python -c 'from pathlib import Path; from toolchain.render.reference import write_pages; "
    'write_pages(Path("docs/reference"))\''
)


def test_the_committed_page_is_what_the_code_says() -> None:
    committed = (PAGES / "errors.md").read_text(encoding="utf-8")
    assert committed == errors_page(), f"generate it again: {REMEDY}"


def test_pages_are_written(tmp_path: Path) -> None:
    write_pages(tmp_path)
    assert (tmp_path / "errors.md").read_text(encoding="utf-8") == errors_page()


def test_every_code_is_on_the_page() -> None:
    page = errors_page()
    for code in Code:
        assert f"## {code}: {EXPLANATIONS[code].title}\n" in page


def test_lines_of_one_code() -> None:
    lines = explanation_lines(Code.UNKNOWN_KEY, EXPLANATIONS[Code.UNKNOWN_KEY])
    assert lines[0] == "TC102: A key that no section has"
    assert lines[-1] == "exit code: 2"
