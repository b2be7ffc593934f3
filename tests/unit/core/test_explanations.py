from __future__ import annotations

import pytest

from toolchain.core.explanations import EXPLANATIONS
from toolchain.errors import Code

EXIT_CODES = {"1": 2, "2": 3, "3": 4, "4": 5, "5": 5, "6": 1, "7": 6, "8": 7, "9": 70}
"""Third character of a code to the exit code of its group."""


def test_every_code_is_explained_in_order() -> None:
    assert list(EXPLANATIONS) == list(Code)


@pytest.mark.parametrize("code", list(Code))
def test_an_explanation_is_complete(code: Code) -> None:
    one = EXPLANATIONS[code]
    assert one.exit_code == EXIT_CODES[code[2]]
    assert not one.title.endswith(".")
    assert one.title[0].isupper()
    assert one.meaning.endswith(".")
    assert one.example.endswith(".")
    assert one.remedy.endswith(".")


def test_no_text_is_used_twice() -> None:
    texts = [
        text for one in EXPLANATIONS.values() for text in (one.title, one.meaning, one.example)
    ]
    assert len(texts) == len(set(texts))
