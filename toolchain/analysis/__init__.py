"""Comparison of models layer by layer, and evaluation on labelled samples."""
