"""Samples, preprocessing, one streaming sweep, statistics and range methods."""
