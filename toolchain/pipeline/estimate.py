"""What a model takes on every machine of its targets, before it is quantized."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory

from toolchain.accelerator.estimate import (
    EstimateReport,
    ProgramEstimate,
    Refusal,
    estimate_machine,
)
from toolchain.config.dotted import Path as DottedPath
from toolchain.config.dotted import format_path, leaves_of
from toolchain.config.overrides import Override
from toolchain.config.resolve import ResolvedConfig
from toolchain.core.cost import CostReport
from toolchain.core.options import BuildOptions
from toolchain.core.progress import SilentProgress
from toolchain.core.registry import CostModelDef
from toolchain.core.suggest import did_you_mean, listing
from toolchain.core.target import Platform, TargetSpec
from toolchain.errors import (
    Code,
    CompileError,
    ConfigError,
    ModelError,
    Problem,
    QuantizationError,
    ToolchainError,
)
from toolchain.graph.inputs import model_inputs
from toolchain.graph.surgery import truncated
from toolchain.pipeline.build import open_context
from toolchain.pipeline.configure import configure
from toolchain.pipeline.context import BuildContext
from toolchain.pipeline.digests import key
from toolchain.pipeline.run import overrides_of
from toolchain.pipeline.shaped import FloatModel, Planned, make_plan, make_program, simplify
from toolchain.pipeline.workspace import Workspace
from toolchain.plugin.manager import PluginManager
from toolchain.program.cost import cost_report
from toolchain.program.records import FloatOp, Program
from toolchain.quantization.roles import check_types

_SECTIONS = ("input", "surgery", "optimize", "quantize", "mixed_precision")
"""Sections of a config that change what is estimated."""

_IDLE = {
    "optimize": frozenset({"prove", "proof_samples", "rtol", "atol"}),
    "quantize": frozenset(
        "method weight_method percentile percentile_16bit algorithms min_weight_scale".split()
    ),
}
"""Keys of these that do not."""

_SHAPE_HINT = "say it with `--input-shape INPUT=1,3,224,224`, or as `shape` of the setting `input`"

_OWN = ("platform", "options")
"""Keys of a target's own table."""


def estimate(
    model: str | Path,
    *,
    targets: Sequence[str] | None = None,
    platforms: Sequence[str] | None = None,
    settings: Mapping[str, object] | None = None,
    operators: bool = False,
) -> EstimateReport:
    """What a model takes on every machine of the targets, without samples, as `tc estimate` does.

    Args:
        model: Path of an ONNX file.
        targets: Names of targets; None takes all that are installed.
        platforms: Chips; None takes all of a target, or the one that `settings` choose.
        settings: Dotted paths to options that change the program, as in a config:
            {"input": [{"shape": [1, 3, 224, 224]}], "quantize.activation_dtype": "int16"}.
        operators: True keeps the figures of every operation.

    Returns:
        Operators, MACs, bytes, cycles and frames per second by models of machines; chips that
        cannot have the model, or these settings, are `refusals`.

    Raises:
        ToolchainError: The error that `tc estimate` would show; of chips that cannot have the
            model only where no other can.
    """
    wanted = Wanted(
        targets=None if targets is None else tuple(targets),
        platforms=None if platforms is None else tuple(platforms),
        overrides=tuple(overrides_of(settings or {})),
        operators=operators,
    )
    return estimate_model(Path(model), wanted, PluginManager.load())


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """What is estimated: see `estimate`."""

    targets: tuple[str, ...] | None = None
    platforms: tuple[str, ...] | None = None
    overrides: tuple[Override, ...] = ()
    operators: bool = False


def estimate_model(path: Path, wanted: Wanted, manager: PluginManager) -> EstimateReport:
    """The same with plugins that are loaded already."""
    path = path.expanduser()
    model_inputs(path)  # a file that is no model is said to be none before anything else
    _check_settings(wanted.overrides)
    with TemporaryDirectory(prefix="tc-estimate-") as name:
        folder = Path(name)
        run = _Run(wanted, manager, folder)
        for options, chips in _chosen(_resolved(path, wanted, manager, folder), wanted, manager):
            run.add(options, chips)
    return run.report(path)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Chip:
    """A chip with the machines to estimate, and why nodes run in float on it, by name."""

    platform: Platform
    reasons: Mapping[str, str]


class _Run:
    """Estimates of one call, target after target; lives for its length."""

    def __init__(self, wanted: Wanted, manager: PluginManager, folder: Path) -> None:
        self._wanted = wanted
        self._manager = manager
        self._folder = folder
        self._workspace = Workspace(folder / "out")
        self._workspace.open()
        self._models: dict[str, FloatModel] = {}
        self._programs: list[ProgramEstimate] = []
        self._refusals: list[Refusal] = []
        self._errors: list[ToolchainError] = []

    def report(self, path: Path) -> EstimateReport:
        """All estimates; where there is none, the first error is raised."""
        if not self._programs:
            raise self._errors[0]
        return EstimateReport(
            model=path,
            inputs=next(iter(self._models.values())).zeros.inputs,
            programs=tuple(self._programs),
            refusals=tuple(self._refusals),
        )

    def add(self, options: BuildOptions, chips: Sequence[str]) -> None:
        """Estimate one target on `chips`; what is wrong on some of them is kept as refused."""
        definition = self._manager.targets()[options.target]
        facts: dict[str, TargetSpec] = {}
        for name in chips:
            with self._refusing(options.target, (name,)):
                found = definition.facts(name, options.target_options)
                check_types(found, options.quantize, options.mixed_precision.rules)
                facts[name] = found
        if not facts:
            return
        with self._refusing(options.target, tuple(facts)):
            given = replace(options, platform=next(iter(facts)))
            context = open_context(given, self._workspace, self._manager, SilentProgress())
            model = self._simplified(context)
            for own, planned, group in self._planned(context, model, facts):
                names = tuple(chip.platform.name for chip in group)
                with self._refusing(options.target, names):
                    program = make_program(own, model, planned, self._folder)
                    self._programs.append(self._estimate(program, options.target, group))

    @contextmanager
    def _refusing(self, target: str, chips: tuple[str, ...]) -> Iterator[None]:
        """Keep what is wrong with model or settings on these chips."""
        try:
            yield
        except (ConfigError, ModelError, QuantizationError, CompileError) as error:
            self._errors.append(error)
            self._refusals.append(Refusal(target=target, platforms=chips, problems=error.problems))

    def _simplified(self, context: BuildContext) -> FloatModel:
        """The float model of `context`, made unless another target has the same."""
        options = context.options
        own = options.target if context.hooks.own("tc_optimize") else ""
        cut = truncated(options.surgery)
        digest = key(context.model, options.input, options.optimize, cut, own)
        if digest not in self._models:
            place = self._folder / f"float{len(self._models)}"
            place.mkdir(exist_ok=True)
            try:
                self._models[digest] = simplify(context, place)
            except ModelError as error:
                raise ModelError.of(map(_hinted, error.problems)) from error
        return self._models[digest]

    def _planned(
        self, context: BuildContext, model: FloatModel, facts: Mapping[str, TargetSpec]
    ) -> list[tuple[BuildContext, Planned, list[_Chip]]]:
        """A plan for all chips that agree on it, and these with their machines."""
        spec = self._manager.targets()[context.target.name].spec
        alike: list[tuple[BuildContext, Planned, list[_Chip]]] = []
        # What else a plugin's own program depends on is not known.
        comparable = not any(context.hooks.own(hook) for hook in ("tc_quantize", "tc_lower"))
        for name, target in facts.items():
            # Without options of the target all of its modes are estimated.
            described = target if _has_own(spec.name, self._wanted.overrides) else spec.on(name)
            options = replace(context.options, platform=name)
            own = replace(context, target=target, options=options)
            with self._refusing(spec.name, (name,)):
                found = make_plan(own, model)
                (platform,) = described.platforms
                chip = _Chip(platform=platform, reasons=found.reasons)
                same = next((g for _, p, g in alike if comparable and p.agrees(found)), None)
                if same is None:
                    alike.append((own, found, [chip]))
                else:
                    same.append(chip)
        return alike

    def _estimate(self, program: Program, target: str, chips: Sequence[_Chip]) -> ProgramEstimate:
        operators = self._wanted.operators
        counted = cost_report(program)
        platforms = [chip.platform for chip in chips]
        models = {
            platform.name: _costs(program, model, platform, operators=operators)
            for platform in platforms
            if not platform.machines
            and (model := self._manager.cost_model(target, platform.name)) is not None
        }
        return ProgramEstimate(
            target=target,
            platforms=tuple(platform.name for platform in platforms),
            operations=len(program.operations),
            float_operations=sum(isinstance(op, FloatOp) for op in program.operations),
            macs=counted.macs,
            weight_bytes=counted.weight_bytes,
            activation_bytes=counted.input_bytes + counted.output_bytes,
            machines=tuple(
                estimate_machine(
                    program,
                    machine,
                    platform=chip.platform.name,
                    reasons=chip.reasons,
                    operators=operators,
                )
                for chip in chips
                for machine in chip.platform.machines
            ),
            models=models,
            operators=counted.operations if operators else (),
        )


def _check_settings(overrides: Sequence[Override]) -> None:
    """Refuse settings that could change nothing here."""
    problems = [
        Problem(
            code=Code.NO_EFFECT,
            message="The setting changes no estimate",
            where=format_path(path),
            allowed=", ".join((*_SECTIONS, *(f"target.NAME.{key}" for key in _OWN))),
        )
        for each in overrides
        for path in _leaves(each)
        if not _takes_effect(path)
    ]
    if problems:
        raise ConfigError.of(problems)


def _leaves(override: Override) -> list[DottedPath]:
    """Paths of all that an override sets; a table is taken apart."""
    if not isinstance(override.value, Mapping):
        return [override.path]
    return [(*override.path, *path) for path, _ in leaves_of(override.value)]


def _takes_effect(path: DottedPath) -> bool:
    section, *inner = _in_section(path)
    idle = _IDLE.get(str(section), frozenset())
    return section in (*_SECTIONS, *_OWN) and not (inner and inner[0] in idle)


def _in_section(path: DottedPath) -> DottedPath:
    """A path from its section on: that of a target's table begins behind the target's name."""
    own = path[0] == "target" and len(path) > 2
    return path[2:] if own else path


def _resolved(path: Path, wanted: Wanted, manager: PluginManager, folder: Path) -> ResolvedConfig:
    """The settings as a config of all chosen targets; nothing is written beside `folder`."""
    file = folder / "config.json"
    config = {
        "model": str(path.absolute()),
        "output": str(folder / "out"),
        "calibration": {"data": str(folder)},
    }
    file.write_text(json.dumps(config), encoding="utf-8")
    targets = sorted(manager.targets()) if wanted.targets is None else wanted.targets
    return configure(file, manager=manager, overrides=wanted.overrides, targets=targets)


def _chosen(
    resolved: ResolvedConfig, wanted: Wanted, manager: PluginManager
) -> Iterator[tuple[BuildOptions, tuple[str, ...]]]:
    """Options of every target of which chips were chosen, and the names of these.

    Raises:
        ConfigError: A chip that none of the targets has.
    """
    targets = manager.targets()
    known = {
        options.target: [chip.name for chip in targets[options.target].spec.platforms]
        for options in resolved.builds
    }
    asked = wanted.platforms
    if asked is not None:
        names = [name for chips in known.values() for name in chips]
        problems = [_unknown(name, names) for name in asked if name not in names]
        if problems:
            raise ConfigError.of(problems)
    for options in resolved.builds:
        chips = known[options.target]
        if asked is not None:
            chips = [name for name in chips if name in asked]
        elif _has_own(options.target, wanted.overrides):
            chips = [options.platform]
        if chips:
            yield options, tuple(chips)


def _unknown(name: str, names: Sequence[str]) -> Problem:
    return Problem(
        code=Code.UNKNOWN_NAME,
        message=f"None of the targets has a platform `{name}`",
        where="platform",
        got=name,
        allowed=listing(names),
        hint=did_you_mean(name, names),
    )


def _has_own(target: str, overrides: Sequence[Override]) -> bool:
    """True if settings choose a chip of `target`, or its options: then they mean one machine."""
    paths = [path for each in overrides for path in _leaves(each)]
    return any(path[:2] == ("target", target) and _in_section(path)[0] in _OWN for path in paths)


def _hinted(problem: Problem) -> Problem:
    """There is no config here that could give a shape."""
    given = problem.code is Code.DYNAMIC_DIMENSION
    return replace(problem, hint=_SHAPE_HINT) if given else problem


def _costs(program: Program, model: CostModelDef, chip: Platform, *, operators: bool) -> CostReport:
    """What the model says for one core and for all, of single operations only where asked."""
    found = cost_report(program, model=model, cores=sorted({1, chip.cores}))
    if operators:
        return found
    totals = tuple(replace(each, operations=()) for each in found.estimates)
    return replace(found, operations=(), estimates=totals)
