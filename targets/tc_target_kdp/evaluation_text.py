"""The evaluation as files: all figures as JSON, and the text that the vendor's evaluator prints."""

from __future__ import annotations

from typing import Any

from tc_target_kdp.evaluation import Evaluation, NodeTime, Unit

_WIDTHS = ("in", "out", "weight")
_NOTE = "times of a model of the machine, not measurements of a chip; those of a CPU are left out"


def evaluation_fields(found: Evaluation) -> dict[str, Any]:
    """Summary and nodes, in the vendor's names where it has one; ms, bytes, GB/s, Gbit/s."""
    total = found.milliseconds(found.cycles)
    running = found.busy(Unit.MAC)
    read, written = found.amount(Unit.RDMA), found.amount(Unit.WDMA)
    weights = found.amount(Unit.GETW)
    return {
        "note": _NOTE,
        "machine": found.machine.name,
        "dma_bandwidth_limit": found.limits.dma_bandwidth or None,
        "weight_bandwidth_limit": found.limits.weight_bandwidth or None,
        "fps": _rate(total),
        "ITC": total,
        "RDMA_bandwidth": found.bandwidth(read),
        "WDMA_bandwidth": found.bandwidth(written),
        "GETW_bandwidth": found.bandwidth(weights),
        "RV": read,
        "WV": written,
        "GETW": weights,
        "cpu_node": [
            {"node": node.name, "type": node.op_type, "reason": node.reason}
            for node in found.cpu_nodes
        ],
        "total_time": total,
        "MAC_idle_time": found.milliseconds(found.cycles - running),
        "MAC_running_time": found.milliseconds(running),
        "average_DRAM_bandwidth": found.bandwidth(read + written + weights),
        "total_theoretical_convolution_time": found.milliseconds(found.theoretical_cycles),
        "MAC_efficiency_to_total_time": _efficiency(found),
        "nodes": [_node(node, found) for node in found.nodes],
    }


def evaluation_text(found: Evaluation) -> str:
    """The lines of `ip_eval_prof.txt`, spelled as the vendor prints them: scripts read them."""
    total = found.milliseconds(found.cycles)
    running = found.busy(Unit.MAC)
    moved = sum(found.amount(unit) for unit in (Unit.RDMA, Unit.WDMA, Unit.GETW))
    lines = [*_warnings(found), f"# {found.machine.summary}: {_NOTE}", "", "[Evaluation Result]"]
    figures = (
        ("estimate FPS float", _rate(total), ""),
        ("total time", total, " ms"),
        ("total theoretical covolution time", found.milliseconds(found.theoretical_cycles), " ms"),
        ("average DRAM bandwidth", found.bandwidth(moved), " GB/s"),
        ("MAC efficiency to total time", _efficiency(found), " %"),
        ("MAC idle time", found.milliseconds(found.cycles - running), " ms"),
        ("MAC running time", found.milliseconds(running), " ms"),
    )
    lines += [f"{name} = {value:g}{unit}" for name, value, unit in figures]
    return "\n".join(lines) + "\n"


def _warnings(found: Evaluation) -> list[str]:
    nodes = found.cpu_nodes
    if not nodes:
        return []
    types = ", ".join(dict.fromkeys(node.op_type for node in nodes))
    differs = "which may cause that the report's fps is different from the actual fps"
    return [
        f"***** Warning: this model has {len(nodes)} CPU ops {differs} *****",
        f"***** Warning: CPU ops types: {types}.",
        "",
    ]


def _node(node: NodeTime, found: Evaluation) -> dict[str, Any]:
    runtimes = {f"{unit}_runtime": found.milliseconds(node.cycles[unit]) for unit in Unit}
    return {
        "node": node.name,
        "type": str(node.kind),
        "node_origin": node.op_type,
        "reason": node.reason or None,
        **{f"bw_{what}": bits for what, bits in zip(_WIDTHS, node.bits, strict=True)},
        "CMD_node_idx": node.command,
        "MAC_cycle": node.cycles[Unit.MAC],
        **runtimes,
        "RDMA_amount": node.amounts[Unit.RDMA],
        "WDMA_amount": node.amounts[Unit.WDMA],
        "Weight_amount": node.amounts[Unit.GETW],
        "runtime": found.milliseconds(sum(node.cycles.values())),
        "SYNC_runtime": found.milliseconds(node.synchronised),
    }


def _rate(total: float) -> float:
    """Frames per second; 0 where the machine has nothing to do."""
    return 1000 / total if total else 0.0


def _efficiency(found: Evaluation) -> float:
    """Percent of the total time that the MACs would take at the peak of the array."""
    return 100 * found.theoretical_cycles / found.cycles if found.cycles else 0.0
