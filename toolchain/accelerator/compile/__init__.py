"""The compiler of machine segments: an integer program to the instructions of a machine."""
