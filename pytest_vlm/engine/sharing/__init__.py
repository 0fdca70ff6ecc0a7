"""Weights that several models have in common lie in memory once."""
