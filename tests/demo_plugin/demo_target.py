"""A target of somebody else: unsigned activations, one scale per weight, ties away from zero."""

from dataclasses import replace

from toolchain import api


def one_group(node: api.NodeView) -> api.Measured:
    """The convolution has one group."""
    groups = node.int_attribute("group", 1)
    return api.Measured(ok=groups == 1, value=f"{groups} groups")


SPEC = api.TargetSpec(
    name="demo",
    summary="Demo: uint8, ties away from zero",
    platforms=(api.Platform(name="d1", summary="the only one"),),
    ops={
        "Conv": api.OpSupport(constraints=(one_group,)),
        **{name: api.OpSupport() for name in ("Gemm", "Add", "Relu", "GlobalAveragePool")},
        **{
            name: api.OpSupport(support=api.Support.MOVE)
            for name in ("Concat", "Flatten", "MaxPool")
        },
    },
    activation=api.QuantSpec(dtype=api.DType.UINT8),
    weight=api.QuantSpec(dtype=api.DType.INT8, symmetric=True),
    activation_dtypes=(api.DType.UINT8,),
    weight_dtypes=(api.DType.INT8,),
    rounding=api.Rounding.HALF_AWAY,
    notes=("invented for the tests",),
)


@api.hookimpl
def tc_targets():
    return [api.TargetDef(spec=SPEC)]


@api.hookimpl
def tc_compile(request):
    from tc_plugin_defaults.stages import default_compile

    artifact = default_compile(request)
    (request.folder / "demo.txt").write_text(request.target.rounding)
    return replace(artifact, files={**artifact.files, "demo.txt": "its rounding"})
