"""`tc explain`: what an error code means."""

from __future__ import annotations

from typing import Annotated

import typer

from toolchain.cli.choose import choose
from toolchain.cli.output import Format, FormatOption, Output


def explain(
    code: Annotated[str, typer.Argument(metavar="CODE", help="For example TC102.")],
    form: FormatOption = Format.TEXT,
) -> None:
    """Explain an error code, with an example."""
    from toolchain.core.explanations import EXPLANATIONS
    from toolchain.errors import Code
    from toolchain.render.reference import explanation_lines

    (known,) = choose([code.upper()], {str(one): one for one in Code}, "error code")
    explanation = EXPLANATIONS[known]
    Output(form).answer(
        {"code": known, "explanation": explanation},
        "\n".join(explanation_lines(known, explanation)),
    )
