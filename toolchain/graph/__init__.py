"""The only home of ONNX: load, save, view, shapes, passes, edits."""
