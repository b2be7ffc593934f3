"""The time that code takes on the model of a machine, and why: docs/cycles.md."""
