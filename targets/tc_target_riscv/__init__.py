"""RISC-V INT8: SpacemiT's K1 and K3, as their onnxruntime provider takes models."""
