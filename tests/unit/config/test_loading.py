"""Reading TOML, JSON and YAML: the same values, and every way to fail."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from toolchain.config.formats import Format
from toolchain.config.loading import MAX_BYTES, read_config
from toolchain.errors import Code, ConfigError, ToolchainError

TOML = """\
model = "m.onnx"   # the model
targets = ["riscv"]
[optimize]
rtol = 1e-4
prove = false
[[input]]
name = "a.b"
mean = [1, 2.5]
[calibration.data]
"input.1" = "x.npz:key"
"""
JSON = """\
{
  // the model, "quoted"
  "model": "m.onnx",
  "targets": ["riscv",],
  /* over
     lines */
  "optimize": {"rtol": 1e-4, "prove": false},
  "input": [{"name": "a.b", "mean": [1, 2.5,],},],
  "calibration": {"data": {"input.1": "x.npz:key"}}
}
"""
YAML = """\
model: m.onnx  # the model
targets: [riscv]
optimize:
  rtol: 1e-4
  prove: false
input:
  - name: a.b
    mean: [1, 2.5]
calibration:
  data: {input.1: "x.npz:key"}
"""
VALUES = {
    "model": "m.onnx",
    "targets": ["riscv"],
    "optimize": {"rtol": 1e-4, "prove": False},
    "input": [{"name": "a.b", "mean": [1, 2.5]}],
    "calibration": {"data": {"input.1": "x.npz:key"}},
}


def write(folder, name, content):
    path = folder / name
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


def failure(folder, name, content):
    with pytest.raises(ConfigError) as caught:
        read_config(write(folder, name, content))
    assert caught.value.exit_code == 2
    return caught.value.problems[0]


@pytest.mark.parametrize(
    ("name", "text", "kind"),
    [
        ("c.toml", TOML, Format.TOML),
        ("c.json", JSON, Format.JSON),
        ("c.jsonc", JSON, Format.JSON),
        ("c.yaml", YAML, Format.YAML),
        ("C.YML", YAML, Format.YAML),
        ("bom.toml", "\ufeff" + TOML, Format.TOML),
        ("crlf.toml", TOML.replace("\n", "\r\n"), Format.TOML),
    ],
)
def test_all_formats_say_the_same(tmp_path, name, text, kind):
    raw = read_config(write(tmp_path, name, text))
    assert raw.values == VALUES
    assert raw.format is kind


def test_origins_name_the_file_and_in_yaml_the_line(tmp_path):
    toml = write(tmp_path, "c.toml", TOML)
    assert read_config(toml).origins == {
        "model": str(toml),
        "targets": str(toml),
        "optimize.rtol": str(toml),
        "optimize.prove": str(toml),
        "input.0.name": str(toml),
        "input.0.mean": str(toml),
        'calibration.data."input.1"': str(toml),
    }
    yaml = write(tmp_path, "c.yaml", YAML)
    origins = read_config(yaml).origins
    assert origins["optimize.rtol"] == f"{yaml}:4"
    assert origins["input.0.mean"] == f"{yaml}:8"
    assert origins['calibration.data."input.1"'] == f"{yaml}:10"


def test_an_empty_yaml_file_is_an_empty_config(tmp_path):
    assert read_config(write(tmp_path, "c.yaml", "# nothing\n")).values == {}


@pytest.mark.parametrize(
    ("name", "text", "line", "got"),
    [
        ("c.toml", 'a = 1\nb = "x\nc = 2\n', 2, 'b = "x'),
        ("c.toml", "a = 1\na = 2\n", 2, "a = 2"),
        ("c.toml", "a = [1,\n2", 2, "2"),
        ("c.json", '{\n// x\n"a": 1,\n"b" 2}', 4, '"b" 2}'),
        ("c.json", '{"a": [,]}', 1, '{"a": [,]}'),
        ("c.json", '{"a": [1,,]}', 1, '{"a": [1,,]}'),
        ("c.json", "", 1, None),
        ("c.json", "[1]", 1, "[1]"),
        ("c.yaml", "a: 1\nb: [1\nc: 2\n", 3, "c: 2"),
        ("c.yaml", "a: 1\nb: 2\na: 3\n", 3, "a"),
        ("c.yaml", "a: 1\nb: 2024-01-01\n", 2, "b: 2024-01-01"),
        ("c.yaml", "a: &x 1\nb: *x\n", 1, "b"),
        ("c.yaml", "<<: {a: 1}\n", 1, "<<: {a: 1}"),
        ("c.yaml", "1: a\n", 1, "1: a"),
        ("c.yaml", "a: !!python/object:os.system {}\n", 1, "a: !!python/object:os.system {}"),
        ("c.yaml", "a: !!int x\n", 1, "a: !!int x"),
        ("c.yaml", "a: !!bool x\n", 1, "a: !!bool x"),
        ("c.yaml", "a: !!map x\n", 1, "a: !!map x"),
        ("c.yaml", "a: !!binary eA==\n", 1, "a: !!binary eA=="),
        ("c.yaml", "- 1\n", 1, "- 1"),
        ("c.yaml", "just text\n", 1, "just text"),
        ("c.toml", b"a = 1\nb = '\xff'\n", 2, "byte 0xff"),
    ],
)
def test_syntax_errors_name_file_and_line(tmp_path, name, text, line, got):
    problem = failure(tmp_path, name, text)
    assert problem.code is Code.CONFIG_SYNTAX
    assert problem.where == f"{tmp_path / name}:{line}"
    assert problem.got == got


def test_a_json_key_that_stands_twice_is_named(tmp_path):
    problem = failure(tmp_path, "c.json", '{"a": {"b": 1, "b": 2}}')
    assert (problem.code, problem.got) == (Code.CONFIG_SYNTAX, "b")


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("c.toml", "a = {}"),
        ("c.json", '{{"a": {}}}'),
        ("c.yaml", "a: {}"),
    ],
)
@pytest.mark.parametrize("digits", [5000])
def test_numbers_of_thousands_of_digits_are_refused(tmp_path, name, text, digits):
    problem = failure(tmp_path, name, text.format("1" * digits))
    assert problem.code is Code.CONFIG_SYNTAX


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("c.toml", "a = nan"),
        ("c.toml", "a = [1.0, -inf]"),
        ("c.toml", "a = 1e999"),
        ("c.toml", "a = 2024-01-01"),
        ("c.toml", "a = 07:32:00"),
        ("c.toml", "a = 9223372036854775808"),
        ("c.toml", 'a = "\\u0000"'),
        ("c.json", '{"a": NaN}'),
        ("c.json", '{"a": -Infinity}'),
        ("c.json", '{"a": 1e999}'),
        ("c.json", '{"a": "\\ud800"}'),
        ("c.json", '{"\\ud800": 1}'),
        ("c.json", '{"a": ' + "[" * 20 + "]" * 20 + "}"),
        ("c.yaml", "a: .nan"),
        ("c.yaml", "a: .inf"),
    ],
)
def test_values_that_no_option_can_hold_are_refused(tmp_path, name, text):
    problem = failure(tmp_path, name, text)
    assert problem.code is Code.BAD_VALUE
    assert problem.where.endswith(f" in {tmp_path / name}")


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("c.toml", "a = " + "[" * 100_000),
        ("c.json", '{"a": ' + "[" * 100_000),
        ("c.yaml", "a: " + "[" * 10_000),
    ],
)
def test_bottomless_nesting_is_a_syntax_error(tmp_path, name, text):
    assert failure(tmp_path, name, text).code is Code.CONFIG_SYNTAX


def test_a_file_that_is_not_there(tmp_path):
    for path in (tmp_path / "no.toml", tmp_path / "no" / "c.toml", tmp_path / "x\0.toml"):
        with pytest.raises(ConfigError) as caught:
            read_config(path)
        assert caught.value.code is Code.CONFIG_NOT_FOUND
        assert caught.value.exit_code == 2


def test_a_folder_is_no_config(tmp_path):
    (tmp_path / "d.toml").mkdir()
    with pytest.raises(ConfigError) as caught:
        read_config(tmp_path / "d.toml")
    assert caught.value.code is Code.CONFIG_NOT_FOUND


def test_unknown_suffixes_list_the_known(tmp_path):
    problem = failure(tmp_path, "c.ini", "a = 1")
    assert (problem.code, problem.got) == (Code.BAD_VALUE, ".ini")
    assert ".toml" in problem.allowed


def test_huge_files_are_refused(tmp_path):
    assert failure(tmp_path, "c.toml", b"#" * (MAX_BYTES + 1)).code is Code.BAD_VALUE


TOKENS = [
    *"a:-[]{}\"'=,1_|>?#% \n",
    "&a",
    "*a",
    "!!int",
    "!!set",
    "1e9",
    ".inf",
    "//",
    "/*",
    "*/",
    "<<",
]


@pytest.mark.parametrize("suffix", ["toml", "json", "yaml"])
@given(
    data=st.one_of(
        st.binary(max_size=80),
        st.text(max_size=80).map(lambda text: text.encode("utf-8", "surrogatepass")),
        st.lists(
            st.sampled_from(TOKENS),
            max_size=25,
        ).map(lambda parts: "".join(parts).encode()),
    )
)
@hypothesis_settings(deadline=None, max_examples=150)
def test_no_text_gives_anything_but_values_or_an_error(tmp_path_factory, suffix, data):
    path = write(tmp_path_factory.getbasetemp(), f"fuzz.{suffix}", data)
    try:
        raw = read_config(path)
    except ToolchainError as error:
        assert isinstance(error, ConfigError)  # noqa: PT017 - both outcomes are fine
    else:
        assert isinstance(raw.values, dict)
