"""Integer programs as C: generated calls of one library of kernels."""
