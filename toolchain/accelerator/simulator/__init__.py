"""A machine that executes code, to the bit: docs/isa.md, implemented a second time."""
