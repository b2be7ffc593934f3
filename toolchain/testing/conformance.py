"""`TargetConformance`, the pytest class that a target's own tests subclass."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import fields
from importlib.metadata import entry_points
from typing import TYPE_CHECKING, ClassVar

import pytest

from toolchain.core.check_report import LevelStatus
from toolchain.core.dtypes import DType
from toolchain.errors import Code, ConfigError, ToolchainError, UnsupportedOpError
from toolchain.graph.view import read_view
from toolchain.plugin.manager import PluginManager
from toolchain.plugin.markers import ENTRY_POINTS
from toolchain.program.float_ops import SUPPORTED
from toolchain.testing import artifacts, facts, machine
from toolchain.testing.builds import Bench, KitBuild
from toolchain.testing.models import CANDIDATES, MODELS, unsupported

if TYPE_CHECKING:
    from collections.abc import Iterable

HEAVY = ("PIL", "numba", "onnx", "onnx_ir", "onnxruntime", "pydantic", "rich", "typer", "yaml")
"""What a plugin may import only inside functions, so that `tc --help` stays quick."""

TYPES = (DType.INT16, DType.UINT16, DType.UINT8, DType.INT8)
"""Types that a rule may ask for."""

_IMPORT = """
import sys
from importlib.metadata import EntryPoint
EntryPoint(name="x", group="x", value=sys.argv[1]).load()
sys.stderr.write(" ".join(set(sys.argv[2:]) & set(sys.modules)))
"""


class TargetConformance:
    """What every target must do. Subclass it in a test file and name the target.

    Attributes:
        target: Name of the target, whose plugin is installed.
        settings: Dotted paths to values for every build of the kit, as `--set` takes them; for
            targets that cannot build small models with what is the default for real ones.
        models: Names of the kit's models that are built.

    Example:
        class TestAcme(TargetConformance):
            target = "acme"
    """

    target: ClassVar[str]
    settings: ClassVar[Mapping[str, object]] = {}
    models: ClassVar[tuple[str, ...]] = tuple(MODELS)

    @pytest.fixture(scope="class")
    @classmethod
    def bench(cls, tmp_path_factory: pytest.TempPathFactory) -> Bench:
        """The installed plugins, and a folder for all builds of the class."""
        if unusable := cls._unusable():
            # One test says so; the others have nothing to look at.
            pytest.skip(unusable[0].splitlines()[0])
        return Bench(
            manager=cls.plugins(),
            target=cls.target,
            folder=tmp_path_factory.mktemp(cls.target),
            settings=cls.settings,
        )

    @pytest.fixture(scope="class")
    @classmethod
    def built(cls, bench: Bench) -> Built:
        """Builds of the kit's models, each made when it is first asked for."""
        return Built(bench)

    @pytest.fixture(params=tuple(MODELS))
    def model(self, request: pytest.FixtureRequest) -> str:
        """Name of one of the kit's models."""
        name: str = request.param
        if name not in self.models:
            pytest.skip(f"{type(self).__name__}.models leaves it out")
        return name

    @classmethod
    def plugins(cls) -> PluginManager:
        """The plugins that take part: all that are installed."""
        return PluginManager.load()

    @classmethod
    def _unusable(cls) -> list[str]:
        """Why the target cannot even be asked for."""
        manager = cls.plugins()
        try:
            known = manager.targets()
        except ToolchainError as error:
            return [str(problem) for problem in error.problems]
        if cls.target in known:
            return []
        missing = f"no plugin provides `{cls.target}`, only {', '.join(known)}; is it installed?"
        return [missing, *(str(row.problem()) for row in manager.broken())]

    def test_facts_are_consistent(self) -> None:
        """Facts have the types they declare, agree with each other, and name their sources."""
        _report(self._unusable())
        _report(facts.inconsistent(self.plugins().targets()[self.target]))

    def test_rules_speak_for_themselves(self, bench: Bench, built: Built) -> None:
        """Every constraint has a sentence for users, and says what it measured on any node."""
        _report(facts.silent_rules(bench.definition.spec))
        for name in self.models:
            nodes = read_view(built[name].folder / "optimized.onnx").nodes
            _report(facts.unmeasured(bench.definition.spec, nodes))

    def test_options_are_documented(self, bench: Bench) -> None:
        """Every option of the target's own has a text for the reference."""
        _report(facts.undocumented(bench.definition))

    def test_options_are_strict(self, bench: Bench) -> None:
        """Unknown options, values of the wrong type and unknown platforms are errors."""
        base = f"target.{self.target}"
        wrong: dict[str, object] = {
            f"{base}.options.no_such_option": 1,
            f"{base}.platform": "no such platform",
        }
        wrong |= {
            f"{base}.options.{field.name}": {"no": "table"}
            for field in fields(bench.definition.options)
        }
        _report(line for path, value in wrong.items() for line in _accepted(bench, path, value))

    def test_errors_name_what_is_allowed(self, bench: Bench) -> None:
        """A rule that asks for a type the target lacks is told which types it has."""
        lacking = [t for t in TYPES if t not in bench.spec.activation_dtypes]
        if not lacking:
            pytest.skip("the target has every type")
        rules = [{"op_types": ["Gemm"], "output_dtype": str(lacking[0])}]
        try:
            bench.build("lacking", MODELS["gemm"], {"mixed_precision.rules": rules})
        except ToolchainError as error:
            _report(
                f"the error does not say which types are allowed: {problem}"
                for problem in error.problems
                if not problem.allowed
            )
        else:
            _report([f"a rule that asks for {lacking[0]} has no effect, and is no error"])

    def test_plugin_is_called_like_its_target(self, bench: Bench) -> None:
        """The entry point has a target's name, by which a plugin that is broken is known."""
        owner = bench.manager.owner("tc_targets", self.target)
        provided = [
            n for n in bench.manager.targets() if bench.manager.owner("tc_targets", n) == owner
        ]
        if owner not in provided:
            _report([f"the entry point is called {owner}, its targets {', '.join(provided)}"])

    def test_import_is_light(self, bench: Bench) -> None:
        """Importing the plugin loads no heavy library."""
        owner = bench.manager.owner("tc_targets", self.target)
        values = [p.value for p in entry_points(group=ENTRY_POINTS) if p.name == owner]
        for value in values:
            command = [sys.executable, "-c", _IMPORT, value, *HEAVY]
            done = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603
            if done.returncode or done.stderr:
                _report([f"importing {value} loads or raises: {done.stderr}"])

    def test_plan_is_within_the_facts(self, bench: Bench, built: Built, model: str) -> None:
        """Plan and program store values of the graph in types and scales that the facts have."""
        _report(artifacts.plan_problems(bench, built[model]))
        _report(artifacts.program_problems(bench, built[model]))

    def test_forms_agree(self, built: Built, model: str) -> None:
        """The build's own check passes: float, QDQ and integer program agree."""
        _report(artifacts.check_problems(built[model]))

    def test_runners_equal_the_reference(self, bench: Bench) -> None:
        """Every compiled form that can be executed here computes what the reference does."""
        name = self.models[-1]
        made = bench.build(f"{name}-native", MODELS[name], {"compile.sources": True})
        check = made.result.check
        levels = () if check is None else check.levels
        if all(level.status is LevelStatus.MISSING for level in levels):
            pytest.skip("there is nothing here that executes a compiled form")
        _report(artifacts.runner_problems(made))

    def test_compiled_models_fit(self, bench: Bench, built: Built, model: str) -> None:
        """The machine computes what the reference does, in every batch, within the bounds."""
        _report(machine.machine_problems(bench, built[model]))

    def test_every_machine_executes(self, bench: Bench) -> None:
        """The same for the machines of all other chips, with one model."""
        others = [chip.name for chip in bench.definition.spec.platforms[1:] if chip.machines]
        name = self.models[0]
        for chip in others:
            settings = {f"target.{self.target}.platform": chip}
            made = bench.build(f"{name}-{chip}", MODELS[name], settings)
            _report(machine.machine_problems(bench, made))

    def test_saved_program_is_the_lowered_one(self, bench: Bench, built: Built, model: str) -> None:
        """The program on disk computes every tensor as the one in memory does, to the bit."""
        _report(artifacts.saved_problems(bench, built[model]))

    def test_build_is_deterministic(self, bench: Bench, built: Built) -> None:
        """The same inputs give the same bytes, in another folder and on other threads."""
        name = self.models[-1]
        again = bench.build(f"{name}-again", MODELS[name], {"calibration.threads": 3})
        _report(artifacts.unequal_files(built[name], again))

    def test_unsupported_operator_is_told(self, bench: Bench) -> None:
        """An operator the target does not list runs in float with a reason, or is an error."""
        op_type = self._stranger(bench)
        small = unsupported(op_type)
        result = bench.build("unsupported", small, {"quantize.unsupported": "cpu"}).result
        islands = () if result.quantize is None else result.quantize.islands
        if not any(row.op_type == op_type and row.reason for row in islands):
            _report([f"{op_type} runs in float, and the report does not say so"])
        if Code.RUNS_IN_FLOAT not in {found.problem.code for found in result.diagnostics}:
            _report([f"{op_type} runs in float without a diagnostic"])
        with pytest.raises(UnsupportedOpError) as caught:
            bench.build("forbidden", small, {"quantize.unsupported": "error"})
        assert any(op_type in (problem.where or "") for problem in caught.value.problems)  # noqa: S101

    def _stranger(self, bench: Bench) -> str:
        unknown = [name for name in CANDIDATES if name in SUPPORTED and name not in bench.spec.ops]
        if not unknown:
            pytest.skip(f"the target lists all of {', '.join(CANDIDATES)}")
        return unknown[0]


class Built:
    """Builds of the kit's models by name, each made once."""

    def __init__(self, bench: Bench) -> None:
        self._bench = bench
        self._made: dict[str, KitBuild] = {}

    def __getitem__(self, name: str) -> KitBuild:
        """The build of a model."""
        if name not in self._made:
            self._made[name] = self._bench.build(name, MODELS[name])
        return self._made[name]


def _accepted(bench: Bench, path: str, value: object) -> Iterator[str]:
    """Says so if a setting that is wrong is taken."""
    try:
        bench.configure("wrong", MODELS["conv"], {path: value})
    except ConfigError as error:
        if not any(path in (problem.where or problem.message) for problem in error.problems):
            yield f"{path} = {value!r}: the error does not name the option: {error}"
    else:
        yield f"{path} = {value!r} is accepted"


def _report(findings: Iterable[str]) -> None:
    found = list(findings)
    if found:
        pytest.fail("\n".join(found), pytrace=False)
