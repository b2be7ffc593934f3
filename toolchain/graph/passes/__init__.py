"""Simplifications of the float graph, one per file."""
