"""Peak memory of a whole build in a fresh process, for few and for many calibration samples.

Where the data holds fewer samples than asked for, they are repeated.
"""

from __future__ import annotations

import tempfile
from pathlib import Path

import numpy as np
from measure import Child, parse, parser_of, run_tc, show, verdict

from toolchain.calibration.images import is_image
from toolchain.calibration.readers import split_key
from toolchain.config.loading import read_config
from toolchain.config.resolve import resolve
from toolchain.plugin.manager import PluginManager

LIMIT_MB = 700.0
LIMIT_GROWTH = 1.05


def main() -> None:
    """Build every config once per number of samples and print one table."""
    parser = parser_of(__doc__, "mobilenet_v2")
    parser.add_argument("--samples", type=int, nargs="+", default=[50, 1000])
    parser.add_argument("--set", action="append", default=[], help="setting, handed on to tc")
    given = parse(parser)
    rows: list[tuple[object, ...]] = []
    for config in given.config:
        peaks: list[float] = []
        for samples in given.samples:
            child = _build(config, given.target, samples, given.set)
            peaks.append(child.peak_bytes / 1e6)
            judged = verdict(peaks[-1], LIMIT_MB)
            rows.append((config.stem, samples, f"{child.seconds:.1f}", f"{peaks[-1]:.0f}", judged))
        growth = max(peaks) / min(peaks)
        judged = verdict(growth, LIMIT_GROWTH)
        rows.append((config.stem, "ratio", "", f"{growth:.3f}", judged))
    header = ("model", "samples", "seconds", "peak MB", "verdict")
    show("Peak memory of tc build, fresh process and output folder", header, rows)


def _build(config: Path, target: str, samples: int, settings: list[str]) -> Child:
    options = resolve(read_config(config), (), PluginManager.load().targets(), [target]).builds[0]
    source = options.calibration.data
    if not isinstance(source, str):
        raise SystemExit(f"{config}: only models of one input are measured")
    with tempfile.TemporaryDirectory() as folder:
        data = _repeated(source, samples, Path(folder))
        flags = ["--set", f"calibration.data={data}", "--samples", str(samples)]
        for setting in settings:
            flags += ["--set", setting]
        output = str(Path(folder) / "build")
        where = ["--config", str(config), "--target", target, "--output", output]
        return run_tc("build", *where, *flags)


def _repeated(source: str, count: int, folder: Path) -> str:
    """The data source `source`, repeated from its beginning until it has `count` samples."""
    path, key = split_key(source)
    if path.is_dir():
        files = sorted(file for file in path.rglob("*") if is_image(file))
        chosen = [str(files[index % len(files)]) for index in range(count)]
        destination = folder / "list.txt"
        destination.write_text("\n".join(chosen), encoding="utf-8")
        return str(destination)
    stored = np.load(path)
    array = stored if key is None else stored[key]
    destination = folder / "repeated.npz"
    np.savez(destination, x=array[np.arange(count) % len(array)])
    return f"{destination}:x"


if __name__ == "__main__":
    main()
