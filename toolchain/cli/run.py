"""`tc run`: a published model on samples of one's own."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from toolchain.cli.output import Format, FormatOption, Output, QuietOption, VerboseOption

if TYPE_CHECKING:
    from toolchain.pipeline.execute import RunRequest
    from toolchain.pipeline.published import Published
    from toolchain.plugin.manager import PluginManager

InputsOption = Annotated[
    list[str],
    typer.Option("--input", "-i", help="Image or .npy of one sample, or name=file; several times."),
]
DumpOption = Annotated[
    Path | None, typer.Option(help="Write outputs and every layer's tensors here, as .npy.")
]
TestsOption = Annotated[
    Path | None,
    typer.Option(
        metavar="DIR",
        help="Write the model and each sample's inputs and outputs here, as onnx_test_runner and "
        "boards' runtimes read them.",
    ),
]


def run(  # noqa: PLR0913 - one parameter per option
    *,
    folder: Annotated[
        Path, typer.Argument(metavar="FOLDER", help="A target's folder, as build/NAME/riscv.")
    ],
    inputs: InputsOption,
    runner: Annotated[
        str | None,
        typer.Option(
            help="Which form of the model is run: float or qdq (in onnxruntime), reference, c (on "
            "this computer), or one that the target has, as riscv or npu. Left out: the machine "
            "where the build compiled for one, else the reference.",
        ),
    ] = None,
    group: Annotated[
        int, typer.Option(help="Input shapes: 0 for the model's own, 1 for `compile.groups.0`.")
    ] = 0,
    batch: Annotated[
        int | None,
        typer.Option(help="Samples at once on a machine, one of the batches compiled."),
    ] = None,
    dump: DumpOption = None,
    export_tests: TestsOption = None,
    form: FormatOption = Format.TEXT,
    verbose: VerboseOption = False,
    quiet: QuietOption = False,
) -> None:
    """Run a published model on samples, fed as the build fed its own."""
    from toolchain.pipeline.execute import RunRequest
    from toolchain.pipeline.feeding import named_samples
    from toolchain.pipeline.published import open_published
    from toolchain.plugin.manager import PluginManager

    speak = Output(form, verbose=verbose, quiet=quiet)
    published = open_published(folder)
    manager = PluginManager.load()
    request = RunRequest(
        folder=folder,
        samples=named_samples(published, inputs),
        runner=runner,
        group=group,
        batch=batch,
        layers=dump is not None,
    )
    _run(request, published, manager, speak, dump=dump, export_tests=export_tests)


def _run(
    request: RunRequest,
    published: Published,
    manager: PluginManager,
    speak: Output,
    *,
    dump: Path | None,
    export_tests: Path | None,
) -> None:
    """Run, write what is asked for, and show the outputs."""
    from toolchain.pipeline.dump import INDEX, Dump
    from toolchain.pipeline.execute import default_runner, run_samples
    from toolchain.pipeline.runner_tests import RunnerTests
    from toolchain.render.runs import batches_line, output_tables, run_batches, summarize

    runner = request.runner or default_runner(published, manager)
    files = None if dump is None else Dump(dump, published, runner=runner)
    tests = None if export_tests is None else RunnerTests(export_tests, published, runner)
    shown, sizes = [], []
    for found in run_samples(request, manager, speak.progress()):
        outputs = [summarize(n, found.storage[n].real(a)) for n, a in found.outputs.items()]
        shown.append((found.sample, outputs))
        sizes.append(found.batch)
        if files is not None:
            files.add(found)
        if tests is not None:
            tests.add(found)
    speak.tables(output_tables(shown))
    answer = {
        "target": published.target,
        "runner": runner,
        "group": request.group,
        "batches": run_batches(sizes),
        "samples": [{"sample": sample, "outputs": outputs} for sample, outputs in shown],
        "dump": dump,
        "tests": export_tests,
    }
    line = f"{published.target}, {runner}: {batches_line(sizes)}"
    speak.answer(answer, line if dump is None else str(dump / INDEX))
