"""`tc export`: published programs as sources."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any


def test_a_program_becomes_c_and_an_arduino_library(
    project: Any, command: Callable[..., Any]
) -> None:
    project.build()
    for form, file in (("c", "Makefile"), ("arduino", "library.properties")):
        target = project.folder / form
        answer = command("export", project.target, target, "--as", form, "--format", "json")
        assert answer.code == 0, answer.err
        found = {row["path"] for row in json.loads(answer.out)["files"]}
        assert str(target / file) in found
        assert found == {str(p) for p in target.rglob("*") if p.is_file()}
    threads = project.folder / "threads"
    assert command("export", project.target, threads, "--workers", 4).code == 0
    assert "#define TINY_PARTS 4" in (threads / "tiny.h").read_text()


def test_what_cannot_be_exported(project: Any, command: Callable[..., Any]) -> None:
    project.build()
    (project.folder / "full").mkdir()
    (project.folder / "full" / "mine.txt").write_text("mine")
    for arguments, code, word in (
        ((project.target, project.folder / "full"), 7, "TC802"),
        ((project.target, project.folder / "new", "--as", "rust"), 2, "TC104"),
        ((project.folder, project.folder / "new"), 2, "TC112"),
    ):
        answer = command("export", *arguments)
        assert (answer.code, word in answer.err) == (code, True), answer.err
    assert [p.name for p in (project.folder / "full").iterdir()] == ["mine.txt"]
