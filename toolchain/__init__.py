"""From a float ONNX model to a verified integer program, on any edge chip."""
