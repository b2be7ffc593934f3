"""Limits of the NPU that other targets do not have, from its operator lists."""

from __future__ import annotations

from toolchain.api import Measured, NodeView


def nearest_by_ceil(node: NodeView) -> Measured:
    """Nearest Resize picks the positions of `round_prefer_ceil`.

    An enlargement by whole factors that repeats every element picks the same positions in any
    case: from the centres of the elements with either preference, or from their edges with `floor`.
    """
    if node.str_attribute("mode", "nearest") != "nearest":
        return Measured(ok=True, value="not nearest")
    rounding = node.str_attribute("nearest_mode", "round_prefer_floor")
    coordinates = node.str_attribute("coordinate_transformation_mode", "half_pixel")
    x, y = node.input(0), node.outputs[0]
    small, large = (() if v is None else (v.static_shape or ()) for v in (x, y))
    whole = bool(small) and all(b % a == 0 for a, b in zip(small, large, strict=True))
    repeats = (coordinates, rounding) in (
        ("asymmetric", "floor"),
        ("half_pixel", "round_prefer_floor"),
        ("pytorch_half_pixel", "round_prefer_floor"),
    )
    return Measured(
        ok=rounding == "round_prefer_ceil" or (whole and repeats),
        value=f"{rounding}, {coordinates}, {'' if whole else 'no '}whole factors",
    )


def depth_first(node: NodeView) -> Measured:
    """DepthToSpace is of mode DCR."""
    mode = node.str_attribute("mode", "DCR")
    return Measured(ok=mode == "DCR", value=f"mode {mode}")


def no_factor_one(node: NodeView) -> Measured:
    """A constant factor or divisor is not 1 everywhere."""
    constants = [v.constant for v in node.inputs if v is not None and v.constant is not None]
    ones = any((array == 1).all() for array in constants)
    return Measured(ok=not ones, value="1" if ones else "another number")


def first_index(node: NodeView) -> Measured:
    """Of equal elements the first is taken (select_last_index = 0)."""
    last = node.int_attribute("select_last_index", 0)
    return Measured(ok=last == 0, value=f"select_last_index = {last}")


def norm_of_one_or_two(node: NodeView) -> Measured:
    """The norm is p = 1 or p = 2."""
    p = node.int_attribute("p", 2)
    return Measured(ok=p in (1, 2), value=f"p = {p}")
