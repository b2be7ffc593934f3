"""The instruction set of the machines: docs/isa.md, as records."""
