"""Pages are up to date, and their links lead somewhere."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from toolchain.plugin.manager import PluginManager
from toolchain.render.reference import write_pages

ROOT = Path(__file__).parents[3]
PAGES = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md"), *ROOT.glob("configs/**/*.md")])
LINK = re.compile(r"(?<!\!)\[[^\]\n]+\]\(([^)\s]+)\)")
CODE = re.compile(r"```.*?```|`[^`\n]*`", re.DOTALL)


def test_generated_pages_are_what_the_code_says(tmp_path: Path) -> None:
    # config.md and config.schema.json are compared in tests/unit/config.
    write_pages(tmp_path, PluginManager.load().targets().values())
    for page in tmp_path.iterdir():
        committed = ROOT / "docs" / "reference" / page.name
        assert committed.read_text(encoding="utf-8") == page.read_text(encoding="utf-8"), (
            f"{page.name} is out of date: python docs/generate.py"
        )


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_links_resolve(page: Path) -> None:
    for link in LINK.findall(CODE.sub("", page.read_text(encoding="utf-8"))):
        file, _, anchor = link.partition("#")
        if file.startswith(("http://", "https://")):
            continue
        found = (page.parent / file).resolve() if file else page
        assert found.exists(), f"{page.name} links to {link}"
        assert found.is_relative_to(ROOT), f"{page.name} links out of the project: {link}"
        if anchor:
            assert anchor in anchors(found), f"{page.name} links to {link}"


def anchors(page: Path) -> set[str]:
    """Anchors of a page's headings, as GitHub makes them."""
    headings = re.findall(r"^#+ (.+)$", page.read_text(encoding="utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", text.lower()).replace(" ", "-") for text in headings}


@pytest.mark.parametrize("page", ["README.md", "CONTRIBUTING.md", "docs/architecture.md"])
def test_files_that_a_page_names_exist(page: str) -> None:
    text = (ROOT / page).read_text(encoding="utf-8")
    named = re.findall(r"`((?:toolchain|plugins|targets|tests|docs|configs)/[\w./-]+)`", text)
    missing = [name for name in named if "NAME" not in name and not (ROOT / name).exists()]
    assert missing == []


def test_modules_named_by_the_table_of_floors_exist() -> None:
    page = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
    table = page[page.index("## Floors") : page.index("## A build")]
    rows = dict(re.findall(r"^\| `(\w+)` \| (.+) \|$", table, re.MULTILINE))
    folders = {path.parent.name for path in (ROOT / "toolchain").glob("*/__init__.py")}
    assert set(rows) == folders
    missing = [
        f"{floor}/{name}"
        for floor, row in rows.items()
        for name in re.findall(r"`([a-z_]+)(?:\.py|/)?`", row)
        if not any((ROOT / "toolchain" / floor / f"{name}{end}").exists() for end in ("", ".py"))
    ]
    assert missing == []
