"""What a network takes on the chips of two targets, before it is quantized."""

from __future__ import annotations

from pathlib import Path

from toolchain import estimate

MODEL = Path(__file__).parents[1] / "configs" / "quickstart" / "digits.onnx"


def main() -> None:
    """Print a line for every machine, and for every chip with a cost model."""
    report = estimate(MODEL, targets=["npu", "riscv"])
    for program in report.programs:
        for machine in program.machines:
            print(
                f"{machine.machine}: {machine.macs} MACs in {machine.cycles} cycles, "
                f"never fewer than {machine.bound_cycles}; on the CPU: {len(machine.host)} kinds"
            )
        for chip, model in program.models.items():
            for found in model.estimates:
                print(f"{chip}: {found.latency_us:.0f} us, cores: {found.cores}")
    print(*report.notes, sep="\n")


if __name__ == "__main__":
    main()
