"""Compilers, emulators and the programs that they make run."""
