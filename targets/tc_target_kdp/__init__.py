"""Kneron's NPUs KL520 to KL730, as their toolchain takes models."""
