"""Samples in, predictions out."""
